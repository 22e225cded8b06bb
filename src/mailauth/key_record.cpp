#include "mailauth/key_record.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "mailauth/base64_value.hpp"
#include "mailauth/tag_list.hpp"

namespace pabal::mailauth {
namespace {

bool lists(std::string_view value, std::string_view wanted) {
  return std::ranges::any_of(split_colons(value),
                             [wanted](std::string_view part) { return equal_ignoring_case(part, wanted); });
}

}  // namespace

Result<KeyRecord> parse_key_record(std::string_view text) {
  if (text.size() > key_most_record_octets) {
    return fail(ErrorKind::syntax, fmt::format("the key record has more than {} octets", key_most_record_octets));
  }
  const auto tags = TagList::parse(text);
  if (!tags) return fail(ErrorKind::syntax, "the key record is malformed: " + tags.error().peer);
  // RFC 6376 §3.6.1 wants v= first, where it is; domains that have it elsewhere are believed by all other verifiers.
  if (const auto version = tags->find("v"); version && *version != "DKIM1") {
    return fail(ErrorKind::syntax, "the key record is of another version than DKIM1");
  }
  const auto data = tags->find("p");
  if (!data) return fail(ErrorKind::syntax, "the key record has no p=, so no key");

  KeyRecord record;
  const auto type = tags->find("k").value_or("rsa");
  if (equal_ignoring_case(type, "ed25519")) {
    record.type = KeyType::ed25519;
  } else if (!equal_ignoring_case(type, "rsa")) {
    return fail(ErrorKind::syntax, "the key's type k=" + printable(type, 40) + " isn't known");
  }
  if (const auto hashes = tags->find("h")) record.takes_sha256 = lists(*hashes, "sha256");
  if (const auto services = tags->find("s")) record.for_mail = lists(*services, "*") || lists(*services, "email");
  if (const auto flags = tags->find("t")) {
    record.testing = lists(*flags, "y");
    record.strict = lists(*flags, "s");
  }
  const auto bare = without_white_space(*data);
  if (bare.empty()) return record;
  const auto octets = decode_base64_value(bare);
  if (!octets) return fail(ErrorKind::syntax, "the key record's p= is no base64");
  auto key = record.type == KeyType::rsa ? PublicKey::rsa(*octets) : PublicKey::ed25519(*octets);
  if (!key) return pass(std::move(key));
  record.key = std::move(*key);
  return record;
}

std::shared_ptr<const Result<KeyRecord>> KeyCache::read(const std::string& text) {
  if (text.size() > key_most_record_octets) return std::make_shared<const Result<KeyRecord>>(parse_key_record(text));
  {
    auto generations = generations_.lock();
    if (const auto found = generations->young.find(text); found != generations->young.end()) return found->second;
    if (auto found = generations->old.extract(text)) {
      auto record = found.mapped();
      generations->young.insert(std::move(found));
      return record;
    }
  }
  auto record = std::make_shared<const Result<KeyRecord>>(parse_key_record(text));
  auto generations = generations_.lock();
  generations->young.insert_or_assign(text, record);
  // What wasn't used while half of the room was filled anew goes.
  if (generations->young.size() > most_ / 2) generations->old = std::exchange(generations->young, {});
  return record;
}

}  // namespace pabal::mailauth
