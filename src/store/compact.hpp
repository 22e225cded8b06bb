// The compact forms in which small lists stand in a row: the pieces of an email, the places where it stands, its
// keywords, what a delivery has done, which UIDs a change removed. Numbers are LEB128 (seven bits an octet, lowest
// first), the first octet is the form's version. Decoding takes anything and refuses what encoding would not have
// written.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/ids.hpp"

namespace pabal::store {

/// What a reader is told where octets or a row are not what was stored (ErrorKind::damaged).
inline constexpr std::string_view kDamaged = "message damaged";

/// A run of a blob's octets.
struct Piece {
  BlobId blob;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  friend bool operator==(const Piece&, const Piece&) = default;
};
[[nodiscard]] std::string encode_pieces(std::span<const Piece> pieces);
[[nodiscard]] Result<std::vector<Piece>> decode_pieces(std::string_view octets);

/// Where an email stands.
struct Standing {
  MailboxId mailbox;
  std::int64_t uid = 0;
  friend bool operator==(const Standing&, const Standing&) = default;
};
[[nodiscard]] std::string encode_standings(std::span<const Standing> standings);
[[nodiscard]] Result<std::vector<Standing>> decode_standings(std::string_view octets);

/// One target that a delivery has reached; `name_hash` is of the mailbox name that was asked for.
struct Reached {
  AccountId account;
  std::uint32_t name_hash = 0;
  MailboxId mailbox;
  std::int64_t uid = 0;
  EmailId email;
  friend bool operator==(const Reached&, const Reached&) = default;
};
[[nodiscard]] std::string encode_reached(std::span<const Reached> reached);
[[nodiscard]] Result<std::vector<Reached>> decode_reached(std::string_view octets);

/// Numbers above 0 in rising order (UIDs, email ids), kept as runs.
[[nodiscard]] std::string encode_numbers(std::span<const std::int64_t> rising);
/// At most `limit` numbers, so that a few octets can't ask for all memory.
[[nodiscard]] Result<std::vector<std::int64_t>> decode_numbers(std::string_view octets, std::size_t limit = 10'000'000);

/// Any numbers from 0 to INT64_MAX, in their order.
[[nodiscard]] std::string encode_list(std::span<const std::uint64_t> numbers);
[[nodiscard]] Result<std::vector<std::uint64_t>> decode_list(std::string_view octets);

}  // namespace pabal::store
