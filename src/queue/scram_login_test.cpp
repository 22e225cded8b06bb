#include "queue/scram_login.hpp"

#include <gtest/gtest.h>

#include "account/scram.hpp"
#include "codec/unicode.hpp"

namespace pabal::queue {
namespace {

TEST(ScramLogin, TheExampleOfRfc7677) {
  const auto login = scram_login("user", "pencil", "rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(login->answer("").value(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(
      login->answer("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096").value(),
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_FALSE(login->may_succeed());
  EXPECT_EQ(login->answer("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").value(), "");
  EXPECT_TRUE(login->may_succeed());
  EXPECT_FALSE(login->answer("more"));
}

/// Against our own server; what it says last, or why it refuses.
std::string log_in(const std::string& user, const std::string& password, const std::string& stored) {
  using namespace account;
  const auto login = scram_login(user, password, "a-nonce-of-the-client");
  ScramServer server(ScramHash::sha256, {.plus = false, .plus_offered = false, .exporter = {}},
                     "and-one-of-the-server");
  const auto who = server.client_first(login->answer("").value());
  if (!who) return who.error().log;
  const auto challenge =
      server.challenge(make_scram_verifier(ScramHash::sha256, codec::prepare_password(stored), "some salt", 4096));
  const auto final_message = server.client_final(login->answer(challenge).value());
  if (!final_message) return final_message.error().log;
  const auto last = login->answer(*final_message);
  return login->may_succeed() ? who->name : last.error().log;
}

TEST(ScramLogin, OurOwnServerTakesIt) {
  EXPECT_EQ(log_in("alice@seoul.example", "secret", "secret"), "alice@seoul.example");
  EXPECT_EQ(log_in("a,b=c", "secret", "secret"), "a,b=c");
  EXPECT_EQ(log_in("alice", "p\xC2\xA0w", "p w"), "alice");  // SASLprep
  EXPECT_EQ(log_in("alice", "secret", "other"), "SCRAM: wrong password");
}

TEST(ScramLogin, WhatAHostMayNotSay) {
  for (const auto* challenge :
       {"", "r=other,s=YQ==,i=4096", "r=nonce,s=YQ==,i=4096", "r=nonceX,i=4096", "r=nonceX,s=,i=4096",
        "r=nonceX,s=!,i=4096", "r=nonceX,s=YQ==", "r=nonceX,s=YQ==,i=0", "r=nonceX,s=YQ==,i=x",
        "r=nonceX,s=YQ==,i=100001", "r=nonceX,s=YQ==,i=4294967296", "m=x,r=nonceX,s=YQ==,i=1"}) {
    const auto login = scram_login("user", "secret", "nonce");
    static_cast<void>(login->answer(""));
    EXPECT_FALSE(login->answer(challenge)) << challenge;
    EXPECT_FALSE(login->may_succeed());
  }
  for (const auto* last : {"", "e=invalid-proof", "v=", "v=YQ==", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="}) {
    const auto login = scram_login("user", "secret", "nonce");
    static_cast<void>(login->answer(""));
    ASSERT_TRUE(login->answer("r=nonceX,s=YQ==,i=1"));
    EXPECT_FALSE(login->answer(last)) << last;
    EXPECT_FALSE(login->may_succeed());
  }
}

}  // namespace
}  // namespace pabal::queue
