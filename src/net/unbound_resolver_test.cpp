#include "net/unbound_resolver.hpp"

#include <arpa/inet.h>
#include <array>
#include <thread>

#include <gtest/gtest.h>

#include "base/memory_file.hpp"
#include "net/listener.hpp"
#include "net/name_servers_testing.hpp"

namespace pabal::net {
namespace {

using namespace std::chrono_literals;
using dns::Type;

std::string long_texts() {
  std::string text;
  for (int i = 0; i < 15; ++i) text += "big TXT \"" + std::string(250, static_cast<char>('a' + i)) + "\"\n";
  return text;
}

std::vector<TestZone> zones() {
  const std::string head = "@ 300 SOA ns admin 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n";
  return {
      {.name = "signed.example",
       .text = head + "@ MX 10 mx\nmx A 192.0.2.1\nmx AAAA 2001:db8::1\n_25._tcp.mx TLSA 3 1 1 ABCDEF\nalias CNAME mx\n"
                      "out CNAME host.plain.example.\n",
       .sign = true},
      {.name = "plain.example",
       .text = head + "@ MX 10 host\nhost 200 A 192.0.2.2\n@ TXT \"v=spf1 -all\"\nin CNAME mx.signed.example.\n" +
               long_texts()},
      {.name = "forged.example",
       .text = head + "@ MX 10 mx\nmx A 192.0.2.66\nright A 192.0.2.3\n",
       .sign = true,
       .forge_from = "192.0.2.66",
       .forge_to = "192.0.2.67"},
  };
}

class Unbound : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (NameServers::installed())
      servers = std::make_unique<NameServers>(zones(), std::vector<std::string>{"refused.example"});
  }
  static void TearDownTestSuite() { servers.reset(); }
  void SetUp() override {
    if (!servers) GTEST_SKIP() << "knot and unbound are not installed";
  }

  static std::unique_ptr<UnboundResolver> make(UnboundOptions options = {}) {
    RealFileSystem files;
    options.servers = {servers->resolver()};
    if (options.trust_anchor.empty()) options.trust_anchor = servers->trust_anchor();
    auto made = UnboundResolver::make(files, options);
    if (!made) throw std::runtime_error(made.error().log);
    return *std::move(made);
  }
  /// Without the TTL, which may have aged.
  static std::string ask(dns::Resolver& resolver, std::string_view name, Type type) {
    auto answer = run_blocking(resolver.resolve(*dns::Name::parse(name), type));
    EXPECT_LE(answer.ttl, 3600s);
    if (answer.status == dns::Status::ok) EXPECT_GT(answer.ttl, 0s);
    answer.ttl = 0s;
    std::ranges::sort(answer.records);
    return text_of(answer);
  }

  static inline std::unique_ptr<NameServers> servers;
};

TEST_F(Unbound, SecureAnswers) {
  const auto dns = make();
  EXPECT_EQ(ask(*dns, "signed.example", Type::mx), "ok secure signed.example 0s: 10 mx.signed.example.");
  EXPECT_EQ(ask(*dns, "MX.signed.example", Type::a), "ok secure mx.signed.example 0s: 192.0.2.1");
  EXPECT_EQ(ask(*dns, "mx.signed.example", Type::aaaa), "ok secure mx.signed.example 0s: 2001:db8::1");
  EXPECT_EQ(ask(*dns, "_25._tcp.mx.signed.example", Type::tlsa),
            "ok secure _25._tcp.mx.signed.example 0s: 3 1 1 abcdef");
  EXPECT_EQ(ask(*dns, "alias.signed.example", Type::a), "ok secure mx.signed.example 0s: 192.0.2.1");
  EXPECT_EQ(ask(*dns, "alias.signed.example", Type::cname), "ok secure alias.signed.example 0s: mx.signed.example.");
}

TEST_F(Unbound, SecureAbsence) {
  const auto dns = make();
  EXPECT_EQ(ask(*dns, "none.signed.example", Type::a), "no such name secure none.signed.example 0s");
  EXPECT_EQ(ask(*dns, "mx.signed.example", Type::tlsa), "no such record secure mx.signed.example 0s");
  const auto answer = run_blocking(dns->resolve(*dns::Name::parse("other.signed.example"), Type::mx));
  EXPECT_GT(answer.ttl, 0s);
  EXPECT_LE(answer.ttl, 60s);  // the SOA's minimum
}

TEST_F(Unbound, InsecureAnswers) {
  const auto dns = make();
  EXPECT_EQ(ask(*dns, "plain.example", Type::mx), "ok plain.example 0s: 10 host.plain.example.");
  EXPECT_EQ(ask(*dns, "plain.example", Type::txt), "ok plain.example 0s: \"v=spf1 -all\"");
  EXPECT_EQ(ask(*dns, "none.plain.example", Type::a), "no such name none.plain.example 0s");
  EXPECT_EQ(ask(*dns, "host.plain.example", Type::aaaa), "no such record host.plain.example 0s");
  // An alias out of the proven zone, and one into it: no answer is better than its weakest part.
  EXPECT_EQ(ask(*dns, "out.signed.example", Type::a), "ok host.plain.example 0s: 192.0.2.2");
  EXPECT_EQ(ask(*dns, "in.plain.example", Type::a), "ok mx.signed.example 0s: 192.0.2.1");
}

TEST_F(Unbound, ForgedAnswersAreBogus) {
  const auto dns = make();
  const auto answer = run_blocking(dns->resolve(*dns::Name::parse("mx.forged.example"), Type::a));
  EXPECT_EQ(answer.status, dns::Status::bogus);
  EXPECT_TRUE(answer.records.empty());
  EXPECT_FALSE(answer.secure);
  EXPECT_FALSE(answer.why.empty());
  EXPECT_EQ(ask(*dns, "right.forged.example", Type::a), "ok secure right.forged.example 0s: 192.0.2.3");
}

TEST_F(Unbound, WithoutValidationNothingIsSecureOrBogus) {
  const auto dns = make({.validate = false});
  EXPECT_EQ(dns->trust_anchor(), "");
  EXPECT_EQ(ask(*dns, "signed.example", Type::mx), "ok signed.example 0s: 10 mx.signed.example.");
  EXPECT_EQ(ask(*dns, "mx.forged.example", Type::a), "ok mx.forged.example 0s: 192.0.2.67");
}

TEST_F(Unbound, ServersThatFail) {
  const auto dns = make();
  const auto answer = run_blocking(dns->resolve(*dns::Name::parse("a.refused.example"), Type::a));
  EXPECT_EQ(answer.status, dns::Status::failed);
  EXPECT_EQ(answer.why, "the name servers say SERVFAIL");
}

TEST_F(Unbound, LongAnswersComeOverTcp) {
  const auto dns = make();
  const auto answer = run_blocking(dns->resolve(*dns::Name::parse("big.plain.example"), Type::txt));
  EXPECT_EQ(answer.status, dns::Status::ok);
  EXPECT_EQ(answer.records.size(), 15U);
}

TEST_F(Unbound, ManyAtOnce) {
  const auto dns = make({.most_under_way = 3});
  std::vector<dns::Question> questions;
  for (int i = 0; i < 40; ++i)
    questions.push_back({*dns::Name::parse("n" + std::to_string(i) + ".plain.example"), Type::a});
  questions.push_back({*dns::Name::parse("host.plain.example"), Type::a});
  const auto answers = run_blocking(dns::resolve_all(*dns, questions));
  for (int i = 0; i < 40; ++i) EXPECT_EQ(answers[static_cast<std::size_t>(i)].status, dns::Status::no_name);
  EXPECT_EQ(answers.back().status, dns::Status::ok);
}

/// A server that hears and never answers; but `speaks`, that there are no names that begin with "live".
class SilentServer {
 public:
  explicit SilentServer(bool speaks) : SilentServer() {
    if (speaks) thread_ = std::jthread([this](const std::stop_token& stop) { answer(stop); });
  }
  SilentServer() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no port");
    }
    name_ = "127.0.0.1@" + std::to_string(ntohs(address.sin_port));
  }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  void answer(const std::stop_token& stop) const {
    const timeval patience{.tv_sec = 0, .tv_usec = 50'000};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::array<char, 2048> packet{};
    while (!stop.stop_requested()) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const auto got =
          ::recvfrom(socket_.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 17 || std::string_view(packet.data() + 13, 4) != "live") continue;
      packet[2] = static_cast<char>(packet[2] | '\x80');         // an answer
      packet[3] = static_cast<char>((packet[3] & 0x70) | 0x83);  // recursion available, no such name
      [[maybe_unused]] const auto sent = ::sendto(socket_.get(), packet.data(), static_cast<std::size_t>(got), 0,
                                                  reinterpret_cast<const sockaddr*>(&from), size);
    }
  }

  FileDescriptor socket_;
  std::string name_;
  std::jthread thread_;
};

std::unique_ptr<UnboundResolver> asking(const SilentServer& server, std::chrono::milliseconds timeout,
                                        std::size_t most_under_way = 1000) {
  RealFileSystem files;
  auto made = UnboundResolver::make(files, {.servers = {server.name()},
                                            .trust_anchor = "",
                                            .validate = false,
                                            .timeout = timeout,
                                            .most_under_way = most_under_way});
  if (!made) throw std::runtime_error(made.error().log);
  return *std::move(made);
}

TEST(UnboundAlone, SilenceEndsInTime) {
  const SilentServer server;
  const auto dns = asking(server, 100ms);
  const auto answer = run_blocking(dns->resolve(*dns::Name::parse("a.example"), Type::a));
  EXPECT_EQ(answer.status, dns::Status::timed_out);
  EXPECT_EQ(answer.why, "no answer within 100 ms");
}

TEST(UnboundAlone, WhoWaitsForHisTurnEndsInTimeToo) {
  const SilentServer server;
  const auto dns = asking(server, 200ms, 1);
  const auto answers = run_blocking(
      dns::resolve_all(*dns, {{*dns::Name::parse("a.example"), Type::a}, {*dns::Name::parse("b.example"), Type::a}}));
  EXPECT_EQ(answers[0].status, dns::Status::timed_out);
  EXPECT_EQ(answers[1].status, dns::Status::timed_out);
}

// As many as are asked at once, and half as many again, of which nobody says anything: who comes after them waits for a
// quarter of the time.
TEST(UnboundAlone, NameServersThatSayNothingHoldUpNobodyForLong) {
  const SilentServer server(true);
  const auto dns = asking(server, 8s, 20);
  std::vector<dns::Question> questions;
  for (int i = 0; i < 30; ++i)
    questions.push_back({*dns::Name::parse("dead.d" + std::to_string(i) + ".example"), Type::mx});
  questions.push_back({*dns::Name::parse("live.example"), Type::mx});
  const auto answers = run_blocking(dns::resolve_all(*dns, std::move(questions)));
  EXPECT_EQ(answers.back().status, dns::Status::no_name) << answers.back().why;
  EXPECT_EQ(answers.front().why, "no answer within 2000 ms, while others wait");
}

Async<> ask_into(dns::Resolver* resolver, dns::Answer* answer) {
  *answer = co_await resolver->resolve(*dns::Name::parse("a.example"), Type::a);
}

TEST(UnboundAlone, TheEndAnswersWhatIsUnderWay) {
  const SilentServer server;
  auto dns = asking(server, 10min);
  asio::io_context io(1);
  dns::Answer answer;
  asio::co_spawn(io, ask_into(dns.get(), &answer), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  io.poll();
  dns.reset();
  io.restart();
  io.run();
  EXPECT_EQ(answer.status, dns::Status::failed);
  EXPECT_EQ(answer.why, "the resolver ends");
}

TEST(UnboundAlone, RefusesWhatItCantUse) {
  MemoryFileSystem files;
  const auto made = UnboundResolver::make(files, {.servers = {}, .trust_anchor = "none.key"});
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().log.contains("none.key")) << made.error().log;
  const auto odd = UnboundResolver::make(files, {.servers = {"not an address"}, .trust_anchor = ""});
  ASSERT_FALSE(odd);
  EXPECT_TRUE(odd.error().log.contains("not an address")) << odd.error().log;
}

}  // namespace
}  // namespace pabal::net
