#include "imap/body_section.hpp"

#include <gtest/gtest.h>

#include "imap/command_dump.hpp"

namespace pabal::imap {
namespace {

FetchItem item_of(std::string_view text) {
  const auto command = parse_command(fmt::format("a FETCH 1 {}", text), {});
  EXPECT_TRUE(command) << text;
  return std::get<Fetch>(command->arguments).items.front();
}

// The octets that a section names, or NIL.
std::string octets(std::string_view mail, std::string_view section) {
  const auto derived = message::derive(mail);
  const auto item = item_of(fmt::format("BODY[{}]", section));
  const auto found = find_octets(derived.parts, mail.size(), item.section);
  if (!found) return "NIL";
  if (found->begin > found->end || found->end > mail.size()) return "out of bounds";
  auto text = mail.substr(found->begin, found->size());
  if (!found->filtered) return std::string(text);
  HeaderFieldsFilter filter(item.section);
  std::string out;
  filter.write(text, out);
  filter.finish(out);
  // Cut anywhere it is the same.
  HeaderFieldsFilter again(item.section);
  std::string pieces;
  for (const char c : text) again.write({&c, 1}, pieces);
  again.finish(pieces);
  EXPECT_EQ(out, pieces);
  return out;
}

constexpr std::string_view kSimple = "From: a@b\r\nSubject: x\r\n y\r\nTo: c@d\r\n\r\nbody\r\n";

TEST(BodySection, NoMultipart) {
  EXPECT_EQ(octets(kSimple, ""), kSimple);
  EXPECT_EQ(octets(kSimple, "TEXT"), "body\r\n");
  EXPECT_EQ(octets(kSimple, "HEADER"), "From: a@b\r\nSubject: x\r\n y\r\nTo: c@d\r\n\r\n");
  EXPECT_EQ(octets(kSimple, "1"), "body\r\n");
  EXPECT_EQ(octets(kSimple, "1.MIME"), "From: a@b\r\nSubject: x\r\n y\r\nTo: c@d\r\n\r\n");
  EXPECT_EQ(octets(kSimple, "2"), "NIL");
  EXPECT_EQ(octets(kSimple, "1.1"), "NIL");
  EXPECT_EQ(octets(kSimple, "1.TEXT"), "NIL");
  EXPECT_EQ(octets(kSimple, "1.HEADER"), "NIL");
}

TEST(BodySection, Fields) {
  EXPECT_EQ(octets(kSimple, "HEADER.FIELDS (subject)"), "Subject: x\r\n y\r\n\r\n");
  EXPECT_EQ(octets(kSimple, "HEADER.FIELDS (TO FROM)"), "From: a@b\r\nTo: c@d\r\n\r\n");
  EXPECT_EQ(octets(kSimple, "HEADER.FIELDS (X-Y)"), "\r\n");
  EXPECT_EQ(octets(kSimple, "HEADER.FIELDS.NOT (subject)"), "From: a@b\r\nTo: c@d\r\n\r\n");
  EXPECT_EQ(octets(kSimple, "HEADER.FIELDS.NOT (X)"), "From: a@b\r\nSubject: x\r\n y\r\nTo: c@d\r\n\r\n");
  EXPECT_EQ(octets("Subject: only", "HEADER.FIELDS (subject)"), "Subject: only\r\n\r\n");
  EXPECT_EQ(octets("", "HEADER.FIELDS (subject)"), "\r\n");
  EXPECT_EQ(octets("Subject : a\nTo: b\n\nx", "HEADER.FIELDS (subject)"), "Subject : a\n\r\n");
}

constexpr std::string_view kDeep =
    "Subject: top\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\npreamble\r\n"
    "--a\r\nContent-Type: text/plain\r\n\r\none\r\n"
    "--a\r\nContent-Type: message/rfc822\r\n\r\n"
    "Subject: inner\r\nTo: x@y\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    "--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n"
    "--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: lone\r\n\r\nlonely\r\n"
    "--a--\r\nepilogue";

TEST(BodySection, Deep) {
  EXPECT_EQ(octets(kDeep, "1"), "one");
  EXPECT_EQ(octets(kDeep, "1.MIME"), "Content-Type: text/plain\r\n\r\n");
  EXPECT_EQ(octets(kDeep, "2.MIME"), "Content-Type: message/rfc822\r\n\r\n");
  EXPECT_EQ(octets(kDeep, "2.HEADER"),
            "Subject: inner\r\nTo: x@y\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n");
  EXPECT_EQ(octets(kDeep, "2.HEADER.FIELDS (Subject)"), "Subject: inner\r\n\r\n");
  EXPECT_EQ(octets(kDeep, "2.1"), "plain");
  EXPECT_EQ(octets(kDeep, "2.1.MIME"), "\r\n");
  EXPECT_EQ(octets(kDeep, "2.2"), "<p>");
  EXPECT_EQ(octets(kDeep, "2.2.MIME"), "Content-Type: text/html\r\n\r\n");
  EXPECT_EQ(octets(kDeep, "2.3"), "NIL");
  EXPECT_EQ(octets(kDeep, "2.1.1"), "NIL");
  EXPECT_EQ(octets(kDeep, "2.TEXT"), "--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--");
  EXPECT_EQ(octets(kDeep, "3"), "Subject: lone\r\n\r\nlonely");
  EXPECT_EQ(octets(kDeep, "3.1"), "lonely");
  EXPECT_EQ(octets(kDeep, "3.TEXT"), "lonely");
  EXPECT_EQ(octets(kDeep, "3.1.MIME"), "Subject: lone\r\n\r\n");
  EXPECT_EQ(octets(kDeep, "4"), "NIL");
  EXPECT_EQ(octets(kDeep, "1.TEXT"), "NIL");
  EXPECT_EQ(octets(kDeep, "TEXT").substr(0, 13), "preamble\r\n--a");
}

// The same part by its numbers as the message library finds it.
TEST(BodySection, AgreesWithTheStructure) {
  const auto derived = message::derive(kDeep);
  const auto tree = message::parse_mime(kDeep);
  for (std::uint32_t a = 0; a < 5; ++a) {
    for (std::uint32_t b = 0; b < 5; ++b) {
      std::vector<std::uint32_t> numbers;
      if (a > 0) numbers.push_back(a);
      if (a > 0 && b > 0) numbers.push_back(b);
      const auto* expected = message::find_section(tree, numbers);
      const auto found = find_part(derived.parts, numbers);
      ASSERT_EQ(found.has_value(), expected != nullptr) << a << "." << b;
      if (found) EXPECT_EQ(derived.parts[*found].body_begin, expected->body_begin) << a << "." << b;
    }
  }
}

TEST(BodySection, Partials) {
  EXPECT_EQ(part_of(10, std::nullopt), (Span{0, 10}));
  EXPECT_EQ(part_of(10, Partial{0, 4}), (Span{0, 4}));
  EXPECT_EQ(part_of(10, Partial{8, 4}), (Span{8, 10}));
  EXPECT_EQ(part_of(10, Partial{10, 4}), (Span{10, 10}));
  EXPECT_EQ(part_of(10, Partial{INT64_MAX, INT64_MAX}), (Span{10, 10}));
  EXPECT_EQ(part_of(10, Partial{1, INT64_MAX}), (Span{1, 10}));
}

TEST(BodySection, Names) {
  const auto name = [](std::string_view text) {
    std::string out;
    append_item_name(out, item_of(text));
    return out;
  };
  EXPECT_EQ(name("BODY.PEEK[]"), "BODY[]");
  EXPECT_EQ(name("body[1.2.mime]<5.10>"), "BODY[1.2.MIME]<5>");
  EXPECT_EQ(name("BODY[HEADER.FIELDS (Subject \"odd name\" {3}\r\na\r\n)]"),
            "BODY[HEADER.FIELDS (Subject \"odd name\" {3}\r\na\r\n)]");
  EXPECT_EQ(name("BINARY.PEEK[1]<0.5>"), "BINARY[1]<0>");
  EXPECT_EQ(name("BINARY.SIZE[1]"), "BINARY.SIZE[1]");
  EXPECT_EQ(name("RFC822.HEADER"), "RFC822.HEADER");
  EXPECT_EQ(name("BODY"), "BODY");
}

}  // namespace
}  // namespace pabal::imap
