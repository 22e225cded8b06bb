// EmailAddress: the Mailbox of RFC 5321 §4.1.2 (with RFC 6531 §3.3), valid once it exists.
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "address/domain.hpp"
#include "base/error.hpp"

namespace pabal {

/// An address literal: [192.0.2.1], [IPv6:2001:db8::1] or a general one, without the brackets, as written.
struct AddressLiteral {
  std::string text;
  friend bool operator==(const AddressLiteral&, const AddressLiteral&) = default;

  /// From what stands between the brackets (RFC 5321 §4.1.3; RFC 5952 forms and others of RFC 4291 alike). `syntax`
  /// otherwise.
  [[nodiscard]] static Result<AddressLiteral> parse(std::string_view text);
  /// The IP address ("192.0.2.1", "2001:db8::1"); nothing for a general literal.
  [[nodiscard]] std::optional<std::string_view> ip() const noexcept;
};

class EmailAddress {
 public:
  /// RFC 5321 §4.5.3.1.1.
  static constexpr std::size_t max_local_part_octets = 64;
  /// RFC 5321 §4.5.3.1.3, without the brackets.
  static constexpr std::size_t max_octets = 254;

  /// `local-part@domain` or `local-part@[literal]`; the local part may be a quoted string or UTF-8 (well-formed,
  /// without control characters). Limits of RFC 5321 §4.5.3.1: local part 64 octets, domain 255, whole path 254, as
  /// they are on the wire. Senders that code the recipient into their address pass 64 now and then: who takes a
  /// reverse-path may allow more. Errors: `syntax`.
  [[nodiscard]] static Result<EmailAddress> parse(std::string_view text,
                                                  std::size_t local_part_limit = max_local_part_octets);
  /// From a local part without quoting (as local_part() gives it) and a domain; the same rules.
  [[nodiscard]] static Result<EmailAddress> make(std::string_view local_part, const Domain& domain);

  /// The local part with quoting and escapes taken away, case and normalisation as given: `"a b"@x` gives `a b`.
  [[nodiscard]] const std::string& local_part() const noexcept { return local_part_; }
  /// The domain; nothing where the address has a literal instead.
  [[nodiscard]] const Domain* domain() const noexcept { return std::get_if<Domain>(&host_); }
  [[nodiscard]] const AddressLiteral* literal() const noexcept { return std::get_if<AddressLiteral>(&host_); }

  /// As it goes onto the wire: quoted where it must be, A-labels for the domain.
  [[nodiscard]] std::string text() const;
  /// For people: U-labels.
  [[nodiscard]] std::string display() const;
  /// True if only SMTPUTF8 can carry it (the local part isn't ASCII).
  [[nodiscard]] bool needs_smtputf8() const noexcept;

  friend bool operator==(const EmailAddress&, const EmailAddress&) = default;

 private:
  EmailAddress(std::string local_part, std::variant<Domain, AddressLiteral> host)
      : local_part_(std::move(local_part)), host_(std::move(host)) {}
  std::string local_part_;
  std::variant<Domain, AddressLiteral> host_;
};

/// The form in which our own local parts are compared: case folded, normalisation form C. For other hosts' addresses
/// the case is theirs to judge (RFC 5321 §2.4).
[[nodiscard]] std::string canonical_local_part(std::string_view local_part);

}  // namespace pabal
