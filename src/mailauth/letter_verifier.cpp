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

  [[nodiscard]] std::size_t work() const {
    const auto signatures = header_ ? 0 : signatures_.size();
    return signatures + (arc_ ? arc_->next().size() : 0);
  }

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
    if (first) {
      for (const auto& signature : signatures_) outcomes_.dkim.push_back(check.check(signature));
    }
    if (!arc_->done()) arc_->go_on(check);
    for (const auto* signature : arc_->next()) want_key(*signature);
    // Also where no question is left: the next stretch may be too much for whoever did this one.
    return arc_->done();
  }

  SignatureOutcomes outcomes() {
    outcomes_.passed_over = passed_over_;
    if (!letter_.too_big()) outcomes_.arc = arc_->take();
    return std::move(outcomes_);
  }

 private:
  void header_ended() {
    for (const auto place : chosen_fields()) {
      signatures_.push_back(read_signature(SignatureKind::dkim, letter_.fields()[place].body));
      signatures_.back().field = place;
    }
    chain_.emplace(letter_);
    arc_.emplace(*chain_, limits_.arc_sets);
    for (const auto& signature : signatures_) prepare(signature);
    if (arc_->done()) return;
    for (const auto* signature : arc_->next()) want_key(*signature);
    for (const auto* signature : chain_->message_signatures()) want_bodies(*signature);
  }

  // Where the signatures are that are looked at, from the top.
  std::vector<std::size_t> chosen_fields() {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < letter_.fields().size(); ++i) {
      if (!equal_ignoring_case(letter_.fields()[i].name, field_name(SignatureKind::dkim))) continue;
      if (places.size() < kMostConsidered) {
        places.push_back(i);
      } else {
        ++passed_over_;
      }
    }
    if (places.size() <= limits_.signatures) return places;
    const auto authors = domains_of(authors_of_letter(letter_.header()));
    std::vector<std::pair<unsigned, std::size_t>> ranked;
    for (const auto place : places) {
      const auto tags = TagList::parse(letter_.fields()[place].body);
      const auto domain = tags ? canonical_domain(tags->find("d").value_or("")) : std::nullopt;
      ranked.emplace_back(domain ? distance(*domain, authors) : 4, place);
    }
    std::ranges::sort(ranked);
    passed_over_ += places.size() - limits_.signatures;
    places.clear();
    for (std::size_t i = 0; i < limits_.signatures; ++i) places.push_back(ranked[i].second);
    std::ranges::sort(places);
    return places;
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
