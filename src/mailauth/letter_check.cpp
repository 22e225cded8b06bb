#include "mailauth/letter_check.hpp"

#include <algorithm>
#include <utility>

#include "address/email_address.hpp"
#include "mailauth/letter_authors.hpp"
#include "mailauth/letter_resolver.hpp"

namespace pabal::mailauth {
namespace {

// What the sender's own names cost takes nothing from what the author's domain is asked: SPF and iprev, keys, and DMARC
// have each their own number of questions.
constexpr std::size_t kDmarcQuestions = 64;
constexpr std::size_t kDkimKeyQuestions = 64;  ///< and two for each set of an ARC chain
constexpr std::size_t kLeastQuestions = 20;
/// So many signatures are verified where the letter's connection lives: a hop to another thread costs as much as one.
constexpr std::size_t kAtHome = 2;

}  // namespace

/// Shared with the look-ups that are under way.
class LetterCheck::State : public std::enable_shared_from_this<LetterCheck::State> {
 public:
  State(CheckTools tools, const CheckSettings& settings, CheckedClient client, SystemTime now)
      : tools_(tools),
        settings_(&settings),
        client_(std::move(client)),
        now_(now),
        verifier_(*tools.keys, settings.verifier) {}

  void begin(const Executor& home) {
    home_.emplace(home);
    const auto key_questions = kDkimKeyQuestions + (2 * settings_->verifier.arc_sets);
    const auto others = kDmarcQuestions + kDkimKeyQuestions;
    const auto least = kLeastQuestions + others;
    resolver_.emplace(*tools_.resolver, home, std::max(settings_->most_questions, least) - others);
    key_resolver_.emplace(*tools_.resolver, home, key_questions);
    dmarc_resolver_.emplace(*tools_.resolver, home, kDmarcQuestions);
    timer_.emplace(home);
    if (!client_.address) return;
    verdict_.client = {.address = *client_.address,
                       .helo = client_.helo,
                       .mail_from = client_.mail_from,
                       .receiver = client_.receiver,
                       .now = now_};
    spawn(check_mail_from(this));
    if (!client_.mail_from.empty() && client_.helo.contains('.')) spawn(check_helo(this));
    spawn(check_client(this));
  }

  void take(std::string_view octets) {
    verifier_.take(octets);
    if (!header_read_ && verifier_.header_whole()) read_header();
  }

  [[nodiscard]] std::string_view header() const noexcept { return verifier_.header(); }

  [[nodiscard]] bool are_open(const std::vector<std::string>& recipients) const {
    return mailauth::are_open(settings_->policy, recipients);
  }

  /// Nothing that was begun waits any longer.
  void give_up() {
    if (timer_) timer_->cancel();
    if (resolver_) resolver_->expire();
    if (key_resolver_) key_resolver_->expire();
    if (dmarc_resolver_) dmarc_resolver_->expire();
  }

  static Async<LetterVerdict> finish(std::shared_ptr<State> state, bool open_recipients) {
    state->verifier_.end();
    if (!state->header_read_) state->read_header();
    // The time is counted from here: how slowly a letter comes is in its sender's hand.
    const auto ends = std::chrono::steady_clock::now() + state->settings_->deadline;
    state->wait_no_longer_than(ends - (state->settings_->deadline / 3), [](State& one) {
      one.resolver_->expire();
      one.key_resolver_->expire();
    });
    if (state->under_way_ > 0) {
      co_await await_completion<bool>([&state](Completion<bool> done) { state->all_done_ = std::move(done); });
    }
    if (state->thrown_) std::rethrow_exception(state->thrown_);
    while (!co_await verify(state)) {
      auto wanted = state->verifier_.questions();
      state->verifier_.take_answers(co_await dns::resolve_all(*state->key_resolver_, std::move(wanted)));
    }
    auto& verdict = state->verdict_;
    auto signatures = state->verifier_.outcomes();
    verdict.dkim = std::move(signatures.dkim);
    verdict.passed_over = signatures.passed_over;
    verdict.arc = std::move(signatures.arc);
    state->add_proofs();
    state->wait_no_longer_than(ends, [](State& one) { one.dmarc_resolver_->expire(); });
    verdict.dmarc = co_await check_dmarc(*state->dmarc_resolver_, *state->tools_.suffixes, state->facts_,
                                         state->settings_->dmarc_standard);
    verdict.author_fault = state->authors_.fault;
    verdict.decision = decide(state->settings_->policy,
                              {.spf = verdict.spf ? &*verdict.spf : nullptr,
                               .dkim = &verdict.dkim,
                               .arc = &verdict.arc,
                               .dmarc = &verdict.dmarc,
                               .author_fault = verdict.author_fault,
                               .null_sender = state->client_.sender_known && state->client_.mail_from.empty(),
                               .has_list_id = state->authors_.has_list_id,
                               .allowed_network = state->client_.allowed_network,
                               .open_recipients = open_recipients,
                               .roll = state->client_.roll});
    verdict.questions =
        state->resolver_->questions() + state->key_resolver_->questions() + state->dmarc_resolver_->questions();
    verdict.late = state->resolver_->expired() || state->key_resolver_->expired() || state->dmarc_resolver_->expired();
    state->give_up();
    co_return std::move(verdict);
  }

 private:
  // Many signatures would hold up all others of this thread; nobody else touches the verifier meanwhile.
  static Async<bool> verify(std::shared_ptr<State> state) {
    auto* pool = state->tools_.pool;
    const bool first = !std::exchange(state->verified_some_, true);
    if (pool == nullptr || (first && state->verifier_.work() <= kAtHome)) {
      co_return state->verifier_.verify(state->now_);
    }
    // The pool lets go of the state before home hears that it is done: its end is at home.
    co_return co_await pool->run([shared = state]() mutable {
      const auto held = std::move(shared);
      return held->verifier_.verify(held->now_);
    });
  }

  // What this one was asked and has no answer to has none in time then.
  void wait_no_longer_than(std::chrono::steady_clock::time_point ends, void (*expire)(State&)) {
    timer_->expires_at(ends);
    timer_->async_wait([weak = weak_from_this(), expire](const boost::system::error_code& cancelled) {
      if (cancelled) return;
      if (const auto state = weak.lock()) expire(*state);
    });
  }
  void spawn(Async<> work) {
    ++under_way_;
    asio::co_spawn(*home_, std::move(work), [state = shared_from_this()](const std::exception_ptr& thrown) {
      if (thrown) state->thrown_ = thrown;
      if (--state->under_way_ == 0 && state->all_done_) std::exchange(state->all_done_, nullptr)(true);
    });
  }
  // Each is spawned with a share of the state in its handler, which lives as long as it.
  static Async<> check_mail_from(State* state) {
    state->verdict_.spf = co_await check_spf(*state->resolver_, state->verdict_.client);
  }
  static Async<> check_helo(State* state) {
    state->verdict_.helo = co_await check_spf_helo(*state->resolver_, state->verdict_.client);
  }
  static Async<> check_client(State* state) {
    state->verdict_.iprev = co_await check_iprev(*state->resolver_, *state->client_.address);
  }
  static Async<> look_up_keys(State* state, std::vector<dns::Question> questions) {
    state->verifier_.take_answers(co_await dns::resolve_all(*state->key_resolver_, std::move(questions)));
  }

  void read_header() {
    header_read_ = true;
    authors_ = authors_of_letter(verifier_.header());
    facts_.authors = authors_.addresses;
    facts_.from_fields = authors_.fields;
    facts_.too_many_authors = authors_.too_many;
    if (auto questions = verifier_.questions(); !questions.empty()) spawn(look_up_keys(this, std::move(questions)));
    // DMARC has to wait for all else, its record need not.
    for (std::size_t i = 0; i < std::min(facts_.authors.size(), dmarc_most_authors); ++i) {
      const auto author = EmailAddress::parse(facts_.authors[i]);
      if (!author || author->domain() == nullptr) continue;
      if (const auto name = dns::Name::parse("_dmarc." + author->domain()->ascii())) {
        dmarc_resolver_->ask_ahead(*name, dns::Type::txt);
      }
    }
  }

  void add_proofs() {
    if (verdict_.spf) {
      facts_.spf = verdict_.spf->result;
      facts_.spf_domain = verdict_.spf->domain;
    }
    // DMARC looks at a few only: those first that say something.
    std::vector<DmarcSignature> unsure;
    std::vector<DmarcSignature> failed;
    for (const auto& one : verdict_.dkim) {
      // What l= leaves open anybody may have written; the standards let it pass all the same.
      const bool passed =
          one.result == DkimResult::pass && (one.open_octets == 0 || settings_->policy.count_partial_bodies);
      const bool temporary = one.result == DkimResult::temperror;
      auto& which = passed ? facts_.signatures : temporary ? unsure : failed;
      which.push_back({.domain = one.domain, .selector = one.selector, .passed = passed, .temporary = temporary});
    }
    for (auto* rest : {&unsure, &failed}) {
      facts_.signatures.insert(facts_.signatures.end(), rest->begin(), rest->end());
    }
  }

  CheckTools tools_;
  const CheckSettings* settings_;
  CheckedClient client_;
  SystemTime now_;
  LetterVerifier verifier_;
  LetterVerdict verdict_;
  DmarcFacts facts_;
  LetterAuthors authors_;
  bool header_read_ = false;
  std::optional<Executor> home_;
  std::optional<LetterResolver> resolver_;
  bool verified_some_ = false;  ///< a chain's later stretches are another thread's work
  std::optional<LetterResolver> key_resolver_;
  std::optional<LetterResolver> dmarc_resolver_;
  std::optional<
      asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>>
      timer_;
  std::size_t under_way_ = 0;
  std::exception_ptr thrown_;
  Completion<bool> all_done_;
};

LetterCheck::LetterCheck(CheckTools tools, const CheckSettings& settings, CheckedClient client, SystemTime now)
    : state_(std::make_shared<State>(tools, settings, std::move(client), now)) {}
LetterCheck::~LetterCheck() { state_->give_up(); }

void LetterCheck::begin(const Executor& home) { state_->begin(home); }
void LetterCheck::take(std::string_view octets) { state_->take(octets); }
std::string_view LetterCheck::header() const noexcept { return state_->header(); }
Async<LetterVerdict> LetterCheck::finish(const std::vector<std::string>& recipients) {
  return State::finish(state_, state_->are_open(recipients));
}

}  // namespace pabal::mailauth
