// What we announce (RFC 9051 §7.2.2): exactly what works in the present state. A feature is on when the server that is
// built on this grammar serves it; nothing is announced, and no command of it known, before.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pabal::imap {

/// The extensions, each with a capability of its own; what has several comes as a whole (ACL and RIGHTS=).
enum class Feature : std::uint8_t {
  acl,             ///< RFC 4314
  append_limit,    ///< RFC 7889
  binary,          ///< RFC 3516
  catenate,        ///< RFC 4469
  children,        ///< RFC 3348
  compress,        ///< RFC 4978
  condstore,       ///< RFC 7162
  context_search,  ///< RFC 5267
  context_sort,
  create_special_use,      ///< RFC 6154
  enable,                  ///< RFC 5161
  esearch,                 ///< RFC 4731
  esort,                   ///< RFC 5267
  filters,                 ///< RFC 5466
  i18n_level_2,            ///< RFC 5255
  id,                      ///< RFC 2971
  idle,                    ///< RFC 2177
  in_progress,             ///< RFC 9585
  jmap_access,             ///< RFC 9698
  language,                ///< RFC 5255
  list_extended,           ///< RFC 5258
  list_metadata,           ///< RFC 9590
  list_my_rights,          ///< RFC 8440
  list_status,             ///< RFC 5819
  metadata,                ///< RFC 5464
  move,                    ///< RFC 6851
  multi_append,            ///< RFC 3502
  multi_search,            ///< RFC 7377
  namespaces,              ///< RFC 2342
  notify,                  ///< RFC 5465
  object_id,               ///< RFC 8474
  partial,                 ///< RFC 9394
  preview,                 ///< RFC 8970
  qresync,                 ///< RFC 7162
  quota,                   ///< RFC 9208
  replace,                 ///< RFC 8508
  save_date,               ///< RFC 8514
  search_fuzzy,            ///< RFC 6203
  search_result,           ///< RFC 5182
  sort,                    ///< RFC 5256
  sort_display,            ///< RFC 5957
  special_use,             ///< RFC 6154
  status_size,             ///< RFC 8438
  thread_ordered_subject,  ///< RFC 5256
  thread_references,
  thread_refs,
  uid_batches,      ///< RFC 10022
  uid_only,         ///< RFC 9586
  uid_plus,         ///< RFC 4315
  unauthenticate,   ///< RFC 8437
  unselect,         ///< RFC 3691
  url_auth,         ///< RFC 4467
  url_auth_binary,  ///< RFC 5524
  url_partial,      ///< RFC 5550
  utf8_accept,      ///< RFC 6855
  within,           ///< RFC 5032
  rev2,             ///< RFC 9051 itself
};
inline constexpr std::size_t kFeatures = static_cast<std::size_t>(Feature::rev2) + 1;

class Features {
 public:
  constexpr Features() = default;
  constexpr Features(std::initializer_list<Feature> on) {
    for (const auto feature : on) set(feature);
  }
  [[nodiscard]] static constexpr Features all() {
    Features features;
    features.bits_ = (std::uint64_t{1} << kFeatures) - 1;
    return features;
  }
  constexpr void set(Feature feature, bool on = true) {
    const auto bit = std::uint64_t{1} << static_cast<unsigned>(feature);
    bits_ = on ? bits_ | bit : bits_ & ~bit;
  }
  [[nodiscard]] constexpr bool has(Feature feature) const noexcept {
    return ((bits_ >> static_cast<unsigned>(feature)) & 1) != 0;
  }
  friend constexpr bool operator==(Features, Features) = default;

 private:
  std::uint64_t bits_ = 0;
};

struct CapabilityFacts {
  Features features;
  bool logged_in = false;
  bool tls = false;
  bool tls_available = false;                    ///< STARTTLS would work, were TLS not active already
  bool plaintext_allowed = false;                ///< LOGIN works
  bool compressed = false;                       ///< COMPRESS is active
  bool literal_minus = false;                    ///< else LITERAL+; as the reader has it
  std::span<const std::string_view> mechanisms;  ///< that the authenticator offers on this connection
  std::optional<std::uint64_t> append_limit;     ///< the same for all mailboxes; nothing: STATUS tells
  std::optional<std::uint64_t> message_limit;    ///< RFC 9738
  std::optional<std::uint64_t> save_limit;
  bool may_set_quotas = false;  ///< SETQUOTA works for this user
};

/// "IMAP4rev2 IMAP4rev1 …": the words behind "* CAPABILITY " and within "[CAPABILITY …]".
[[nodiscard]] std::string capabilities(const CapabilityFacts& facts);

}  // namespace pabal::imap
