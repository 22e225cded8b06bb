// Fields that servers add on a message's way: Received (RFC 5321 §4.4, RFC 5322 §3.6.7), Authentication-Results
// (RFC 8601 §2.2), and those that lists do: List-Id (RFC 2919), List-Unsubscribe and its like (RFC 2369).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/date.hpp"

namespace pabal::message {

/// The clauses of one Received field, each empty where it is missing; of two alike the first counts. Words of a clause
/// are joined by spaces, comments apart.
struct Received {
  std::string from;
  std::string from_comment;  ///< the first comment in the clause: mostly what the server saw ("host [192.0.2.1]")
  std::string by;
  std::string by_comment;
  std::string via;
  std::string with;
  std::string id;
  std::string recipient;              ///< the clause `for`, with its angle brackets taken away
  std::vector<std::string> comments;  ///< all others
  std::optional<codec::Date> date;
};
[[nodiscard]] Received parse_received(std::string_view field_body);

/// One `method=result` with what it is about.
struct AuthenticationResult {
  struct Property {
    std::string type;  ///< "smtp", "header", "policy", "body"; lower case
    std::string name;  ///< "mailfrom", "d"; lower case
    std::string value;
  };
  std::string method;  ///< "spf", "dkim", "dmarc", "arc"…; lower case
  std::string method_version;
  std::string result;  ///< "pass"; lower case
  std::string reason;
  std::string comment;  ///< the first
  std::vector<Property> properties;

  /// The first such property's value; empty where there is none.
  [[nodiscard]] std::string_view property(std::string_view type, std::string_view name) const noexcept;
};

struct AuthenticationResults {
  std::optional<std::uint32_t> instance;  ///< `i=`, in ARC-Authentication-Results (RFC 8617 §4.1.1)
  std::string authserv_id;                ///< who says so; lower case. Empty where it is missing: trust no such field.
  std::string version;
  std::vector<AuthenticationResult> results;  ///< none for "none"; at most 1,000 with 100 properties each
};
/// Anything gives something. What isn't understood is stepped over.
[[nodiscard]] AuthenticationResults parse_authentication_results(std::string_view field_body);

/// The URLs of a List-Help, -Unsubscribe, -Subscribe, -Post, -Owner or -Archive field, in the sender's order of
/// preference: what stands in angle brackets, white space taken out. At most `limit`. "NO" (closed list) gives none.
[[nodiscard]] std::vector<std::string> parse_list_urls(std::string_view field_body, std::size_t limit = 100);

struct ListId {
  std::string description;  ///< decoded UTF-8
  std::string id;           ///< without brackets
};
/// Without brackets a single word is the identifier.
[[nodiscard]] ListId parse_list_id(std::string_view field_body);

}  // namespace pabal::message
