// A rig for tests of SmtpPeers: hosts that say what they were told to say, one a connection, over streams in memory.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "queue/smtp_peers.hpp"

namespace pabal::queue {

/// A letter in memory; may be slow to come (read() is needed) or damaged from some octet on.
class MemoryOctets final : public store::EmailOctets {
 public:
  explicit MemoryOctets(std::string octets, bool at_once = true, std::uint64_t damaged_at = UINT64_MAX)
      : octets_(std::move(octets)), at_once_(at_once), damaged_at_(damaged_at) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return octets_.size(); }
  [[nodiscard]] bool try_read(std::uint64_t offset, std::size_t count, std::string& out) override {
    if (!at_once_ || offset + count > damaged_at_) return false;
    out.append(octets_, static_cast<std::size_t>(offset), count);
    return true;
  }
  [[nodiscard]] Async<Result<std::string>> read(std::uint64_t offset, std::size_t count) override {
    if (offset + count > damaged_at_) co_return fail(ErrorKind::io, "local error", "damaged as the test asked");
    co_return octets_.substr(static_cast<std::size_t>(offset), count);
  }

 private:
  std::string octets_;
  bool at_once_;
  std::uint64_t damaged_at_;
};

/// What one connection brings.
struct ScriptedHost {
  std::vector<std::string> replies = {};  ///< a piece each, without waiting for commands
  bool hangs_up = true;                   ///< at their end; else it is silent
  bool talks_ahead = false;               ///< the replies are there before anything was asked
  std::size_t fail_at = 0;                ///< this operation on our stream fails
  bool refuses = false;                   ///< the connection itself
  std::string verified = {};              ///< how TLS would be verified
};

class PeerRig {
 public:
  explicit PeerRig(PeerSettings settings = quick())
      : peers_(std::move(settings), {}, pool_, clock_,
               [this](net::OutboundOptions options) { return connect(std::move(options)); }) {}

  /// Time-outs that pass while a test waits.
  static PeerSettings quick() {
    const auto soon = std::chrono::milliseconds(30);
    return {.own_name = "us.example",
            .timeouts = {.connect = soon,
                         .greeting = soon,
                         .hello = soon,
                         .tls = soon,
                         .auth = soon,
                         .mail = soon,
                         .recipient = soon,
                         .data = soon,
                         .block = soon,
                         .end = soon,
                         .quit = soon}};
  }
  static OutgoingTransaction letter(std::size_t recipients, std::string octets = "Subject: hi\r\n\r\n.dot\r\n") {
    OutgoingTransaction made{.sender = EmailAddress::parse("alice@seoul.example").value(),
                             .octets = std::make_shared<MemoryOctets>(std::move(octets))};
    for (std::size_t i = 0; i < recipients; ++i) {
      made.recipients.push_back({.address = EmailAddress::parse(fmt::format("r{}@busan.example", i + 1)).value()});
    }
    return made;
  }

  void host(ScriptedHost host) { hosts_.push_back(std::move(host)); }

  /// What came of an attempt at some letters, one after the other on one connection.
  struct Told {
    std::string opened;                        ///< "open", or why there is no peer
    std::vector<TransactionOutcome> outcomes;  ///< of the letters
    PeerFacts facts;
    bool reusable = false;
    std::vector<std::string> wrote;  ///< to each host

    /// "delivered:250 lasting:550 …", letters separated by '/'.
    [[nodiscard]] std::string fates() const {
      std::string out;
      for (const auto& outcome : outcomes) {
        if (&outcome != &outcomes.front()) out += " / ";
        for (const auto& one : outcome.recipients) {
          if (!out.empty() && !out.ends_with(' ')) out += ' ';
          out += fmt::format("{}:{}", name_of(one.fate),
                             one.reply.status.empty() ? std::to_string(one.reply.code) : one.reply.status);
        }
      }
      return out;
    }
  };
  Told run(std::vector<OutgoingTransaction> letters, Route route = {}, NextHop hop = {}) {
    if (hop.host.empty()) hop.host = "mx.busan.example";
    auto told =
        net::run_to_end(attempt(&peers_, std::move(letters), std::move(route), std::move(hop), interrupt_after));
    for (auto& other : others_) told.wrote.push_back(net::run_to_end(read_all(other.get())));
    others_.clear();
    return told;
  }

  std::optional<std::chrono::milliseconds> interrupt_after;  ///< all of it, so long after the attempt's begin

 private:
  Async<net::Outbound> connect(net::OutboundOptions options) {
    net::Outbound outbound;
    outbound.to =
        options.to.empty() ? net::Endpoint::of(boost::asio::ip::make_address("192.0.2.1"), 25) : options.to.front();
    if (hosts_.empty() || hosts_.front().refuses) {
      if (!hosts_.empty()) hosts_.pop_front();
      outbound.failed.push_back(
          {.to = outbound.to, .error = {.kind = ErrorKind::closed, .peer = "Connection refused", .log = "refused"}});
      co_return outbound;
    }
    const auto host = std::move(hosts_.front());
    hosts_.pop_front();
    auto tls = net::fake_tls();
    tls.verified = host.verified;
    auto pair = net::MemoryStream::make_pair(
        {.input = host.replies, .comes_to_who_waits = !host.talks_ahead, .peer = outbound.to, .tls_after_start = tls});
    if (host.hangs_up) pair.first->end();
    if (host.fail_at > 0) pair.first->fail_at(host.fail_at, ErrorKind::closed);
    outbound.stream = std::move(pair.first);
    others_.push_back(std::move(pair.second));
    co_return outbound;
  }
  static Async<> interrupt(Peers* peers, std::shared_ptr<Peer*> peer, std::chrono::milliseconds wait) {
    co_await sleep_for(wait);
    peers->interrupt();
    if (*peer != nullptr) (*peer)->interrupt();
  }
  static Async<Told> attempt(Peers* peers, std::vector<OutgoingTransaction> letters, Route route, NextHop hop,
                             std::optional<std::chrono::milliseconds> interrupt_after) {
    Told told;
    // For whoever interrupts, as long as it is there.
    const auto open = std::make_shared<Peer*>(nullptr);
    if (interrupt_after) {
      asio::co_spawn(co_await asio::this_coro::executor, interrupt(peers, open, *interrupt_after),
                     [](const std::exception_ptr& /*none*/) {});
    }
    auto answer = co_await peers->connect(std::move(route), std::move(hop));
    if (!answer) {
      const auto& why = answer.error();
      told.opened = fmt::format("{} {}{}: {}", why.at, why.status, why.lasting ? " lasting" : "", why.words);
      told.facts.said = why.said;
      co_return told;
    }
    told.opened = "open";
    auto& peer = **answer;
    *open = &peer;
    for (auto& letter : letters) {
      auto outcome = co_await peer.send(std::move(letter));
      told.outcomes.push_back(std::move(outcome));
    }
    told.facts = peer.facts();
    told.reusable = peer.is_reusable();
    co_await peer.quit();
    *open = nullptr;
    co_return told;
  }
  static Async<std::string> read_all(net::MemoryStream* stream) {
    std::string all;
    while (true) {
      const auto more = co_await stream->fill();
      if (!more || !*more) co_return all;
      all += stream->input();
      stream->consume(stream->input().size());
    }
  }

  Pool pool_{1, Log()};
  ManualClock clock_{SystemTime(std::chrono::hours(480'000))};
  std::deque<ScriptedHost> hosts_;
  std::vector<std::unique_ptr<net::MemoryStream>> others_;
  SmtpPeers peers_;
};

}  // namespace pabal::queue
