// SignatureCheck: one signature against the letter and its key (RFC 6376 §6.1), for DKIM and ARC alike.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "dns/resolver.hpp"
#include "mailauth/body_hash.hpp"
#include "mailauth/key_record.hpp"
#include "mailauth/signature_field.hpp"
#include "mailauth/signed_header.hpp"

namespace pabal::mailauth {

/// A body's hashes; those forms that some signature wants.
struct BodyHashes {
  std::optional<BodyHash> simple;
  std::optional<BodyHash> relaxed;
  [[nodiscard]] std::optional<BodyHash>& of(Canonicalization form) noexcept {
    return form == Canonicalization::simple ? simple : relaxed;
  }
};

/// All it refers to must outlive it. Not for several threads at once.
class SignatureCheck {
 public:
  using Answers = std::unordered_map<dns::Name, dns::Answer>;
  SignatureCheck(const LetterReading& letter, BodyHashes& bodies, SignedHeader& header, KeyCache& keys,
                 const Answers& answers, SystemTime now)
      : letter_(&letter), bodies_(&bodies), header_(&header), keys_(&keys), answers_(&answers), now_(now) {}

  /// A DKIM-Signature or ARC-Message-Signature.
  [[nodiscard]] DkimOutcome check(const SignatureField& signature);
  /// An ARC-Seal, which covers what `digest` is of.
  [[nodiscard]] DkimOutcome check_seal(const SignatureField& signature, const std::string& digest);

 private:
  struct Verdict {
    DkimResult result = DkimResult::permerror;
    std::string reason;
  };
  /// Gives the digest that was signed; nothing where there was too much to hash.
  using Digest = std::function<std::optional<std::string>()>;

  [[nodiscard]] std::optional<Verdict> before_key(const SignatureField& signature) const;
  [[nodiscard]] std::optional<Verdict> body(const SignatureField& signature, Canonicalization form,
                                            DkimOutcome& outcome);
  [[nodiscard]] Verdict with_keys(const SignatureField& signature, const Digest& digest, DkimOutcome& outcome);
  [[nodiscard]] bool is_tested(const SignatureField& signature) const;
  [[nodiscard]] static std::optional<Verdict> unfit(const SignatureField& signature, const KeyRecord& record);
  [[nodiscard]] DkimOutcome check_in_form(const SignatureField& signature, Canonicalization header_form,
                                          Canonicalization body_form);

  const LetterReading* letter_;
  BodyHashes* bodies_;
  SignedHeader* header_;
  KeyCache* keys_;
  const Answers* answers_;
  SystemTime now_;
};

}  // namespace pabal::mailauth
