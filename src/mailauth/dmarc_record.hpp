// The DMARC policy record (RFC 7489 §6.3, and its successor's): `v=DMARC1; p=reject; rua=mailto:…`.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace pabal::mailauth {

/// Which text says how policies are found: RFC 7489 asks the public suffix list; its successor walks up the DNS tree,
/// has psd= and t=, and no pct=, ri= and rf=.
enum class DmarcStandard : std::uint8_t { rfc7489, tree_walk };

enum class DmarcPolicy : std::uint8_t { none, quarantine, reject };
[[nodiscard]] std::string_view name_of(DmarcPolicy policy) noexcept;

enum class DmarcAlignment : std::uint8_t { relaxed, strict };
/// "r", "s".
[[nodiscard]] std::string_view name_of(DmarcAlignment alignment) noexcept;

/// psd=: whether the domain is a public suffix.
enum class DmarcSuffix : std::uint8_t { unknown, yes, no };

/// Where reports go.
struct DmarcUri {
  std::string uri;                           ///< "mailto:dmarc@example.org", with the size taken off
  std::optional<std::uint64_t> most_octets;  ///< `!10m`
  friend bool operator==(const DmarcUri&, const DmarcUri&) = default;
};

struct DmarcRecord {
  DmarcPolicy policy = DmarcPolicy::none;         ///< p=
  std::optional<DmarcPolicy> subdomain_policy;    ///< sp=
  std::optional<DmarcPolicy> nonexistent_policy;  ///< np=
  DmarcAlignment dkim_alignment = DmarcAlignment::relaxed;
  DmarcAlignment spf_alignment = DmarcAlignment::relaxed;
  unsigned percent = 100;                     ///< pct=; always 100 in the successor
  bool testing = false;                       ///< t=y (successor)
  DmarcSuffix suffix = DmarcSuffix::unknown;  ///< psd= (successor)
  std::vector<DmarcUri> aggregate;            ///< rua=
  std::vector<DmarcUri> failure;              ///< ruf=
  std::uint32_t interval = 86400;             ///< ri=, seconds
  std::string failure_options = "0";          ///< fo=, with colons
  /// What was wrong and passed over, each in a short sentence.
  std::vector<std::string> faults;

  /// Whether the text begins as a DMARC record does: other TXT records at the name are none (RFC 7489 §6.6.3).
  [[nodiscard]] static bool is_one(std::string_view text) noexcept;
  /// Reads a record. Unknown tags and values that aren't right count as not there (RFC 7489 §6.3); p= that is missing
  /// or wrong makes p=none where there is a rua= with a URI in it (§6.6.3), and an error otherwise. Errors: syntax.
  [[nodiscard]] static Result<DmarcRecord> parse(std::string_view text, DmarcStandard standard);
};

/// At most so many URIs of a tag are kept.
inline constexpr std::size_t dmarc_most_uris = 16;
inline constexpr std::size_t dmarc_most_record_octets = 16384;

[[nodiscard]] json::object to_json(const DmarcRecord& record);

}  // namespace pabal::mailauth
