#include "smtp/client_reply.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "smtp/capabilities.hpp"

namespace pabal::smtp {
namespace {

/// All replies in `octets`, given `step` octets at a time, each as "code status|text", and why it ended early.
std::string replies_in(std::string_view octets, std::size_t step, ReplyLimits limits = {}) {
  ReplyReader reader(limits);
  std::string out;
  for (std::size_t at = 0; at < octets.size(); at += step) {
    auto piece = octets.substr(at, step);
    while (!piece.empty()) {
      auto got = reader.next(piece);
      if (!got) return out + fmt::format("{}!", name_of(got.error().kind));
      if (!*got) continue;
      const auto& reply = **got;
      std::string text = reply.text;
      for (auto& c : text) c = c == '\n' ? '/' : c;
      out += fmt::format("[{} {}|{}{}]", reply.code, reply.status, text, reply.cut ? "|cut" : "");
    }
  }
  if (reader.in_reply()) out += "...";
  return out;
}

struct ReplyCase {
  std::string_view octets;
  std::string_view outcome;
};

TEST(ReplyReader, Table) {
  const ReplyCase cases[] = {
      {"250 Ok\r\n", "[250 |Ok]"},
      {"250 2.1.0 Ok\r\n", "[250 2.1.0|2.1.0 Ok]"},
      {"250-a\r\n250-b\r\n250 c\r\n", "[250 |a/b/c]"},
      {"250 a\r\n354 b\r\n", "[250 |a][354 |b]"},
      // Odd peers: no CR, no text, no space, a tab.
      {"250 Ok\n", "[250 |Ok]"},
      {"250\r\n", "[250 |]"},
      {"250 \r\n", "[250 |]"},
      {"250-\r\n250\n", "[250 |/]"},
      {"250Ok\r\n", "[250 |Ok]"},
      {"250\tOk\r\n", "[250 |\\x09Ok]"},
      {"250-first\r\nno code at all\r\n250 last\r\n", "[250 |first/no code at all/last]"},
      {"250-first\r\n\r\n250 last\r\n", "[250 |first//last]"},
      {"250-first\r\n2500 last\r\n250 x\r\n", "[250 |first/2500 last/x]"},
      // The last of differing codes counts.
      {"250-a\r\n550 b\r\n", "[550 |a/b]"},
      {"550-a\r\n250 b\r\n", "[250 |a/b]"},
      // Enhanced status codes must be of the reply's class, and well formed.
      {"550 5.7.1 no\r\n", "[550 5.7.1|5.7.1 no]"},
      {"550 5.7.509 no\r\n", "[550 5.7.509|5.7.509 no]"},
      {"550 4.7.1 no\r\n", "[550 |4.7.1 no]"},
      {"550 5.7.1\r\n", "[550 5.7.1|5.7.1]"},
      {"550 5.7.1: no\r\n", "[550 5.7.1|5.7.1: no]"},
      {"550 5.7.1.2 no\r\n", "[550 |5.7.1.2 no]"},
      {"550 5.7 no\r\n", "[550 |5.7 no]"},
      {"550 5.7.1234 no\r\n", "[550 |5.7.1234 no]"},
      {"354 3.0.0 go\r\n", "[354 |3.0.0 go]"},
      {"550-5.1.1 nobody\r\n550-5.1.1 of\r\n550 that name\r\n", "[550 5.1.1|5.1.1 nobody/5.1.1 of/that name]"},
      {"550-5.1.1 a\r\n550 5.2.2 b\r\n", "[550 5.2.2|5.1.1 a/5.2.2 b]"},
      // What can't be shown is made so.
      {"550 \xEC\x97\x86\xEC\x9D\x8C\r\n", "[550 |\xEC\x97\x86\xEC\x9D\x8C]"},
      {"550 a\xFFz\x1B[2J\r\n", "[550 |a\\xffz\\x1b[2J]"},
      {"250 a\rb\r\n", "[250 |a\\x0db]"},
      // No mail server.
      {"SSH-2.0-OpenSSH\r\n", "syntax!"},
      {"\r\n", "syntax!"},
      {"25 Ok\r\n", "syntax!"},
      {"100 Ok\r\n", "syntax!"},
      {"600 Ok\r\n", "syntax!"},
      {"2500 Ok\r\n", "syntax!"},
      {" 250 Ok\r\n", "syntax!"},
      {"250 a\r\nHTTP/1.1 200\r\n", "[250 |a]syntax!"},
      // Not whole yet.
      {"", ""},
      {"250 Ok", "..."},
      {"250 Ok\r", "..."},
      {"250-Ok\r\n", "..."},
  };
  for (const auto& [octets, outcome] : cases) {
    EXPECT_EQ(replies_in(octets, SIZE_MAX / 2), outcome) << printable(octets);
    for (const std::size_t step : {1U, 2U, 3U}) EXPECT_EQ(replies_in(octets, step), outcome) << printable(octets);
  }
}

TEST(ReplyReader, EveryPrefixIsEitherNotWholeOrTheSame) {
  const std::string octets = "250-mail.example\r\n250-SIZE 1000\r\n250 DSN\r\n";
  for (std::size_t size = 0; size < octets.size(); ++size) {
    EXPECT_EQ(replies_in(octets.substr(0, size), 1), size == 0 ? "" : "...") << size;
  }
}

TEST(ReplyReader, IsBounded) {
  const ReplyLimits small{.max_line = 10, .max_kept = 20, .max_octets = 100, .max_lines = 5};
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    EXPECT_EQ(replies_in("250 0123456789abcdef\r\n", step, small), "[250 |012345|cut]");
    EXPECT_EQ(replies_in("250-012345\r\n250-012345\r\n250-012345\r\n250 x\r\n", step, small),
              "[250 |012345/012345/012345|cut]");
    EXPECT_EQ(replies_in("250-a\n250-b\n250-c\n250-d\n250-e\n250-f\n250 g\n", step, small), "limit!");
    EXPECT_EQ(replies_in("250 a\r\n" + std::string(200, 'x') + "\n", step, small), "[250 |a]limit!");
  }
  // A whole reply that is just as long as allowed is taken, and the next one counts anew.
  const auto longest = "250 " + std::string(94, 'y') + "\r\n";
  EXPECT_EQ(replies_in(longest + longest, 9, small), "[250 |yyyyyy|cut][250 |yyyyyy|cut]");
}

TEST(ReplyReader, AfterAnErrorNothingIsTrusted) {
  ReplyReader reader;
  std::string_view bad = "what\r\n250 Ok\r\n";
  EXPECT_FALSE(reader.next(bad));
  std::string_view good = "250 Ok\r\n";
  EXPECT_FALSE(reader.next(good));
}

TEST(ClientReply, OneLine) {
  EXPECT_EQ((ClientReply{.code = 550, .status = "5.1.1", .text = "5.1.1 nobody\n5.1.1 of that\n\n name "}.line()),
            "550 5.1.1 nobody of that name");
  EXPECT_EQ((ClientReply{.code = 250, .status = "", .text = ""}.line()), "250");
  EXPECT_EQ((ClientReply{.code = 250, .status = "", .text = "a", .cut = true}.line()), "250 a …");
}

TEST(Capabilities, Table) {
  const ReplyCase cases[] = {
      {"mail.example", ""},
      {"mail.example Hello there\nPIPELINING\nSIZE 10485760\nETRN\nSTARTTLS\nENHANCEDSTATUSCODES\n8BITMIME\nDSN\n"
       "SMTPUTF8\nCHUNKING",
       "PIPELINING SIZE=10485760 8BITMIME CHUNKING SMTPUTF8 DSN STARTTLS ENHANCEDSTATUSCODES"},
      {"x\nsize\npipelining\n8BitMime", "PIPELINING SIZE 8BITMIME"},
      {"x\nSIZE 0", "SIZE"},
      {"x\nSIZE -1", "SIZE"},
      {"x\nSIZE 99999999999999999999999", "SIZE"},
      {"x\nSIZE 1\nSIZE 2", "SIZE=1"},
      {"x\nPIPELINING  ", "PIPELINING"},
      {"x\n  PIPELINING", "PIPELINING"},
      {"x\nPIPELININGS\nXDSN\n DS N", ""},
      {"x\nAUTH PLAIN LOGIN\nAUTH=PLAIN CRAM-MD5", "AUTH=PLAIN AUTH=LOGIN AUTH=CRAM-MD5"},
      {"x\nAUTH scram-sha-256 pl@in", "AUTH=SCRAM-SHA-256"},
      {"x\nLIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1 OTHER=3", "RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1"},
      {"x\nLIMITS RCPTMAX=0 MAILMAX=x RCPTMAX", ""},
      {"x\nLIMITS rcptmax=1000000", ""},
      {"x\nREQUIRETLS\nBINARYMIME\nMT-PRIORITY MIXER\nDELIVERBY 60\nFUTURERELEASE 1000 2030-01-01T00:00:00Z",
       "BINARYMIME REQUIRETLS MT-PRIORITY DELIVERBY=60 FUTURERELEASE"},
      {"x\nDELIVERBY", "DELIVERBY"},
      {"x\nDELIVERBY 60,120", "DELIVERBY=60"},
      // The first line is the greeting, whatever it says.
      {"PIPELINING", ""},
      {"", ""},
  };
  for (const auto& [text, outcome] : cases) {
    EXPECT_EQ(parse_capabilities({.code = 250, .status = "", .text = std::string(text)}).text(), outcome) << text;
  }
  EXPECT_EQ(parse_capabilities({.code = 250, .status = "", .text = "mail.example at your service"}).name,
            "mail.example");
  std::string many = "x\nAUTH";
  for (int i = 0; i < 1000; ++i) many += fmt::format(" M{}", i);
  EXPECT_EQ(parse_capabilities({.code = 250, .status = "", .text = many}).mechanisms.size(), 32U);
}

}  // namespace
}  // namespace pabal::smtp
