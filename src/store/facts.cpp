#include "store/facts.hpp"

#include <algorithm>
#include <array>

#include <xxhash.h>

#include "message/derived.hpp"
#include "message/header.hpp"

namespace pabal::store {

namespace {

constexpr std::size_t kMostKeys = 8;

std::vector<std::int64_t> keys_of(const message::Envelope& envelope) {
  const auto names = message::thread_keys(envelope, kMostKeys);
  const auto subject = XXH3_64bits(names.subject.data(), names.subject.size());
  std::vector<std::int64_t> keys;
  keys.reserve(names.ids.size());
  for (const auto& id : names.ids) {
    keys.push_back(static_cast<std::int64_t>(XXH3_64bits_withSeed(id.data(), id.size(), subject)));
  }
  return keys;
}

// Adds the key unless it is there; says which thread it leads to.
Result<std::int64_t> take_key(db::Connection& connection, AccountId account, std::int64_t key, std::int64_t thread) {
  auto taken = connection.number(
      "INSERT INTO thread_key (account_id, thread_key, thread_id) VALUES ($1, $2, $3) "
      "ON CONFLICT (account_id, thread_key) DO UPDATE SET thread_id = thread_key.thread_id RETURNING thread_id",
      {account.value, key, thread});
  if (!taken) return pass(taken);
  return taken->value_or(thread);
}

struct KnownKey {
  std::int64_t key = 0;
  std::int64_t thread = 0;
};
Result<std::vector<KnownKey>> known_keys(db::Connection& connection, AccountId account,
                                         const std::vector<std::int64_t>& keys) {
  std::array<std::int64_t, kMostKeys> asked{};
  asked.fill(keys.front());
  std::copy_n(keys.begin(), std::min(keys.size(), kMostKeys), asked.begin());
  auto rows = connection.query(
      "SELECT thread_key, thread_id FROM thread_key WHERE account_id = $1 AND thread_key IN ($2, $3, $4, $5, $6, $7, "
      "$8, $9)",
      {account.value, asked[0], asked[1], asked[2], asked[3], asked[4], asked[5], asked[6], asked[7]});
  if (!rows) return pass(rows);
  std::vector<KnownKey> known;
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return known;
    known.push_back({rows->integer(0), rows->integer(1)});
  }
}

}  // namespace

std::int64_t facts_version() noexcept { return message::kDerivedVersion; }

MessageFacts facts_of(std::string_view message) {
  const auto derived = message::derive(message);
  return {.version = facts_version(),
          .parsed = message::encode_derived(derived),
          .thread_keys = keys_of(*derived.envelope)};
}

MessageFacts facts_of_head(std::string_view head) {
  return {.version = 0, .parsed = {}, .thread_keys = keys_of(message::read_header_facts(head).envelope)};
}

std::optional<BlobId> blob_of_facts(std::span<const Piece> pieces) noexcept {
  if (pieces.size() != 1 || pieces.front().offset != 0) return std::nullopt;
  return pieces.front().blob;
}

std::int64_t kept_version(std::span<const Piece> pieces, const MessageFacts& facts) noexcept {
  return facts.version == 0 || blob_of_facts(pieces) ? facts.version : kNoFacts;
}

Result<void> keep_facts(db::Connection& connection, std::span<const Piece> pieces, const MessageFacts& facts) {
  const auto blob = blob_of_facts(pieces);
  if (facts.version <= 0 || !blob) return {};
  auto kept = connection.run(
      "INSERT INTO blob_facts (blob_id, octets) VALUES ($1, $2) ON CONFLICT (blob_id) DO UPDATE SET octets = "
      "excluded.octets",
      {blob->value, db::Octets{facts.parsed}});
  if (!kept) return pass(kept);
  return {};
}

Result<std::string> read_facts(db::Connection& connection, std::span<const Piece> pieces) {
  const auto blob = blob_of_facts(pieces);
  if (!blob) return std::string();
  auto rows = connection.query("SELECT octets FROM blob_facts WHERE blob_id = $1", {blob->value});
  if (!rows) return pass(rows);
  auto any = rows->next();
  if (!any) return pass(any);
  return *any ? std::string(rows->octets(0)) : std::string();
}

std::vector<std::int64_t> thread_keys_of(std::string_view parsed) {
  const auto derived = message::decode_derived(parsed);
  if (!derived || !derived->envelope) return {};
  return keys_of(*derived->envelope);
}

Result<std::int64_t> take_thread(db::Connection& connection, AccountId account, EmailId email,
                                 const std::vector<std::int64_t>& keys) {
  if (keys.empty()) return email.value;
  if (keys.size() == 1) return take_key(connection, account, keys.front(), email.value);
  auto known = known_keys(connection, account, keys);
  if (!known) return pass(known);
  std::int64_t thread = email.value;
  for (const auto& one : *known) thread = std::min(thread, one.thread);
  for (const auto key : keys) {
    if (std::ranges::find(*known, key, &KnownKey::key) != known->end()) continue;
    if (auto taken = take_key(connection, account, key, thread); !taken) return pass(taken);
  }
  return thread;
}

}  // namespace pabal::store
