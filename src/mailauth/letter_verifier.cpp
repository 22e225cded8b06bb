#include "mailauth/letter_verifier.hpp"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/text.hpp"
#include "mailauth/arc_chain.hpp"
#include "mailauth/arc_validation.hpp"
#include "mailauth/letter_authors.hpp"
#include "mailauth/letter_reading.hpp"
#include "mailauth/signature_check.hpp"
#include "mailauth/signature_field.hpp"
#include "mailauth/tag_list.hpp"

namespace pabal::mailauth {
namespace {

/// More signature fields than these aren't even chosen from.
constexpr std::size_t kMostConsidered = 100;
/// So many times the limit are looked at in all, where those before them prove nothing.
constexpr std::size_t kMostRounds = 4;

/// How near a signature's domain is to one of the authors': less is nearer. The DNS isn't asked; what is really aligned
/// says DMARC.
unsigned distance(std::string_view domain, const std::vector<std::string>& authors) {
  unsigned nearest = 3;
  for (const std::string_view author : authors) {
    const auto below = [](std::string_view a, std::string_view b) {
      return a.size() > b.size() && a.ends_with(b) && a[a.size() - b.size() - 1] == '.';
    };
    const auto parent = author.substr(std::min(author.find('.'), author.size() - 1) + 1);
    if (domain == author) return 0;
    if (below(domain, author) || (below(author, domain) && domain.contains('.'))) {
      nearest = std::min(nearest, 1U);
    } else if (parent.contains('.') && (domain == parent || below(domain, parent))) {
      nearest = std::min(nearest, 2U);
    }
  }
  return nearest;
}

std::vector<std::string> domains_of(const LetterAuthors& authors) {
  std::vector<std::string> domains;
  for (const std::string_view address : authors.addresses) {
    const auto at = address.rfind('@');
    if (at == std::string_view::npos || domains.size() == 5) continue;
    if (auto domain = canonical_domain(address.substr(at + 1))) domains.push_back(*std::move(domain));
  }
  return domains;
}

}  // namespace

class LetterVerifier::State {
 public:
  State(KeyCache& keys, VerifierLimits limits)
      : keys_(&keys),
        limits_(limits),
        letter_(limits.header_octets, [this] { header_ended(); }, [this](std::string_view octets) { body(octets); }) {}

  LetterReading& letter() noexcept { return letter_; }
  [[nodiscard]] const std::vector<dns::Question>& questions() const noexcept { return questions_; }

  void take_answers(std::vector<dns::Answer> answers) {
    for (std::size_t i = 0; i < std::min(answers.size(), questions_.size()); ++i) {
      answers_.emplace(questions_[i].name, std::move(answers[i]));
    }
    questions_.clear();
  }

  [[nodiscard]] std::size_t work() const { return signatures_.size() - verified_ + (arc_ ? arc_->next().size() : 0); }

  bool verify(SystemTime now) {
    letter_.end();
    if (letter_.too_big()) {
      auto& outcome = outcomes_.dkim.emplace_back();
      outcome.result = DkimResult::policy;
      outcome.reason = "the header section is too big to be looked at";
      outcomes_.arc.cv = ArcStatus::fail;
      outcomes_.arc.reason = outcome.reason;
      return true;
    }
    const bool first = !header_;
    if (first) {
      for (auto* hash : {&bodies_.simple, &bodies_.relaxed}) {
        if (*hash) (*hash)->end();
      }
      header_.emplace(letter_, limits_.hashed_octets);
    }
    SignatureCheck check(letter_, bodies_, *header_, *keys_, answers_, now);
    std::size_t proved_nothing = 0;
    for (; verified_ < signatures_.size(); ++verified_) {
      const auto& signature = signatures_[verified_];
      results_.emplace_back(signature.field, check.check(signature));
      if (results_.back().second.result != DkimResult::pass) ++proved_nothing;
    }
    take_from_reserve(proved_nothing);
    if (!arc_->done()) arc_->go_on(check);
    for (const auto* signature : arc_->next()) want_key(*signature);
    // Also where no question is left: the next stretch may be too much for whoever did this one.
    return arc_->done() && verified_ == signatures_.size();
  }

  SignatureOutcomes outcomes() {
    outcomes_.passed_over = passed_over_ + reserve_.size();
    std::ranges::sort(results_, {}, [](const auto& one) { return one.first; });
    for (auto& [place, outcome] : results_) outcomes_.dkim.push_back(std::move(outcome));
    if (!letter_.too_big()) outcomes_.arc = arc_->take();
    return std::move(outcomes_);
  }

 private:
  void header_ended() {
    choose();
    chain_.emplace(letter_);
    arc_.emplace(*chain_, limits_.arc_sets);
    for (const auto& signature : signatures_) prepare(signature);
    for (const auto& signature : reserve_) want_bodies(signature);
    if (arc_->done()) return;
    for (const auto* signature : arc_->next()) want_key(*signature);
    for (const auto* signature : chain_->message_signatures()) want_bodies(*signature);
  }

  // Who passes a letter on may put any signature into it in the author's name: what can't be read costs nothing, and
  // takes no place from what can; what is over waits in case that those before it prove nothing.
  void choose() {
    std::vector<SignatureField> all;
    for (std::size_t i = 0; i < letter_.fields().size(); ++i) {
      if (!equal_ignoring_case(letter_.fields()[i].name, field_name(SignatureKind::dkim))) continue;
      if (all.size() == kMostConsidered) {
        ++passed_over_;
        continue;
      }
      all.push_back(read_signature(SignatureKind::dkim, letter_.fields()[i].body));
      all.back().field = i;
    }
    if (all.size() > limits_.signatures) {
      const auto authors = domains_of(authors_of_letter(letter_.header()));
      std::ranges::sort(all, {}, [&](const SignatureField& one) {
        return std::pair(one.fault ? 4U : distance(one.facts.domain, authors), one.field);
      });
      reserve_.assign(std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(limits_.signatures)),
                      std::make_move_iterator(all.end()));
      all.resize(limits_.signatures);
      // From the back: the next one is the last.
      std::ranges::reverse(reserve_);
      std::ranges::sort(all, {}, &SignatureField::field);
    }
    signatures_ = std::move(all);
  }

  // The body is known by now: a signature that was made over another one isn't worth a question.
  [[nodiscard]] bool fits_body(const SignatureField& signature) {
    const auto digest = bodies_.of(signature.facts.body_form)->digest(signature.facts.signed_octets);
    return digest && *digest == signature.body_hash;
  }
  void take_from_reserve(std::size_t places) {
    const auto most = limits_.signatures * kMostRounds;
    while (places > 0 && !reserve_.empty() && signatures_.size() < most) {
      auto next = std::move(reserve_.back());
      reserve_.pop_back();
      if (next.fault || !fits_body(next)) {
        ++passed_over_;
        continue;
      }
      --places;
      want_key(next);
      signatures_.push_back(std::move(next));
    }
  }

  void prepare(const SignatureField& signature) {
    want_key(signature);
    want_bodies(signature);
  }
  void want_key(const SignatureField& signature) {
    if (signature.fault || !asked_.insert(*signature.key_name).second) return;
    questions_.push_back({.name = *signature.key_name, .type = dns::Type::txt});
  }
  void want_bodies(const SignatureField& signature) {
    if (signature.fault) return;
    want_body(signature, signature.facts.body_form);
    if (signature.kind == SignatureKind::arc_message && !signature.form_given) {
      want_body(signature, Canonicalization::relaxed);
    }
  }
  void want_body(const SignatureField& signature, Canonicalization form) {
    auto& hash = bodies_.of(form);
    if (!hash) hash.emplace(form);
    if (signature.facts.signed_octets) hash->want(*signature.facts.signed_octets);
  }

  void body(std::string_view octets) {
    for (auto* hash : {&bodies_.simple, &bodies_.relaxed}) {
      if (*hash) (*hash)->take(octets);
    }
  }

  KeyCache* keys_;
  VerifierLimits limits_;
  LetterReading letter_;
  std::vector<SignatureField> signatures_;
  std::size_t verified_ = 0;                                  ///< of those
  std::vector<std::pair<std::size_t, DkimOutcome>> results_;  ///< theirs, with the fields' places
  std::vector<SignatureField> reserve_;                       ///< the next one is the last
  std::size_t passed_over_ = 0;
  std::optional<ArcChain> chain_;
  std::optional<ArcValidation> arc_;
  BodyHashes bodies_;
  std::unordered_set<dns::Name> asked_;
  std::vector<dns::Question> questions_;  ///< that weren't answered yet
  SignatureCheck::Answers answers_;
  std::optional<SignedHeader> header_;  ///< once something was verified
  SignatureOutcomes outcomes_;
};

LetterVerifier::LetterVerifier(KeyCache& keys, VerifierLimits limits) : state_(std::make_unique<State>(keys, limits)) {}
LetterVerifier::~LetterVerifier() = default;
LetterVerifier::LetterVerifier(LetterVerifier&&) noexcept = default;
LetterVerifier& LetterVerifier::operator=(LetterVerifier&&) noexcept = default;

void LetterVerifier::take(std::string_view octets) { state_->letter().take(octets); }
void LetterVerifier::end() { state_->letter().end(); }
bool LetterVerifier::header_whole() const noexcept { return state_->letter().header_whole(); }
std::string_view LetterVerifier::header() const noexcept { return state_->letter().header(); }
std::vector<dns::Question> LetterVerifier::questions() const { return state_->questions(); }
void LetterVerifier::take_answers(std::vector<dns::Answer> answers) { state_->take_answers(std::move(answers)); }
std::size_t LetterVerifier::work() const { return state_->work(); }
bool LetterVerifier::verify(SystemTime now) { return state_->verify(now); }
SignatureOutcomes LetterVerifier::outcomes() { return state_->outcomes(); }

Async<SignatureOutcomes> LetterVerifier::finish(dns::Resolver& resolver, SystemTime now) {
  end();
  bool done = false;
  while (!done) {
    auto wanted = questions();
    if (!wanted.empty()) take_answers(co_await dns::resolve_all(resolver, std::move(wanted)));
    done = verify(now);
  }
  co_return outcomes();
}

SignatureOutcomes LetterVerifier::finish(std::vector<dns::Answer> answers, SystemTime now) {
  end();
  take_answers(std::move(answers));
  while (!verify(now)) take_answers({});
  return outcomes();
}

}  // namespace pabal::mailauth
