// Zones: the records of zone files, by name, and what they answer (RFC 1034 §4.3.2, RFC 4592 for wildcards).
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "dns/resolver.hpp"
#include "dns/zone_file.hpp"

namespace pabal::dns {

/// What is asked of them is answered for all names at and below a zone's top. Tops are the owners of SOA records; for a
/// record that stands below none in its file, the $ORIGIN that it stands under, or its own name where that is the root.
/// NS records below a top are data like any other: nothing is delegated. Nothing here is signed.
class Zones {
 public:
  Zones() = default;
  /// Errors, `file:line: what is wrong`: a CNAME beside other records (RFC 1034 §3.6.2), two CNAMEs, a second SOA.
  [[nodiscard]] static Result<Zones> of(const std::vector<ZoneFile>& files);

  /// What the zones say. `name` is where in-zone aliases led to; where that is in no zone, `elsewhere` is true, the
  /// status means nothing, and somebody else must be asked for `name`. Nothing where the name asked for is in no zone.
  struct Found {
    Answer answer;
    bool elsewhere = false;
    std::size_t aliases = 0;  ///< followed
  };
  [[nodiscard]] std::optional<Found> find(const Name& name, Type type) const;

  [[nodiscard]] bool empty() const noexcept { return tops_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return tops_.size(); }

 private:
  struct Set {
    std::chrono::seconds ttl{0};
    std::vector<Record> records;
  };
  using Node = std::map<Type, Set>;  ///< empty where only names below it have records (RFC 4592 §2.2.2)
  struct Top {
    std::chrono::seconds negative_ttl{60};  ///< RFC 2308 §5: the lesser of the SOA's TTL and its minimum
  };

  [[nodiscard]] const Top* top_of(const Name& name) const;
  [[nodiscard]] const Node* node_for(const Name& name) const;
  [[nodiscard]] Result<void> add(const std::string& file, const ZoneRecord& record);

  std::unordered_map<Name, Node> nodes_;
  std::unordered_map<Name, Top> tops_;
};

}  // namespace pabal::dns
