// The whole way out in a scripted world: the store on a disk in memory, the relay, routes by a scripted DNS, the SMTP
// client, and hosts that refuse, fall silent, cut the line within any reply, or talk nonsense, at any step, one after
// another in all combinations. At the end each recipient has the letter exactly once, or its author was told exactly
// once; more than once only where a host took it and its last word was not heard. And the trace says which and why.
#include <cstdlib>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "base/sanitized.hpp"
#include "base/text.hpp"
#include "dns/scripted_resolver.hpp"
#include "net/memory_stream.hpp"
#include "queue/relay_world.hpp"
#include "queue/routes.hpp"
#include "queue/smtp_peers.hpp"

namespace pabal::queue {
namespace {

using net::MemoryStream;

enum class Step : std::uint8_t { connect, greeting, hello, starttls, hello_again, mail, first, second, data, end };
enum class Kind : std::uint8_t {
  lasting,   // 5xx
  passing,   // 4xx
  closing,   // 421, and hangs up
  silent,    // from here on
  cut,       // after so many octets of the reply
  nonsense,  // a line that is no reply
  other,     // a reply of a class that says nothing here
  endless,   // a reply whose lines never end, and then silence
  flood,     // octets without an end of line
};
struct Fault {
  Step step = Step::connect;
  Kind kind = Kind::lasting;
  std::size_t octets = 0;  ///< for `cut`
  bool took = false;       ///< at the end of the data: the host has the letter all the same
  [[nodiscard]] std::string text() const {
    return fmt::format("{}.{}.{}{}", static_cast<int>(step), static_cast<int>(kind), octets, took ? "+" : "");
  }
};

enum class Mode : std::uint8_t { plain, pipelining, chunking, tls };

constexpr std::string_view kZone = R"($TTL 300
$ORIGIN busan.example.
@ SOA ns admin 1 3600 600 86400 60
@ MX 10 mx1
@ MX 20 mx2
mx1 A 192.0.2.1
mx2 A 192.0.2.2
)";

std::string good_reply(Step step, Mode mode, bool under_tls) {
  switch (step) {
    case Step::greeting:
      return "220 host ready\r\n";
    case Step::hello:
    case Step::hello_again:
      return mode == Mode::pipelining          ? "250-host\r\n250 PIPELINING\r\n"
             : mode == Mode::chunking          ? "250-host\r\n250 CHUNKING\r\n"
             : mode == Mode::tls && !under_tls ? "250-host\r\n250 STARTTLS\r\n"
                                               : "250 host\r\n";
    case Step::starttls:
      return "220 go on\r\n";
    case Step::data:
      return "354 go on\r\n";
    default:
      return "250 2.0.0 ok\r\n";
  }
}

class World {
 public:
  World() {
    world_.other_routes = &routes_;
    world_.other_peers = &peers_;
    world_.start();
  }

  /// A letter for two, while the next connections fail so; what is wrong at its end.
  void letter(Mode mode, std::vector<Fault> faults, dns::Status mx = dns::Status::ok) {
    const auto number = ++letters_;
    std::string name = fmt::format("mode {} dns {}:", static_cast<int>(mode), static_cast<int>(mx));
    for (const auto& fault : faults) name += " " + fault.text();
    mode_ = mode;
    faults_ = {faults.begin(), faults.end()};
    if (mx != dns::Status::ok)
      resolver_.answer_next("busan.example", dns::Type::mx,
                            {dns::Answer{.status = mx, .name = {}, .why = "as scripted"}});
    const auto id = fmt::format("l{}", number);
    const std::vector<std::string> to = {fmt::format("a{}@busan.example", number),
                                         fmt::format("b{}@busan.example", number)};
    auto made = world_.letter(id, to);
    text_ = fmt::format("Subject: {}\r\n\r\nhello\r\n", id);
    world_.send(std::move(made));
    int rounds = 0;
    for (; world_.rows() != 0 && rounds < 20; ++rounds) {
      world_.round();
      world_.store.clock.advance(std::chrono::hours(5));
    }
    EXPECT_EQ(world_.rows(), 0) << name;
    sent_.push_back({.id = id, .name = std::move(name), .to = to});
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
    EXPECT_EQ(wrong_, "");
    for (const auto& sent : sent_) {
      const auto trace = parse_json(world_.store->traces(sent.id)->front()).value();
      for (const auto& address : sent.to) {
        const int sure = taken_[address] - doubts_[address];
        EXPECT_EQ(sure + told[address], 1) << sent.name << ": " << address << " taken " << taken_[address] << " doubts "
                                           << doubts_[address] << " told " << told[address];
        EXPECT_EQ(trace_of(trace, address), sure == 1 ? "delivered" : "failed") << sent.name << "\n"
                                                                                << json::serialize(trace);
      }
    }
  }

 private:
  struct Sent {
    std::string id;
    std::string name;
    std::vector<std::string> to;
  };

  /// One host on one connection.
  struct Host {
    World* world;
    std::unique_ptr<MemoryStream> stream;
    MemoryStream* client;
    Fault fault;
    bool faulty;
    bool under_tls = false;
    std::vector<std::string> recipients = {};

    Async<std::optional<std::string>> line() {
      while (true) {
        const auto input = stream->input();
        if (const auto end = input.find("\r\n"); end != std::string_view::npos) {
          std::string text(input.substr(0, end));
          stream->consume(end + 2);
          co_return text;
        }
        const auto more = co_await stream->fill();
        if (!more || !*more) co_return std::nullopt;
      }
    }
    Async<std::string> octets(std::size_t count) {
      while (stream->input().size() < count) {
        const auto more = co_await stream->fill();
        if (!more || !*more) co_return std::string();
      }
      std::string text(stream->input().substr(0, count));
      stream->consume(count);
      co_return text;
    }
    Async<> say(std::string text) { static_cast<void>(co_await stream->write(text)); }
    /// False: it says no more.
    Async<bool> answer(Step step) {
      const auto good = good_reply(step, world->mode_, under_tls);
      if (!faulty || fault.step != step) {
        co_await say(good);
        co_return true;
      }
      faulty = false;
      switch (fault.kind) {
        case Kind::lasting:
          co_await say(step == Step::greeting ? "554 5.3.2 no mail here\r\n" : "550 5.7.1 never\r\n");
          co_return true;
        case Kind::passing:
          co_await say("451 4.3.0 later\r\n");
          co_return true;
        case Kind::closing:
          co_await say("421 4.3.2 going down\r\n");
          break;
        case Kind::cut:
          co_await say(good.substr(0, fault.octets));
          break;
        case Kind::nonsense:
          co_await say("who are you?\r\n");
          break;
        case Kind::other:
          co_await say("399 hm\r\n");
          co_return true;
        case Kind::endless:
          for (int i = 0; i < 3000; ++i) co_await say("250-and more\r\n");
          client->wake();
          break;
        case Kind::flood:
          co_await say(std::string(100'000, 'x'));
          client->wake();
          break;
        case Kind::silent:
          client->wake();
          while (co_await line()) continue;
          break;
      }
      co_return false;
    }
    void take(std::string_view text, bool sure) const {
      if (text != world->text_) world->wrong_ += fmt::format("the host got: {}\n", text);
      for (const auto& address : recipients) {
        ++world->taken_[address];
        if (!sure) ++world->doubts_[address];
      }
    }
    /// The reply to the whole letter.
    Async<bool> conclude(std::string text) {
      const bool fails = faulty && fault.step == Step::end;
      if (!fails || fault.took) take(text, !fails);
      co_return co_await answer(Step::end);
    }
    Async<bool> take_text() {
      if (!co_await answer(Step::data)) co_return false;
      std::string text;
      while (true) {
        auto next = co_await line();
        if (!next) co_return false;
        if (*next == ".") break;
        text += (next->starts_with('.') ? next->substr(1) : *next) + "\r\n";
      }
      // Where everybody was refused the letter is empty, and nobody's.
      if (recipients.empty()) {
        co_await say("554 5.5.1 nobody\r\n");
        co_return true;
      }
      co_return co_await conclude(std::move(text));
    }
    Async<bool> obey(std::string command) {
      if (command.starts_with("EHLO")) co_return co_await answer(under_tls ? Step::hello_again : Step::hello);
      if (command == "STARTTLS") {
        const bool goes_well = !faulty || fault.step != Step::starttls;
        if (!co_await answer(Step::starttls)) co_return false;
        under_tls = goes_well;
        co_return true;
      }
      if (command.starts_with("MAIL")) {
        recipients.clear();
        co_return co_await answer(Step::mail);
      }
      if (command.starts_with("RCPT")) {
        const auto step = command.contains("<a") ? Step::first : Step::second;
        const bool taken = !faulty || fault.step != step;
        const auto begin = command.find('<') + 1;
        if (taken) recipients.push_back(command.substr(begin, command.find('>') - begin));
        co_return co_await answer(step);
      }
      if (command == "DATA") {
        if (recipients.empty()) {
          co_await say("554 5.5.1 nobody\r\n");
          co_return true;
        }
        const bool refused = faulty && fault.step == Step::data;
        if (!refused) co_return co_await take_text();
        const bool goes_on = co_await answer(Step::data);
        co_return goes_on;
      }
      if (command.starts_with("BDAT")) {
        const auto text = co_await octets(static_cast<std::size_t>(std::atoi(command.c_str() + 5)));
        if (text.empty()) co_return false;
        if (recipients.empty()) {
          co_await say("554 5.5.1 nobody\r\n");
          co_return true;
        }
        co_return co_await conclude(text);
      }
      co_await say(command == "QUIT" ? "221 2.0.0 bye\r\n" : "250 2.0.0 ok\r\n");
      co_return command != "QUIT";
    }
  };
  static Async<> serve(std::shared_ptr<Host> host) {
    bool goes_on = co_await host->answer(Step::greeting);
    while (goes_on) {
      auto command = co_await host->line();
      if (!command) break;
      goes_on = co_await host->obey(*std::move(command));
    }
    co_await host->stream->close();
  }

  Async<net::Outbound> connect(net::OutboundOptions options) {
    net::Outbound outbound;
    outbound.to = options.to.front();
    std::optional<Fault> fault;
    if (!faults_.empty()) {
      fault = faults_.front();
      faults_.pop_front();
    }
    if (fault && fault->step == Step::connect) {
      outbound.failed.push_back(
          {.to = outbound.to, .error = {.kind = ErrorKind::closed, .peer = "Connection refused", .log = "refused"}});
      co_return outbound;
    }
    auto pair = MemoryStream::make_pair({.peer = outbound.to});
    auto host = std::make_shared<Host>(Host{.world = this,
                                            .stream = std::move(pair.second),
                                            .client = pair.first.get(),
                                            .fault = fault.value_or(Fault()),
                                            .faulty = fault.has_value()});
    asio::co_spawn(co_await asio::this_coro::executor, serve(std::move(host)),
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

  static RouteSettings route_settings() {
    RouteSettings settings;
    settings.own_names = {"mail.seoul.example"};
    return settings;
  }

  RelayWorld world_;
  dns::ScriptedResolver resolver_{kZone};
  DnsRoutes routes_{resolver_, nullptr, world_.random, route_settings()};
  Pool pool_{1, Log()};
  SmtpPeers peers_{
      {.own_name = "mail.seoul.example"}, {}, pool_, world_.store.clock, [this](net::OutboundOptions options) {
        return connect(std::move(options));
      }};
  Mode mode_ = Mode::plain;
  std::deque<Fault> faults_;
  std::string text_;
  int letters_ = 0;
  std::vector<Sent> sent_;
  std::map<std::string, int> taken_;
  std::map<std::string, int> doubts_;
  std::string wrong_;
};

/// Every way to fail at every step; a reply is cut after each of its octets, or in its midst alone.
std::vector<Fault> faults_of(Mode mode, bool each_octet) {
  std::vector<Fault> all = {{.step = Step::connect}};
  for (int i = static_cast<int>(Step::greeting); i <= static_cast<int>(Step::end); ++i) {
    const auto step = static_cast<Step>(i);
    if ((step == Step::starttls || step == Step::hello_again) && mode != Mode::tls) continue;
    if (step == Step::data && mode == Mode::chunking) continue;
    for (const auto kind : {Kind::lasting, Kind::passing, Kind::closing, Kind::silent, Kind::cut, Kind::nonsense,
                            Kind::other, Kind::endless, Kind::flood}) {
      const bool doubtful =
          step == Step::end && kind != Kind::lasting && kind != Kind::passing && kind != Kind::closing;
      const auto length = good_reply(step, mode, step == Step::hello_again).size();
      std::vector<std::size_t> cuts = {0};
      if (kind == Kind::cut) {
        cuts = {0, length / 2};
        for (std::size_t n = 1; each_octet && n < length; ++n) cuts.push_back(n);
      }
      for (const auto octets : cuts) {
        all.push_back({.step = step, .kind = kind, .octets = octets, .took = false});
        if (doubtful) all.push_back({.step = step, .kind = kind, .octets = octets, .took = true});
      }
    }
  }
  return all;
}

constexpr std::array kModes = {Mode::plain, Mode::pipelining, Mode::chunking, Mode::tls};
constexpr int kLettersAWorld = 60;

TEST(ScriptedWorld, OneFault) {
  for (const auto mode : kModes) {
    std::unique_ptr<World> world;
    int count = 0;
    for (const auto& fault : faults_of(mode, kSlower == 1)) {
      if (count++ % kLettersAWorld == 0) {
        if (world) world->judge();
        world = std::make_unique<World>();
      }
      world->letter(mode, {fault});
    }
    world->judge();
  }
}

// One fault after another: at the next host, or at the next attempt. All pairs with PABAL_WORLD=all, else some.
TEST(ScriptedWorld, OneFaultAfterAnother) {
  const char* all = std::getenv("PABAL_WORLD");
  const std::size_t step = all != nullptr ? 1 : 31 * kSlower;
  std::size_t count = 0;
  std::size_t run = 0;
  std::unique_ptr<World> world;
  for (const auto mode : kModes) {
    const auto faults = faults_of(mode, false);
    for (const auto& first : faults) {
      for (const auto& second : faults) {
        if (count++ % step != 0) continue;
        if (run++ % kLettersAWorld == 0) {
          if (world) world->judge();
          world = std::make_unique<World>();
        }
        world->letter(mode, {first, second});
      }
    }
  }
  world->judge();
  fmt::print("{} of {} pairs\n", run, count);
}

TEST(ScriptedWorld, TheDnsFailsFirst) {
  for (const auto mx : {dns::Status::failed, dns::Status::timed_out, dns::Status::bogus}) {
    World world;
    int count = 0;
    for (const auto& fault : faults_of(Mode::pipelining, false)) {
      if (count++ % 3 == static_cast<int>(mx) % 3) world.letter(Mode::pipelining, {fault}, mx);
    }
    world.judge();
  }
}

}  // namespace
}  // namespace pabal::queue
