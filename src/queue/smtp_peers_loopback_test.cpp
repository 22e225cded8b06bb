// SmtpPeers over real sockets, with TLS, to a small mail server of its own.
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/text.hpp"
#include "net/server.hpp"
#include "net/test_certificates.hpp"
#include "net/test_support.hpp"
#include "queue/peer_rig.hpp"
#include "smtp/data.hpp"

namespace pabal::queue {
namespace {

using namespace std::chrono_literals;

/// Takes every letter, in DATA and BDAT; offers STARTTLS where it has a certificate.
class MiniHost {
 public:
  explicit MiniHost(std::shared_ptr<net::TlsContext> tls, std::string offers, bool implicit_tls = false)
      : tls_(std::move(tls)), offers_(std::move(offers)) {
    auto bound =
        server_.bind({.listener = {.protocol = "smtp",
                                   .address = "127.0.0.1",
                                   .port = 0,
                                   .tls = implicit_tls ? net::TlsMode::implicit : net::TlsMode::starttls,
                                   .proxy_protocol = {}},
                      .handler = [this](std::unique_ptr<net::Stream> stream,
                                        net::SessionFacts facts) { return serve(std::move(stream), std::move(facts)); },
                      .tls = tls_,
                      .refusal = "",
                      .own_connections = 0});
    if (!bound) throw std::runtime_error(bound.error().log);
    at = *bound;
    server_.start();
  }
  ~MiniHost() {
    server_.stop(0ms);
    threads_.stop();
  }
  MiniHost(const MiniHost&) = delete;
  MiniHost& operator=(const MiniHost&) = delete;

  net::Endpoint at;
  std::string aside = {};  ///< what it says behind its 354 without being asked; before the first connection
  std::optional<std::string> instead_of_tls =
      {};  ///< what it says behind STARTTLS's reply before it hangs up; likewise
  /// The letters that came, decoded.
  [[nodiscard]] std::vector<std::string> letters() { return *letters_.lock(); }

 private:
  static Async<Result<std::string>> line_of(net::Stream* stream) {
    while (true) {
      const auto end = stream->input().find("\r\n");
      if (end != std::string_view::npos) {
        std::string line(stream->input().substr(0, end));
        stream->consume(end + 2);
        co_return line;
      }
      const auto more = co_await stream->fill();
      if (!more) co_return pass(more);
      if (!*more) co_return fail(ErrorKind::closed, "ended");
    }
  }
  static Async<std::string> text_of(net::Stream* stream) {
    smtp::TextDecoder decoder({.framing = smtp::Framing::dots});
    std::string text;
    while (!decoder.ended()) {
      auto input = stream->input();
      const auto before = input.size();
      while (!input.empty() && !decoder.ended()) text += decoder.decode(input);
      stream->consume(before - input.size());
      if (decoder.ended()) break;
      const auto more = co_await stream->fill();
      if (!more || !*more) break;
    }
    co_return decoder.fault() ? "faulty" : text;
  }
  static Async<std::string> octets_of(net::Stream* stream, std::size_t count) {
    std::string octets;
    while (octets.size() < count) {
      const auto input = stream->input().substr(0, count - octets.size());
      octets += input;
      stream->consume(input.size());
      if (octets.size() == count) break;
      const auto more = co_await stream->fill();
      if (!more || !*more) break;
    }
    co_return octets;
  }
  Async<> serve(std::unique_ptr<net::Stream> stream, net::SessionFacts /*facts*/) {
    std::string chunks;
    std::string reply = "220 mini\r\n";
    while (true) {
      if (!reply.empty()) {
        const auto wrote = co_await stream->write(reply);
        if (!wrote) break;
      }
      const auto line = co_await line_of(stream.get());
      if (!line || *line == "QUIT") break;
      const bool starttls = tls_ && stream->tls() == nullptr;
      reply = "250 ok\r\n";
      if (line->starts_with("EHLO")) {
        reply = fmt::format("250-mini\r\n{}{}250 DSN\r\n", starttls ? "250-STARTTLS\r\n" : "", offers_);
      } else if (*line == "STARTTLS") {
        const auto wrote = co_await stream->write("220 go\r\n" + instead_of_tls.value_or(""));
        if (!wrote || instead_of_tls) break;
        const auto started = co_await stream->start_tls(tls_);
        if (!started) break;
        reply.clear();
      } else if (*line == "DATA") {
        auto wrote = co_await stream->write("354 go\r\n");
        if (wrote && !aside.empty()) wrote = co_await stream->write(aside);
        if (!wrote) break;
        auto text = co_await text_of(stream.get());
        letters_.lock()->push_back(std::move(text));
      } else if (line->starts_with("BDAT ")) {
        const auto words = split(*line, ' ');
        const auto octets = co_await octets_of(stream.get(), parse_decimal(words[1]).value_or(0));
        chunks += octets;
        if (words.size() > 2) letters_.lock()->push_back(std::exchange(chunks, {}));
      }
    }
    co_await stream->close();
  }

  std::shared_ptr<net::TlsContext> tls_;
  std::string offers_;
  Metrics metrics_;
  RealClock clock_;
  SystemRandom random_;
  Guarded<std::vector<std::string>> letters_;
  net::IoThreads threads_{1};
  net::Server server_{threads_, {}, Log(), metrics_, clock_, random_};
};

class SmtpPeersLoopback : public testing::Test {
 protected:
  SmtpPeersLoopback()
      : folder_((std::filesystem::temp_directory_path() / fmt::format("pabal-peers-{}", ::getpid())).string()),
        root_(net::make_test_certificate({.common_name = "root"})),
        leaf_(net::make_test_certificate({.names = {"mx.busan.example"}, .issuer = &root_})) {
    std::filesystem::create_directories(folder_);
    net::write_test_chain(folder_ + "/root", {&root_});
  }
  ~SmtpPeersLoopback() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<net::TlsContext> server_tls() {
    const auto files = net::write_test_chain(folder_ + "/leaf", {&leaf_, &root_});
    auto loaded = net::TlsContext::load(files_, {.certificates = {files}, .ciphers = {}});
    if (!loaded) throw std::runtime_error(loaded.error().log);
    return *loaded;
  }
  static std::shared_ptr<const net::TlsClientContext> client_tls(const net::TlsClientOptions& options) {
    auto made = net::TlsClientContext::make(options);
    if (!made) throw std::runtime_error(made.error().log);
    return *made;
  }
  static Async<std::string> attempt(Peers* peers, Route route, NextHop hop, std::vector<OutgoingTransaction> letters) {
    auto answer = co_await peers->connect(std::move(route), std::move(hop));
    if (!answer) co_return fmt::format("{} {}: {}", answer.error().at, answer.error().status, answer.error().words);
    auto& peer = **answer;
    const auto& facts = peer.facts();
    std::string out = facts.tls ? fmt::format("{} ({})", facts.tls->version, facts.tls->verified) : "plain";
    for (auto& letter : letters) {
      const auto outcome = co_await peer.send(std::move(letter));
      for (const auto& one : outcome.recipients) out += fmt::format(" {}", name_of(one.fate));
    }
    if (!facts.tls_failure.empty()) out += ", " + facts.tls_failure;
    co_await peer.quit();
    co_return out;
  }
  std::string send(const net::Endpoint& to, TlsPolicy policy, std::vector<dns::Tlsa> tlsa = {},
                   std::string name = "mx.busan.example", bool implicit_tls = false,
                   std::vector<std::string> letters = {"Subject: hi\r\n\r\n.dot\r\n"}) {
    const PeerTlsContexts tls{
        .any = client_tls({.verify = false, .trusted_roots = {}, .alpn = {}, .opportunistic = true}),
        .trusting = client_tls({.verify = true, .trusted_roots = folder_ + "/root.pem", .alpn = {}})};
    SmtpPeers peers({.own_name = "us.example"}, tls, pool_, clock_);
    Route route;
    route.implicit_tls = implicit_tls;
    NextHop hop;
    hop.host = std::move(name);
    hop.addresses = {net::Endpoint::of(boost::asio::ip::make_address("127.0.0.77"), 1), to};
    hop.tls = policy;
    hop.tlsa = std::move(tlsa);
    hop.names = {hop.host};
    std::vector<OutgoingTransaction> all;
    for (auto& letter : letters) all.push_back(PeerRig::letter(1, std::move(letter)));
    return net::run_to_end(attempt(&peers, std::move(route), std::move(hop), std::move(all)));
  }

  std::string folder_;
  RealFileSystem files_;
  RealClock clock_;
  Pool pool_{1, Log()};
  net::TestCertificate root_;
  net::TestCertificate leaf_;
};

TEST_F(SmtpPeersLoopback, PoliciesOfTls) {
  MiniHost host(server_tls(), "");
  EXPECT_EQ(send(host.at, TlsPolicy::none), "plain delivered");
  EXPECT_EQ(send(host.at, TlsPolicy::opportunistic), "TLSv1.3 () delivered");
  EXPECT_EQ(send(host.at, TlsPolicy::encrypted), "TLSv1.3 () delivered");
  EXPECT_EQ(send(host.at, TlsPolicy::verified), "TLSv1.3 (name mx.busan.example) delivered");
  EXPECT_EQ(send(host.at, TlsPolicy::mta_sts_enforce, {}, "mx2.busan.example"),
            "TLS 4.7.5: TLS handshake: hostname mismatch");
  EXPECT_EQ(
      send(host.at, TlsPolicy::mta_sts_testing, {}, "mx2.busan.example"),
      "TLSv1.3 () delivered, the policy under test would have refused this host: TLS handshake: hostname mismatch");
  EXPECT_EQ(send(host.at, TlsPolicy::dane, {net::tlsa_of(leaf_, 3, 1, 1)}), "TLSv1.3 (DANE 3 1 1) delivered");
  EXPECT_EQ(send(host.at, TlsPolicy::dane, {net::tlsa_of(root_, 2, 0, 1)}), "TLSv1.3 (DANE 2 0 1) delivered");
  EXPECT_EQ(send(host.at, TlsPolicy::dane, {net::tlsa_of(root_, 3, 1, 1)}),
            "TLS 4.7.5: TLS handshake: no matching DANE TLSA records");
  EXPECT_EQ(host.letters().size(), 7U);
}

TEST_F(SmtpPeersLoopback, TlsFromTheFirstOctet) {
  MiniHost host(server_tls(), "", true);
  EXPECT_EQ(send(host.at, TlsPolicy::verified, {}, "mx.busan.example", true),
            "TLSv1.3 (name mx.busan.example) delivered");
}

TEST_F(SmtpPeersLoopback, AHostWhoseTlsIsBrokenGetsPlainText) {
  // Its certificate is there, but what it speaks after STARTTLS is none of TLS: the context of another protocol.
  MiniHost host(server_tls()->with_alpn({"none"}), "");
  const auto alpn = client_tls({.verify = false, .trusted_roots = {}, .alpn = {"smtp"}, .opportunistic = true});
  SmtpPeers peers({.own_name = "us.example"}, {.any = alpn, .trusting = alpn}, pool_, clock_);
  NextHop hop;
  hop.host = "mx.busan.example";
  hop.addresses = {host.at};
  std::vector<OutgoingTransaction> all;
  all.push_back(PeerRig::letter(1));
  const auto told = net::run_to_end(attempt(&peers, {}, hop, std::move(all)));
  EXPECT_TRUE(told.starts_with("plain delivered, TLS failed: ")) << told;
}

TEST_F(SmtpPeersLoopback, AHandshakeThatIsCutOrNone) {
  for (const auto* said : {"", "\x16\x03\x03", "250 injected\r\n250 2.0.0 ok\r\n"}) {
    MiniHost host(server_tls(), "");
    host.instead_of_tls = said;
    const auto opportunistic = send(host.at, TlsPolicy::opportunistic);
    EXPECT_TRUE(opportunistic.starts_with("plain delivered, TLS failed: TLS handshake")) << opportunistic;
    for (const auto policy : {TlsPolicy::encrypted, TlsPolicy::verified}) {
      const auto demanded = send(host.at, policy);
      EXPECT_TRUE(demanded.starts_with("TLS 4.7.5: TLS handshake")) << demanded;
    }
    EXPECT_EQ(host.letters().size(), 1U);
  }
}

// The letter is longer than what lies between the two, so that the word is there before the end of the text.
TEST_F(SmtpPeersLoopback, WhatAHostSaysWhileTheLetterIsWrittenIsHeard) {
  const std::string big(16UL << 20, 'x');
  for (const auto policy : {TlsPolicy::none, TlsPolicy::encrypted}) {
    for (const auto& [aside, told] : {std::pair("250 stray\r\n", "passing"), {"552 5.3.4 too big\r\n", "lasting"}}) {
      MiniHost host(server_tls(), "");
      host.aside = aside;
      EXPECT_TRUE(send(host.at, policy, {}, "mx.busan.example", false, {big}).ends_with(told)) << aside;
    }
  }
}

TEST_F(SmtpPeersLoopback, LettersArriveAsTheyAre) {
  std::string big;
  while (big.size() < (5UL << 20))
    big += "..dots\r\n.\r\n\r\nand a line of text that goes on for a while, as lines do\r\n";
  const std::vector<std::string> letters = {"Subject: hi\r\n\r\n.\r\n..\r\n", big, "x\r\n"};
  for (const auto* offers : {"", "250-PIPELINING\r\n", "250-CHUNKING\r\n", "250-PIPELINING\r\n250-CHUNKING\r\n"}) {
    MiniHost host(server_tls(), offers);
    EXPECT_EQ(send(host.at, TlsPolicy::opportunistic, {}, "mx.busan.example", false, letters),
              "TLSv1.3 () delivered delivered delivered");
    EXPECT_TRUE(host.letters() == letters) << offers;
  }
}

}  // namespace
}  // namespace pabal::queue
