// Upkeep of what is derived from messages: letters whose facts were not there when they were delivered (too big for the
// memory, or from before there were any) are read once and get them; when the version grows, all others too. And
// threads that have lost all their letters are forgotten.
#include "message/derived.hpp"
#include "store/compact.hpp"
#include "store/facts.hpp"
#include "store/shard.hpp"
#include "store/stored_email.hpp"

namespace pabal::store {

namespace {

constexpr std::int64_t kEmailsAtOnce = 64;
constexpr std::uint64_t kOctetsAtOnce = 64ULL << 20;  ///< read in one round of upkeep
constexpr std::int64_t kOutdatedAtOnce = 500;
constexpr std::string_view kCounter = "facts_version";

struct Waiting {
  AccountId account;
  EmailId email;
  std::uint64_t size = 0;
  std::uint64_t prefix = 0;
};

struct ThreadKey {
  AccountId account;
  std::int64_t key = 0;
  std::int64_t thread = 0;
};
constexpr std::int64_t kThreadKeysAtOnce = 200;
constexpr std::chrono::hours kForgetThreadsEvery{24};
// The first email of the thread, which is found by its id, or one that joined.
constexpr std::string_view kThreadLives =
    "SELECT email_id FROM email WHERE account_id = $1 AND email_id = $2 UNION ALL "
    "SELECT email_id FROM email WHERE account_id = $1 AND thread_id = $2 AND thread_id <> email_id LIMIT 1";

Result<std::vector<ThreadKey>> keys_behind(db::Connection& connection, AccountId account, std::int64_t key) {
  auto rows = connection.query(
      "SELECT account_id, thread_key, thread_id FROM thread_key WHERE (account_id, thread_key) > ($1, $2) "
      "ORDER BY account_id, thread_key LIMIT $3",
      {account.value, key, kThreadKeysAtOnce});
  if (!rows) return pass(rows);
  std::vector<ThreadKey> found;
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return found;
    found.push_back({.account = AccountId{rows->integer(0)}, .key = rows->integer(1), .thread = rows->integer(2)});
  }
}

// The next ones behind that place, in the order of the index of those that wait.
Result<std::vector<Waiting>> waiting_emails(db::Connection& connection, AccountId account, EmailId email) {
  auto rows = connection.query(
      "SELECT account_id, email_id, size, LENGTH(prefix) FROM email WHERE parsed_version = 0 AND "
      "(account_id, email_id) > ($1, $2) ORDER BY account_id, email_id LIMIT $3",
      {account.value, email.value, kEmailsAtOnce});
  if (!rows) return pass(rows);
  std::vector<Waiting> found;
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return found;
    found.push_back({.account = AccountId{rows->integer(0)},
                     .email = EmailId{rows->integer(1)},
                     .size = static_cast<std::uint64_t>(rows->integer(2)),
                     .prefix = static_cast<std::uint64_t>(rows->integer(3))});
  }
}

Result<void> write_facts(db::Connection& connection, const Waiting& one, const MessageFacts& facts) {
  std::int64_t thread = 0;
  std::vector<Piece> pieces;
  {
    auto rows = connection.query(
        "SELECT thread_id, pieces FROM email WHERE account_id = $1 AND email_id = $2 AND parsed_version = 0",
        {one.account.value, one.email.value});
    if (!rows) return pass(rows);
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return {};  // removed in between
    thread = rows->integer(0);
    auto decoded = decode_pieces(rows->octets(1));
    if (!decoded) return pass(decoded);
    pieces = std::move(*decoded);
  }
  if (auto kept = keep_facts(connection, pieces, facts); !kept) return kept;
  auto told = connection.run("UPDATE email SET parsed_version = $3 WHERE account_id = $1 AND email_id = $2",
                             {one.account.value, one.email.value, kept_version(pieces, facts)});
  if (!told) return pass(told);
  // Its thread stays what it is; letters to come find it there.
  auto taken = take_thread(connection, one.account, EmailId{thread}, facts.thread_keys);
  if (!taken) return pass(taken);
  return {};
}

}  // namespace

// Only damage is for ever (until the version grows): a disk that fails for a while, a folder that isn't mounted or too
// many open files say nothing about the message, which waits on. Rounds go through those that wait from one end to the
// other, so that one that can't be read for long keeps none behind it from its turn.
Result<void> Shard::derive_missing() {
  if (auto found = find_outdated(); !found) return found;
  std::vector<Waiting> waiting;
  auto listed = readers_.read([&](db::Connection& connection) -> Result<void> {
    auto found = waiting_emails(connection, waiting_.account, waiting_.email);
    if (found && found->empty()) found = waiting_emails(connection, {}, {});
    if (!found) return pass(found);
    waiting = std::move(*found);
    return {};
  });
  if (!listed) return listed;
  const bool last = waiting.size() < static_cast<std::size_t>(kEmailsAtOnce);
  std::vector<std::pair<Waiting, MessageFacts>> derived;
  const auto write = [&]() -> Result<void> {
    if (derived.empty()) return {};
    return write_now([&](db::Connection& connection) -> Result<void> {
      for (const auto& [one, facts] : derived) {
        if (auto written = write_facts(connection, one, facts); !written) return written;
      }
      return {};
    });
  };
  std::uint64_t total = 0;
  for (const auto& one : waiting) {
    if (total >= kOctetsAtOnce || stopping()) return write();
    total += one.size;
    waiting_ = {.account = one.account, .email = one.email};
    MessageFacts facts;
    facts.version = kNoFacts;
    auto octets = content_of(one.account, one.email, one.prefix, one.size);
    if (octets) {
      if (!*octets) continue;  // removed in between
      facts = facts_of(**octets);
    } else {
      if (octets.error().kind != ErrorKind::damaged) {  // nor will others be read in this round
        auto written = write();
        return written ? pass(octets) : written;
      }
      around_.log.warning("not_derived",
                          {{"account", one.account.value}, {"email", one.email.value}, {"why", octets.error().log}});
    }
    derived.emplace_back(one, std::move(facts));
  }
  if (last) waiting_ = {};
  return write();
}

// The message without its private prefix; nothing where there is no such email. Blocking.
Result<std::optional<std::string>> Shard::content_of(AccountId account, EmailId email, std::uint64_t prefix,
                                                     std::uint64_t size) {
  const ReadGate::Pass inside(gate_);
  auto opened = open_now(account, {email});
  if (!opened) return pass(opened);
  auto* const stored = opened->empty() ? nullptr : dynamic_cast<StoredEmail*>(opened->front().get());
  if (stored == nullptr) return std::nullopt;
  auto read = stored->read_now(prefix, static_cast<std::size_t>(size - std::min(size, prefix)));
  if (!read) return pass(read);
  return std::move(*read);
}

// Rows of an older version, and those that could not be read then, are marked as waiting, some each round, in the order
// of the table.
Result<void> Shard::find_outdated() {
  if (outdated_.done) return {};
  if (!outdated_.begun) {
    std::int64_t version = 0;
    auto read = readers_.read([&](db::Connection& connection) -> Result<void> {
      auto found = connection.number("SELECT value FROM counter WHERE name = $1", {kCounter});
      if (!found) return pass(found);
      version = found->value_or(0);
      return {};
    });
    if (!read) return read;
    outdated_.begun = true;
    outdated_.done = version == facts_version();
    if (outdated_.done) return {};
  }
  return write_now([&](db::Connection& connection) -> Result<void> {
    std::vector<Waiting> found;
    {
      auto rows = connection.query(
          "SELECT account_id, email_id, parsed_version FROM email WHERE (account_id, email_id) > ($1, $2) "
          "ORDER BY account_id, email_id LIMIT $3",
          {outdated_.account.value, outdated_.email.value, kOutdatedAtOnce});
      if (!rows) return pass(rows);
      std::int64_t count = 0;
      while (true) {
        auto any = rows->next();
        if (!any) return pass(any);
        if (!*any) break;
        ++count;
        outdated_.account = AccountId{rows->integer(0)};
        outdated_.email = EmailId{rows->integer(1)};
        const auto version = rows->integer(2);
        if (version != 0 && version != facts_version()) {
          found.push_back({.account = outdated_.account, .email = outdated_.email});
        }
      }
      outdated_.done = count < kOutdatedAtOnce;
    }
    for (const auto& one : found) {
      auto marked = connection.run("UPDATE email SET parsed_version = 0 WHERE account_id = $1 AND email_id = $2",
                                   {one.account.value, one.email.value});
      if (!marked) return pass(marked);
    }
    if (!outdated_.done) return {};
    auto noted = connection.run(
        "INSERT INTO counter (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        {kCounter, facts_version()});
    if (!noted) return pass(noted);
    return {};
  });
}

// Keys of threads that have no email any more are looked for in the order of the table, some each round, once a day.
Result<void> Shard::forget_threads() {
  const auto now = around_.clock->now();
  if (threads_.ended && now - *threads_.ended < kForgetThreadsEvery && *threads_.ended <= now) return {};
  threads_.ended.reset();
  std::vector<ThreadKey> empty;
  auto looked = readers_.read([&](db::Connection& connection) -> Result<void> {
    auto keys = keys_behind(connection, threads_.account, threads_.key);
    if (!keys) return pass(keys);
    if (keys->size() < static_cast<std::size_t>(kThreadKeysAtOnce)) {
      threads_ = {.account = {}, .key = 0, .ended = now};
    } else {
      threads_ = {.account = keys->back().account, .key = keys->back().key, .ended = std::nullopt};
    }
    for (const auto& one : *keys) {
      auto lives = connection.number(kThreadLives, {one.account.value, one.thread});
      if (!lives) return pass(lives);
      if (!*lives) empty.push_back(one);
    }
    return {};
  });
  if (!looked || empty.empty()) return looked;
  return write_now([&](db::Connection& connection) -> Result<void> {
    for (const auto& one : empty) {
      // Looked at again: a letter may have joined.
      auto lives = connection.number(kThreadLives, {one.account.value, one.thread});
      if (!lives) return pass(lives);
      if (*lives) continue;
      auto gone = connection.run("DELETE FROM thread_key WHERE account_id = $1 AND thread_key = $2 AND thread_id = $3",
                                 {one.account.value, one.key, one.thread});
      if (!gone) return pass(gone);
    }
    return {};
  });
}

}  // namespace pabal::store
