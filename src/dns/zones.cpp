#include "dns/zones.hpp"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "dns/zone_resolver.hpp"

namespace pabal::dns {
namespace {

using std::chrono::seconds;

std::unexpected<Error> refuse(const std::string& file, const ZoneRecord& record, std::string_view words) {
  return fail(ErrorKind::syntax, fmt::format("{}:{}: {}", file, record.line, words));
}

/// The nearest of `tops` at or above the name.
std::optional<Name> nearest(const std::unordered_set<Name>& tops, Name name) {
  for (;; name = name.parent()) {
    if (tops.contains(name)) return name;
    if (name.is_root()) return std::nullopt;
  }
}

}  // namespace

Result<Zones> Zones::of(const std::vector<ZoneFile>& files) {
  Zones zones;
  for (const auto& file : files) {
    std::unordered_set<Name> tops;
    for (const auto& record : file.records) {
      const auto* soa = std::get_if<Soa>(&record.record);
      if (soa == nullptr) continue;
      tops.insert(record.owner);
      zones.tops_[record.owner].negative_ttl = std::min(record.ttl, seconds(soa->minimum));
    }
    const auto with_soa = tops;
    for (const auto& record : file.records) {
      if (nearest(with_soa, record.owner)) continue;
      const bool by_origin = !record.origin.is_root() && record.owner.is_within(record.origin);
      tops.insert(by_origin ? record.origin : record.owner);
    }
    for (const auto& top : tops) zones.tops_.try_emplace(top);
    for (const auto& record : file.records) {
      const auto added = zones.add(file.file, record);
      if (!added) return pass(added);
    }
  }
  return zones;
}

Result<void> Zones::add(const std::string& file, const ZoneRecord& record) {
  // All names between a top and the owner exist.
  if (!nodes_.contains(record.owner)) {
    for (Name above = record.owner; !tops_.contains(above);) {
      above = above.parent();
      nodes_.try_emplace(above);
    }
  }
  Node& node = nodes_[record.owner];
  const Type type = type_of(record.record);
  const auto same_type = node.find(type);
  const bool stands = same_type != node.end() &&
                      std::ranges::find(same_type->second.records, record.record) != same_type->second.records.end();
  if (!stands) {
    if (type == Type::cname && !node.empty()) return refuse(file, record, "a CNAME stands beside no other record");
    if (type != Type::cname && node.contains(Type::cname)) {
      return refuse(file, record, "nothing stands beside the name's CNAME");
    }
    if (type == Type::soa && same_type != node.end()) return refuse(file, record, "the zone has a SOA record already");
  }
  Set& set = node[type];
  set.ttl = set.records.empty() ? record.ttl : std::min(set.ttl, record.ttl);  // RFC 2181 §5.2
  if (!stands) set.records.push_back(record.record);
  return {};
}

const Zones::Top* Zones::top_of(const Name& name) const {
  for (Name above = name;; above = above.parent()) {
    if (const auto found = tops_.find(above); found != tops_.end()) return &found->second;
    if (above.is_root()) return nullptr;
  }
}

const Zones::Node* Zones::node_for(const Name& name) const {
  if (const auto found = nodes_.find(name); found != nodes_.end()) return &found->second;
  // RFC 4592 §3.3.1: the wildcard below the closest name that exists, and no other; never one of a zone above.
  for (Name above = name; !tops_.contains(above);) {
    above = above.parent();
    if (!nodes_.contains(above) && !tops_.contains(above)) continue;
    const auto wildcard = above.below("*");
    if (!wildcard) return nullptr;
    const auto found = nodes_.find(*wildcard);
    return found == nodes_.end() ? nullptr : &found->second;
  }
  return nullptr;
}

std::optional<Zones::Found> Zones::find(const Name& name, Type type) const {
  if (top_of(name) == nullptr) return std::nullopt;
  Found found;
  Answer& answer = found.answer;
  answer.name = name;
  answer.ttl = most_ttl;
  for (;;) {
    const Top* top = top_of(answer.name);
    if (top == nullptr) {
      found.elsewhere = true;
      return found;
    }
    const Node* node = node_for(answer.name);
    if (node == nullptr || !node->contains(type)) {
      const bool alias = node != nullptr && node->contains(Type::cname);
      if (!alias) {
        // A top exists, even where no record stands at it.
        answer.status = node == nullptr && !tops_.contains(answer.name) ? Status::no_name : Status::no_data;
        answer.ttl = std::min(answer.ttl, top->negative_ttl);
        return found;
      }
      const Set& set = node->at(Type::cname);
      answer.ttl = std::min(answer.ttl, set.ttl);
      if (++found.aliases > most_aliases) {
        answer.status = Status::failed;
        answer.ttl = top->negative_ttl;
        answer.why = fmt::format("more than {} aliases one after another, from {} on", most_aliases, name.text());
        return found;
      }
      answer.name = std::get<Cname>(set.records.front()).target;
      continue;
    }
    const Set& set = node->at(type);
    answer.status = Status::ok;
    answer.ttl = std::min(answer.ttl, set.ttl);
    answer.records = set.records;
    return found;
  }
}

}  // namespace pabal::dns
