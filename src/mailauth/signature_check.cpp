#include "mailauth/signature_check.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/base64.hpp"
#include "codec/timestamp.hpp"

namespace pabal::mailauth {
namespace {

// RFC 6376 §3.6.2.2 leaves open what several records mean: so many are read, and so many keys tried.
constexpr std::size_t kMostRecords = 8;
constexpr std::size_t kMostTried = 2;
constexpr std::size_t kShownRecord = 1000;

std::string moment(SecondsTime time) { return codec::format_timestamp(SystemTime(time)); }

}  // namespace

std::optional<SignatureCheck::Verdict> SignatureCheck::before_key(const SignatureField& signature) const {
  if (signature.fault) return Verdict{signature.fault->result, signature.fault->why};
  if (signature.facts.expires_at && now_ > SystemTime(*signature.facts.expires_at)) {
    return Verdict{DkimResult::fail, fmt::format("the signature ended at {}", moment(*signature.facts.expires_at))};
  }
  return std::nullopt;
}

std::optional<SignatureCheck::Verdict> SignatureCheck::body(const SignatureField& signature, Canonicalization form,
                                                            DkimOutcome& outcome) {
  const auto& hash = *bodies_->of(form);
  const auto digest = hash.digest(signature.facts.signed_octets);
  if (!digest) {
    return Verdict{DkimResult::fail,
                   fmt::format("l= says that {} octets of the body were signed, and there are only {}",
                               *signature.facts.signed_octets, hash.size())};
  }
  if (signature.facts.signed_octets) outcome.open_octets = hash.size() - *signature.facts.signed_octets;
  if (*digest == signature.body_hash) return std::nullopt;
  return Verdict{DkimResult::fail, fmt::format("the body isn't what was signed: its hash is {}, bh= says {}",
                                               codec::base64(*digest), codec::base64(signature.body_hash))};
}

std::optional<SignatureCheck::Verdict> SignatureCheck::unfit(const SignatureField& signature, const KeyRecord& record) {
  if (!record.takes_sha256) return Verdict{DkimResult::permerror, "the key's h= doesn't let it sign over SHA-256"};
  if (!record.for_mail) return Verdict{DkimResult::permerror, "the key's s= says that it isn't for mail"};
  if (record.type != signature.key_type) {
    return Verdict{DkimResult::permerror, fmt::format("the key is of type {}, the signature's algorithm is {}",
                                                      name_of(record.type), signature.facts.algorithm)};
  }
  if (!record.key) return Verdict{DkimResult::permerror, "the key was revoked: its p= is empty"};
  if (record.strict && signature.kind == SignatureKind::dkim && signature.identity_domain != signature.facts.domain) {
    return Verdict{DkimResult::permerror, fmt::format("the key's t=s lets it sign for {} alone, and i= is of {}",
                                                      signature.facts.domain, signature.identity_domain)};
  }
  if (record.type == KeyType::rsa && record.key->bits() < min_rsa_bits) {
    return Verdict{DkimResult::fail, fmt::format("an RSA key of {} bits proves nothing: {} are the least (RFC 8301)",
                                                 record.key->bits(), min_rsa_bits)};
  }
  if (record.type == KeyType::rsa && record.key->bits() > max_rsa_bits) {
    return Verdict{DkimResult::policy,
                   fmt::format("an RSA key of {} bits is not used: {} are the most", record.key->bits(), max_rsa_bits)};
  }
  return std::nullopt;
}

SignatureCheck::Verdict SignatureCheck::with_keys(const SignatureField& signature, const Digest& digest,
                                                  DkimOutcome& outcome) {
  const auto found = answers_->find(*signature.key_name);
  if (found == answers_->end()) return {DkimResult::temperror, "the key wasn't looked up"};
  const dns::Answer& answer = found->second;
  outcome.key_answer = dns::words_of(answer.status);
  outcome.key_secure = answer.secure;
  if (!answer.is_definite()) {
    return {DkimResult::temperror,
            fmt::format("the key {} can't be looked up: {}", signature.facts.key_name,
                        answer.why.empty() ? std::string(outcome.key_answer) : printable(answer.why, 200))};
  }
  const auto records = answer.all<dns::Txt>();
  if (records.empty()) {
    return {DkimResult::permerror,
            fmt::format("there is no key at {}: {}", signature.facts.key_name,
                        answer.status == dns::Status::no_name ? "no such name" : "no TXT record")};
  }
  std::optional<Verdict> first;
  std::optional<std::string> signed_digest;
  std::size_t tried = 0;
  for (std::size_t i = 0; i < std::min(records.size(), kMostRecords) && tried < kMostTried; ++i) {
    const auto text = records[i].joined();
    const auto record = keys_->read(text);
    auto verdict = *record ? unfit(signature, **record) : Verdict{DkimResult::permerror, (*record).error().peer};
    if (*record && (*record)->key && (!verdict || outcome.bits == 0)) {
      outcome.bits = (*record)->key->bits();
      outcome.testing = (*record)->testing;
    }
    if (!verdict || outcome.key_answer == "ok") outcome.key_answer = printable(text, kShownRecord);
    if (!verdict) {
      if (!signed_digest) signed_digest = digest();
      if (!signed_digest)
        return {DkimResult::policy, "this letter's signatures cover more header fields than are looked at"};
      ++tried;
      if ((*record)->key->verify(*signed_digest, signature.signature)) return {DkimResult::pass, {}};
      verdict = Verdict{DkimResult::fail,
                        "the signature doesn't fit: header fields that it covers were changed, or "
                        "another key than the published one made it"};
      first = std::move(verdict);
    } else if (!first) {
      first = std::move(verdict);
    }
  }
  return std::move(*first);
}

// Whether the key, which wasn't needed to see that the signature fails, is one that is only tested.
bool SignatureCheck::is_tested(const SignatureField& signature) const {
  const auto found = signature.key_name ? answers_->find(*signature.key_name) : answers_->end();
  if (found == answers_->end()) return false;
  const auto records = found->second.all<dns::Txt>();
  for (std::size_t i = 0; i < std::min(records.size(), kMostRecords); ++i) {
    const auto record = keys_->read(records[i].joined());
    if (*record && (*record)->key && !unfit(signature, **record)) return (*record)->testing;
  }
  return false;
}

DkimOutcome SignatureCheck::check_in_form(const SignatureField& signature, Canonicalization header_form,
                                          Canonicalization body_form) {
  auto outcome = signature.facts;
  auto verdict = before_key(signature);
  if (!verdict) verdict = body(signature, body_form, outcome);
  if (!verdict) {
    verdict = with_keys(
        signature,
        [&] {
          const auto own = letter_->text_of(letter_->fields()[signature.field]);
          return header_->digest(header_form, signature.names, without_signature(own), signature.field);
        },
        outcome);
  } else if (verdict->result == DkimResult::fail) {
    // RFC 6376 §3.6.1: one that fails is no worse than none while the domain tests, whyever it fails.
    outcome.testing = is_tested(signature);
  }
  outcome.result = verdict->result;
  outcome.reason = std::move(verdict->reason);
  if (outcome.result == DkimResult::fail && outcome.testing) {
    outcome.reason += "; the domain says that it is only testing (t=y)";
  }
  if (outcome.result != DkimResult::pass) return outcome;
  outcome.reason = fmt::format("{} signed this with a key of {} bits", outcome.domain, outcome.bits);
  if (outcome.open_octets > 0) {
    outcome.reason +=
        fmt::format("; but l= leaves the last {} octets of the body open to anybody", outcome.open_octets);
  }
  if (signature.kind == SignatureKind::dkim) {
    for (const auto& name : header_->uncovered_copies(signature.names)) {
      outcome.reason += fmt::format("; but the letter has more {} fields than it covers", name);
    }
  }
  if (outcome.testing) outcome.reason += "; the domain says that it is only testing (t=y)";
  return outcome;
}

DkimOutcome SignatureCheck::check(const SignatureField& signature) {
  auto outcome = check_in_form(signature, signature.facts.header_form, signature.facts.body_form);
  if (outcome.result != DkimResult::fail || signature.kind != SignatureKind::arc_message || signature.form_given ||
      !bodies_->relaxed) {
    return outcome;
  }
  // Sealers of ARC's drafts took relaxed for what a missing c= means; RFC 8617 has DKIM's simple.
  auto relaxed = check_in_form(signature, Canonicalization::relaxed, Canonicalization::relaxed);
  return relaxed.result == DkimResult::pass ? relaxed : outcome;
}

DkimOutcome SignatureCheck::check_seal(const SignatureField& signature, const std::string& digest) {
  auto outcome = signature.facts;
  auto verdict = before_key(signature);
  if (!verdict) {
    verdict = with_keys(signature, [&digest] { return std::optional(digest); }, outcome);
  }
  outcome.result = verdict->result;
  outcome.reason = outcome.result == DkimResult::pass
                       ? fmt::format("{} sealed this with a key of {} bits", outcome.domain, outcome.bits)
                       : std::move(verdict->reason);
  return outcome;
}

}  // namespace pabal::mailauth
