#include "mailauth/arc_sealer.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/base64.hpp"
#include "mailauth/arc_chain.hpp"
#include "mailauth/results_reader.hpp"
#include "mailauth/sha256.hpp"
#include "mailauth/signature_writer.hpp"
#include "mailauth/signed_header.hpp"
#include "mailauth/signing_letter.hpp"

namespace pabal::mailauth {
namespace {

Result<void> check_covered(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (starts_with_ignoring_case(name, "arc-") || equal_ignoring_case(name, "authentication-results")) {
      return fail(ErrorKind::syntax,
                  printable(name, 60) + " may not be covered by an ARC-Message-Signature (RFC 8617 §4.1.2)");
    }
  }
  return check_names(names);
}

}  // namespace

class ArcSealer::State {
 public:
  explicit State(ArcSealing sealing) : sealing_(std::move(sealing)), letter_(Canonicalization::relaxed) {}
  void take(std::string_view octets) { letter_.take(octets); }

  Result<std::string> finish(std::string_view results, ArcStatus cv) {
    const auto body = letter_.end();
    if (!body) return pass(body);
    if (auto right = check_identity(sealing_.identity); !right) return pass(std::move(right));
    const ArcChain chain(letter_.reading());
    if (auto right = may_continue(chain, cv); !right) return pass(std::move(right));
    const auto names = covered();
    if (auto right = check_covered(names); !right) return pass(std::move(right));
    const auto instance = fmt::format("{}", chain.highest() + 1);

    const auto results_field = folded_field("ARC-Authentication-Results",
                                            fmt::format("i={}; {}", instance, fmt::join(split_results(results), "; ")));
    auto message = message_signature(instance, *body, names);
    if (!message) return message;
    auto seal = this->seal(instance, cv, chain, results_field, *message);
    if (!seal) return seal;
    return *seal + *message + results_field;
  }

 private:
  using Tags = std::vector<std::pair<std::string, std::string>>;

  static Result<void> may_continue(const ArcChain& chain, ArcStatus cv) {
    if (chain.ended()) return fail(ErrorKind::exists, "the chain has ended: its latest seal says cv=fail");
    if (chain.highest() >= ArcChain::most_sets) {
      return fail(ErrorKind::exists, fmt::format("the chain has {} sets already", ArcChain::most_sets));
    }
    const bool there = chain.highest() > 0;
    if (cv == ArcStatus::none && (there || !chain.well_formed())) {
      return fail(ErrorKind::syntax, "the letter has been sealed before, so that cv=none can't be said of it");
    }
    if (cv == ArcStatus::pass && (!there || !chain.well_formed())) {
      return fail(ErrorKind::syntax, "there is no whole chain, so that cv=pass can't be said of it");
    }
    if (cv == ArcStatus::fail && !there && chain.well_formed()) {
      return fail(ErrorKind::syntax, "there is no chain that could have failed");
    }
    return {};
  }

  std::vector<std::string> covered() const {
    if (!sealing_.fields.empty()) return sealing_.fields;
    auto names = usual_fields(letter_.reading().header());
    for (const auto& field : letter_.reading().fields()) {
      if (equal_ignoring_case(field.name, "dkim-signature")) names.emplace_back("dkim-signature");
    }
    return names;
  }

  Tags common_tags(const std::string& instance) const {
    return {{"a", std::string(algorithm_of(sealing_.identity.key.type()))},
            {"d", sealing_.identity.domain},
            {"i", instance},
            {"s", sealing_.identity.selector},
            {"t", seconds_of(sealing_.now)}};
  }

  Result<std::string> message_signature(const std::string& instance, const std::string& body,
                                        const std::vector<std::string>& names) const {
    auto tags = common_tags(instance);
    tags.emplace_back("bh", body);
    tags.emplace_back("c", "relaxed/relaxed");
    tags.emplace_back("h", joined_names(names));
    const SignatureWriter writer("ARC-Message-Signature", std::move(tags));
    SignedHeader header(letter_.reading(), SIZE_MAX);
    const auto digest =
        header.digest(Canonicalization::relaxed, lower_names(names), writer.unsigned_text(), std::nullopt);
    const auto signature = sealing_.identity.key.sign(*digest);
    if (!signature) return pass(signature);
    return writer.signed_text(codec::base64(*signature), false);
  }

  // RFC 8617 §5.1.1; of a chain that has failed only the new set is covered (§5.1.2).
  Result<std::string> seal(const std::string& instance, ArcStatus cv, const ArcChain& chain, const std::string& results,
                           const std::string& message) const {
    auto tags = common_tags(instance);
    tags.emplace_back("cv", name_of(cv));
    const SignatureWriter writer("ARC-Seal", std::move(tags));
    auto covered = cv == ArcStatus::fail ? std::string() : chain.sealed();
    for (const auto field :
         {std::string_view(results), std::string_view(message), std::string_view(writer.unsigned_text())}) {
      canonical_field(Canonicalization::relaxed, field, covered);
    }
    covered.resize(covered.size() - 2);
    Sha256 sha256;
    sha256.take(covered);
    const auto signature = sealing_.identity.key.sign(sha256.digest());
    if (!signature) return pass(signature);
    return writer.signed_text(codec::base64(*signature), true);
  }

  ArcSealing sealing_;
  SigningLetter letter_;
};

ArcSealer::ArcSealer(ArcSealing sealing) : state_(std::make_unique<State>(std::move(sealing))) {}
ArcSealer::~ArcSealer() = default;
ArcSealer::ArcSealer(ArcSealer&&) noexcept = default;
ArcSealer& ArcSealer::operator=(ArcSealer&&) noexcept = default;
void ArcSealer::take(std::string_view octets) { state_->take(octets); }
Result<std::string> ArcSealer::finish(std::string_view results, ArcStatus cv) { return state_->finish(results, cv); }

}  // namespace pabal::mailauth
