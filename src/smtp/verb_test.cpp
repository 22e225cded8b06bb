#include "smtp/verb.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pabal::smtp {
namespace {

std::string answer(Verb verb, const Situation& now) {
  const auto allowed = may(verb, now);
  return allowed ? "ok" : fmt::format("{}", allowed.error().code);
}

// A row for each command, a column for each stage.
TEST(May, ByStage) {
  const std::vector<std::pair<Verb, std::string>> table = {
      // stage:         connected greeted sender recipients chunks broken
      {Verb::helo, "ok ok ok ok ok ok"},          {Verb::ehlo, "ok ok ok ok ok ok"},
      {Verb::lhlo, "500 500 500 500 500 500"},    {Verb::mail, "503 ok 503 503 503 503"},
      {Verb::rcpt, "503 503 ok ok 503 503"},      {Verb::data, "503 503 503 ok 503 503"},
      {Verb::bdat, "503 503 503 ok ok 503"},      {Verb::rset, "ok ok ok ok ok ok"},
      {Verb::noop, "ok ok ok ok ok ok"},          {Verb::quit, "ok ok ok ok ok ok"},
      {Verb::vrfy, "ok ok ok ok ok ok"},          {Verb::help, "ok ok ok ok ok ok"},
      {Verb::starttls, "503 ok 503 503 503 503"}, {Verb::auth, "503 ok 503 503 503 503"},
      {Verb::expn, "502 502 502 502 502 502"},    {Verb::etrn, "502 502 502 502 502 502"},
      {Verb::atrn, "502 502 502 502 502 502"},    {Verb::turn, "502 502 502 502 502 502"},
      {Verb::send, "502 502 502 502 502 502"},    {Verb::soml, "502 502 502 502 502 502"},
      {Verb::saml, "502 502 502 502 502 502"},    {Verb::burl, "502 502 502 502 502 502"},
  };
  for (const auto& [verb, expected] : table) {
    std::string got;
    for (int stage = 0; stage <= static_cast<int>(Stage::broken); ++stage) {
      Situation now;
      now.stage = static_cast<Stage>(stage);
      now.tls_possible = true;
      now.auth_offered = true;
      if (stage != 0) got += ' ';
      got += answer(verb, now);
    }
    EXPECT_EQ(got, expected) << facts_of(verb).name;
    EXPECT_EQ(find_verb(facts_of(verb).name), verb);
  }
  EXPECT_EQ(find_verb("mAiL"), Verb::mail);
  EXPECT_EQ(find_verb("MAILS"), std::nullopt);
  EXPECT_EQ(find_verb(""), std::nullopt);
}

TEST(May, SubmissionWantsAuthentication) {
  Situation now{.protocol = Protocol::submission, .stage = Stage::greeted, .auth_offered = true, .auth_demanded = true};
  EXPECT_EQ(answer(Verb::mail, now), "530");
  EXPECT_EQ(answer(Verb::vrfy, now), "530");
  EXPECT_EQ(answer(Verb::auth, now), "ok");
  EXPECT_EQ(answer(Verb::noop, now), "ok");
  EXPECT_EQ(answer(Verb::rset, now), "ok");
  now.authenticated = true;
  EXPECT_EQ(answer(Verb::mail, now), "ok");
  EXPECT_EQ(answer(Verb::auth, now), "503");
}

TEST(May, DemandedTls) {
  Situation now{.stage = Stage::greeted, .tls_possible = true, .tls_demanded = true, .auth_offered = true};
  EXPECT_EQ(answer(Verb::mail, now), "530");
  EXPECT_EQ(answer(Verb::auth, now), "530");
  EXPECT_EQ(answer(Verb::rset, now), "530");
  EXPECT_EQ(answer(Verb::ehlo, now), "ok");
  EXPECT_EQ(answer(Verb::noop, now), "ok");
  EXPECT_EQ(answer(Verb::starttls, now), "ok");
  EXPECT_EQ(answer(Verb::quit, now), "ok");
  now.tls = true;
  EXPECT_EQ(answer(Verb::mail, now), "ok");
  EXPECT_EQ(answer(Verb::starttls, now), "503");
}

TEST(May, AuthenticationNotOffered) {
  Situation now{.stage = Stage::greeted};
  EXPECT_EQ(answer(Verb::auth, now), "502");
  EXPECT_EQ(answer(Verb::starttls, now), "502");
  now.tls_possible = true;
  EXPECT_EQ(answer(Verb::auth, now), "538");
}

TEST(May, Lmtp) {
  Situation now{.protocol = Protocol::lmtp};
  EXPECT_EQ(answer(Verb::helo, now), "500");
  EXPECT_EQ(answer(Verb::ehlo, now), "500");
  EXPECT_EQ(answer(Verb::lhlo, now), "ok");
  now.stage = Stage::sender;
  now.recipients_refused = true;
  EXPECT_EQ(answer(Verb::data, now), "503");
  now.protocol = Protocol::smtp;
  EXPECT_EQ(answer(Verb::data, now), "554");
}

TEST(May, BinaryWantsChunks) {
  const Situation now{.stage = Stage::recipients, .binary = true};
  EXPECT_EQ(answer(Verb::data, now), "503");
  EXPECT_EQ(answer(Verb::bdat, now), "ok");
}

TEST(May, WithoutHello) {
  const Situation now{.stage = Stage::connected, .hello_demanded = false};
  EXPECT_EQ(answer(Verb::mail, now), "ok");
  EXPECT_EQ(answer(Verb::rcpt, now), "503");
}

}  // namespace
}  // namespace pabal::smtp
