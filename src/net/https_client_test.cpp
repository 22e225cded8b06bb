#include "net/https_client.hpp"

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "net/server.hpp"
#include "net/test_support.hpp"

namespace pabal::net {
namespace {

using namespace std::chrono_literals;

/// An HTTPS server that gives each request the same octets, some at a time, and ends the connection.
class HttpsServer {
 public:
  explicit HttpsServer(const std::string& name)
      : folder_((std::filesystem::temp_directory_path() / ("pabal-https-" + std::to_string(::getpid()))).string()),
        server_(threads_, {}, Log(), metrics_, clock_, random_) {
    std::filesystem::create_directories(folder_);
    const CertificateFiles files{.certificate = folder_ + "/c.pem", .key = folder_ + "/c.key"};
    write_self_signed(files_, files, name, clock_.now()).value();
    auto tls = TlsContext::load(files_, {.certificates = {files}, .ciphers = {}}).value();
    ActivatedSockets none;
    at_ = server_
              .bind({.listener = {.protocol = "https",
                                  .address = "127.0.0.1",
                                  .port = 0,
                                  .tls = TlsMode::implicit,
                                  .proxy_protocol = {}},
                     .handler = [this](std::unique_ptr<Stream> stream,
                                       const SessionFacts&) { return session(this, std::move(stream)); },
                     .tls = tls,
                     .refusal = {},
                     .own_connections = 0},
                    none)
              .value();
    server_.start();
  }
  ~HttpsServer() {
    server_.stop(0ms);
    threads_.stop();
    std::filesystem::remove_all(folder_);
  }
  HttpsServer(const HttpsServer&) = delete;
  HttpsServer& operator=(const HttpsServer&) = delete;

  [[nodiscard]] const Endpoint& at() const noexcept { return at_; }
  [[nodiscard]] std::string roots() const { return folder_ + "/c.pem"; }
  [[nodiscard]] std::string request() { return *request_.lock(); }

  // Set before a request.
  std::string answer;
  std::size_t piece = 1 << 20;
  bool silent = false;

 private:
  static Async<> session(HttpsServer* self, std::unique_ptr<Stream> stream) {
    stream->set_timeout(10s);
    std::string request;
    while (!request.ends_with("\r\n\r\n")) {
      const auto more = co_await stream->fill();
      if (!more || !*more) co_return;
      request += stream->input();
      stream->consume(stream->input().size());
    }
    *self->request_.lock() = request;
    while (self->silent) {
      const auto more = co_await stream->fill();
      if (!more || !*more) co_return;
    }
    for (std::size_t at = 0; at < self->answer.size(); at += self->piece) {
      const auto sent = co_await stream->write(std::string_view(self->answer).substr(at, self->piece));
      if (!sent) co_return;
    }
    co_await stream->close();
  }

  std::string folder_;
  RealFileSystem files_;
  RealClock clock_;
  SystemRandom random_;
  Metrics metrics_;
  IoThreads threads_{1};
  Server server_;
  Endpoint at_;
  Guarded<std::string> request_;
};

std::shared_ptr<const TlsClientContext> trusting(const std::string& roots) {
  return TlsClientContext::make({.verify = true, .trusted_roots = roots, .alpn = {}}).value();
}

class Https : public testing::Test {
 protected:
  std::string get(HttpsRequest request) {
    TlsHttpsClient client(trusting(server.roots()));
    const auto got = run_to_end(client.get(std::move(request)));
    if (!got) return "no: " + std::string(name_of(got.error().kind)) + " " + got.error().peer;
    return std::to_string(got->status) + " " + got->media_type + " " + got->body;
  }
  HttpsRequest to(const std::string& host) {
    return {.host = host, .addresses = {server.at()}, .path = "/.well-known/mta-sts.txt", .most_octets = 100};
  }

  HttpsServer server{"mta-sts.a.example"};
};

TEST_F(Https, GetsADocument) {
  server.answer = "HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello";
  EXPECT_EQ(get(to("mta-sts.a.example")), "200 text/plain hello");
  EXPECT_EQ(server.request(),
            "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.a.example\r\nUser-Agent: Pabal\r\n"
            "Accept: text/plain\r\nConnection: close\r\n\r\n");
}

TEST_F(Https, TakesAnyFormAnyPiece) {
  for (const std::size_t piece : {1UL, 3UL, 1000UL}) {
    server.piece = piece;
    server.answer =
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    EXPECT_EQ(get(to("mta-sts.a.example")), "200 text/plain hello");
    server.answer = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end";
    EXPECT_EQ(get(to("mta-sts.a.example")), "200 text/plain to the end");
  }
}

TEST_F(Https, FollowsNothing) {
  server.answer = "HTTP/1.1 301 Moved\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(get(to("mta-sts.a.example")), "301  ");
}

TEST_F(Https, Limits) {
  server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'x');
  EXPECT_EQ(get(to("mta-sts.a.example")), "no: limit the answer is too long");
  server.answer = "HTTP/1.1 200 OK\r\n\r\n" + std::string(101, 'x');
  EXPECT_EQ(get(to("mta-sts.a.example")), "no: limit the answer is too long");
  server.answer = "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n";
  EXPECT_EQ(get(to("mta-sts.a.example")), "no: limit the answer is too long");
}

TEST_F(Https, NonsenseAndBrokenAnswers) {
  server.answer = "220 this is SMTP\r\n";
  EXPECT_EQ(get(to("mta-sts.a.example")), "no: syntax the answer isn't HTTP");
  const std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t size = 0; size < whole.size(); size += 3) {
    server.answer = whole.substr(0, size);
    EXPECT_TRUE(get(to("mta-sts.a.example")).starts_with("no: ")) << size;
  }
}

TEST_F(Https, TheCertificateMustHaveTheNameAndBeTrusted) {
  server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  EXPECT_TRUE(get(to("mta-sts.b.example")).starts_with("no: policy ")) << get(to("mta-sts.b.example"));
  TlsHttpsClient strict(trusting(""));
  const auto got = run_to_end(strict.get(to("mta-sts.a.example")));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::policy);
  EXPECT_EQ(server.request(), "");
}

TEST_F(Https, TimeIsForAllOfIt) {
  server.silent = true;
  auto request = to("mta-sts.a.example");
  request.time = 300ms;
  EXPECT_TRUE(get(request).starts_with("no: timeout "));
}

TEST_F(Https, TriesTheNextAddress) {
  server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  auto request = to("mta-sts.a.example");
  auto dead = server.at();
  dead.address = boost::asio::ip::make_address("127.0.0.77");  // nobody listens there
  request.addresses.insert(request.addresses.begin(), dead);
  EXPECT_EQ(get(request), "200  ok");
  request.addresses = {dead};
  EXPECT_TRUE(get(request).starts_with("no: "));
  request.addresses.clear();
  EXPECT_EQ(get(request), "no: closed the host has no address");
}

}  // namespace
}  // namespace pabal::net
