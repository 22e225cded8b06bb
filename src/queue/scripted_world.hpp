// The whole way out in a scripted world: the store on a disk in memory, the relay, routes by a scripted DNS, the SMTP
// client, and hosts that refuse, fall silent, cut the line, or talk nonsense as they are told. Tests only.
#pragma once
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "dns/scripted_resolver.hpp"
#include "queue/relay_world.hpp"
#include "queue/routes.hpp"
#include "queue/scripted_host.hpp"
#include "queue/smtp_peers.hpp"

namespace pabal::queue::scripted {

inline constexpr std::string_view kZone = R"($TTL 300
$ORIGIN busan.example.
@ SOA ns admin 1 3600 600 86400 60
@ MX 10 mx1
@ MX 20 mx2
mx1 A 192.0.2.1
mx2 A 192.0.2.2
)";

class World {
 public:
  /// What of a run is other than usual.
  struct Run {
    dns::Status mx = dns::Status::ok;  ///< of the first look-up
    bool stuck = false;                ///< the fault is mx1's at each connection, and nobody else's
    int letters = 1;                   ///< over one connection, if nothing comes in between
    bool nobody = false;               ///< the first of them is for somebody whom the hosts don't know
    std::size_t size = 0;              ///< more octets of each letter
  };

  explicit World(const Mode& mode) : world_(options()), mode_(mode) {
    world_.other_routes = &routes_;
    world_.other_peers = &peers_;
    world_.start();
  }

  /// A letter for two, or some of them, while the next connections fail so; tells how many tries of the queue it took.
  int letter(std::vector<Fault> faults) { return letter(std::move(faults), Run()); }
  int letter(std::vector<Fault> faults, const Run& run) {
    auto name = fmt::format("mode {} dns {} letters {}:", mode_.name, static_cast<int>(run.mx), run.letters);
    if (run.stuck) name += " stuck";
    if (run.nobody) name += " nobody";
    bool strays = false;
    for (const auto& fault : faults) {
      name += " " + fault.text();
      strays = strays || fault.is_stray();
    }
    stuck_.reset();
    faults_ = {faults.begin(), faults.end()};
    if (run.stuck) stuck_ = faults.front();
    if (run.mx != dns::Status::ok)
      resolver_.answer_next("busan.example", dns::Type::mx,
                            {dns::Answer{.status = run.mx, .name = {}, .why = "as scripted"}});
    for (int i = 0; i < run.letters; ++i) {
      const auto id = fmt::format("l{}", ++letters_);
      const std::string_view first = run.nobody && i == 0 ? "nobody" : "a";
      std::vector<std::string> to = {fmt::format("{}{}@busan.example", first, letters_)};
      if (first == "a") to.push_back(fmt::format("b{}@busan.example", letters_));
      std::string body = "hello\r\n";
      while (body.size() < run.size) body += "a line that makes the letter long enough to be written in pieces\r\n";
      for (const auto& address : to) book_.texts[address] = fmt::format("Subject: {}\r\n\r\n{}", id, body);
      world_.send(world_.letter(id, to, "alice@seoul.example", body));
      sent_.push_back({.id = id, .name = name, .to = std::move(to), .strays = strays, .stuck = run.stuck});
    }
    int rounds = 0;
    for (; world_.rows() != 0 && rounds < 30; ++rounds) {
      world_.round();
      world_.store.clock.advance(std::chrono::hours(5));
    }
    EXPECT_EQ(world_.rows(), 0) << name;
    return rounds;
  }

  /// After many letters: what became of them all.
  void judge() {
    EXPECT_EQ(world_.store.check(), "");
    std::map<std::string, int> told;
    const auto notices = world_.told();
    for (const auto line : split(notices, '\n')) {
      const auto words = split(line, ' ');
      if (words.size() > 1 && words[0] == "failed") ++told[std::string(words[1])];
    }
    EXPECT_EQ(book_.wrong, "");
    for (const auto& sent : sent_) {
      const auto trace = parse_json(world_.store->traces(sent.id)->front()).value();
      for (const auto& address : sent.to) judge(sent, address, told[address], trace);
    }
  }

  [[nodiscard]] const HostBook& book() const noexcept { return book_; }

 private:
  struct Sent {
    std::string id;
    std::string name;
    std::vector<std::string> to;
    bool strays;
    bool stuck;
  };

  void judge(const Sent& sent, const std::string& address, int told, const json::value& trace) {
    const int taken = book_.taken[address];
    const int sure = taken - book_.doubts[address];
    const auto name =
        fmt::format("{}: {} taken {} doubts {} told {}", sent.name, address, taken, book_.doubts[address], told);
    const auto seen = trace_of(trace, address);
    if (sent.strays) {
      // A host that says more than it was asked may say no to what it has taken. But what it has not taken is never
      // called delivered, and who hears of nothing has it.
      EXPECT_GE(taken + told, 1) << name;
      EXPECT_LE(told, 1) << name;
      EXPECT_EQ(seen, told == 1 ? "failed" : "delivered") << name << "\n" << json::serialize(trace);
      if (seen == "delivered") EXPECT_GE(taken, 1) << name << "\n" << json::serialize(trace);
      return;
    }
    EXPECT_EQ(sure + told, 1) << name;
    EXPECT_EQ(seen, sure == 1 ? "delivered" : "failed") << name << "\n" << json::serialize(trace);
    if (sent.stuck) EXPECT_EQ(told, 0) << name << "\n" << json::serialize(trace);
  }

  Async<net::Outbound> connect(net::OutboundOptions options) {
    net::Outbound outbound;
    outbound.to = options.to.front();
    std::optional<Fault> fault;
    if (stuck_) {
      if (outbound.to.address == boost::asio::ip::make_address("192.0.2.1")) fault = stuck_;
    } else if (!faults_.empty()) {
      fault = faults_.front();
      faults_.pop_front();
    }
    if (fault && fault->step == Step::connect) {
      ++book_.fired;
      outbound.failed.push_back(
          {.to = outbound.to, .error = {.kind = ErrorKind::closed, .peer = "Connection refused", .log = "refused"}});
      co_return outbound;
    }
    auto pair = net::MemoryStream::make_pair({.peer = outbound.to});
    auto host = std::make_shared<Host>(book_, mode_, fault, std::move(pair.second), pair.first.get());
    asio::co_spawn(co_await asio::this_coro::executor, Host::serve(std::move(host)),
                   [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
    outbound.stream = std::move(pair.first);
    co_return outbound;
  }

  /// What the trace says of a recipient: "delivered" or "failed"; else what is wrong with it.
  static std::string trace_of(const json::value& trace, const std::string& address) {
    std::string last = "no attempt";
    const auto* attempts = trace.as_object().if_contains("attempts");
    if (attempts == nullptr) return last;
    for (const auto& attempt : attempts->as_array()) {
      for (const auto& one : attempt.as_object().at("recipients").as_array()) {
        const auto& recipient = one.as_object();
        if (recipient.at("address").as_string() != address) continue;
        if (last == "delivered") return "an attempt after its delivery";
        last = recipient.at("fate").as_string() == "delivered" ? "delivered" : "failed";
        const auto* reply = recipient.if_contains("reply");
        const auto* why = recipient.if_contains("why");
        const auto* words = reply != nullptr ? reply : why;
        if (words == nullptr || words->as_string().empty()) return "no words";
      }
    }
    return last;
  }

  /// One connection at a time, so that letters follow each other on it.
  static RelayOptions options() {
    auto options = RelayWorld::quick();
    options.first_connections = 1;
    options.max_connections_per_destination = 1;
    return options;
  }
  static RouteSettings routes_of(const Mode& mode) {
    RouteSettings settings;
    settings.own_names = {"mail.seoul.example"};
    SetRoute set{.domain = "busan.example", .lmtp = mode.lmtp};
    if (mode.needs_tls) set.tls = TlsPolicy::encrypted;
    if (!mode.login.empty()) {
      set.credentials = RouteCredentials{.user = std::string(kUser), .password = std::string(kPassword)};
    }
    if (mode.lmtp || mode.needs_tls) settings.set.push_back(std::move(set));
    return settings;
  }

  RelayWorld world_;
  const Mode mode_;
  dns::ScriptedResolver resolver_{kZone};
  DnsRoutes routes_{resolver_, nullptr, world_.random, routes_of(mode_)};
  Pool pool_{1, Log()};
  SmtpPeers peers_{
      {.own_name = "mail.seoul.example"}, {}, pool_, world_.store.clock, [this](net::OutboundOptions options) {
        return connect(std::move(options));
      }};
  HostBook book_;
  std::deque<Fault> faults_;
  std::optional<Fault> stuck_;
  int letters_ = 0;
  std::vector<Sent> sent_;
};

/// Many runs of one mode: a world is judged, and a new one made, after so many letters that it stays quick.
class Worlds {
 public:
  explicit Worlds(const Mode& mode) : mode_(mode) {}
  Worlds(const Worlds&) = delete;
  Worlds& operator=(const Worlds&) = delete;
  ~Worlds() {
    if (world_) world_->judge();
  }
  World& next() {
    static constexpr int kLettersAWorld = 60;
    if (count_++ % kLettersAWorld == 0) {
      if (world_) world_->judge();
      world_ = std::make_unique<World>(mode_);
    }
    return *world_;
  }

 private:
  Mode mode_;
  int count_ = 0;
  std::unique_ptr<World> world_;
};

}  // namespace pabal::queue::scripted
