#include "mailauth/dmarc_discovery.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::mailauth {
namespace {

using DmarcState = DmarcFound::State;

std::optional<dns::Name> dmarc_name(const std::string& domain) {
  auto labels = split(domain, '.');
  labels.insert(labels.begin(), "_dmarc");
  auto name = dns::Name::of_labels(labels);
  if (!name) return std::nullopt;
  return std::move(*name);
}

/// Without its first label; empty at the end.
std::string parent_of(const std::string& domain) {
  const auto dot = domain.find('.');
  return dot == std::string::npos ? std::string() : domain.substr(dot + 1);
}

/// The walk's next name: the parent, or of a long name the one with seven labels, so that it takes eight questions at
/// most.
std::string next_of(const std::string& domain) {
  auto next = parent_of(domain);
  while (std::ranges::count(next, '.') >= 7) next = parent_of(next);
  return next;
}

bool ends_walk(const DmarcFound& found) {
  return found.state == DmarcState::unknown ||
         (found.state == DmarcState::found && found.record->suffix != DmarcSuffix::unknown);
}

}  // namespace

Async<DmarcFound> DmarcDiscovery::fetch(std::string domain) {
  if (const auto known = fetched_.find(domain); known != fetched_.end()) co_return known->second;
  DmarcFound found;
  found.domain = domain;
  if (const auto name = dmarc_name(domain)) {
    const auto answer = co_await resolver_.resolve(*name, dns::Type::txt);
    lookups_.push_back(lookup_of(*name, dns::Type::txt, answer));
    std::size_t count = 0;
    for (const auto& record : answer.records) {
      const auto* strings = std::get_if<dns::Txt>(&record);
      if (strings == nullptr) continue;
      auto joined = strings->joined();
      if (!DmarcRecord::is_one(joined)) continue;
      ++count;
      found.text = std::move(joined);
    }
    if (!answer.is_definite()) {
      found.state = DmarcState::unknown;
      found.hindered = answer.status == dns::Status::timed_out || answer.status == dns::Status::bogus;
      found.why = fmt::format("the DMARC record of {} can't be looked up now", domain);
    } else if (count > 1) {
      found.state = DmarcState::several;
      found.text.clear();
      found.why = fmt::format("{} has {} DMARC records, and only one may stand there", domain, count);
    } else if (count == 1) {
      auto record = DmarcRecord::parse(found.text, standard_);
      found.text.resize(std::min(found.text.size(), dmarc_most_record_octets));
      found.state = record ? DmarcState::found : DmarcState::wrong;
      if (record) {
        found.record = *std::move(record);
      } else {
        found.why = fmt::format("the DMARC record of {} is wrong: {}", domain, record.error().peer);
      }
    }
  }
  fetched_.emplace(domain, found);
  co_return found;
}

Async<DmarcDiscovery::Walk> DmarcDiscovery::walk(std::string domain) {
  Walk walk;
  while (!domain.empty()) {
    auto found = co_await fetch(domain);
    // Several records of one name are all discarded.
    const bool counts = found.state != DmarcState::absent && found.state != DmarcState::several;
    const bool last = ends_walk(found);
    // What the top says can only matter by psd=y, and that names the domain below it, whose record is there already.
    if (found.state == DmarcState::unknown && !domain.contains('.') && !walk.empty()) break;
    if (counts) walk.push_back(std::move(found));
    if (last) break;
    domain = next_of(domain);
  }
  co_return walk;
}

// Labels in front that no host can have (`mail_1.example.org`) are left out: they stand in signatures' d=.
std::string DmarcDiscovery::by_list(const std::string& domain) const {
  auto readable = domain;
  auto parsed = Domain::parse(readable);
  while (!parsed) {
    readable = parent_of(readable);
    if (readable.empty()) return domain;
    parsed = Domain::parse(readable);
  }
  const auto registrable = suffixes_.registrable(*parsed);
  return registrable ? registrable->ascii() : domain;
}

Async<std::optional<std::string>> DmarcDiscovery::organizational(std::string domain) {
  if (standard_ == DmarcStandard::rfc7489) co_return by_list(domain);
  const auto records = co_await walk(domain);
  for (const auto& found : records) {
    if (found.state == DmarcState::unknown) co_return std::nullopt;
    if (found.state != DmarcState::found) continue;
    if (found.record->suffix == DmarcSuffix::no) co_return found.domain;
    if (found.record->suffix == DmarcSuffix::yes && found.domain != domain) {
      // The name one label below the public suffix.
      auto below = domain;
      while (parent_of(below) != found.domain) below = parent_of(below);
      co_return below;
    }
  }
  // The highest valid record; what is published in a form that nobody can read names no organization.
  for (auto at = records.size(); at-- > 0;) {
    if (records[at].state == DmarcState::found) co_return records[at].domain;
  }
  co_return domain;
}

Async<DmarcFound> DmarcDiscovery::policy_of(std::string domain) {
  auto own = co_await fetch(domain);
  if (standard_ == DmarcStandard::rfc7489) {
    if (own.state != DmarcState::absent) co_return own;
    const auto above = by_list(domain);
    if (above == domain) co_return own;
    co_return co_await fetch(above);
  }
  if (own.state != DmarcState::absent && own.state != DmarcState::several) co_return own;
  const auto top = co_await organizational(domain);
  const auto records = co_await walk(domain);
  for (const auto& found : records) {
    if (found.state == DmarcState::unknown || (top && found.domain == *top)) co_return found;
  }
  // The public suffix's, where the organizational domain has none of its own.
  const auto valid = [](const DmarcFound& found) { return found.state == DmarcState::found; };
  if (!records.empty() && valid(records.back()) && records.back().record->suffix == DmarcSuffix::yes) {
    co_return records.back();
  }
  // There is something, and it can't be read: that is told.
  if (std::ranges::none_of(records, valid) && !records.empty()) co_return records.front();
  // Of several nothing counts, but it is told.
  co_return DmarcFound{.state = DmarcState::absent, .domain = domain, .text = {}, .record = {}, .why = own.why};
}

Async<DmarcAbove> DmarcDiscovery::asked_above(std::string domain) {
  // The list's public suffixes have no say.
  const auto top = standard_ == DmarcStandard::tree_walk ? std::string() : by_list(domain);
  DmarcAbove result;
  for (auto above = next_of(domain); !above.empty(); above = next_of(above)) {
    const auto found = co_await fetch(above);
    result.answered = result.answered || found.state != DmarcState::unknown;
    if (found.state != DmarcState::found || above.size() < top.size()) continue;
    result.policy = least_policy(*found.record, found.record->subdomain_policy.value_or(found.record->policy));
    break;
  }
  co_return result;
}

Async<std::optional<bool>> DmarcDiscovery::is_nonexistent(std::string domain) {
  auto name = dns::Name::of_labels(split(domain, '.'));
  if (!name) co_return true;
  if (standard_ == DmarcStandard::tree_walk) {
    // RFC 8020: whatever type is asked for, a name that is there at all is no NXDOMAIN.
    const auto answer = co_await resolver_.resolve(*name, dns::Type::a);
    lookups_.push_back(lookup_of(*name, dns::Type::a, answer));
    if (!answer.is_definite()) co_return std::nullopt;
    co_return answer.status == dns::Status::no_name;
  }
  bool unknown = false;
  for (const auto type : {dns::Type::a, dns::Type::aaaa, dns::Type::mx}) {
    const auto answer = co_await resolver_.resolve(*name, type);
    lookups_.push_back(lookup_of(*name, type, answer));
    if (answer.status == dns::Status::ok) co_return false;
    if (answer.status == dns::Status::no_name) co_return true;
    unknown = unknown || !answer.is_definite();
  }
  if (unknown) co_return std::nullopt;
  co_return true;
}

}  // namespace pabal::mailauth
