// What an idle connection costs in memory: 5,000 plain and 5,000 TLS connections to an echo server in a process of its
// own.
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include "base/sanitized.hpp"
#include "net/echo_server.hpp"
#include "net/test_client.hpp"

namespace pabal::net {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kConnections = 5000;

/// Under a sanitizer memory means nothing, and descriptors and time are short.
constexpr bool kMeasurable = kSlower == 1;

/// Memory of a process that is its alone, in KiB (smaps_rollup).
double private_kib(pid_t process) {
  std::ifstream in(fmt::format("/proc/{}/smaps_rollup", process));
  std::string word;
  double sum = 0;
  while (in >> word) {
    double kib = 0;
    if ((word == "Private_Clean:" || word == "Private_Dirty:") && in >> kib) sum += kib;
  }
  return sum;
}

/// An echo server in a child; the parent gets its address.
struct Child {
  pid_t process = -1;
  Endpoint at;

  explicit Child(const std::shared_ptr<TlsContext>& tls) {
    int pipe[2] = {-1, -1};
    if (::pipe(pipe) != 0) throw std::runtime_error("pipe");
    process = ::fork();
    if (process == 0) {
      EchoServer echo;
      const auto bound = echo.listen({.protocol = "echo",
                                      .address = "127.0.0.1",
                                      .port = 0,
                                      .tls = tls ? TlsMode::implicit : TlsMode::off,
                                      .proxy_protocol = {}},
                                     tls);
      echo.start();
      if (::write(pipe[1], &bound.port, sizeof bound.port) != sizeof bound.port) ::_exit(1);
      ::pause();
      ::_exit(0);
    }
    std::uint16_t port = 0;
    if (::read(pipe[0], &port, sizeof port) != sizeof port) throw std::runtime_error("the server did not start");
    ::close(pipe[0]);
    ::close(pipe[1]);
    at = Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), port);
  }
  ~Child() {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
};

/// KiB a connection that has said something and then rests.
double measure(const std::shared_ptr<TlsContext>& tls) {
  const Child server(tls);
  std::vector<std::unique_ptr<TestClient>> clients;
  const auto context = TestClient::trusting();
  const auto connect = [&] {
    clients.push_back(std::make_unique<TestClient>(server.at));
    if (tls) clients.back()->start_tls(context, "mail.example");
    EXPECT_EQ(clients.back()->ask("EHLO client.example"), "EHLO client.example\r\n");
  };
  for (int i = 0; i < 50; ++i) connect();
  const double before = private_kib(server.process);
  while (clients.size() < 50 + kConnections) connect();
  const double after = private_kib(server.process);
  return (after - before) / static_cast<double>(kConnections);
}

class IdleConnections : public testing::Test {
 protected:
  void SetUp() override {
    if (!kMeasurable) GTEST_SKIP() << "memory is not measured under a sanitizer";
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < kConnections + 200) GTEST_SKIP() << "too few descriptors allowed: " << limit.rlim_cur;
  }
};

TEST_F(IdleConnections, PlainFitsIn12KiB) {
  const auto kib = measure(nullptr);
  fmt::print("idle_plain_kib={:.1f}\n", kib);
  EXPECT_LT(kib, 12);
}

TEST_F(IdleConnections, TlsFitsIn40KiB) {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("pabal-idle-{}", ::getpid());
  std::filesystem::create_directories(folder);
  RealFileSystem files;
  const CertificateFiles pair{.certificate = (folder / "cert.pem").string(), .key = (folder / "key.pem").string()};
  ASSERT_TRUE(write_self_signed(files, pair, "mail.example", RealClock().now()));
  const auto tls = TlsContext::load(files, {.certificates = {pair}, .ciphers = {}});
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(tls);
  const auto kib = measure(*tls);
  fmt::print("idle_tls_kib={:.1f}\n", kib);
  EXPECT_LT(kib, 40);
}

}  // namespace
}  // namespace pabal::net
