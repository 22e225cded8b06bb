// A server of one thread on a loopback socket and clients on another: RETR of 10 KiB letters, one after another over 10
// connections, as
// from a mailbox in memory, to see what the server itself costs, and from a real store.
#include <netinet/in.h>
#include <sys/socket.h>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "net/server.hpp"
#include "server/pop3/server.hpp"
#include "server/pop3/store_testing.hpp"

namespace pabal::server::pop3 {
namespace {

constexpr int kConnections = 10;
constexpr int kLetters = 100;

// A client in blocking calls.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::abort();
    read_until("\r\n");
    say("USER alice@seoul.example\r\n");
    read_until("\r\n");
    say("PASS demo\r\n");
    read_until("\r\n");
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void say(std::string_view line) const {
    if (::send(socket_, line.data(), line.size(), 0) != static_cast<ssize_t>(line.size())) std::abort();
  }
  void read_until(std::string_view end) {
    std::size_t size = 0;
    while (size < end.size() || std::string_view(buffer_.data() + size - end.size(), end.size()) != end) {
      const auto got = ::recv(socket_, buffer_.data() + size, buffer_.size() - size, 0);
      if (got <= 0) std::abort();
      size += static_cast<std::size_t>(got);
    }
  }

 private:
  int socket_;
  std::array<char, 64 << 10> buffer_;
};

std::string letter() {
  std::string text = "Subject: bench\r\n\r\n";
  while (text.size() < 10 * 1024) text += "A line of a letter as it may be, so long and no longer.\r\n";
  return text;
}

void retrieve(benchmark::State& state, Mailboxes& mailboxes) {
  ScriptedLogins logins;
  const RealClock clock;
  Metrics metrics;
  SystemRandom random;
  Server server(logins, mailboxes, clock, metrics, {});
  net::IoThreads threads(1);
  net::Server listening(threads, {}, Log(), metrics, clock, random);
  const auto where = listening.bind(
      {.listener = {.protocol = "pop3", .address = "127.0.0.1", .tls = net::TlsMode::off, .proxy_protocol = {}},
       .handler = server.handler({}),
       .tls = nullptr,
       .refusal = {}});
  if (!where) {
    state.SkipWithError(where.error().log.c_str());
    return;
  }
  listening.start();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < kConnections; ++i) clients.push_back(std::make_unique<Client>(where->port));
  int number = 1;
  for (auto _ : state) {
    const auto command = "RETR " + std::to_string(number) + "\r\n";
    for (auto& client : clients) client->say(command);
    for (auto& client : clients) client->read_until("\r\n.\r\n");
    number = number % kLetters + 1;
  }
  state.SetItemsProcessed(state.iterations() * kConnections);
  clients.clear();
  listening.stop(std::chrono::seconds(1));
}
void retrieve_from_memory(benchmark::State& state) {
  ScriptedMailboxes mailboxes;
  for (int i = 0; i < kLetters; ++i) mailboxes.add(letter());
  retrieve(state, mailboxes);
}
BENCHMARK(retrieve_from_memory)->UseRealTime();

void retrieve_from_store(benchmark::State& state) {
  StoreWorld world;
  for (int i = 0; i < kLetters; ++i) world.deliver(letter());
  // What came alone rides in a row at first; the upkeep moves it into a segment.
  for (int i = 0; i < 10; ++i) {
    if (!world.store->maintain()) std::abort();
  }
  const auto mailboxes = mailboxes_of(*world.store);
  retrieve(state, *mailboxes);
}
BENCHMARK(retrieve_from_store)->UseRealTime();

}  // namespace
}  // namespace pabal::server::pop3
