// Lookup: a question to the DNS and what it said, as evidence in the outcomes of SPF, DMARC and the reverse look-up.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "dns/resolver.hpp"

namespace pabal::mailauth {

struct Lookup {
  dns::Name name;
  dns::Type type = dns::Type::txt;
  dns::Status status = dns::Status::failed;
  std::vector<std::string> records;  ///< as zone files write them; the first ones, each cut where it is long
  std::size_t count = 0;             ///< how many there were
  std::string why;                   ///< what went wrong, where something did

  /// RFC 7208 §4.6.4: no such name, or no such record.
  [[nodiscard]] bool is_void() const noexcept {
    return status == dns::Status::no_data || status == dns::Status::no_name;
  }
};

/// Bounded, whatever the answer holds: at most 20 records of 300 octets.
[[nodiscard]] Lookup lookup_of(const dns::Name& name, dns::Type type, const dns::Answer& answer);

/// "MX example.org: 10 mx.example.org", "TXT nowhere.example: no such name".
[[nodiscard]] std::string text_of(const Lookup& lookup);
/// {"name":…,"type":"MX","status":"ok","records":[…]}
[[nodiscard]] json::object to_json(const Lookup& lookup);

}  // namespace pabal::mailauth
