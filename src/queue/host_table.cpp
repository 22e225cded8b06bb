#include "queue/host_table.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace pabal::queue {

Host* HostTable::find(const std::string& name) {
  const auto found = hosts_.find(name);
  return found == hosts_.end() ? nullptr : found->second.get();
}

Host& HostTable::of(const std::string& name, const PaceOptions& options, SteadyTime now) {
  if (hosts_.size() >= kKept && !hosts_.contains(name)) {
    std::erase_if(hosts_, [&](const auto& one) { return !one.second->is_needed(now); });
  }
  auto& host = hosts_[name];
  if (!host) host = std::make_unique<Host>(options);
  return *host;
}

void HostTable::wait_for(const std::string& name, Lane& lane) {
  auto* host = find(name);
  if (host == nullptr) return;
  lane.waits_at = name;
  lane.for_senders([&](const std::string& sender) { host->waiting.add(sender, lane.key()); });
  waited_.insert(name);
}

void HostTable::came_to(const Lane& lane, const std::string& author) {
  if (lane.waits_at.empty()) return;
  if (auto* host = find(lane.waits_at)) host->waiting.add(sender_of(author), lane.key());
}

std::vector<std::string> HostTable::waited() {
  std::erase_if(waited_, [&](const auto& name) {
    const auto* host = find(name);
    return host == nullptr || host->waiting.empty();
  });
  return {waited_.begin(), waited_.end()};
}

std::optional<SteadyTime> HostTable::first_moment(SteadyTime now) {
  std::optional<SteadyTime> first;
  const auto note = [&](SteadyTime time) { first = std::min(first.value_or(time), time); };
  for (const auto& name : waited()) {
    const auto& host = *find(name);
    if (host.pace.rests(now)) note(host.pace.rests_until());
  }
  return first;
}

void HostTable::forgive() {
  for (const auto& [name, host] : hosts_) host->pace.forgive();
}

std::vector<std::string> host_names(const NextHop& hop) {
  std::vector<std::string> names;
  names.reserve(hop.addresses.size());
  for (const auto& address : hop.addresses) names.push_back(address.text());
  if (names.empty()) names.push_back(hop.host);
  return names;
}

std::optional<std::string> kind_of_connection(const Route& route, const NextHop& hop, store::TlsWish wish) {
  if (hop.tls == TlsPolicy::mta_sts_testing || hop.fault) return std::nullopt;
  // Each part ends where no part can have an end of its own.
  auto kind = fmt::format("{} {} {} {}", static_cast<int>(hop.tls), static_cast<int>(wish), route.lmtp ? "lmtp" : "",
                          route.implicit_tls ? "tls" : "");
  const auto add = [&kind](std::string_view part) { kind += fmt::format("\n{}:{}", part.size(), part); };
  // Without a policy that looks at it the name is in SNI alone: whatever the host is called, it is this host.
  if (needs_tls(hop.tls) && hop.tls != TlsPolicy::encrypted) {
    add(hop.host);
    for (const auto& name : hop.names) add(name);
    for (const auto& record : hop.tlsa) {
      add(fmt::format("{} {} {} {}", record.usage, record.selector, record.matching, record.data));
    }
  }
  for (const auto& source : route.sources) add(source.to_string());
  if (route.credentials) {
    add(route.credentials->user);
    add(route.credentials->password);
  }
  return kind;
}

}  // namespace pabal::queue
