#include "smtp/client_transaction.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pabal::smtp {
namespace {

using Want = ClientTransaction::Want;

std::string outcome_text(const ClientTransaction& t) {
  std::string out;
  for (const auto& outcome : t.outcomes()) {
    if (!out.empty()) out += ' ';
    if (!outcome) {
      out += "none";
      continue;
    }
    out += fmt::format("{}:{}:{}{}", name_of(outcome->fate), outcome->at, outcome->reply.code,
                       outcome->ours ? ":ours" : "");
  }
  if (t.want() == Want::done) {
    if (t.broken()) out += " broken";
    if (t.needs_reset()) out += " reset";
  } else {
    out += " not done";
  }
  return out;
}

ClientReply reply_of(std::string_view line) {
  ReplyReader reader;
  const auto whole = std::string(line) + "\n";
  std::string_view rest = whole;
  return reader.next(rest).value().value();
}

ClientReply gone() { return {.code = 451, .status = "4.4.2", .text = "4.4.2 the connection was lost"}; }

/// Drives a transaction against replies, one a line; a line of "CUT" loses the connection, and so does their end where
/// more are wanted. Writes down what the client did: lines without CRLF with '/' between, TEXT, CHUNK.
struct Talk {
  ClientTransaction transaction;
  std::string did;
  std::size_t replies_read = 0;

  Talk(std::size_t recipients, ClientTransaction::Options options) : transaction("MAIL", names(recipients), options) {}

  static std::vector<std::string> names(std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(fmt::format("R{}", i + 1));
    return all;
  }

  /// `chunks`: of how many the letter has. `most`: of replies that are given before the connection is cut.
  std::string run(std::string_view replies, std::size_t chunks = 1, std::size_t most = SIZE_MAX) {
    std::size_t begun = 0;
    while (transaction.want() != Want::done) {
      switch (transaction.want()) {
        case Want::write: {
          auto said = transaction.take_output();
          for (auto at = said.find("\r\n"); at != std::string::npos; at = said.find("\r\n")) said.replace(at, 2, "/");
          did += said;
          break;
        }
        case Want::text:
          did += "TEXT/";
          transaction.text_sent();
          break;
        case Want::chunk: {
          ++begun;
          const auto command = transaction.begin_chunk(7, begun == chunks);
          did += command.substr(0, command.size() - 2) + "/";
          transaction.chunk_sent();
          break;
        }
        case Want::read: {
          const auto line = replies.substr(0, replies.find('\n'));
          if (line.empty() || line == "CUT" || replies_read == most) {
            transaction.lost(gone());
            break;
          }
          replies.remove_prefix(std::min(replies.size(), line.size() + 1));
          ++replies_read;
          static_cast<void>(transaction.take(reply_of(line)));
          break;
        }
        case Want::done:
          break;
      }
    }
    return outcome_text(transaction);
  }
};

struct TransactionCase {
  std::size_t recipients;
  ClientTransaction::Options options;
  std::string_view replies;
  std::string_view did;
  std::string_view outcome;
  std::size_t chunks = 1;
};

constexpr ClientTransaction::Options kSteps{};
constexpr ClientTransaction::Options kPiped{.pipelining = true};
constexpr ClientTransaction::Options kBdat{.pipelining = true, .chunking = true};
constexpr ClientTransaction::Options kLmtp{.lmtp = true, .pipelining = true};

const std::vector<TransactionCase>& cases() {
  static const std::vector<TransactionCase> all = {
      // One by one.
      {1, kSteps, "250 a\n250 b\n354 c\n250 d\n", "MAIL/R1/DATA/TEXT/", "delivered:end of data:250"},
      {2, kSteps, "250 a\n250 b\n550 no\n354 c\n250 d\n", "MAIL/R1/R2/DATA/TEXT/",
       "delivered:end of data:250 lasting:RCPT TO:550"},
      {1, kSteps, "550 no\n", "MAIL/", "lasting:MAIL FROM:550"},
      {1, kSteps, "450 no\n", "MAIL/", "passing:MAIL FROM:450"},
      {2, kSteps, "250 a\n550 no\n450 no\n", "MAIL/R1/R2/", "lasting:RCPT TO:550 passing:RCPT TO:450 reset"},
      {1, kSteps, "250 a\n250 b\n554 no\n", "MAIL/R1/DATA/", "lasting:DATA:554 reset"},
      {1, kSteps, "250 a\n250 b\n451 no\n", "MAIL/R1/DATA/", "passing:DATA:451 reset"},
      {1, kSteps, "250 a\n250 b\n354 c\n554 spam\n", "MAIL/R1/DATA/TEXT/", "lasting:end of data:554"},
      {1, kSteps, "250 a\n250 b\n354 c\n452 full\n", "MAIL/R1/DATA/TEXT/", "passing:end of data:452"},
      {1, kSteps, "250 a\n251 forwards\n354 c\n250 d\n", "MAIL/R1/DATA/TEXT/", "delivered:end of data:250"},
      // "Too many recipients" is not for ever.
      {2, kSteps, "250 a\n250 b\n552 5.5.3 too many\n354 c\n250 d\n", "MAIL/R1/R2/DATA/TEXT/",
       "delivered:end of data:250 passing:RCPT TO:552"},
      {2, kSteps, "250 a\n250 b\n552 5.2.2 full\n354 c\n250 d\n", "MAIL/R1/R2/DATA/TEXT/",
       "delivered:end of data:250 lasting:RCPT TO:552"},
      {2, kSteps, "250 a\n250 b\n552 too many\n354 c\n250 d\n", "MAIL/R1/R2/DATA/TEXT/",
       "delivered:end of data:250 passing:RCPT TO:552"},
      // All at once.
      {2, kPiped, "250 a\n250 b\n250 c\n354 d\n250 e\n", "MAIL/R1/R2/DATA/TEXT/",
       "delivered:end of data:250 delivered:end of data:250"},
      {2, kPiped, "250 a\n250 b\n550 c\n354 d\n250 e\n", "MAIL/R1/R2/DATA/TEXT/",
       "delivered:end of data:250 lasting:RCPT TO:550"},
      {1, kPiped, "550 no\n503 no\n503 no\n", "MAIL/R1/DATA/", "lasting:MAIL FROM:550"},
      {1, kPiped, "250 a\n550 no\n503 no\n", "MAIL/R1/DATA/", "lasting:RCPT TO:550 reset"},
      // Refused, and yet asked for data: an empty letter for nobody.
      {1, kPiped, "250 a\n550 no\n354 go\n250 thanks\n", "MAIL/R1/DATA/./", "lasting:RCPT TO:550"},
      {1, kPiped, "250 a\n450 no\n354 go\n554 nothing\n", "MAIL/R1/DATA/./", "passing:RCPT TO:450"},
      {1, kPiped, "550 a\n550 no\n354 go\n554 nothing\n", "MAIL/R1/DATA/./", "lasting:MAIL FROM:550"},
      // The sender refused, a recipient accepted, data wanted: nobody may get an empty letter.
      {1, kPiped, "550 a\n250 b\n354 go\n", "MAIL/R1/DATA/", "lasting:MAIL FROM:550 broken"},
      // LMTP has nothing to say to an empty letter.
      {1, kLmtp, "250 a\n550 no\n354 go\n", "MAIL/R1/DATA/", "lasting:RCPT TO:550 broken reset"},
      {1, kPiped, "250 a\n250 b\n451 no\n", "MAIL/R1/DATA/", "passing:DATA:451 reset"},
      // Groups.
      {3,
       {.pipelining = true, .group = 2},
       "250 a\n250 b\n250 c\n550 d\n354 e\n250 f\n",
       "MAIL/R1/R2/R3/DATA/TEXT/",
       "delivered:end of data:250 delivered:end of data:250 lasting:RCPT TO:550"},
      {3,
       {.pipelining = true, .group = 2},
       "450 a\n503 b\n",
       "MAIL/R1/",
       "passing:MAIL FROM:450 passing:MAIL FROM:450 passing:MAIL FROM:450"},
      {2,
       {.pipelining = true, .group = 1},
       "250 a\n250 b\n250 c\n354 d\n250 e\n",
       "MAIL/R1/R2/DATA/TEXT/",
       "delivered:end of data:250 delivered:end of data:250"},
      // RSET before it.
      {1,
       {.pipelining = true, .reset_first = true, .used_before = true},
       "250 r\n250 a\n250 b\n354 c\n250 d\n",
       "RSET/MAIL/R1/DATA/TEXT/",
       "delivered:end of data:250"},
      {1,
       {.reset_first = true, .used_before = true},
       "250 r\n250 a\n250 b\n354 c\n250 d\n",
       "RSET/MAIL/R1/DATA/TEXT/",
       "delivered:end of data:250"},
      {1, {.reset_first = true, .used_before = true}, "500 r\n", "RSET/", "untried:RSET:500 broken"},
      // 421 at any time.
      {2, kPiped, "421 bye\n", "MAIL/R1/R2/DATA/", "passing:MAIL FROM:421 passing:MAIL FROM:421 broken"},
      {2, kPiped, "250 a\n550 b\n421 bye\n", "MAIL/R1/R2/DATA/",
       "lasting:RCPT TO:550 passing:RCPT TO:421 broken reset"},
      {1, kPiped, "250 a\n250 b\n421 bye\n", "MAIL/R1/DATA/", "passing:DATA:421 broken reset"},
      {1, kPiped, "250 a\n250 b\n354 c\n421 bye\n", "MAIL/R1/DATA/TEXT/", "passing:end of data:421 broken reset"},
      {1, {.pipelining = true, .used_before = true}, "421 idle\n", "MAIL/R1/DATA/", "untried:MAIL FROM:421 broken"},
      {1,
       {.pipelining = true, .used_before = true},
       "250 a\n421 bye\n",
       "MAIL/R1/DATA/",
       "passing:RCPT TO:421 broken reset"},
      // The line is cut.
      {1, {.pipelining = true, .used_before = true}, "CUT", "MAIL/R1/DATA/", "untried:MAIL FROM:451:ours broken"},
      {1, kPiped, "CUT", "MAIL/R1/DATA/", "passing:MAIL FROM:451:ours broken"},
      {2, kPiped, "250 a\n550 b\nCUT", "MAIL/R1/R2/DATA/", "lasting:RCPT TO:550 passing:RCPT TO:451:ours broken reset"},
      {2, kPiped, "250 a\n550 b\n250 c\n354 d\nCUT", "MAIL/R1/R2/DATA/TEXT/",
       "lasting:RCPT TO:550 in_doubt:end of data:451:ours broken reset"},
      // Chunks.
      {1, kBdat, "250 a\n250 b\n250 c\n", "MAIL/R1/BDAT 7 LAST/", "delivered:end of data:250"},
      {2, kBdat, "250 a\n550 b\n250 c\n250 d\n", "MAIL/R1/R2/BDAT 7 LAST/",
       "lasting:RCPT TO:550 delivered:end of data:250"},
      {1, kBdat, "250 a\n550 b\n", "MAIL/R1/", "lasting:RCPT TO:550 reset"},
      {1, kBdat, "250 a\n250 b\n250 1\n250 2\n250 3\n", "MAIL/R1/BDAT 7/BDAT 7/BDAT 7 LAST/",
       "delivered:end of data:250", 3},
      {1, {.chunking = true}, "250 a\n250 b\n250 1\n552 2\n", "MAIL/R1/BDAT 7/BDAT 7/", "lasting:BDAT:552 reset", 3},
      {1, kBdat, "250 a\n250 b\n552 1\n503 2\n503 3\n503 4\n", "MAIL/R1/BDAT 7/BDAT 7/BDAT 7/BDAT 7/",
       "lasting:BDAT:552 reset", 9},
      {1, kBdat, "250 a\n250 b\n250 1\n552 2\n503 3\n", "MAIL/R1/BDAT 7/BDAT 7/BDAT 7 LAST/", "lasting:BDAT:552 reset",
       3},
      {1, kBdat, "250 a\n250 b\n554 spam\n", "MAIL/R1/BDAT 7 LAST/", "lasting:end of data:554 reset"},
      {1, kBdat, "250 a\n250 b\nCUT", "MAIL/R1/BDAT 7 LAST/", "in_doubt:end of data:451:ours broken reset"},
      {1, {.chunking = true}, "250 a\n250 b\nCUT", "MAIL/R1/BDAT 7/", "passing:BDAT:451:ours broken reset", 2},
      // LMTP: a reply each.
      {3, kLmtp, "250 a\n250 b\n550 c\n250 d\n354 e\n250 f\n452 g\n", "MAIL/R1/R2/R3/DATA/TEXT/",
       "delivered:end of data:250 lasting:RCPT TO:550 passing:end of data:452"},
      {2, kLmtp, "250 a\n250 b\n250 c\n354 e\n250 f\nCUT", "MAIL/R1/R2/DATA/TEXT/",
       "delivered:end of data:250 in_doubt:end of data:451:ours broken"},
      {2, kLmtp, "250 a\n250 b\n250 c\n354 e\n250 f\n421 g\n", "MAIL/R1/R2/DATA/TEXT/",
       "delivered:end of data:250 passing:end of data:421 broken"},
      {2,
       {.lmtp = true, .pipelining = true, .chunking = true},
       "250 a\n250 b\n250 c\n250 d\n550 e\n",
       "MAIL/R1/R2/BDAT 7 LAST/",
       "delivered:end of data:250 lasting:end of data:550 reset"},
      {2,
       {.lmtp = true, .pipelining = true, .chunking = true},
       "250 a\n250 b\n250 c\n552 d\n",
       "MAIL/R1/R2/BDAT 7/BDAT 7 LAST/",
       "lasting:BDAT:552 lasting:BDAT:552 broken reset",
       2},
      // Nonsense.
      {1, kSteps, "354 a\n", "MAIL/", "passing:MAIL FROM:451:ours broken"},
      {1, kSteps, "250 a\n354 b\n", "MAIL/R1/", "passing:RCPT TO:451:ours broken reset"},
      {1, kSteps, "250 a\n250 b\n250 c\n", "MAIL/R1/DATA/", "passing:DATA:451:ours broken reset"},
      {1, kSteps, "250 a\n250 b\n334 c\n", "MAIL/R1/DATA/", "passing:DATA:451:ours broken reset"},
      {1, kSteps, "250 a\n250 b\n354 c\n354 d\n", "MAIL/R1/DATA/TEXT/", "in_doubt:end of data:451:ours broken reset"},
  };
  return all;
}

TEST(ClientTransaction, Table) {
  for (const auto& one : cases()) {
    Talk talk(one.recipients, one.options);
    EXPECT_EQ(talk.run(one.replies, one.chunks), one.outcome) << one.replies;
    EXPECT_EQ(talk.did, one.did) << one.replies;
  }
}

/// A server may hang up after each of its replies, or before the first: nobody is left without an outcome, and nothing
/// is delivered that was not answered.
TEST(ClientTransaction, CutAfterEveryReply) {
  for (const auto& one : cases()) {
    Talk whole(one.recipients, one.options);
    static_cast<void>(whole.run(one.replies, one.chunks));
    for (std::size_t most = 0; most < whole.replies_read; ++most) {
      Talk talk(one.recipients, one.options);
      const auto outcome = talk.run(one.replies, one.chunks, most);
      EXPECT_FALSE(outcome.contains("none")) << one.replies;
      EXPECT_TRUE(talk.transaction.broken() || !outcome.contains("ours")) << outcome;
      // Only LMTP can have told of some.
      if (!one.options.lmtp) EXPECT_FALSE(outcome.contains("delivered")) << one.replies << most;
      EXPECT_TRUE(talk.transaction.data_out() || !outcome.contains("in_doubt")) << outcome;
    }
  }
}

TEST(ClientTransaction, ARefusalThatComesBeforeTheEndOfTheTextCounts) {
  for (const auto& [line, outcome] : {std::pair("552 too big", "lasting:data:552 broken reset"),
                                      std::pair("421 bye", "passing:data:421 broken reset"),
                                      std::pair("250 thanks", "passing:data:451:ours broken reset")}) {
    Talk talk(1, kSteps);
    auto& t = talk.transaction;
    for (const auto* reply : {"250 a", "250 b", "354 c"}) {
      static_cast<void>(t.take_output());
      static_cast<void>(t.take(reply_of(reply)));
    }
    ASSERT_EQ(t.want(), Want::text);
    static_cast<void>(t.take(reply_of(line)));
    EXPECT_EQ(outcome_text(t), outcome);
  }
}

TEST(ClientTransaction, NothingIsDeliveredBeforeTheLastChunkIsOut) {
  ClientTransaction t("MAIL", {"R1"}, kBdat);
  for (const auto* reply : {"250 a", "250 b"}) {
    static_cast<void>(t.take_output());
    static_cast<void>(t.take(reply_of(reply)));
  }
  ASSERT_EQ(t.want(), Want::chunk);
  EXPECT_EQ(t.begin_chunk(5, true), "BDAT 5 LAST\r\n");
  static_cast<void>(t.take(reply_of("250 early")));
  EXPECT_EQ(outcome_text(t), "passing:end of data:451:ours broken reset");
}

TEST(ClientTransaction, WhatIsAnsweredIsTold) {
  ClientTransaction t("MAIL FROM:<a@b>", {"RCPT TO:<c@d>"}, kPiped);
  static_cast<void>(t.take_output());
  EXPECT_EQ(t.waiting(), ClientTransaction::Waiting::mail);
  EXPECT_EQ(t.take(reply_of("250 a")).command, "MAIL FROM:<a@b>");
  EXPECT_EQ(t.take(reply_of("250 a")).command, "RCPT TO:<c@d>");
  EXPECT_EQ(t.waiting(), ClientTransaction::Waiting::data);
  EXPECT_EQ(t.take(reply_of("354 a")).command, "DATA");
  t.text_sent();
  const auto answered = t.take(reply_of("250 a"));
  EXPECT_EQ(answered.command, ".");
  EXPECT_EQ(answered.at, "end of data");
  EXPECT_TRUE(t.take(reply_of("250 more")).command.empty());
}

TEST(ClientTransaction, NobodyIsNothing) {
  ClientTransaction t("MAIL", {}, kPiped);
  EXPECT_EQ(t.want(), Want::done);
  EXPECT_TRUE(t.outcomes().empty());
}

}  // namespace
}  // namespace pabal::smtp
