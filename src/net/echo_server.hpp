// EchoServer: a running net::Server for the tests and measurements of this folder, which answers each line with the
// line. STARTTLS begins TLS, TLS tells its facts, PEER the peer, THROW throws, BULK n reads n octets and tells their
// sum, GIVE n writes n octets, QUIT ends; the orderly stop is answered by "421 bye". Log and metrics are kept.
#pragma once
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "net/server.hpp"

namespace pabal::net {

struct EchoOptions {
  ServerLimits limits = {};
  std::size_t threads = 2;
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
};

class EchoServer {
 public:
  EchoServer() : EchoServer(EchoOptions()) {}
  explicit EchoServer(const EchoOptions& options)
      : options_(options),
        threads_(options.threads),
        server_(std::make_unique<Server>(threads_, options.limits, Log::to_lines(lines_), metrics_, clock_, random_)) {}
  ~EchoServer() { stop(std::chrono::milliseconds(0)); }
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  /// Before start(). Throws what goes wrong.
  Endpoint listen(ListenerOptions listener, const std::shared_ptr<const TlsContext>& tls = nullptr) {
    ActivatedSockets none;
    return listen(std::move(listener), tls, none);
  }
  Endpoint listen(ListenerOptions listener, const std::shared_ptr<const TlsContext>& tls, ActivatedSockets& activated,
                  std::size_t own_connections = 0) {
    auto bound =
        server_->bind({.listener = std::move(listener),
                       .handler =
                           [tls, timeout = options_.timeout](std::unique_ptr<Stream> stream, SessionFacts facts) {
                             return session(std::move(stream), std::move(facts), tls, timeout);
                           },
                       .tls = tls,
                       .refusal = "421 full\r\n",
                       .own_connections = own_connections},
                      activated);
    if (!bound) throw std::runtime_error(bound.error().log);
    return *bound;
  }
  void start() { server_->start(); }
  bool stop(std::chrono::milliseconds grace) {
    const bool orderly = server_->stop(grace);
    threads_.stop();
    return orderly;
  }
  [[nodiscard]] Server& server() noexcept { return *server_; }
  [[nodiscard]] std::string metrics() const { return metrics_.text(); }
  /// After stop().
  [[nodiscard]] std::string log() const {
    return std::accumulate(lines_->begin(), lines_->end(), std::string(),
                           [](std::string all, const std::string& line) { return std::move(all) + line + "\n"; });
  }

 private:
  static std::string facts_of(const Stream& stream) {
    const auto* tls = stream.tls();
    if (tls == nullptr) return "none";
    std::string exporter;
    for (const char c : tls->exporter) exporter += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return fmt::format("{} {} {} sni={} alpn={} resumed={} exporter={}", tls->version, tls->cipher, tls->cipher_bits,
                       tls->server_name, tls->alpn, tls->resumed, exporter);
  }

  static Async<Result<std::string>> read_bulk(Stream* stream, std::size_t count) {
    std::uint64_t sum = 0;
    stream->expect_bulk(true);
    while (true) {
      const auto input = stream->input().substr(0, count);
      for (const char c : input) sum += static_cast<unsigned char>(c);
      count -= input.size();
      stream->consume(input.size());
      if (count == 0) break;
      const auto more = co_await stream->fill();
      if (!more) co_return pass(more);
      if (!*more) co_return fail(ErrorKind::closed, "ended");
    }
    stream->expect_bulk(false);
    co_return std::to_string(sum);
  }

  static Async<Result<std::string>> answer(Stream* stream, std::string line) {
    if (line.starts_with("BULK ")) co_return co_await read_bulk(stream, parse_decimal(line.substr(5)).value_or(0));
    if (line.starts_with("GIVE ")) co_return std::string(parse_decimal(line.substr(5)).value_or(0), 'g');
    if (line == "TLS") co_return facts_of(*stream);
    if (line == "PEER") {
      co_return fmt::format("{} {} {}", stream->peer().text(), stream->local().host(), stream->is_loopback());
    }
    if (line == "THROW") throw std::runtime_error("thrown as asked");
    co_return line;
  }

  static Async<> session(std::unique_ptr<Stream> stream, SessionFacts facts, std::shared_ptr<const TlsContext> tls,
                         std::chrono::milliseconds timeout) {
    stream->set_timeout(timeout);
    while (true) {
      const auto end = stream->input().find("\r\n");
      if (end == std::string_view::npos) {
        const auto more = co_await stream->fill();
        if (more && *more) continue;
        facts.log.info("ended", {{"why", more ? "end" : name_of(more.error().kind)}});
        if (stream->interrupted()) (co_await stream->write("421 bye\r\n")).value();
        break;
      }
      const std::string line(stream->input().substr(0, end));
      stream->consume(end + 2);
      if (line == "STARTTLS") {
        const auto asked = co_await stream->write("go\r\n");
        const auto started = asked ? co_await stream->start_tls(tls) : asked;
        if (started) continue;
        facts.log.info("ended", {{"why", started.error().log}});
        break;
      }
      const auto reply = co_await answer(stream.get(), line);
      if (!reply) {
        facts.log.info("ended", {{"why", name_of(reply.error().kind)}});
        break;
      }
      const std::string_view pieces[] = {*reply, "\r\n"};
      const auto wrote = co_await stream->write_pieces(pieces);
      if (!wrote) facts.log.info("ended", {{"why", name_of(wrote.error().kind)}});
      if (!wrote || line == "QUIT") break;
    }
    co_await stream->close();
  }

  EchoOptions options_;
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  Metrics metrics_;
  RealClock clock_;
  SystemRandom random_;
  IoThreads threads_;
  std::unique_ptr<Server> server_;
};

}  // namespace pabal::net
