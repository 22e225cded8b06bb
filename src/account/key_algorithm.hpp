// What kinds of keys a domain may have for DKIM (RFC 6376 §3.3, RFC 8463), and the names that keys stand under.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace pabal::account {

enum class KeyAlgorithm : std::uint8_t { rsa_2048, rsa_3072, rsa_4096, ed25519 };

/// "rsa-2048", "ed25519".
[[nodiscard]] std::string_view name_of(KeyAlgorithm algorithm) noexcept;
/// From its name; "rsa" alone has 2048 bits, which everybody who verifies must take (RFC 8301 §3.2).
[[nodiscard]] std::optional<KeyAlgorithm> key_algorithm(std::string_view name) noexcept;
/// The one of RSA with so many bits; nothing where there is none.
[[nodiscard]] std::optional<KeyAlgorithm> rsa_algorithm(std::size_t bits) noexcept;
/// Of RSA; 0 of others.
[[nodiscard]] std::size_t rsa_bits(KeyAlgorithm algorithm) noexcept;
/// Whether both make the same kind of signature, so that one key takes the place of the other.
[[nodiscard]] bool same_kind(KeyAlgorithm a, KeyAlgorithm b) noexcept;

/// Whether it may be a selector: labels of letters, digits and inner hyphens between dots (RFC 6376 §3.1), at most 63
/// octets in all.
[[nodiscard]] bool is_selector(std::string_view text) noexcept;

}  // namespace pabal::account
