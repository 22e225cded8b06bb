// A small world for tests of SMTP sessions: a mail system at busan.example whose accounts, deliveries and passwords are
// a script. The server does not use it.
//
//   bob@busan.example, carol@busan.example      mailboxes; password "secret"
//   disabled@, everybody@ (bob and carol), outside@ (an alias to another domain), full@ (no room left), slow@ (the
//   store is busy), broken@ (the disk fails), nospace@ (the disk is full), lost@ (the look-up fails), postmaster@ (bob)
//   한@busan.example                             a mailbox that needs SMTPUTF8
// Everybody else there is unknown; other domains are not ours.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "net/memory_stream.hpp"
#include "server/smtp/server.hpp"

namespace pabal::server::smtp {

inline EmailAddress address_of(std::string_view text) { return EmailAddress::parse(text).value(); }

/// PLAIN in one or two steps, LOGIN in two or three, and a "SCRAM-SHA-256" that says "challenge", wants "proof" and has
/// "v=last" for its last word.
class ScriptedExchange final : public account::SaslExchange {
 public:
  explicit ScriptedExchange(std::string mechanism) : mechanism_(std::move(mechanism)) {}

  [[nodiscard]] Async<Result<Step>> step(std::optional<std::string> response) override {
    ++steps_;
    if (!response) co_return Step(Challenge{mechanism_ == "LOGIN" ? "Username:" : ""});
    if (mechanism_ == "LOGIN") {
      if (user_.empty()) {
        user_ = *std::move(response);
        co_return Step(Challenge{"Password:"});
      }
      co_return judge(user_, *response);
    }
    if (mechanism_ == "PLAIN") {
      const auto first = response->find('\0');
      const auto second = first == std::string::npos ? first : response->find('\0', first + 1);
      if (second == std::string::npos) co_return fail(ErrorKind::syntax, "not a PLAIN message");
      co_return judge(response->substr(first + 1, second - first - 1), response->substr(second + 1));
    }
    if (!challenged_) {
      challenged_ = true;
      co_return Step(Challenge{"challenge"});
    }
    if (*response != "proof") co_return fail(ErrorKind::auth, "Wrong user or password");
    co_return Step(Success{bob(), "v=last"});
  }

  static account::Account bob() {
    return {.id = AccountId{1},
            .address = address_of("bob@busan.example"),
            .shard = ShardId{1},
            .enabled = true,
            .quota_bytes = {},
            .credential_generation = 0};
  }

 private:
  static Result<Step> judge(const std::string& user, const std::string& password) {
    if (user == "busy") return fail(ErrorKind::busy, "Try again later");
    if (user != "bob@busan.example" || password != "secret") return fail(ErrorKind::auth, "Wrong user or password");
    return Step(Success{bob(), ""});
  }
  std::string mechanism_;
  std::string user_;
  int steps_ = 0;
  bool challenged_ = false;
};

class ScriptedAccounts final : public Accounts {
 public:
  [[nodiscard]] Async<Result<account::Resolution>> resolve(EmailAddress recipient) override {
    co_return resolve_now(recipient);
  }
  /// Half of the names are in memory.
  [[nodiscard]] std::shared_ptr<const account::Resolution> try_resolve(const EmailAddress& recipient) override {
    if (recipient.local_part().size() % 2 == 0) return nullptr;
    auto answer = resolve_now(recipient);
    return answer ? std::make_shared<const account::Resolution>(*std::move(answer)) : nullptr;
  }
  [[nodiscard]] Async<Result<account::Resolution>> postmaster() override {
    co_return resolve_now(address_of("postmaster@busan.example"));
  }
  [[nodiscard]] Async<Result<bool>> may_send_as(AccountId account, EmailAddress sender) override {
    if (sender.local_part() == "lost") co_return fail(ErrorKind::io, "local error in processing");
    co_return account.value == 1 && sender.domain() != nullptr&& sender.domain()->ascii() == "busan.example" &&
        (sender.local_part() == "bob" || sender.local_part().starts_with("bob+"));
  }
  [[nodiscard]] std::vector<std::string_view> mechanisms(const account::ClientFacts& facts) override {
    if (facts.encrypted) return {"SCRAM-SHA-256", "PLAIN", "LOGIN"};
    return scram_without_tls ? std::vector<std::string_view>{"SCRAM-SHA-256"} : std::vector<std::string_view>{};
  }
  [[nodiscard]] Result<std::unique_ptr<account::SaslExchange>> begin(std::string_view mechanism,
                                                                     account::ClientFacts facts) override {
    client = facts;
    for (const auto known : mechanisms(facts)) {
      if (known == mechanism) return std::make_unique<ScriptedExchange>(std::string(mechanism));
    }
    return fail(ErrorKind::unsupported, "no such mechanism");
  }

  bool scram_without_tls = true;
  account::ClientFacts client;  ///< as the last AUTH told it

 private:
  static account::LocalTarget target(std::int64_t id, const std::string& name) {
    return {.account = AccountId{id},
            .shard = ShardId{1},
            .delivered_to = address_of(name + "@busan.example"),
            .detail = {}};
  }
  static Result<account::Resolution> resolve_now(const EmailAddress& recipient) {
    static const std::map<std::string, std::int64_t> mailboxes = {
        {"bob", 1}, {"carol", 2}, {"full", 3}, {"slow", 4}, {"broken", 5}, {"nospace", 6}, {"한", 7}};
    if (recipient.domain() == nullptr || recipient.domain()->ascii() != "busan.example") {
      return account::NotOurDomain{};
    }
    account::LocalRecipient local;
    const auto name = recipient.local_part().substr(0, recipient.local_part().find('+'));
    if (name == "lost") return fail(ErrorKind::io, "local error in processing", "the directory is gone");
    if (name == "disabled") return account::DisabledRecipient{};
    if (name == "outside") {
      local.remote_targets.push_back(address_of("x@elsewhere.example"));
      return local;
    }
    if (name == "everybody") {
      local.targets = {target(1, "bob"), target(2, "carol")};
      return local;
    }
    const auto found = mailboxes.find(name == "postmaster" ? "bob" : name);
    if (found == mailboxes.end()) return account::UnknownRecipient{};
    local.targets = {target(found->second, found->first)};
    return local;
  }
};

/// Keeps what it is given, and answers by the names of the recipients.
class ScriptedMda final : public delivery::Mda {
 public:
  struct Kept {
    std::string envelope;  ///< "from=<…> to=<…>,<…>"
    std::string content;
    std::string origin;  ///< protocol, client, helo, tls
    std::string notify;  ///< of its recipients, a word each
  };

  [[nodiscard]] Async<delivery::Answer> deliver(delivery::Letter letter) override {
    ++calls;
    delivery::Answer answer;
    Result<void> all;
    std::string to;
    for (const auto& recipient : letter.recipients) {
      auto result = verdict(recipient.address.local_part());
      if (!result) all = result;
      if (result || !letter.answer_each) to += (to.empty() ? "<" : ",<") + recipient.address.text() + ">";
      if (letter.answer_each) answer.results.push_back(std::move(result));
    }
    const bool keep = letter.answer_each ? !to.empty() : all.has_value();
    if (keep) {
      std::string notify;
      for (const auto& recipient : letter.recipients) notify += recipient.notify + " ";
      kept.push_back({.envelope = "from=<" + (letter.sender ? letter.sender->text() : "") + "> to=" + to +
                                  (letter.junk ? " junk" : ""),
                      .content = letter.content.memory(),
                      .origin = letter.origin.protocol + " " + letter.origin.client_address + " " + letter.origin.helo +
                                " " + letter.origin.tls,
                      .notify = std::move(notify)});
    }
    if (!letter.answer_each) answer.results.push_back(std::move(all));
    co_return answer;
  }

  std::vector<Kept> kept;
  std::size_t calls = 0;

 private:
  static Result<void> verdict(const std::string& name) {
    if (name == "full") return fail(ErrorKind::quota, "The mailbox is full");
    if (name == "slow") return fail(ErrorKind::busy, "Try again later");
    if (name == "broken") return fail(ErrorKind::io, "local error in processing");
    if (name == "nospace") return fail(ErrorKind::no_space, "insufficient storage");
    return {};
  }
};

/// Judges what comes from an address at judged.example, by its local part: forged (refused), spam (junk), slow (put
/// off), stranger (nobody knows whose it is); all others are good. Tells of how many octets it saw.
class ScriptedJudges final : public Judges {
 public:
  [[nodiscard]] std::unique_ptr<Judge> judge(JudgedClient client) override {
    judges_ = client.mail_from.ends_with("@judged.example");
    if (!judges_) return nullptr;
    return std::make_unique<One>(client.mail_from.substr(0, client.mail_from.find('@')), &begun);
  }
  /// Of strangers it knows only those at judged.example.
  [[nodiscard]] bool trusts(const net::Endpoint& /*peer*/) const override { return !judges_; }
  std::size_t begun = 0;

 private:
  bool judges_ = false;
  class One final : public Judge {
   public:
    One(std::string name, std::size_t* begun) : name_(std::move(name)), all_begun_(begun) {}
    void begin(const Executor& /*home*/) override {
      begun_ = true;
      ++*all_begun_;
    }
    void take(std::string_view octets) override { seen_ += begun_ ? octets.size() : 0; }
    [[nodiscard]] Async<Judgement> finish(std::vector<std::string> recipients) override {
      Judgement out;
      out.summary = name_;
      if (name_ == "forged") out.refusal.emplace(550, "5.7.1", "This is not from judged.example");
      if (name_ == "slow") out.refusal.emplace(451, "4.7.0", "The DNS gives no answer");
      out.trace["found"] = name_;
      out.message_id = "<1@judged.example>";
      out.junk = name_ == "spam";
      out.sender_is_known = name_ != "stranger";
      out.fields = fmt::format("Authentication-Results: mail.busan.example; x-octets={} x-recipients={}\r\n", seen_,
                               recipients.size());
      co_return out;
    }

   private:
    std::string name_;
    std::size_t* all_begun_;
    bool begun_ = false;
    std::size_t seen_ = 0;
  };
};

struct World {
  explicit World(Settings chosen = {}, ListenerSettings listener = {}, bool tls_available = true)
      : settings(std::move(chosen)),
        limits(named(settings), random),
        server(settings, listener, services(tls_available), limits) {}

  /// A session over `stream`, which the caller keeps.
  [[nodiscard]] Async<> serve(net::Stream& stream) { return server.talk(stream, "session", log); }

  ManualClock clock{SystemTime(std::chrono::seconds(1795318461))};
  SeededRandom random{1};
  Metrics metrics;
  Log log;
  ScriptedAccounts accounts;
  ScriptedMda mda;
  ScriptedJudges judges;
  std::vector<delivery::RefusedLetter> refused;
  Settings settings;
  RateLimits limits;
  Server server;

 private:
  static Settings& named(Settings& settings) {
    settings.hostname = "mail.busan.example";
    return settings;
  }
  Async<> note(delivery::RefusedLetter letter) {
    refused.push_back(std::move(letter));
    co_return;
  }
  Services services(bool tls_available) {
    Services all;
    all.accounts = &accounts;
    all.mda = &mda;
    all.judges = &judges;
    all.note_refusal = [this](delivery::RefusedLetter letter) { return note(std::move(letter)); };
    all.receive = [](std::uint64_t) { return store::Incoming(); };
    if (tls_available) {
      // Memory streams never look at it; it only has to be there.
      all.tls_context = [token = std::make_shared<int>()] {
        return std::shared_ptr<const net::TlsContext>(token, reinterpret_cast<const net::TlsContext*>(token.get()));
      };
    }
    all.clock = &clock;
    all.random = &random;
    all.metrics = &metrics;
    return all;
  }
};

}  // namespace pabal::server::smtp
