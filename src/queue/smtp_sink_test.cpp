// SmtpPeers against Postfix's smtp-sink, which can be told to refuse, to hang up and to lack what others have.
#include <csignal>
#include <fstream>
#include <sys/wait.h>

#include <gtest/gtest.h>
#include <spawn.h>
#include <unistd.h>

#include "base/text.hpp"
#include "net/listener.hpp"
#include "net/socket_address.hpp"
#include "queue/peer_rig.hpp"

namespace pabal::queue {
namespace {

constexpr const char* kSink = "/usr/sbin/smtp-sink";

net::Endpoint free_port() {
  const auto any = net::SocketAddress::of(net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 0)).value();
  const net::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(socket.get(), any.get(), any.size()) != 0) throw std::runtime_error("no free port");
  return net::SocketAddress::local_of(socket.get()).endpoint();
}

bool listens(const net::Endpoint& at) {
  const auto to = net::SocketAddress::of(at).value();
  const net::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(socket.get(), to.get(), to.size()) == 0;
}

/// A running smtp-sink.
class Sink {
 public:
  explicit Sink(std::string_view options) : at(free_port()) {
    std::vector<std::string> words = {kSink};
    if (::geteuid() == 0) words.insert(words.end(), {"-u", "nobody"});
    for (const auto word : split(options, ' ')) {
      if (!word.empty()) words.emplace_back(word);
    }
    words.insert(words.end(), {at.text(), "100"});
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (::posix_spawn(&process_, kSink, nullptr, nullptr, arguments.data(), environ) != 0) {
      throw std::runtime_error("smtp-sink doesn't start");
    }
    for (int tries = 0; !listens(at); ++tries) {
      if (tries == 1000) throw std::runtime_error("smtp-sink doesn't listen");
      ::usleep(10'000);
    }
  }
  ~Sink() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  net::Endpoint at;

 private:
  pid_t process_ = 0;
};

Async<std::string> try_letters(Peers* peers, Route route, NextHop hop, std::vector<OutgoingTransaction> letters) {
  auto answer = co_await peers->connect(std::move(route), std::move(hop));
  if (!answer) co_return fmt::format("{} {}", answer.error().at, answer.error().status);
  auto& peer = **answer;
  std::string out;
  for (auto& letter : letters) {
    const auto outcome = co_await peer.send(std::move(letter));
    for (const auto& one : outcome.recipients) {
      out += fmt::format("{}{}", out.empty() ? "" : " ", name_of(one.fate));
      if (one.fate != Fate::delivered) out += fmt::format("@{}", one.at);
    }
    if (outcome.converted) out += " converted";
  }
  co_await peer.quit();
  co_return out;
}

TEST(SmtpSink, WhateverItDoes) {
  if (!std::ifstream(kSink).good()) GTEST_SKIP() << "no smtp-sink here";
  struct Case {
    std::string_view options;
    std::string_view outcome;  ///< of two letters for two recipients each
  };
  const Case cases[] = {
      {"", "delivered delivered delivered delivered"},
      {"-p", "delivered delivered delivered delivered"},
      {"-e", "delivered delivered converted delivered delivered converted"},
      {"-8", "delivered delivered converted delivered delivered converted"},
      {"-L", "delivered delivered delivered delivered"},
      {"-L -p", "delivered delivered delivered delivered"},
      {"-f ehlo", "delivered delivered converted delivered delivered converted"},
      // Lasting and passing refusals.
      {"-f mail", "lasting@MAIL FROM lasting@MAIL FROM lasting@MAIL FROM lasting@MAIL FROM"},
      {"-f rcpt", "lasting@RCPT TO lasting@RCPT TO lasting@RCPT TO lasting@RCPT TO"},
      {"-f rcpt -p", "lasting@RCPT TO lasting@RCPT TO lasting@RCPT TO lasting@RCPT TO"},
      {"-f data", "lasting@DATA lasting@DATA lasting@DATA lasting@DATA"},
      {"-f .", "lasting@end of data lasting@end of data lasting@end of data lasting@end of data"},
      {"-r mail", "passing@MAIL FROM passing@MAIL FROM passing@MAIL FROM passing@MAIL FROM"},
      {"-r rcpt", "passing@RCPT TO passing@RCPT TO passing@RCPT TO passing@RCPT TO"},
      {"-r data -p", "passing@DATA passing@DATA passing@DATA passing@DATA"},
      {"-r .", "passing@end of data passing@end of data passing@end of data passing@end of data"},
      // It hangs up: the second letter was not tried.
      {"-q mail", "passing@MAIL FROM passing@MAIL FROM untried@ untried@"},
      {"-q rcpt", "passing@RCPT TO passing@RCPT TO untried@ untried@"},
      {"-q data", "passing@DATA passing@DATA untried@ untried@"},
      {"-q .", "in_doubt@end of data in_doubt@end of data untried@ untried@"},
      {"-Q mail", "passing@MAIL FROM passing@MAIL FROM untried@ untried@"},
      {"-Q rcpt", "passing@RCPT TO passing@RCPT TO untried@ untried@"},
      {"-Q data", "passing@DATA passing@DATA untried@ untried@"},
      {"-Q .", "passing@end of data passing@end of data untried@ untried@"},
      // Before that.
      {"-q connect", "greeting 4.4.2"},
      {"-q ehlo", "EHLO 4.4.2"},
      {"-r ehlo", "EHLO 4.3.0"},
  };
  Pool pool(1, Log());
  const RealClock clock;
  for (const auto& [options, outcome] : cases) {
    const Sink sink(options);
    SmtpPeers peers({.own_name = "us.example"}, {}, pool, clock);
    Route route;
    route.lmtp = options.starts_with("-L");
    NextHop hop;
    hop.host = "sink.example";
    hop.addresses = {sink.at};
    std::vector<OutgoingTransaction> letters;
    for (int i = 0; i < 2; ++i) {
      letters.push_back(
          PeerRig::letter(2,
                          "Subject: hi\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                          "Content-Transfer-Encoding: 8bit\r\n\r\n.\xEB\xB0\xA5\r\n"));
      letters.back().body = smtp::Body::eight_bit_mime;
    }
    const auto told = net::run_to_end(try_letters(&peers, std::move(route), hop, std::move(letters)));
    EXPECT_EQ(told, outcome) << "smtp-sink " << options;
  }
}

}  // namespace
}  // namespace pabal::queue
