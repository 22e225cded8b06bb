#include "mailauth/letter_policy.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pabal::mailauth {
namespace {

/// A letter as it was found, and the settings; both are changed case by case.
struct JudgedLetter {
  LetterPolicy policy;
  SpfOutcome spf;
  std::vector<DkimOutcome> dkim;
  ArcOutcome arc;
  DmarcOutcome dmarc;
  AuthorFault fault = AuthorFault::none;
  bool null_sender = false;
  bool list_id = false;
  bool allowed_network = false;
  bool open_recipients = false;
  unsigned roll = 99;

  JudgedLetter() {
    spf.result = SpfResult::none;
    dmarc.result = DmarcResult::fail;
    dmarc.domain = "bank.example";
    dmarc.policy = DmarcPolicy::reject;
    dmarc.record.emplace();
    dmarc.record->policy = DmarcPolicy::reject;
  }
  JudgedLetter& sign(DkimResult result, std::string domain = "bank.example") {
    dkim.emplace_back();
    dkim.back().result = result;
    dkim.back().domain = std::move(domain);
    dkim.back().reason = "the body is another";
    return *this;
  }
  JudgedLetter& seal(std::string domain, std::string dmarc_result) {
    arc.cv = ArcStatus::pass;
    ArcSet set;
    set.instance = arc.sets.size() + 1;
    set.message_signature.domain = domain;
    set.message_signature.signed_fields = {"To", "From"};
    set.seal.domain = std::move(domain);
    set.methods.push_back({.method = "dmarc",
                           .result = std::move(dmarc_result),
                           .reason = {},
                           .properties = {{"header.from", "Bank.example"}}});
    arc.sets.push_back(std::move(set));
    return *this;
  }
  /// "reject 550 5.7.1 asked=reject done=reject", with the overrides' types behind it.
  [[nodiscard]] std::string decided() const {
    const auto decision = decide(policy, {.spf = &spf,
                                          .dkim = &dkim,
                                          .arc = &arc,
                                          .dmarc = &dmarc,
                                          .author_fault = fault,
                                          .null_sender = null_sender,
                                          .has_list_id = list_id,
                                          .allowed_network = allowed_network,
                                          .open_recipients = open_recipients,
                                          .roll = roll});
    EXPECT_FALSE(decision.why.empty());
    EXPECT_EQ(decision.code >= 400, !decision.words.empty());
    auto text = std::string(name_of(decision.action));
    if (decision.code >= 400) text += fmt::format(" {} {}", decision.code, decision.status);
    text += fmt::format(" asked={} done={}", name_of(decision.asked), name_of(decision.done));
    for (const auto& one : decision.overrides) text += " " + one.type;
    return text;
  }
};

TEST(LetterPolicy, WhatDmarcAsksIsDone) {
  JudgedLetter letter;
  EXPECT_EQ(letter.decided(), "reject 550 5.7.1 asked=reject done=reject");
  letter.dmarc.policy = letter.dmarc.record->policy = DmarcPolicy::quarantine;
  EXPECT_EQ(letter.decided(), "junk asked=quarantine done=quarantine");
  letter.dmarc.policy = letter.dmarc.record->policy = DmarcPolicy::none;
  EXPECT_EQ(letter.decided(), "accept asked=none done=none");
  for (const auto result : {DmarcResult::none, DmarcResult::permerror, DmarcResult::pass}) {
    JudgedLetter other;
    other.dmarc.result = result;
    other.dmarc.record_text = "v=DMARC1";
    EXPECT_EQ(other.decided(), "accept asked=none done=none");
  }
}

TEST(LetterPolicy, ManyAuthorsAreNoWayAround) {
  JudgedLetter letter;
  letter.dmarc.result = DmarcResult::permerror;
  letter.dmarc.record.reset();
  letter.dmarc.problem = "the letter names authors of more than 5 domains";
  letter.dmarc.too_many_authors = true;
  EXPECT_EQ(letter.decided(), "reject 550 5.7.1 asked=none done=none");
  letter.policy.dmarc = DmarcObedience::quarantine;
  EXPECT_EQ(letter.decided(), "junk asked=none done=none");
  letter.policy.dmarc = DmarcObedience::observe;
  EXPECT_EQ(letter.decided(), "accept asked=none done=none");
  letter.policy.dmarc = DmarcObedience::obey;
  letter.allowed_network = true;
  EXPECT_EQ(letter.decided(), "accept asked=none done=none");
}

TEST(LetterPolicy, UnclearAuthorsAreRefused) {
  const std::pair<AuthorFault, const char*> table[] = {{AuthorFault::broken_header, "reject 550 5.6.0"},
                                                       {AuthorFault::no_field, "reject 550 5.7.1"},
                                                       {AuthorFault::several_fields, "reject 550 5.7.1"},
                                                       {AuthorFault::nobody, "reject 550 5.7.1"},
                                                       {AuthorFault::unreadable, "reject 550 5.7.1"}};
  for (const auto& [fault, refused] : table) {
    JudgedLetter letter;
    letter.dmarc = {};
    letter.dmarc.result = DmarcResult::permerror;
    letter.fault = fault;
    const auto said = std::string(refused) + " asked=none done=reject local_policy";
    EXPECT_EQ(letter.decided(), said) << name_of(fault);
    letter.policy.dmarc = DmarcObedience::observe;
    EXPECT_EQ(letter.decided(), "accept asked=none done=none") << "who only observes";
    letter.policy.dmarc = DmarcObedience::quarantine;
    EXPECT_EQ(letter.decided(), "junk asked=none done=quarantine local_policy") << "who refuses nothing";
    letter.policy.dmarc = DmarcObedience::obey;
    letter.policy.unclear_author = LetterAction::junk;
    EXPECT_EQ(letter.decided(), "junk asked=none done=quarantine local_policy");
    letter.policy.unclear_author = LetterAction::accept;
    EXPECT_EQ(letter.decided(), "accept asked=none done=none");
    letter.policy.unclear_author = LetterAction::reject;
    letter.null_sender = true;
    const bool unnamed = fault == AuthorFault::no_field || fault == AuthorFault::nobody;
    EXPECT_EQ(letter.decided(), unnamed ? "accept asked=none done=none" : said);
    letter.null_sender = false;
    letter.allowed_network = true;
    EXPECT_EQ(letter.decided(), "accept asked=none done=none");
  }
  // What DMARC asks stays as strict, and what is excepted from it is excepted from that alone.
  JudgedLetter letter;
  letter.fault = AuthorFault::several_fields;
  EXPECT_EQ(letter.decided(), "reject 550 5.7.1 asked=reject done=reject");
  letter.policy.unclear_author = LetterAction::junk;
  EXPECT_EQ(letter.decided(), "reject 550 5.7.1 asked=reject done=reject");
  letter.policy.allow_domains = {"bank.example"};
  EXPECT_EQ(letter.decided(), "junk asked=reject done=quarantine local_policy");
}

TEST(LetterPolicy, PostmasterHearsWhateverIsSaid) {
  const LetterPolicy policy;
  EXPECT_TRUE(are_open(policy, {"Postmaster@seoul.example", "abuse@busan.example"}));
  EXPECT_FALSE(are_open(policy, {"postmaster@seoul.example", "alice@seoul.example"})) << "no way around for others";
  EXPECT_FALSE(are_open(policy, {"postmasters@seoul.example"}));
  EXPECT_FALSE(are_open(policy, {}));
  JudgedLetter letter;
  letter.open_recipients = true;
  EXPECT_EQ(letter.decided(), "accept asked=reject done=none local_policy");
  letter.fault = AuthorFault::no_field;
  EXPECT_EQ(letter.decided(), "accept asked=reject done=none local_policy");
  letter.dmarc = {};
  letter.spf.result = SpfResult::fail;
  letter.policy.spf_fail = LetterAction::reject;
  EXPECT_EQ(letter.decided(), "accept asked=none done=none");
}

TEST(LetterPolicy, AnExceptionHoldsForAllWhoFail) {
  JudgedLetter letter;
  letter.policy.allow_domains = {"bank.example"};
  letter.dmarc.failing = {"bank.example"};
  EXPECT_EQ(letter.decided(), "accept asked=reject done=none local_policy");
  letter.dmarc.failing = {"bank.example", "other.example"};
  EXPECT_EQ(letter.decided(), "reject 550 5.7.1 asked=reject done=reject");
  letter.policy.allow_domains.push_back("other.example");
  EXPECT_EQ(letter.decided(), "accept asked=reject done=none local_policy");
  letter.policy.allow_domains.clear();
  letter.policy.trusted_sealers = {"list.example"};
  letter.seal("list.example", "pass");
  EXPECT_EQ(letter.decided(), "reject 550 5.7.1 asked=reject done=reject") << "it saw one of them";
  letter.dmarc.failing.pop_back();
  EXPECT_EQ(letter.decided(), "accept asked=reject done=none trusted_forwarder");
}

TEST(LetterPolicy, PercentAndTestModeAreObeyed) {
  JudgedLetter letter;
  letter.dmarc.record->percent = 50;
  letter.roll = 49;
  EXPECT_EQ(letter.decided(), "reject 550 5.7.1 asked=reject done=reject");
  letter.roll = 50;
  EXPECT_EQ(letter.decided(), "junk asked=reject done=quarantine sampled_out");
  letter.dmarc.policy = letter.dmarc.record->policy = DmarcPolicy::quarantine;
  EXPECT_EQ(letter.decided(), "accept asked=quarantine done=none sampled_out");
  JudgedLetter testing;
  testing.dmarc.record->testing = true;
  EXPECT_EQ(testing.decided(), "junk asked=reject done=quarantine policy_test_mode");
}

TEST(LetterPolicy, TheOperatorMakesExceptions) {
  JudgedLetter letter;
  letter.policy.dmarc = DmarcObedience::quarantine;
  EXPECT_EQ(letter.decided(), "junk asked=reject done=quarantine local_policy");
  letter.policy.dmarc = DmarcObedience::observe;
  EXPECT_EQ(letter.decided(), "accept asked=reject done=none local_policy");
  JudgedLetter allowed;
  allowed.policy.allow_domains = {"example"};
  EXPECT_EQ(allowed.decided(), "accept asked=reject done=none local_policy");
  allowed.policy.allow_domains = {"k.example", "bank.examples"};
  EXPECT_EQ(allowed.decided(), "reject 550 5.7.1 asked=reject done=reject") << "a part of a label is no domain above";
  JudgedLetter near;
  near.allowed_network = true;
  EXPECT_EQ(near.decided(), "accept asked=reject done=none local_policy");
}

TEST(LetterPolicy, TrustedSealersSawItPass) {
  const auto decided = [](std::vector<std::string> trusted, auto seals) {
    JudgedLetter letter;
    letter.policy.trusted_sealers = std::move(trusted);
    seals(letter);
    return letter.decided();
  };
  const std::string refused = "reject 550 5.7.1 asked=reject done=reject";
  const std::string taken = "accept asked=reject done=none trusted_forwarder";
  EXPECT_EQ(decided({"list.example"}, [](JudgedLetter& c) { c.seal("list.example", "pass"); }), taken);
  EXPECT_EQ(decided({"list.example"}, [](JudgedLetter& c) { c.seal("arc.list.example", "pass"); }), taken);
  EXPECT_EQ(decided({}, [](JudgedLetter& c) { c.seal("list.example", "pass"); }), refused);
  EXPECT_EQ(decided({"list.example"}, [](JudgedLetter& c) { c.seal("list.example", "fail"); }), refused);
  // Who is not trusted may have written anything before; who is trusted behind him saw only what he made of it.
  EXPECT_EQ(
      decided({"list.example"}, [](JudgedLetter& c) { c.seal("evil.example", "pass").seal("list.example", "fail"); }),
      refused);
  EXPECT_EQ(
      decided({"list.example"}, [](JudgedLetter& c) { c.seal("list.example", "pass").seal("evil.example", "pass"); }),
      refused);
  EXPECT_EQ(decided({"list.example", "x.example"},
                    [](JudgedLetter& c) { c.seal("x.example", "pass").seal("list.example", "fail"); }),
            taken);
  EXPECT_EQ(decided({"list.example"},
                    [](JudgedLetter& c) {
                      c.seal("list.example", "pass");
                      c.arc.cv = ArcStatus::fail;
                    }),
            refused);
}

// Seals fit on any letter that their signatures fit on.
TEST(LetterPolicy, WhatATrustedSealerSawMustBeThisLetter) {
  const auto decided = [](auto change) {
    JudgedLetter letter;
    letter.policy.trusted_sealers = {"list.example"};
    letter.seal("list.example", "pass");
    change(letter);
    return letter.decided();
  };
  const std::string refused = "reject 550 5.7.1 asked=reject done=reject";
  EXPECT_EQ(decided([](JudgedLetter&) {}), "accept asked=reject done=none trusted_forwarder");
  EXPECT_EQ(decided([](JudgedLetter& c) { c.arc.sets[0].message_signature.signed_fields = {"to"}; }), refused);
  EXPECT_EQ(decided([](JudgedLetter& c) { c.arc.sets[0].message_signature.open_octets = 1; }), refused);
  EXPECT_EQ(decided([](JudgedLetter& c) { c.arc.sets[0].message_signature.domain = "evil.example"; }), refused);
  EXPECT_EQ(decided([](JudgedLetter& c) { c.arc.sets[0].methods[0].properties[0].second = "x.bank.example"; }),
            refused);
  EXPECT_EQ(decided([](JudgedLetter& c) { c.arc.sets[0].methods[0].properties.clear(); }), refused);
  EXPECT_EQ(decided([](JudgedLetter& c) { c.arc.sets[0].methods[0].properties[0].first = "smtp.mailfrom"; }), refused);
  EXPECT_EQ(decided([](JudgedLetter& c) {
              c.fault = AuthorFault::unreadable;
              c.policy.unclear_author = LetterAction::accept;
            }),
            refused);
}

TEST(LetterPolicy, KnownListsMustProveThemselves) {
  JudgedLetter letter;
  letter.policy.mailing_lists = {"lists.example"};
  letter.spf.result = SpfResult::pass;
  letter.spf.domain = "bounce.lists.example";
  EXPECT_EQ(letter.decided(), "reject 550 5.7.1 asked=reject done=reject") << "no List-Id";
  letter.list_id = true;
  EXPECT_EQ(letter.decided(), "accept asked=reject done=none mailing_list");
  letter.spf.result = SpfResult::softfail;
  EXPECT_EQ(letter.decided(), "reject 550 5.7.1 asked=reject done=reject");
  letter.sign(DkimResult::fail, "lists.example");
  EXPECT_EQ(letter.decided(), "reject 550 5.7.1 asked=reject done=reject");
  letter.sign(DkimResult::pass, "lists.example");
  EXPECT_EQ(letter.decided(), "accept asked=reject done=none mailing_list");
}

TEST(LetterPolicy, SpfAndDkimAloneDoNothingUnlessTold) {
  JudgedLetter letter;
  letter.dmarc = {};
  letter.spf.result = SpfResult::fail;
  letter.spf.domain = "seoul.example";
  letter.sign(DkimResult::fail);
  EXPECT_EQ(letter.decided(), "accept asked=none done=none");
  letter.policy.spf_fail = LetterAction::junk;
  EXPECT_EQ(letter.decided(), "junk asked=none done=none");
  letter.policy.spf_fail = LetterAction::reject;
  EXPECT_EQ(letter.decided(), "reject 550 5.7.23 asked=none done=none");
  letter.allowed_network = true;
  EXPECT_EQ(letter.decided(), "accept asked=none done=none");
  letter.allowed_network = false;
  letter.spf.result = SpfResult::softfail;
  EXPECT_EQ(letter.decided(), "accept asked=none done=none");
  letter.policy.dkim_fail = LetterAction::reject;
  EXPECT_EQ(letter.decided(), "reject 550 5.7.20 asked=none done=none");
  letter.sign(DkimResult::pass, "list.example");
  EXPECT_EQ(letter.decided(), "accept asked=none done=none") << "one of them holds";
  letter.spf.result = SpfResult::fail;
  letter.dmarc.result = DmarcResult::pass;
  EXPECT_EQ(letter.decided(), "accept asked=none done=none") << "DMARC passes";
}

/// A letter of whom nothing is proven for want of answers.
JudgedLetter doubted(DmarcDoubt doubt) {
  JudgedLetter letter;
  letter.dmarc.result = DmarcResult::temperror;
  if (!doubt.record_known) letter.dmarc.record.reset();
  letter.dmarc.policy = doubt.record_known ? doubt.policy : DmarcPolicy::none;
  letter.dmarc.problem = "the DNS says nothing";
  letter.dmarc.doubts.push_back(std::move(doubt));
  return letter;
}

TEST(LetterPolicy, WhatCannotBeToldNowMayComeAgain) {
  const std::string defers = "defer 451 4.7.0 asked=none done=none";
  const std::string accepts = "accept asked=none done=none";
  struct Case {
    DmarcDoubt doubt;
    std::string accept, defer, defer_all;
  };
  const std::string bank = "bank.example";
  const Case cases[] = {
      {{.domain = bank, .policy = DmarcPolicy::reject, .record_known = true}, accepts, defers, defers},
      {{.domain = bank, .policy = DmarcPolicy::quarantine, .record_known = true}, accepts, defers, defers},
      {{.domain = bank, .policy = DmarcPolicy::none, .record_known = true}, accepts, accepts, accepts},
      {{.domain = bank, .policy = DmarcPolicy::reject}, accepts, defers, defers},  // one above it asks
      {{.domain = bank, .hindered = true}, accepts, defers, defers},
      {{.domain = bank}, accepts, accepts, defers},
  };
  for (const auto& one : cases) {
    auto letter = doubted(one.doubt);
    EXPECT_EQ(letter.decided(), one.defer) << "the default";
    letter.policy.temperror = TemperrorRule::accept;
    EXPECT_EQ(letter.decided(), one.accept);
    letter.policy.temperror = TemperrorRule::defer_all;
    EXPECT_EQ(letter.decided(), one.defer_all);
    letter.policy.dmarc = DmarcObedience::observe;
    EXPECT_TRUE(letter.decided().starts_with("accept"));
  }
}

TEST(LetterPolicy, ASealersWordIsOfTheSameNameInEitherForm) {
  JudgedLetter letter;
  letter.policy.trusted_sealers = {"list.example"};
  letter.dmarc.domain = "xn--3e0b707e.example";
  for (const auto& [written, decided] : {std::pair("한국.example", "accept asked=reject done=none trusted_forwarder"),
                                         {"bob@한국.Example", "accept asked=reject done=none trusted_forwarder"},
                                         {"XN--3e0b707e.example", "accept asked=reject done=none trusted_forwarder"},
                                         {"한.example", "reject 550 5.7.1 asked=reject done=reject"}}) {
    letter.arc = {};
    letter.seal("list.example", "pass");
    letter.arc.sets.back().methods.back().properties.front().second = written;
    EXPECT_EQ(letter.decided(), decided) << written;
  }
}

TEST(LetterPolicy, WhoeverIsExceptedNeedNotComeAgain) {
  const DmarcDoubt doubt{.domain = "bank.example", .policy = DmarcPolicy::reject, .record_known = true};
  const auto with = [&doubt](void (*change)(JudgedLetter&)) {
    auto letter = doubted(doubt);
    change(letter);
    return letter.decided();
  };
  const std::string ours = "accept asked=none done=none local_policy";
  EXPECT_EQ(with([](auto& one) { one.allowed_network = true; }), ours);
  EXPECT_EQ(with([](auto& one) { one.open_recipients = true; }), ours);
  EXPECT_EQ(with([](auto& one) { one.policy.allow_domains = {"bank.example"}; }), ours);
  EXPECT_EQ(with([](auto& one) {
              one.policy.trusted_sealers = {"list.example"};
              one.seal("list.example", "pass");
            }),
            "accept asked=none done=none trusted_forwarder");
  EXPECT_EQ(with([](auto& one) {
              one.policy.mailing_lists = {"list.example"};
              one.list_id = true;
              one.sign(DkimResult::pass, "list.example");
            }),
            "accept asked=none done=none mailing_list");
  EXPECT_EQ(with([](auto& one) {
              one.policy.allow_domains = {"bank.example"};
              one.dmarc.doubts.push_back({.domain = "other.example", .policy = DmarcPolicy::reject});
            }),
            "defer 451 4.7.0 asked=none done=none")
      << "an exception holds for all authors";
}

TEST(LetterPolicy, ADoubtIsNoWayAroundWhatElseIsKnown) {
  JudgedLetter letter;
  letter.dmarc.failing = {"bank.example"};
  letter.dmarc.doubts.push_back({.domain = "dead.example", .policy = DmarcPolicy::reject});
  EXPECT_EQ(letter.decided(), "reject 550 5.7.1 asked=reject done=reject") << "another author fails for sure";
  letter.dmarc.policy = letter.dmarc.record->policy = DmarcPolicy::quarantine;
  EXPECT_EQ(letter.decided(), "defer 451 4.7.0 asked=quarantine done=none") << "the doubted one may ask for more";
  letter.policy.temperror = TemperrorRule::accept;
  EXPECT_EQ(letter.decided(), "junk asked=quarantine done=quarantine");
  auto unclear = doubted({.domain = "bank.example", .policy = DmarcPolicy::reject, .record_known = true});
  unclear.fault = AuthorFault::several_fields;
  EXPECT_EQ(unclear.decided(), "reject 550 5.7.1 asked=none done=reject local_policy");
}

TEST(LetterPolicy, WhatWouldJudgeAloneWaitsToo) {
  JudgedLetter letter;
  letter.dmarc = {};
  letter.policy.spf_fail = LetterAction::reject;
  letter.spf.result = SpfResult::temperror;
  EXPECT_EQ(letter.decided(), "defer 451 4.7.24 asked=none done=none");
  letter.spf.result = SpfResult::pass;
  letter.policy.dkim_fail = LetterAction::junk;
  letter.sign(DkimResult::fail).sign(DkimResult::temperror);
  EXPECT_EQ(letter.decided(), "defer 451 4.7.5 asked=none done=none");
  letter.policy.temperror = TemperrorRule::accept;
  EXPECT_EQ(letter.decided(), "accept asked=none done=none");
  letter.dkim.pop_back();
  EXPECT_EQ(letter.decided(), "junk asked=none done=none");
  letter.dkim.back().testing = true;
  EXPECT_EQ(letter.decided(), "accept asked=none done=none") << "a key that is only tested";
}

}  // namespace
}  // namespace pabal::mailauth
