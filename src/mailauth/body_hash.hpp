// The hashes of a body in one form, for all who want one: the octets are gone through once, whatever the lengths.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/canonical.hpp"
#include "mailauth/sha256.hpp"

namespace pabal::mailauth {

/// Not to be moved.
class BodyHash {
 public:
  explicit BodyHash(Canonicalization form);
  BodyHash(const BodyHash&) = delete;
  BodyHash& operator=(const BodyHash&) = delete;

  /// The hash of so many octets of the form will be asked for. Before the first take().
  void want(std::uint64_t length);
  void take(std::string_view octets) { body_.take(octets); }
  void end();

  /// How long the form is. After end(), as what follows.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Of all of it, or of its beginning (want()); nothing where it isn't as long.
  [[nodiscard]] std::optional<std::string> digest(std::optional<std::uint64_t> length) const;

 private:
  struct Mark {
    std::uint64_t length;
    std::string digest;
  };
  void hash(std::string_view octets);

  Sha256 sha256_;
  CanonicalBody body_;
  std::uint64_t size_ = 0;
  std::vector<Mark> marks_;  ///< by length
  std::size_t reached_ = 0;  ///< marks that have their digest
  std::string digest_;
};

}  // namespace pabal::mailauth
