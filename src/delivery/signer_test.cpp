// Who signs what: over real keys in a directory, checked as a receiver would.
#include "delivery/signer.hpp"

#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "db/failing_database.hpp"
#include "db/sqlite/sqlite.hpp"
#include "dns/scripted_resolver.hpp"
#include "mailauth/letter_verifier.hpp"

namespace pabal::delivery {
namespace {

template <class T>
T good(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().log);
  return *std::move(result);
}
void good(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().log);
}

class SignerTest : public testing::Test {
 protected:
  SignerTest() {
    static int count = 0;
    folder_ = std::filesystem::temp_directory_path() / fmt::format("pabal-signer-{}-{}", ::getpid(), ++count);
    std::filesystem::create_directories(folder_);
    database_ = good(db::sqlite::open(files_, folder_ / "directory.db"));
    failing.emplace(*database_);
    writer_ = good(db::Writer::start(*failing, {}));
    directory_ = good(account::Directory::open(*failing, *writer_, pool, clock, {}));
    keys = good(account::DomainKeys::open(*directory_, *failing, clock, std::nullopt));
    signer.emplace(*keys, *directory_, pool, clock, options);
  }
  ~SignerTest() override {
    signer.reset();
    keys.reset();
    directory_.reset();
    writer_.reset();
    failing.reset();
    database_.reset();
    std::filesystem::remove_all(folder_);
  }

  /// A key that is in use and published.
  void add(std::string_view domain, std::string_view selector, bool rsa = true) {
    const auto key =
        good(rsa ? mailauth::DkimSigningKey::generate_rsa(2048) : mailauth::DkimSigningKey::generate_ed25519());
    const auto name = good(Domain::parse(domain));
    if (auto added = directory_->add_domain(name); !added && added.error().kind != ErrorKind::exists) good(added);
    const auto algorithm = rsa ? account::KeyAlgorithm::rsa_2048 : account::KeyAlgorithm::ed25519;
    good(keys->add(name, {algorithm, good(key.pem()), key.record()}, std::string(selector)));
    good(keys->use(name, selector, true));
    std::string strings;
    for (std::string text = key.record(); !text.empty(); text.erase(0, std::min<std::size_t>(200, text.size()))) {
      strings += " \"" + text.substr(0, 200) + "\"";
    }
    zone_ += fmt::format("{}._domainkey.{}. IN TXT{}\n", selector, domain, strings);
    resolver.set_zone(zone_);
  }
  static std::string text(std::string_view from, std::string_view more = "") {
    return fmt::format(
        "Received: by us\r\nFrom: {}\r\n{}To: a@b.example\r\nSubject: Hello\r\nDate: Sun, 22 Nov 2026 "
        "10:00:00 +0000\r\n\r\nHow are you?\r\n",
        from, more);
  }
  static store::Incoming incoming(std::string_view text) {
    store::Incoming out;
    out.append(text);
    return out;
  }
  mailauth::SignatureOutcomes verify(const std::string& letter) {
    mailauth::KeyCache cache;
    mailauth::LetterVerifier verifier(cache);
    verifier.take(letter);
    return run_blocking(verifier.finish(resolver, clock.now()));
  }
  /// By which keys it is signed, as a receiver sees it, or why it isn't.
  std::string signatures(const std::string& letter, SignedFor who = {}) {
    const auto content = incoming(letter);
    const auto marks = run_blocking(signer->sign(&content, who));
    if (!marks) return fmt::format("{}: {}", name_of(marks.error().kind), marks.error().peer);
    std::string out = marks->trace.unsigned_because;
    std::string by;
    for (const auto& one : marks->trace.signed_by)
      by += fmt::format("{}/{} {} ", one.domain, one.selector, one.algorithm);
    std::string seen;
    for (const auto& outcome : verify(marks->fields + letter).dkim) {
      EXPECT_EQ(mailauth::name_of(outcome.result), "pass") << outcome.reason;
      seen += fmt::format("{}/{} {} ", outcome.domain, outcome.selector, outcome.algorithm);
    }
    EXPECT_EQ(seen, by);
    return out + by;
  }

  std::filesystem::path folder_;
  RealFileSystem files_;
  ManualClock clock{std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + std::chrono::hours(10)};
  Pool pool{2, Log()};
  dns::ScriptedResolver resolver;
  std::string zone_ = "$TTL 60\nexample. IN SOA ns.example. h.example. 1 3600 600 86400 60\n";
  std::unique_ptr<db::Database> database_;
  std::optional<db::FailingDatabase> failing;
  std::unique_ptr<db::Writer> writer_;
  std::unique_ptr<account::Directory> directory_;
  std::unique_ptr<account::DomainKeys> keys;
  SignerOptions options{.seal_domain = "mail.host.example", .hostname = "mail.host.example"};
  std::optional<Signer> signer;
};

TEST_F(SignerTest, TheFromDomainsKeysSign) {
  add("seoul.example", "r");
  add("seoul.example", "e", false);
  add("busan.example", "b", false);
  struct Row {
    std::string from;
    std::string more;
    std::string by;
  };
  const std::string both = "seoul.example/r rsa-sha256 seoul.example/e ed25519-sha256 ";
  const std::vector<Row> table = {
      {"alice@seoul.example", "", both},
      {"Alice <Alice@SEOUL.example>", "", both},
      {"alice@elsewhere.example", "", "elsewhere.example has no key in use here"},
      {"bob@busan.example, alice@seoul.example", "", "busan.example/b ed25519-sha256 " + both},
      {"bob@elsewhere.example, alice@seoul.example", "", both},
      {"alice@elsewhere.example", "Sender: bob@busan.example\r\n", "busan.example/b ed25519-sha256 "},
      {"alice@seoul.example", "Sender: bob@busan.example\r\n", both},
      {"MAILER-DAEMON@mail.seoul.example", "", both},
      {"a@deep.mail.seoul.example", "", both},
      {"Undisclosed:;", "", "its From field names no domain"},
      {"x@[192.0.2.1]", "", "its From field names no domain"},
      {"alice@example", "", "example has no key in use here"},
  };
  for (int again = 0; again < 2; ++again) {  // from the database, and from memory
    for (const auto& row : table) EXPECT_EQ(signatures(text(row.from, row.more)), row.by) << row.from;
  }
}

TEST_F(SignerTest, AChangeOfKeysCountsAtOnce) {
  add("seoul.example", "one", false);
  EXPECT_EQ(signatures(text("a@seoul.example")), "seoul.example/one ed25519-sha256 ");
  add("seoul.example", "two", false);
  EXPECT_EQ(signatures(text("a@seoul.example")), "seoul.example/two ed25519-sha256 ");
  good(keys->retire(good(Domain::parse("seoul.example")), "two"));
  EXPECT_EQ(signatures(text("a@seoul.example")), "seoul.example has no key in use here");
}

TEST_F(SignerTest, ALetterThatCannotBeSignedNowWaits) {
  add("seoul.example", "one", false);
  for (std::uint64_t n = 1;; ++n) {
    signer.emplace(*keys, *directory_, pool, clock, SignerOptions{});
    failing->fail_at({.statement = n});
    const auto said = signatures(text("a@seoul.example"));
    const bool struck = failing->struck();
    failing->heal();
    EXPECT_EQ(said,
              struck ? "busy: the letter can't be signed now, try again later" : "seoul.example/one ed25519-sha256 ")
        << n;
    EXPECT_EQ(signatures(text("a@seoul.example")), "seoul.example/one ed25519-sha256 ");
    if (!struck) break;
  }
}

TEST_F(SignerTest, NobodyHasSignedWhatIsNotHis) {
  add("seoul.example", "s", false);
  add("busan.example", "b", false);
  add("host.example", "h", false);
  const auto address = [](std::string_view text) { return good(EmailAddress::parse(text)); };
  const auto alice = good(directory_->add_account(address("alice@seoul.example"), ShardId{0}, std::nullopt)).id;
  good(directory_->add_account(address("bob@busan.example"), ShardId{0}, std::nullopt));
  good(directory_->add_alias(address("sales@busan.example"), {address("alice@seoul.example")}));
  options.programs = {"busan.example"};
  signer->change(options);
  const SignedFor account{.writer = Writer::account, .account = alice};
  const SignedFor nobody{.writer = Writer::account};
  const SignedFor program{.writer = Writer::program};
  const SignedFor ours{.writer = Writer::ourselves};
  const std::string by_seoul = "seoul.example/s ed25519-sha256 ";
  const std::string by_busan = "busan.example/b ed25519-sha256 ";
  const std::string by_host = "host.example/h ed25519-sha256 ";
  struct Row {
    SignedFor who;
    std::string from;
    std::string more;
    std::string by;
  };
  const std::vector<Row> table = {
      {account, "alice@seoul.example", "", by_seoul},
      {account, "alice+x@seoul.example", "", by_seoul},
      {account, "sales@busan.example", "", by_busan},
      {account, "bob@busan.example", "", "its account may not send as bob@busan.example"},
      {account, "bob@busan.example, alice@seoul.example", "", by_seoul},
      {account, "bob@busan.example", "Sender: alice@seoul.example\r\n", by_seoul},
      {account, "alice@seoul.example", "Sender: bob@busan.example\r\n", by_seoul},
      {account, "carol@seoul.example", "", "its account may not send as carol@seoul.example"},
      {account, "x@elsewhere.example", "", "its account may not send as x@elsewhere.example"},
      {nobody, "alice@seoul.example", "", "its account may not send as alice@seoul.example"},
      {program, "root@mail.host.example", "", by_host},
      {program, "root@host.example", "", by_host},
      {program, "shop@busan.example", "", by_busan},
      {program, "ceo@seoul.example", "", "programs of this machine don't write for seoul.example ([dkim] programs)"},
      {program, "x@ghost.example", "", "programs of this machine don't write for ghost.example ([dkim] programs)"},
      {ours, "MAILER-DAEMON@mail.seoul.example", "", by_seoul},
  };
  for (int again = 0; again < 2; ++again) {
    for (const auto& row : table) EXPECT_EQ(signatures(text(row.from, row.more), row.who), row.by) << row.from;
  }
  options.programs = {"*"};
  signer->change(options);
  EXPECT_EQ(signatures(text("ceo@seoul.example"), program), by_seoul);
}

TEST_F(SignerTest, WhatWeWroteOurselvesExpires) {
  add("seoul.example", "s", false);
  add("seoul.example", "r");
  const auto fields = [&](SignedFor who) {
    const auto content = incoming(text("alice@seoul.example"));
    return good(run_blocking(signer->sign(&content, who))).fields;
  };
  EXPECT_TRUE(fields({.writer = Writer::ourselves}).contains(" x=1795946400"));
  EXPECT_TRUE(fields({.writer = Writer::program}).empty());
  options.programs = {"*"};
  signer->change(options);
  const auto others = fields({.writer = Writer::program});
  EXPECT_FALSE(others.empty());
  EXPECT_FALSE(others.contains(" x="));
}

TEST_F(SignerTest, SignsAgainWhatWasChangedOnItsWay) {
  add("seoul.example", "s", false);
  add("seoul.example", "r");
  const auto letter = text("alice@seoul.example");
  const auto marks = good(run_blocking(signer->sign(letter)));
  auto changed = marks.fields + letter + "And more.\r\n";
  const auto results = [&](const std::string& whole) {
    std::string out;
    for (const auto& outcome : verify(whole).dkim) out += fmt::format("{} ", mailauth::name_of(outcome.result));
    return out;
  };
  EXPECT_EQ(results(changed), "fail fail ");
  const auto again = good(run_blocking(signer->sign_again(changed)));
  EXPECT_EQ(results(again), "pass pass ");
  EXPECT_TRUE(again.ends_with(letter + "And more.\r\n"));
  EXPECT_TRUE(again.contains(" x=1795946400"));
  // What others signed, below our Received field, is theirs.
  const auto theirs = "Received: by us\r\n" + changed;
  EXPECT_EQ(good(run_blocking(signer->sign_again(theirs))), theirs);
  EXPECT_EQ(good(run_blocking(signer->sign_again(letter))), letter);
  // A key that is gone signs nothing, and a signature that can't be right doesn't stay.
  const auto seoul = good(Domain::parse("seoul.example"));
  good(keys->retire(seoul, "s"));
  good(keys->retire(seoul, "r"));
  EXPECT_EQ(good(run_blocking(signer->sign_again(changed))), letter + "And more.\r\n");
  EXPECT_FALSE(good(run_blocking(signer->can_sign(seoul))));
  add("seoul.example", "t", false);
  EXPECT_TRUE(good(run_blocking(signer->can_sign(seoul))));
  EXPECT_TRUE(good(run_blocking(signer->can_sign(good(Domain::parse("mail.seoul.example"))))));
}

TEST_F(SignerTest, ADomainThatIsRemovedSignsNoMore) {
  add("seoul.example", "s", false);
  EXPECT_EQ(signatures(text("a@seoul.example")), "seoul.example/s ed25519-sha256 ");
  good(directory_->remove_domain(good(Domain::parse("seoul.example"))));
  EXPECT_EQ(signatures(text("a@seoul.example")), "seoul.example has no key in use here");
}

TEST_F(SignerTest, CanBeSwitchedOff) {
  add("seoul.example", "one", false);
  signer->change({.sign = false});
  EXPECT_EQ(signatures(text("a@seoul.example")), "signing is switched off");
}

TEST_F(SignerTest, WhatIsSentOnIsSealed) {
  add("seoul.example", "r");
  add("host.example", "h");
  const std::string letter = text("x@elsewhere.example");
  const auto seal = [&](std::string_view through, const std::string& of, mailauth::ArcStatus chain) {
    const auto content = incoming(of);
    return good(run_blocking(signer->seal(&content, good(EmailAddress::parse(through)),
                                          {.results = "mail.seoul.example; spf=none", .chain = chain})));
  };
  const auto first = seal("sales@seoul.example", letter, mailauth::ArcStatus::none);
  EXPECT_EQ(first.trace.sealed_by->selector, "r");
  const auto outcome = verify(first.fields + letter).arc;
  EXPECT_EQ(outcome.cv, mailauth::ArcStatus::pass) << outcome.reason;
  ASSERT_EQ(outcome.sets.size(), 1U);
  EXPECT_EQ(outcome.sets[0].authserv_id, "mail.seoul.example");
  // A domain without keys: the host's domain does it. The chain goes on.
  const auto second = seal("x@other.example", first.fields + letter, mailauth::ArcStatus::pass);
  EXPECT_EQ(second.trace.sealed_by->domain, "host.example");
  const auto longer = verify(second.fields + first.fields + letter).arc;
  EXPECT_EQ(longer.cv, mailauth::ArcStatus::pass) << longer.reason;
  EXPECT_EQ(longer.sets.size(), 2U);
  // A chain that came broken is sealed as such, once (RFC 8617 §5.1.2).
  const auto broken = seal("sales@seoul.example", first.fields + letter, mailauth::ArcStatus::fail);
  EXPECT_TRUE(broken.fields.contains("cv=fail"));
  const auto after = seal("sales@seoul.example", broken.fields + first.fields + letter, mailauth::ArcStatus::fail);
  EXPECT_EQ(after.fields, "");
  EXPECT_FALSE(after.trace.unsealed_because.empty());
  signer->change({.seal = true, .seal_domain = "nobody.example"});
  EXPECT_EQ(seal("x@other.example", letter, mailauth::ArcStatus::none).trace.unsealed_because,
            "there is no key in use to seal with");
  signer->change({.seal = false});
  EXPECT_EQ(seal("sales@seoul.example", letter, mailauth::ArcStatus::none).fields, "");
}

}  // namespace
}  // namespace pabal::delivery
