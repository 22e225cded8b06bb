// ArcChain: the ARC sets of a letter, and whether they can be a chain (RFC 8617 §5.2 steps 1 and 2). Whether their
// signatures hold says ArcValidation (arc_validation.hpp).
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "mailauth/arc.hpp"
#include "mailauth/letter_reading.hpp"
#include "mailauth/signature_field.hpp"

namespace pabal::mailauth {

class ArcChain {
 public:
  static constexpr std::size_t most_sets = 50;  ///< RFC 8617 §4.2.1

  /// Puts the letter's fields into sets. The letter must outlive it.
  explicit ArcChain(const LetterReading& letter);

  /// Those of all sets, where they are sets.
  [[nodiscard]] std::vector<const SignatureField*> message_signatures() const;

  /// For a sealer: the highest instance; 0 where there is no ARC field that says one.
  [[nodiscard]] std::size_t highest() const noexcept { return highest_; }
  /// Whether its sets are whole: one of each field for each instance from 1.
  [[nodiscard]] bool well_formed() const noexcept { return !broken_; }
  /// Whether its latest seal, as far as there is one, says that the chain has failed.
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// The relaxed forms of all of its fields, set by set, as a seal covers them (RFC 8617 §5.1.1).
  [[nodiscard]] std::string sealed() const;

 private:
  friend class ArcValidation;
  struct Set {
    std::optional<std::size_t> results;
    std::optional<SignatureField> message;
    std::optional<SignatureField> seal;
  };
  struct Fault {
    std::size_t at = 0;
    std::string why;
  };
  void read(std::size_t field);
  void put(std::size_t instance, std::size_t field, SignatureKind kind, SignatureField signature);
  void put_results(std::size_t field);
  void look_at_form();
  void broken(std::size_t at, std::string why);
  [[nodiscard]] std::string relaxed(std::size_t field) const;
  [[nodiscard]] std::vector<std::string> seal_digests() const;
  [[nodiscard]] ArcSet describe(std::size_t instance) const;

  const LetterReading* letter_;
  std::vector<Set> sets_;  ///< by instance, from 1
  std::size_t highest_ = 0;
  bool any_ = false;
  bool ended_ = false;
  std::optional<Fault> broken_;   ///< the fields are no sets
  std::optional<Fault> invalid_;  ///< they are, and what they claim can't be
};

}  // namespace pabal::mailauth
