#include "app/sendmail_session.hpp"

#include <cerrno>

#include <poll.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "server/smtp/server.hpp"

namespace pabal::app {
namespace {

/// Two descriptors as a stream; it blocks, since nothing else runs on its thread.
class PipeStream final : public net::Stream {
 public:
  PipeStream(int input, int output)
      : input_descriptor_(input), output_descriptor_(output), end_(net::Endpoint::unix_socket("")) {}

  [[nodiscard]] std::string_view input() const noexcept override { return std::string_view(buffer_).substr(consumed_); }
  void consume(std::size_t count) noexcept override { consumed_ += count; }
  [[nodiscard]] Async<Result<bool>> fill() override {
    buffer_.erase(0, std::exchange(consumed_, 0));
    if (auto ready = wait(input_descriptor_, POLLIN); !ready) co_return pass(ready);
    const auto held = buffer_.size();
    buffer_.resize(held + 16384);
    const ssize_t got = ::read(input_descriptor_, buffer_.data() + held, 16384);
    buffer_.resize(held + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) co_return fail_errno("read", "standard input", errno);
    co_return got > 0;
  }
  void expect_bulk(bool /*bulk*/) noexcept override {}
  [[nodiscard]] Async<Result<void>> write(std::string_view octets) override { co_return write_now(octets); }
  [[nodiscard]] Async<Result<void>> write_pieces(std::span<const std::string_view> pieces) override {
    Result<void> written;
    for (const auto piece : pieces) {
      if (written) written = write_now(piece);
    }
    co_return written;
  }
  void set_timeout(std::chrono::milliseconds timeout) noexcept override { timeout_ = timeout; }
  [[nodiscard]] Async<Result<void>> start_tls(std::shared_ptr<const net::TlsContext> /*context*/) override {
    co_return fail(ErrorKind::unsupported, "no TLS on a pipe");
  }
  [[nodiscard]] Async<Result<void>> start_tls_client(std::shared_ptr<const net::TlsClientContext> /*context*/,
                                                     std::string /*peer_name*/) override {
    co_return fail(ErrorKind::unsupported, "no TLS on a pipe");
  }
  [[nodiscard]] const net::TlsInfo* tls() const noexcept override { return nullptr; }
  [[nodiscard]] const net::Endpoint& peer() const noexcept override { return end_; }
  [[nodiscard]] const net::Endpoint& local() const noexcept override { return end_; }
  [[nodiscard]] bool is_loopback() const noexcept override { return true; }
  void interrupt() noexcept override {}
  void wake() noexcept override {}
  [[nodiscard]] bool interrupted() const noexcept override { return false; }
  [[nodiscard]] bool peer_has_left() const noexcept override { return false; }
  [[nodiscard]] Async<void> close() override { co_return; }

 private:
  [[nodiscard]] Result<void> wait(int descriptor, short what) const {
    pollfd polled{.fd = descriptor, .events = what, .revents = 0};
    const auto most = static_cast<int>(std::min<std::int64_t>(timeout_.count(), INT32_MAX));
    int ready = 0;
    do {
      ready = ::poll(&polled, 1, most);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) return fail(ErrorKind::timeout, "timeout");
    if (ready < 0) return fail_errno("wait for", "standard input or output", errno);
    return {};
  }
  [[nodiscard]] Result<void> write_now(std::string_view octets) const {
    while (!octets.empty()) {
      if (auto ready = wait(output_descriptor_, POLLOUT); !ready) return ready;
      const ssize_t wrote = ::write(output_descriptor_, octets.data(), octets.size());
      if (wrote < 0 && errno != EINTR && errno != EAGAIN) return fail_errno("write to", "standard output", errno);
      octets.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(wrote, 0)));
    }
    return {};
  }

  int input_descriptor_;
  int output_descriptor_;
  net::Endpoint end_;
  std::string buffer_;
  std::size_t consumed_ = 0;
  std::chrono::milliseconds timeout_ = std::chrono::minutes(5);
};

/// Takes every recipient: who is at home is not known here.
class Everybody final : public server::smtp::Accounts {
 public:
  explicit Everybody(EmailAddress postmaster) : postmaster_(std::move(postmaster)) {}

  [[nodiscard]] std::shared_ptr<const account::Resolution> try_resolve(const EmailAddress& recipient) override {
    return std::make_shared<const account::Resolution>(welcome(recipient));
  }
  [[nodiscard]] Async<Result<account::Resolution>> resolve(EmailAddress recipient) override {
    co_return welcome(recipient);
  }
  [[nodiscard]] Async<Result<account::Resolution>> postmaster() override { co_return welcome(postmaster_); }
  [[nodiscard]] Async<Result<bool>> may_send_as(AccountId /*account*/, EmailAddress /*sender*/) override {
    co_return true;
  }
  [[nodiscard]] std::vector<std::string_view> mechanisms(const account::ClientFacts& /*facts*/) override { return {}; }
  [[nodiscard]] Result<std::unique_ptr<account::SaslExchange>> begin(std::string_view /*mechanism*/,
                                                                     account::ClientFacts /*facts*/) override {
    return fail(ErrorKind::unsupported, "nobody logs in here");
  }

 private:
  static account::Resolution welcome(const EmailAddress& recipient) {
    account::LocalRecipient local;
    local.targets.push_back({.account = {}, .shard = {}, .delivered_to = recipient, .detail = {}});
    return local;
  }
  EmailAddress postmaster_;
};

class HandInMda final : public delivery::Mda {
 public:
  explicit HandInMda(HandIn hand_in) : hand_in_(std::move(hand_in)) {}

  [[nodiscard]] Async<delivery::Answer> deliver(delivery::Letter letter) override {
    json::array recipients;
    for (const auto& recipient : letter.recipients) recipients.push_back(json::string(recipient.address.text()));
    const json::object request{{"command", "sendmail"},
                               {"sender", letter.sender ? letter.sender->text() : std::string()},
                               {"recipients", std::move(recipients)}};
    delivery::Answer answer;
    answer.results.push_back(hand_in_(request, letter.content.memory()));
    co_return answer;
  }

 private:
  HandIn hand_in_;
};

}  // namespace

void speak_smtp(const server::smtp::Settings& settings, int input, int output, HandIn hand_in) {
  const auto postmaster = EmailAddress::parse("postmaster@" + settings.hostname);
  if (!postmaster) return;  // the settings' hostname is a domain name
  Everybody accounts(*postmaster);
  HandInMda mda(std::move(hand_in));
  const RealClock clock;
  SystemRandom random;
  Metrics metrics;
  server::smtp::RateLimits limits(settings, random);
  server::smtp::Services services;
  services.accounts = &accounts;
  services.mda = &mda;
  services.receive = [](std::uint64_t) { return store::Incoming(); };
  services.clock = &clock;
  services.random = &random;
  services.metrics = &metrics;
  const server::smtp::Server server(settings, {.protocol = smtp::Protocol::smtp}, std::move(services), limits);
  PipeStream stream(input, output);
  asio::io_context home(1);
  std::exception_ptr failed;
  asio::co_spawn(home, server.talk(stream, "stdin", Log()),
                 [&failed](std::exception_ptr thrown) { failed = std::move(thrown); });
  home.run();
  if (failed) std::rethrow_exception(failed);
}

}  // namespace pabal::app
