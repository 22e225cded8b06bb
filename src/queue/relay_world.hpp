// A scripted world for the relay: a real store on a disk in memory, a clock that is moved by hand, routes and peers
// that do what a script says. Tests only.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "message/dsn.hpp"
#include "message/mime.hpp"
#include "queue/relay.hpp"
#include "store/store_fixture.hpp"

namespace pabal::queue {

struct RelayWorld {
  /// What a peer does with one recipient of a letter.
  struct Answer {
    Fate fate = Fate::delivered;
    std::string reply = "250 2.0.0 Ok";
    bool taken_all_the_same = false;  ///< in_doubt: it has it
    bool host_lacks = false;
  };
  using OnConnect = std::function<Async<std::optional<NoPeer>>(const std::string& host)>;
  using OnRecipient = std::function<Answer(const std::string& host, const OutgoingTransaction& letter,
                                           const OutgoingRecipient& recipient)>;

  class Routes_ final : public Routes {
   public:
    explicit Routes_(RelayWorld& world) : world_(&world) {}
    Async<RouteAnswer> find(Destination destination, store::TlsWish wish) override {
      const auto name = std::visit(
          [](const auto& one) {
            if constexpr (std::is_same_v<std::decay_t<decltype(one)>, Domain>) {
              return one.ascii();
            } else {
              return "[" + one.text + "]";
            }
          },
          destination);
      if (const auto no = world_->no_route.find(name); no != world_->no_route.end()) {
        co_return std::unexpected(no->second);
      }
      Route route;
      route.destination = name;
      for (int i = 1; i <= world_->hops; ++i) {
        NextHop hop;
        hop.host = world_->one_host.empty() ? fmt::format("mx{}.{}", i, name) : world_->one_host;
        route.hops.push_back(std::move(hop));
      }
      if (world_->equals_turn && world_->lookups++ % 2 == 1) std::ranges::reverse(route.hops);
      route.how = {"MX " + name};
      if (wish != store::TlsWish::none) route.how.emplace_back(wish == store::TlsWish::waived ? "waived" : "required");
      co_return route;
    }

   private:
    RelayWorld* world_;
  };

  class Peer_ final : public Peer {
   public:
    Peer_(RelayWorld& world, std::string host) : world_(&world) {
      facts_.host = std::move(host);
      world_->most_open = std::max(world_->most_open, ++world_->open);
    }
    ~Peer_() override { --world_->open; }
    Peer_(const Peer_&) = delete;
    Peer_& operator=(const Peer_&) = delete;
    const PeerFacts& facts() const noexcept override { return facts_; }
    Async<TransactionOutcome> send(OutgoingTransaction letter) override {
      TransactionOutcome outcome;
      std::string line = facts_.host + ":";
      while (world_->stalls && !interrupted_) co_await sleep_for(std::chrono::milliseconds(1));
      if (interrupted_) {
        RecipientOutcome one;
        one.reply.text = "4.4.2 told to stop";
        one.ours = true;
        outcome.recipients.resize(letter.recipients.size(), one);
        co_return outcome;
      }
      if (world_->slowness.count() != 0) co_await sleep_for(world_->slowness);
      auto octets = co_await letter.octets->read(0, letter.octets->size());
      const std::string text = octets ? *octets : "unreadable";
      for (const auto& recipient : letter.recipients) {
        const auto answer = world_->on_recipient(facts_.host, letter, recipient);
        const auto to = recipient.address.text();
        line += fmt::format(" {}={}", to, name_of(answer.fate));
        if (answer.fate == Fate::delivered || answer.taken_all_the_same) ++world_->taken[to + " " + text];
        RecipientOutcome one;
        one.fate = answer.fate;
        one.reply.code = std::atoi(answer.reply.c_str());
        one.reply.text = answer.reply.size() > 4 ? answer.reply.substr(4) : "";
        one.reply.status = std::string(smtp::enhanced_status(one.reply.text, one.reply.code).value_or(""));
        one.ours = answer.fate == Fate::in_doubt || answer.fate == Fate::untried;
        one.host_lacks = answer.host_lacks;
        broken_ = broken_ || answer.fate == Fate::in_doubt || answer.fate == Fate::untried;
        outcome.recipients.push_back(std::move(one));
      }
      world_->said.push_back(line);
      outcome.said.push_back({world_->store.clock.now(), "RCPT", "said"});
      outcome.dsn_passed_on = world_->peers_have_dsn;
      co_return outcome;
    }
    bool is_reusable() const noexcept override { return !broken_ && !interrupted_; }
    void interrupt() noexcept override { interrupted_ = true; }
    Async<> quit() override { co_return; }

   private:
    RelayWorld* world_;
    PeerFacts facts_;
    bool broken_ = false;
    bool interrupted_ = false;
  };

  class Peers_ final : public Peers {
   public:
    explicit Peers_(RelayWorld& world) : world_(&world) {}
    Async<PeerAnswer> connect(Route /*route*/, NextHop hop) override {
      ++world_->connections;
      auto no = co_await world_->on_connect(hop.host);
      if (no) co_return std::unexpected(*std::move(no));
      co_return std::make_unique<Peer_>(*world_, hop.host);
    }
    void interrupt() override { ++world_->interrupted; }

   private:
    RelayWorld* world_;
  };

  explicit RelayWorld(RelayOptions relay_options = quick()) : options(std::move(relay_options)) {
    auto opened = store.open();
    if (!opened) throw std::runtime_error(opened.error().log);
    if (!store->create_account(store::TestStore::place(1), std::nullopt)) throw std::runtime_error("account");
    start();
  }
  ~RelayWorld() {
    relay.reset();
    io.restart();
    io.poll();
  }
  RelayWorld(const RelayWorld&) = delete;
  RelayWorld& operator=(const RelayWorld&) = delete;

  static RelayOptions quick() {
    RelayOptions options;
    options.hostname = "mail.seoul.example";
    options.keep_connection = std::chrono::milliseconds(0);
    options.schedule.jitter = 0;
    return options;
  }
  /// A relay, as after a start.
  void start(std::unique_ptr<OutgoingLetters> letters = nullptr) {
    RelayServices services;
    services.letters = letters ? std::move(letters) : outgoing_of(*store);
    services.routes = other_routes != nullptr ? other_routes : &routes;
    services.peers = other_peers != nullptr ? other_peers : &peers;
    services.addressees = [this](EmailAddress author) -> Async<Result<Addressees>> {
      if (addressees_fail) co_return fail(ErrorKind::busy, "no directory");
      Addressees found;
      if (author.text() == "alice@seoul.example") {
        found.local.push_back(store::TestStore::target(1));
      } else if (author.domain()->ascii() != "seoul.example") {
        found.remote.push_back({.address = author.text(), .destination = author.domain()->ascii()});
      }
      co_return found;
    };
    services.sign_notice = sign_notice;
    services.clock = other_clock != nullptr ? other_clock : &store.clock;
    services.random = &random;
    services.metrics = &metrics;
    relay = std::make_unique<Relay>(io.get_executor(), std::move(services), Log::to_lines(store.log), options);
  }

  store::Delivery letter(const std::string& id, const std::vector<std::string>& to,
                         std::string sender = "alice@seoul.example", const std::string& body = "hello\r\n") {
    auto made = store.letter(id, fmt::format("Subject: {}\r\n\r\n{}", id, body), {});
    made.sender = std::move(sender);
    for (const auto& address : to) {
      made.remote.push_back({.address = address, .destination = address.substr(address.find('@') + 1)});
    }
    return made;
  }
  void send(store::Delivery delivery) {
    auto outcomes = store.deliver(std::move(delivery));
    if (!outcomes) throw std::runtime_error(outcomes.error().log);
  }
  template <class T>
  T run(Async<T> work) {
    std::optional<T> result;
    asio::co_spawn(
        io.get_executor(),
        [](Async<T> call, std::optional<T>* out) -> Async<> { out->emplace(co_await std::move(call)); }(std::move(work),
                                                                                                        &result),
        [](const std::exception_ptr& thrown) {
          if (thrown) std::rethrow_exception(thrown);
        });
    io.restart();
    io.run();
    return std::move(*result);
  }
  /// "delivered 1 postponed 0 failed 0 notices 0 next +1800", minutes.
  std::string round() {
    const auto done = run(relay->round());
    auto text = fmt::format("delivered {} postponed {} failed {} notices {}", done.tally.delivered,
                            done.tally.postponed, done.tally.failed, done.tally.notices);
    if (done.next) {
      text +=
          fmt::format(" next +{}m", std::chrono::round<std::chrono::minutes>(*done.next - store.clock.now()).count());
    }
    return text;
  }
  std::string talk() {
    std::string text;
    for (const auto& line : said) text += line + "\n";
    said.clear();
    return text;
  }
  /// What Alice was told: "failed bob@busan.example 5.1.1", a line each.
  std::string told() {
    std::string text;
    auto letters = store.read(1);
    if (!letters) return letters.error().log;
    for (const auto& [uid, octets] : *letters) {
      const auto dsn = message::read_dsn(octets, message::parse_mime(octets));
      if (!dsn) return "no report: " + octets;
      for (const auto& one : dsn->report.recipients) {
        text += fmt::format("{} {} {}\n", message::name_of(one.action), one.final_recipient.text, one.status);
      }
    }
    return text;
  }
  std::size_t rows() { return store->queue_rows()->size(); }

  asio::io_context io{1};  ///< the first: what the store's threads still hold of it goes before it
  MemoryFileSystem files;
  store::TestStore store{files};
  SeededRandom random{11};
  Metrics metrics;
  RelayOptions options;
  Routes_ routes{*this};
  Peers_ peers{*this};
  std::unique_ptr<Relay> relay;

  Routes* other_routes = nullptr;  ///< in place of those above, from the next start() on
  Peers* other_peers = nullptr;
  const Clock* other_clock = nullptr;
  int hops = 1;
  std::string one_host;                   ///< of all destinations; empty: each has its own
  std::chrono::milliseconds slowness{0};  ///< of a letter
  std::size_t open = 0;                   ///< connections
  std::size_t most_open = 0;
  bool stalls = false;  ///< no host says a word any more, until it is interrupted
  int interrupted = 0;
  bool equals_turn = false;  ///< the hosts come in the other order with each second look-up
  int lookups = 0;
  bool peers_have_dsn = false;
  bool addressees_fail = false;
  SignNotice sign_notice = {};  ///< before start()
  std::map<std::string, NoRoute> no_route;
  OnConnect on_connect = [](const std::string& /*host*/) -> Async<std::optional<NoPeer>> { co_return std::nullopt; };
  OnRecipient on_recipient = [](const auto&, const auto&, const auto&) { return Answer(); };
  std::size_t connections = 0;
  std::vector<std::string> said;
  std::map<std::string, int> taken;  ///< by recipient and text
};

inline NoPeer unreachable() {
  NoPeer no;
  no.status = "4.4.1";
  no.words = "connection refused";
  no.at = "connect";
  return no;
}
/// A host that says nothing until then.
inline Async<std::optional<NoPeer>> silence(const bool* over) {
  while (!*over) co_await sleep_for(std::chrono::milliseconds(5));
  co_return unreachable();
}
/// As the server does it while a letter is being accepted.
inline void hand_over(RelayWorld& world, store::Delivery made) {
  const auto room = world.relay->room(made.sender, made.remote, made.tls);
  ASSERT_TRUE(room);
  made.claim_until = *room;
  auto letters = world.store->outgoing_letters(made, world.store.clock.now());
  world.send(std::move(made));
  world.relay->hand_over(std::move(letters));
}
inline void run_until(RelayWorld& world, const std::function<bool()>& done) {
  world.io.restart();
  for (int i = 0; i < 5000 && !done(); ++i) world.io.run_for(std::chrono::milliseconds(2));
  EXPECT_TRUE(done());
}

inline void end(RelayWorld& world, bool& silence_is_over) {
  silence_is_over = true;
  bool stopped = false;
  world.relay->stop([&] { stopped = true; });
  run_until(world, [&] { return stopped; });
}

}  // namespace pabal::queue
