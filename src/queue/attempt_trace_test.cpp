#include "queue/attempt_trace.hpp"

#include <gtest/gtest.h>

namespace pabal::queue {
namespace {

struct Many {
  explicit Many(std::size_t count) {
    letter.destination = "busan.example";
    for (std::size_t i = 0; i < count; ++i) {
      store::OutgoingRecipient one;
      one.address = fmt::format("r{}@busan.example", i);
      letter.recipients.push_back(std::move(one));
      endings.push_back({.fate = Fate::delivered, .status = "2.1.5", .words = "250 2.1.5 ok", .smtp = true});
    }
  }
  json::object told(const std::vector<Said>& said = {}) {
    AttemptTrace trace;
    trace.begin(SystemTime());
    return parse_json(trace.of(letter, endings, said, SystemTime()))->as_object();
  }
  store::OutgoingLetter letter;
  std::vector<Ending> endings;
};

TEST(AttemptTrace, OfVeryManyRecipientsAllAreCounted) {
  Many many(250);
  for (std::size_t i = 0; i < 30; ++i) {
    many.endings[i * 3] = {.fate = Fate::lasting, .status = "5.1.1", .words = "550 5.1.1 who?", .smtp = true};
  }
  const auto trace = many.told();
  const auto& recipients = trace.at("recipients").as_array();
  ASSERT_EQ(recipients.size(), 2);
  EXPECT_EQ(json::serialize(recipients[0]),
            R"({"address":"r0@busan.example","fate":"lasting","status":"5.1.1","reply":"550 5.1.1 who?","count":30,)"
            R"("others":["r3@busan.example","r6@busan.example","r9@busan.example","r12@busan.example",)"
            R"("r15@busan.example","r18@busan.example","r21@busan.example","r24@busan.example","r27@busan.example"]})");
  EXPECT_EQ(recipients[1].at("count").as_int64(), 220);
}

TEST(AttemptTrace, OfVeryManyWordsSoManyAreLeftOut) {
  Many many(250);
  for (std::size_t i = 0; i < 250; ++i) many.endings[i].words = fmt::format("250 2.1.5 r{} is there", i);
  many.endings.back() = {.fate = Fate::passing, .status = "4.2.2", .words = "450 full", .smtp = true};
  const auto trace = many.told();
  const auto& recipients = trace.at("recipients").as_array();
  ASSERT_EQ(recipients.size(), 102);
  EXPECT_EQ(json::serialize(recipients[0]),
            R"({"address":"r0@busan.example","fate":"delivered","status":"2.1.5","reply":"250 2.1.5 r0 is there"})");
  EXPECT_EQ(json::serialize(recipients[100]), R"({"fate":"delivered","left_out":149})");
  EXPECT_EQ(json::serialize(recipients[101]), R"({"fate":"passing","left_out":1})");
}

TEST(AttemptTrace, AHundredAreToldOneByOneAndSoManyStepsAreLeftOut) {
  Many many(100);
  const auto trace = many.told(std::vector<Said>(75, Said{SystemTime(), "RCPT", "250"}));
  EXPECT_EQ(trace.at("recipients").as_array().size(), 100);
  const auto& said = trace.at("said").as_array();
  ASSERT_EQ(said.size(), 61);
  EXPECT_EQ(json::serialize(said.back()), R"({"left_out":15})");
}

TEST(AttemptTrace, ALetterOverAnOldConnectionBeginsWithItsOwnWords) {
  Many one(1);
  AttemptTrace trace;
  trace.begin(SystemTime());
  PeerFacts facts;
  facts.host = "mx.busan.example";
  trace.connected(facts);
  const auto later = SystemTime() + std::chrono::seconds(90);
  const std::vector<Said> said = {{later, "MAIL", "250"}};
  EXPECT_TRUE(trace.of(one.letter, one.endings, {}, later).contains(R"("began":"1970-01-01T00:00:00)"));
  const auto second = trace.of(one.letter, one.endings, said, later);
  EXPECT_TRUE(second.contains(R"("began":"1970-01-01T00:01:30)") && second.contains("used again")) << second;
}

}  // namespace
}  // namespace pabal::queue
