// DmarcDiscovery: where the policy of a domain stands, and which domain is its organizational one, by the public suffix
// list (RFC 7489 §3.2, §6.6.3) or the walk up the tree (its successor). Part of dmarc.cpp.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mailauth/dmarc.hpp"

namespace pabal::mailauth {

/// A record, or why there is none.
struct DmarcFound {
  enum class State : std::uint8_t { absent, found, several, wrong, unknown } state = State::absent;
  std::string domain;  ///< where it was looked for, without `_dmarc.`
  std::string text;
  std::optional<DmarcRecord> record;
  std::string why;        ///< of `wrong`, `several` and `unknown`; of `absent` where several stood there
  bool hindered = false;  ///< `unknown`: there was no answer in time, or a forged one (DNSSEC)
};

/// What the next record above a name asks at the least for names below it; none where there is no such record.
struct DmarcAbove {
  DmarcPolicy policy = DmarcPolicy::none;
  bool answered = false;  ///< of all names above at least one could be looked up
};

/// One check's; remembers what it asked. Resolver and list must outlive it.
class DmarcDiscovery {
 public:
  DmarcDiscovery(dns::Resolver& resolver, const PublicSuffix& suffixes, DmarcStandard standard)
      : resolver_(resolver), suffixes_(suffixes), standard_(standard) {}

  /// The record that counts for letters of this domain; `absent` where there is none.
  [[nodiscard]] Async<DmarcFound> policy_of(std::string domain);
  /// What stands above this domain, which doesn't tell for itself now.
  [[nodiscard]] Async<DmarcAbove> asked_above(std::string domain);
  /// Nothing where the DNS can't tell, which the list never needs.
  [[nodiscard]] Async<std::optional<std::string>> organizational(std::string domain);
  /// RFC 9091 §2.7: neither addresses nor MX; nothing where the DNS can't tell.
  [[nodiscard]] Async<std::optional<bool>> is_nonexistent(std::string domain);

  [[nodiscard]] std::vector<Lookup> take_lookups() && { return std::move(lookups_); }

 private:
  /// The records at the domain and above it, from the longest name to the shortest.
  using Walk = std::vector<DmarcFound>;

  [[nodiscard]] Async<DmarcFound> fetch(std::string domain);
  [[nodiscard]] Async<Walk> walk(std::string domain);
  [[nodiscard]] std::string by_list(const std::string& domain) const;

  dns::Resolver& resolver_;
  const PublicSuffix& suffixes_;
  DmarcStandard standard_;
  std::vector<Lookup> lookups_;
  std::map<std::string, DmarcFound> fetched_;
};

}  // namespace pabal::mailauth
