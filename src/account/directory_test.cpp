#include "account/directory.hpp"

#include <gtest/gtest.h>

#include "account/testing.hpp"
#include "base/text.hpp"

namespace pabal::account {
namespace {

using testing::address;
using testing::domain;
using testing::Engine;
using testing::must;
using testing::World;

std::string dump(const Resolution& resolution) {
  if (std::holds_alternative<NotOurDomain>(resolution)) return "not ours";
  if (std::holds_alternative<UnknownRecipient>(resolution)) return "unknown";
  if (std::holds_alternative<DisabledRecipient>(resolution)) return "disabled";
  const auto& local = std::get<LocalRecipient>(resolution);
  std::string out;
  for (const auto& target : local.targets) {
    out += (out.empty() ? "" : " ") + target.delivered_to.text();
    if (!target.detail.empty()) out += "[" + target.detail + "]";
  }
  for (const auto& remote : local.remote_targets) out += (out.empty() ? "->" : " ->") + remote.text();
  return out;
}

std::string resolve(World& world, std::string_view text) {
  const auto first = run_blocking(world.directory->resolve(address(text)));
  if (!first) return "error: " + first.error().peer;
  const auto cached = world.directory->try_resolve(address(text));
  EXPECT_NE(cached, nullptr) << text;
  if (cached) EXPECT_EQ(dump(*cached), dump(*first));
  return dump(*first);
}

class DirectoryTest : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (GetParam() == Engine::postgresql && !db::postgres::TestCluster::shared()) GTEST_SKIP() << "no PostgreSQL here";
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, DirectoryTest, ::testing::Values(Engine::sqlite, Engine::postgresql),
                         [](const auto& tested) { return tested.param == Engine::sqlite ? "sqlite" : "postgresql"; });

// A small world in which all kinds of names occur
void fill(World& world) {
  auto& directory = *world.directory;
  must(directory.add_domain(domain("seoul.example")));
  must(directory.add_domain(domain("서울.example")));
  must(directory.add_domain(domain("empty.example")));
  world.add("Alice@seoul.example");
  must(directory.add_account(address("bob@seoul.example"), ShardId{2}, 1000));
  world.add("앨리스@서울.example");
  world.add("exact+plus@seoul.example");
  const auto gone = world.add("gone@seoul.example");
  must(directory.set_enabled(gone.id, false));
  const auto add_alias = [&](std::string_view name, const std::vector<std::string>& targets) {
    std::vector<EmailAddress> parsed;
    parsed.reserve(targets.size());
    for (const auto& target : targets) parsed.push_back(address(target));
    must(directory.add_alias(address(name), parsed));
  };
  add_alias("sales@seoul.example", {"alice@seoul.example", "bob+sales@seoul.example"});
  add_alias("all@seoul.example",
            {"sales@seoul.example", "alice@seoul.example", "x@elsewhere.example", "앨리스@서울.example"});
  add_alias("a@seoul.example", {"b@seoul.example"});
  add_alias("b@seoul.example", {"a@seoul.example"});
  add_alias("c@seoul.example", {"a@seoul.example", "bob@seoul.example", "nobody@seoul.example", "gone@seoul.example"});
  add_alias("old@seoul.example", {"gone@seoul.example"});
  add_alias("dangling@seoul.example", {"nobody@seoul.example"});
  add_alias("out@seoul.example", {"x@elsewhere.example", "x@elsewhere.example", "x@[192.0.2.1]"});
  add_alias("stray@서울.example", {"whoever@caught.example"});
  must(directory.add_domain(domain("caught.example")));
  must(directory.set_catch_all(domain("caught.example"), address("alice@seoul.example")));
  must(directory.add_domain(domain("circle.example")));
  must(directory.set_catch_all(domain("circle.example"), address("any@circle.example")));
}

TEST_P(DirectoryTest, Table) {
  World world(GetParam());
  fill(world);
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"alice@seoul.example", "Alice@seoul.example"},
      {"ALICE@SEOUL.EXAMPLE", "Alice@seoul.example"},
      {"\"alice\"@seoul.example", "Alice@seoul.example"},
      {"alice+Tag@seoul.example", "Alice@seoul.example[Tag]"},
      {"alice+tag@seoul.example", "Alice@seoul.example[tag]"},
      {"alice+a+b@seoul.example", "Alice@seoul.example[a+b]"},
      {"alice+@seoul.example", "Alice@seoul.example"},
      {"+alice@seoul.example", "unknown"},
      {"bob@seoul.example", "bob@seoul.example"},
      {"exact+plus@seoul.example", "exact+plus@seoul.example"},
      {"exact@seoul.example", "unknown"},
      {"exact+other@seoul.example", "unknown"},
      {"앨리스@서울.example", "앨리스@xn--2i4bq6h.example"},
      {"앨리스@xn--2i4bq6h.example", "앨리스@xn--2i4bq6h.example"},
      {"앨리스+태그@서울.example", "앨리스@xn--2i4bq6h.example[태그]"},
      {"nobody@seoul.example", "unknown"},
      {"gone@seoul.example", "disabled"},
      {"gone+x@seoul.example", "disabled"},
      {"old@seoul.example", "disabled"},
      {"dangling@seoul.example", "unknown"},
      {"alice@elsewhere.example", "not ours"},
      {"alice@[192.0.2.1]", "not ours"},
      {"alice@sub.seoul.example", "not ours"},
      {"sales@seoul.example", "Alice@seoul.example bob@seoul.example[sales]"},
      {"sales+q3@seoul.example", "Alice@seoul.example[q3] bob@seoul.example[sales]"},
      {"all@seoul.example",
       "Alice@seoul.example bob@seoul.example[sales] 앨리스@xn--2i4bq6h.example ->x@elsewhere.example"},
      {"a@seoul.example", "unknown"},
      {"c@seoul.example", "bob@seoul.example"},
      {"out@seoul.example", "->x@elsewhere.example ->x@[192.0.2.1]"},
      {"anybody@caught.example", "Alice@seoul.example"},
      {"anybody+tag@caught.example", "Alice@seoul.example"},
      {"stray@서울.example", "Alice@seoul.example"},
      {"anybody@circle.example", "unknown"},
      {"anybody@empty.example", "unknown"},
      {"postmaster@seoul.example", "Alice@seoul.example"},
      {"PostMaster@seoul.example", "Alice@seoul.example"},
      {"postmaster+x@seoul.example", "Alice@seoul.example"},
      {"postmaster@서울.example", "앨리스@xn--2i4bq6h.example"},
      {"postmaster@empty.example", "Alice@seoul.example"},
      {"postmaster@caught.example", "Alice@seoul.example"},
      {"postmaster@elsewhere.example", "not ours"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(resolve(world, text), expected) << text;
}

TEST_P(DirectoryTest, PostmasterOfItsOwn) {
  World world(GetParam());
  EXPECT_EQ(dump(*run_blocking(world.directory->postmaster())), "unknown");
  must(world.directory->add_domain(domain("first.example")));
  must(world.directory->add_domain(domain("second.example")));
  EXPECT_EQ(dump(*run_blocking(world.directory->postmaster())), "unknown");
  world.add("z@second.example");
  EXPECT_EQ(dump(*run_blocking(world.directory->postmaster())), "z@second.example");
  world.add("y@first.example");
  EXPECT_EQ(dump(*run_blocking(world.directory->postmaster())), "y@first.example");
  const auto own = world.add("Postmaster@first.example");
  EXPECT_EQ(dump(*run_blocking(world.directory->postmaster())), "Postmaster@first.example");
  must(world.directory->set_enabled(own.id, false));
  EXPECT_EQ(dump(*run_blocking(world.directory->postmaster())), "y@first.example");
}

TEST_P(DirectoryTest, SubaddressesCanBeOff) {
  World world(GetParam(), DirectoryOptions{.subaddress_separator = '\0'});
  fill(world);
  EXPECT_EQ(resolve(world, "alice+tag@seoul.example"), "unknown");
  EXPECT_EQ(resolve(world, "exact+plus@seoul.example"), "exact+plus@seoul.example");
}

TEST_P(DirectoryTest, ChangesAreSeenAtOnce) {
  World world(GetParam());
  auto& directory = *world.directory;
  EXPECT_EQ(resolve(world, "alice@seoul.example"), "not ours");
  must(directory.add_domain(domain("seoul.example")));
  EXPECT_EQ(resolve(world, "alice@seoul.example"), "unknown");
  const auto alice = world.add("alice@seoul.example");
  EXPECT_EQ(resolve(world, "alice@seoul.example"), "alice@seoul.example");
  must(directory.set_quota(alice.id, 5));
  const auto account = directory.find_account(alice.id);
  EXPECT_EQ(account ? (*account)->quota_bytes : std::nullopt, 5);
  must(directory.set_enabled(alice.id, false));
  EXPECT_EQ(resolve(world, "alice@seoul.example"), "disabled");
  must(directory.remove_account(alice.id));
  EXPECT_EQ(resolve(world, "alice@seoul.example"), "unknown");
  must(directory.remove_domain(domain("seoul.example")));
  EXPECT_EQ(resolve(world, "alice@seoul.example"), "not ours");
}

TEST_P(DirectoryTest, ChangesByOthersAreSeenWithinASecond) {
  World world(GetParam(), DirectoryOptions{.reread_after = std::chrono::seconds(1)});
  must(world.directory->add_domain(domain("seoul.example")));
  // The other process, on the same database.
  auto other = must(Directory::open(*world.database, *world.writer, world.pool, world.clock, {}));
  world.clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(dump(*run_blocking(world.directory->resolve(address("alice@seoul.example")))), "unknown");
  must(other->add_account(address("alice@seoul.example"), ShardId{1}, std::nullopt));
  world.clock.advance(std::chrono::milliseconds(900));
  EXPECT_EQ(dump(*run_blocking(world.directory->resolve(address("alice@seoul.example")))), "unknown");
  world.clock.advance(std::chrono::milliseconds(100));
  EXPECT_EQ(world.directory->try_resolve(address("alice@seoul.example")), nullptr);
  world.clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(dump(*run_blocking(world.directory->resolve(address("alice@seoul.example")))), "alice@seoul.example");
}

TEST_P(DirectoryTest, MaySendAs) {
  World world(GetParam());
  fill(world);
  auto& directory = *world.directory;
  const auto alice = must(directory.find_account(address("alice@seoul.example")))->id;
  const auto may = [&](std::string_view text) {
    const auto answer = must(run_blocking(directory.may_send_as(alice, address(text))));
    EXPECT_EQ(directory.try_may_send_as(alice, address(text)), answer);
    return answer;
  };
  EXPECT_TRUE(may("alice@seoul.example"));
  EXPECT_TRUE(may("ALICE+any@seoul.example"));
  EXPECT_TRUE(may("sales@seoul.example"));
  EXPECT_TRUE(may("all@seoul.example"));
  EXPECT_FALSE(may("bob@seoul.example"));
  EXPECT_FALSE(may("c@seoul.example"));
  EXPECT_FALSE(may("anybody@caught.example"));
  EXPECT_FALSE(may("stray@서울.example"));
  EXPECT_FALSE(may("postmaster@seoul.example"));
  EXPECT_FALSE(may("alice@elsewhere.example"));
  EXPECT_FALSE(may("alice@[192.0.2.1]"));
}

TEST_P(DirectoryTest, Logins) {
  World world(GetParam());
  auto& directory = *world.directory;
  must(directory.add_domain(domain("seoul.example")));
  world.add("Alice@seoul.example");
  const auto login = [&](const std::string& text) {
    const auto found = must(run_blocking(directory.find_login(text)));
    EXPECT_TRUE(directory.try_login(text) || text.size() > 1000) << text.substr(0, 100);
    return found->account ? found->account->address.text() : "nobody " + printable(found->name);
  };
  EXPECT_EQ(login("alice@seoul.example"), "Alice@seoul.example");
  EXPECT_EQ(login("ALICE@Seoul.Example"), "Alice@seoul.example");
  EXPECT_EQ(login("alice"), "Alice@seoul.example");
  EXPECT_EQ(login("alice+x@seoul.example"), "nobody alice+x@seoul.example");
  EXPECT_EQ(login("alice@"), "nobody alice@");
  EXPECT_EQ(login("@"), "nobody @");
  EXPECT_EQ(login(""), "nobody ");
  EXPECT_EQ(login("\xFF"), "nobody \\xff");
  EXPECT_EQ(login(std::string("ali\0ce", 6)), "nobody ali\\x00ce");
  EXPECT_EQ(login("Bob"), "nobody bob@seoul.example");
  EXPECT_EQ(login("BOB@seoul.EXAMPLE"), "nobody bob@seoul.example");
  EXPECT_EQ(login(std::string(100'000, 'a')), "nobody ");
  must(directory.add_domain(domain("busan.example")));
  EXPECT_EQ(login("alice"), "nobody alice");  // which domain's?
  EXPECT_EQ(login("alice@seoul.example"), "Alice@seoul.example");
}

TEST_P(DirectoryTest, OurDomains) {
  World world(GetParam());
  must(world.directory->add_domain(domain("서울.example")));
  EXPECT_TRUE(*run_blocking(world.directory->is_our_domain(domain("XN--2I4BQ6H.example"))));
  EXPECT_FALSE(*run_blocking(world.directory->is_our_domain(domain("busan.example"))));
  EXPECT_EQ(world.directory->try_is_our_domain(domain("busan.example")), false);
  EXPECT_EQ(world.directory->try_is_our_domain(domain("서울.example")), true);
}

std::string refusal(const Result<void>& result) {
  return result ? "done" : fmt::format("{}: {}", name_of(result.error().kind), result.error().peer);
}

TEST_P(DirectoryTest, WhatAnOperatorMayNot) {
  World world(GetParam());
  fill(world);
  auto& directory = *world.directory;
  EXPECT_EQ(refusal(directory.add_domain(domain("SEOUL.example"))),
            "exists: the domain is there already: seoul.example");
  EXPECT_EQ(refusal(directory.remove_domain(domain("seoul.example"))),
            "policy: the domain has 4 accounts and 8 aliases");
  EXPECT_EQ(refusal(directory.remove_domain(domain("none.example"))), "not_found: no such domain");
  EXPECT_EQ(refusal(directory.set_catch_all(domain("none.example"), std::nullopt)),
            "not_found: no such domain: none.example");
  EXPECT_EQ(refusal(directory.add_alias(address("ALICE@seoul.example"), {address("bob@seoul.example")})),
            "exists: there is an account with this address: ALICE@seoul.example");
  EXPECT_EQ(refusal(directory.add_alias(address("all@seoul.example"), {address("bob@seoul.example")})),
            "exists: there is an alias with this address: all@seoul.example");
  EXPECT_EQ(refusal(directory.add_alias(address("x@none.example"), {address("bob@seoul.example")})),
            "not_found: no such domain: none.example");
  EXPECT_EQ(refusal(directory.add_alias(address("x@seoul.example"), {address("X@seoul.example")})),
            "policy: an alias cannot lead to itself");
  EXPECT_EQ(refusal(directory.add_alias(address("x@seoul.example"), {})), "policy: an alias needs a target");
  EXPECT_EQ(refusal(directory.remove_alias(address("x@seoul.example"))), "not_found: no such alias");
  EXPECT_EQ(refusal(directory.set_enabled(AccountId{999}, true)), "not_found: no such account");
  const auto kind = [](const auto& result) { return name_of(result.error().kind); };
  EXPECT_EQ(kind(directory.add_account(address("alice@seoul.example"), ShardId{1}, {})), "exists");
  EXPECT_EQ(kind(directory.add_account(address("sales@seoul.example"), ShardId{1}, {})), "exists");
  EXPECT_EQ(kind(directory.add_account(address("x@none.example"), ShardId{1}, {})), "not_found");
  EXPECT_EQ(kind(directory.add_account(address("x@[192.0.2.1]"), ShardId{1}, {})), "policy");
  EXPECT_EQ(resolve(world, "x@seoul.example"), "unknown");
}

TEST_P(DirectoryTest, Lists) {
  World world(GetParam());
  fill(world);
  auto& directory = *world.directory;
  std::string domains;
  for (const auto& info : must(directory.list_domains())) {
    domains +=
        fmt::format("{} {} {};", info.name.ascii(), info.accounts, info.catch_all ? info.catch_all->text() : "-");
  }
  EXPECT_EQ(domains,
            "seoul.example 4 -;xn--2i4bq6h.example 1 -;empty.example 0 -;caught.example 0 alice@seoul.example;"
            "circle.example 0 any@circle.example;");
  std::string accounts;
  for (const auto& account : must(directory.list_accounts(domain("seoul.example")))) {
    accounts += fmt::format("{} {} {} {};", account.address.text(), account.shard.value, account.enabled,
                            account.quota_bytes.value_or(0));
  }
  EXPECT_EQ(accounts,
            "Alice@seoul.example 1 true 0;bob@seoul.example 2 true 1000;exact+plus@seoul.example 1 true 0;"
            "gone@seoul.example 1 false 0;");
  EXPECT_EQ(must(directory.list_accounts(std::nullopt)).size(), 5U);
  EXPECT_FALSE(directory.list_accounts(domain("none.example")).has_value());
  const auto aliases = must(directory.list_aliases(domain("서울.example")));
  ASSERT_EQ(aliases.size(), 1U);
  EXPECT_EQ(aliases[0].address.text(), "stray@xn--2i4bq6h.example");
  EXPECT_EQ(must(directory.list_aliases(std::nullopt)).size(), 9U);
  must(directory.remove_alias(address("ALL@seoul.example")));
  EXPECT_EQ(must(directory.list_aliases(std::nullopt)).size(), 8U);
  EXPECT_EQ(resolve(world, "all@seoul.example"), "unknown");
}

TEST_P(DirectoryTest, AliasLimits) {
  World world(GetParam(), DirectoryOptions{.max_alias_targets = 5, .max_alias_depth = 3});
  auto& directory = *world.directory;
  must(directory.add_domain(domain("x")));
  world.add("end@x");
  must(directory.add_alias(address("d1@x"), {address("end@x")}));
  must(directory.add_alias(address("d2@x"), {address("d1@x")}));
  must(directory.add_alias(address("d3@x"), {address("d2@x")}));
  must(directory.add_alias(address("d4@x"), {address("d3@x")}));
  EXPECT_EQ(resolve(world, "d3@x"), "end@x");
  EXPECT_EQ(resolve(world, "d4@x"), "error: alias nesting too deep");
  must(directory.add_alias(address("w@x"), {address("a@y"), address("b@y"), address("c@y"), address("d@y")}));
  EXPECT_EQ(resolve(world, "w@x"), "->a@y ->b@y ->c@y ->d@y");
  must(directory.add_alias(address("v@x"), {address("w@x"), address("d1@x")}));
  EXPECT_EQ(resolve(world, "v@x"), "error: alias leads to too many recipients");
  EXPECT_EQ(refusal(directory.add_alias(address("u@x"), std::vector(6, address("a@y")))),
            "limit: an alias has at most 5 targets");
}

TEST_P(DirectoryTest, IdsAreNeverGivenTwiceAndReopeningKeepsAll) {
  World world(GetParam());
  must(world.directory->add_domain(domain("x")));
  const auto first = world.add("a@x");
  must(world.directory->remove_account(first.id));
  const auto second = world.add("a@x");
  EXPECT_GT(second.id, first.id);
  world.directory = must(Directory::open(*world.database, *world.writer, world.pool, world.clock, {}));
  EXPECT_EQ(resolve(world, "a@x"), "a@x");
}

TEST_P(DirectoryTest, MadeUpDetailsOfABigListAreNotKept) {
  World world(GetParam());
  must(world.directory->add_domain(domain("x")));
  std::vector<EmailAddress> members;
  for (int i = 0; i < 17; ++i) members.push_back(world.add(fmt::format("member{}@x", i)).address);
  must(world.directory->add_alias(address("few@x"), {members.begin(), members.end() - 1}));
  must(world.directory->add_alias(address("many@x"), members));
  for (const auto* name : {"few@x", "many@x", "few+1@x", "many+1@x"}) {
    EXPECT_TRUE(run_blocking(world.directory->resolve(address(name))).has_value());
  }
  EXPECT_NE(world.directory->try_resolve(address("few@x")), nullptr);
  EXPECT_NE(world.directory->try_resolve(address("many@x")), nullptr);
  EXPECT_NE(world.directory->try_resolve(address("few+1@x")), nullptr);
  EXPECT_EQ(world.directory->try_resolve(address("many+1@x")), nullptr);
}

TEST_P(DirectoryTest, FloodOfUnknownNamesLeavesRealOnesCached) {
  World world(GetParam(), DirectoryOptions{.cache_entries = 160});
  must(world.directory->add_domain(domain("x")));
  world.add("alice@x");
  EXPECT_EQ(resolve(world, "alice@x"), "alice@x");
  for (int i = 0; i < 2'000; ++i) {
    EXPECT_EQ(resolve(world, fmt::format("u{}@x", i)), "unknown");
    EXPECT_EQ(resolve(world, fmt::format("alice+{}@x", i)), fmt::format("alice@x[{}]", i));
    EXPECT_EQ(resolve(world, fmt::format("alice@d{}.example", i)), "not ours");
  }
  EXPECT_NE(world.directory->try_resolve(address("alice@x")), nullptr);
}

TEST_P(DirectoryTest, ReadersAndChangesFromManyThreads) {
  World world(GetParam());
  must(world.directory->add_domain(domain("x")));
  const auto alice = world.add("alice@x");
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  threads.reserve(3);
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        const auto answer = run_blocking(world.directory->resolve(address("alice@x")));
        if (!answer || (dump(*answer) != "alice@x" && dump(*answer) != "disabled")) ++wrong;
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    must(world.directory->set_enabled(alice.id, i % 2 == 0));
    // Whoever asks after the change is done must see it, whatever other threads had read before.
    const auto answer = run_blocking(world.directory->resolve(address("alice@x")));
    if (!answer || dump(*answer) != (i % 2 == 0 ? "alice@x" : "disabled")) ++wrong;
  }
  stop = true;
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace pabal::account
