#include "mailauth/signed_header.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "mailauth/sha256.hpp"

namespace pabal::mailauth {

SignedHeader::SignedHeader(const LetterReading& letter, std::size_t most_octets)
    : letter_(&letter), room_(most_octets) {
  for (std::size_t i = 0; i < letter.fields().size(); ++i) {
    by_name_[to_lower(letter.fields()[i].name)].push_back(static_cast<std::uint32_t>(i));
  }
}

std::optional<std::string> SignedHeader::digest(Canonicalization form, const std::vector<std::string>& names,
                                                std::string_view signature, std::optional<std::size_t> own) {
  std::unordered_map<std::string_view, std::size_t> taken;
  std::string octets;
  for (const auto& name : names) {
    const auto fields = by_name_.find(name);
    if (fields == by_name_.end()) continue;
    const auto& places = fields->second;
    auto& count = taken[fields->first];
    if (count < places.size() && places[places.size() - 1 - count] == own) ++count;
    if (count >= places.size()) continue;
    canonical_field(form, letter_->text_of(letter_->fields()[places[places.size() - 1 - count]]), octets);
    ++count;
    if (octets.size() > room_) break;
  }
  canonical_field(form, signature, octets);
  octets.resize(octets.size() - 2);
  if (octets.size() > room_) {
    room_ = 0;
    return std::nullopt;
  }
  room_ -= octets.size();
  Sha256 sha256;
  sha256.take(octets);
  return sha256.digest();
}

std::vector<std::string_view> SignedHeader::uncovered_copies(const std::vector<std::string>& names) const {
  // RFC 5322 §3.6: a letter has one of each, if any.
  constexpr std::array shown = {"from",
                                "sender",
                                "reply-to",
                                "to",
                                "cc",
                                "subject",
                                "date",
                                "message-id",
                                "mime-version",
                                "content-type",
                                "content-transfer-encoding"};
  std::vector<std::string_view> all;
  for (const std::string_view name : shown) {
    const auto fields = by_name_.find(std::string(name));
    if (fields == by_name_.end() || fields->second.size() < 2) continue;
    const auto covered = static_cast<std::size_t>(std::ranges::count(names, name));
    if (covered > 0 && covered < fields->second.size()) all.push_back(name);
  }
  return all;
}

}  // namespace pabal::mailauth
