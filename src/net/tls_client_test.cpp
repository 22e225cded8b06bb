#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "net/echo_server.hpp"
#include "net/test_certificates.hpp"
#include "net/test_client.hpp"
#include "net/tls.hpp"

namespace pabal::net {
namespace {

/// A server whose certificate is a leaf under an intermediate under a root, none of which the system trusts.
class TlsClientTest : public testing::Test {
 protected:
  TlsClientTest()
      : folder_((std::filesystem::temp_directory_path() / fmt::format("pabal-dane-{}", ::getpid())).string()),
        root_(make_test_certificate({.common_name = "root"})),
        middle_(make_test_certificate({.common_name = "middle", .issuer = &root_})),
        other_(make_test_certificate({.common_name = "other"})) {
    std::filesystem::create_directories(folder_);
  }
  ~TlsClientTest() override { std::filesystem::remove_all(folder_); }

  /// Serves this chain from now on.
  void serve(const std::vector<const TestCertificate*>& chain) {
    echo_ = std::make_unique<EchoServer>();
    auto loaded =
        TlsContext::load(files_, {.certificates = {write_test_chain(folder_ + "/leaf", chain)}, .ciphers = {}});
    if (!loaded) throw std::runtime_error(loaded.error().log);
    at_ = echo_->listen(
        {.protocol = "echo", .address = "127.0.0.1", .port = 0, .tls = TlsMode::implicit, .proxy_protocol = {}},
        *loaded);
    echo_->start();
  }
  static std::shared_ptr<TlsClientContext> context(const TlsClientOptions& options) {
    auto made = TlsClientContext::make(options);
    if (!made) throw std::runtime_error(made.error().log);
    return *made;
  }
  /// How the client takes the server for `name`, or why it doesn't.
  std::string handshake(const std::shared_ptr<const TlsClientContext>& context, const std::string& name) {
    try {
      TestClient client(at_);
      const auto facts = client.start_tls(context, name);
      // Both sides agree that it works.
      if (client.ask("hello") != "hello\r\n") return "no echo";
      return facts.verified + (facts.resumed ? " resumed" : "");
    } catch (const std::runtime_error& error) {
      return fmt::format("refused: {}", error.what());
    }
  }
  std::string dane(const std::vector<dns::Tlsa>& records, const std::string& name,
                   std::vector<std::string> names = {}) {
    static const auto any = context({.verify = false, .trusted_roots = {}, .alpn = {}, .opportunistic = true});
    return handshake(any->with_dane(records, std::move(names)), name);
  }

  std::string folder_;
  RealFileSystem files_;
  TestCertificate root_;
  TestCertificate middle_;
  TestCertificate other_;
  std::unique_ptr<EchoServer> echo_;
  Endpoint at_;
};

constexpr std::string_view kNoMatch = "refused: TLS handshake: no matching DANE TLSA records";

TEST_F(TlsClientTest, AnyCertificateDoesWhereNobodyLooks) {
  const auto leaf = make_test_certificate({.names = {"elsewhere.example"}, .expired = true});
  serve({&leaf});
  const auto any = context({.verify = false, .trusted_roots = {}, .alpn = {}, .opportunistic = true});
  EXPECT_EQ(handshake(any, "mx.example"), "");
  EXPECT_EQ(handshake(any, "mx.example"), " resumed");
}

TEST_F(TlsClientTest, ANameThatIsVerified) {
  const auto leaf = make_test_certificate({.names = {"mx.example", "*.wild.example", "f*.part.example"},
                                           .common_name = "common.example",
                                           .issuer = &middle_});
  serve({&leaf, &middle_});
  write_test_chain(folder_ + "/root", {&root_});
  write_test_chain(folder_ + "/other", {&other_});
  const auto trusting = context({.verify = true, .trusted_roots = folder_ + "/root.pem", .alpn = {}});
  EXPECT_EQ(handshake(trusting, "mx.example"), "name mx.example");
  EXPECT_EQ(handshake(trusting, "a.wild.example"), "name *.wild.example");
  EXPECT_TRUE(handshake(trusting, "a.b.wild.example").starts_with("refused: TLS handshake: hostname mismatch"));
  EXPECT_TRUE(handshake(trusting, "foo.part.example").starts_with("refused"));
  EXPECT_TRUE(handshake(trusting, "common.example").starts_with("refused"));
  // One of several will do.
  EXPECT_EQ(handshake(trusting->with_names({"mx.example"}), "common.example"), "name mx.example");
  EXPECT_TRUE(handshake(trusting->with_names({"b.example"}), "common.example").starts_with("refused"));
  // What was verified for some name is not remembered for another.
  EXPECT_TRUE(handshake(trusting, "common.example").starts_with("refused"));
  EXPECT_EQ(handshake(trusting, "mx.example"), "name mx.example resumed");
  const auto distrusting = context({.verify = true, .trusted_roots = folder_ + "/other.pem", .alpn = {}});
  EXPECT_TRUE(handshake(distrusting, "mx.example").starts_with("refused"));
}

TEST_F(TlsClientTest, DaneForTheServersOwnCertificate) {
  // RFC 7672 §3.1.1: neither name nor dates count.
  const auto leaf = make_test_certificate({.names = {"elsewhere.example"}, .expired = true});
  serve({&leaf});
  for (std::uint8_t selector = 0; selector < 2; ++selector) {
    for (std::uint8_t matching = 0; matching < 3; ++matching) {
      EXPECT_EQ(dane({tlsa_of(leaf, 3, selector, matching)}, "mx.example"),
                fmt::format("DANE 3 {} {}", selector, matching));
      EXPECT_EQ(dane({tlsa_of(other_, 3, selector, matching)}, "mx.example"), kNoMatch);
    }
  }
  // One of several records is enough: keys are changed that way.
  EXPECT_EQ(dane({tlsa_of(other_, 3, 1, 1), tlsa_of(leaf, 3, 1, 1)}, "mx.example"), "DANE 3 1 1");
  // No session is remembered: each connection is looked at.
  EXPECT_EQ(dane({tlsa_of(leaf, 3, 1, 1)}, "mx.example"), "DANE 3 1 1");
}

TEST_F(TlsClientTest, DaneForATrustAnchor) {
  const auto leaf = make_test_certificate({.names = {"mx.example"}, .issuer = &middle_});
  serve({&leaf, &middle_, &root_});
  EXPECT_EQ(dane({tlsa_of(root_, 2, 0, 1)}, "mx.example"), "DANE 2 0 1");
  EXPECT_EQ(dane({tlsa_of(root_, 2, 1, 2)}, "mx.example"), "DANE 2 1 2");
  EXPECT_EQ(dane({tlsa_of(middle_, 2, 0, 1)}, "mx.example"), "DANE 2 0 1");
  EXPECT_EQ(dane({tlsa_of(middle_, 2, 0, 0)}, "mx.example"), "DANE 2 0 0");
  EXPECT_TRUE(dane({tlsa_of(other_, 2, 0, 1)}, "mx.example").starts_with("refused"));
  // Names count here: the host's, or the one that the letter is for (§3.2.2).
  EXPECT_TRUE(dane({tlsa_of(root_, 2, 0, 1)}, "mx2.example").starts_with("refused: TLS handshake: hostname mismatch"));
  EXPECT_EQ(dane({tlsa_of(root_, 2, 0, 1)}, "mx2.example", {"mx.example"}), "DANE 2 0 1");
}

TEST_F(TlsClientTest, DaneForATrustAnchorLooksAtDates) {
  const auto leaf = make_test_certificate({.names = {"mx.example"}, .issuer = &root_, .expired = true});
  serve({&leaf, &root_});
  EXPECT_TRUE(
      dane({tlsa_of(root_, 2, 0, 1)}, "mx.example").starts_with("refused: TLS handshake: certificate has expired"));
}

TEST_F(TlsClientTest, DaneRecordsThatMeanNothing) {
  const auto leaf = make_test_certificate({.names = {"mx.example"}});
  serve({&leaf});
  auto short_digest = tlsa_of(leaf, 3, 1, 1);
  short_digest.data.pop_back();
  const std::vector<dns::Tlsa> useless[] = {
      {},
      {tlsa_of(leaf, 0, 0, 1)},
      {tlsa_of(leaf, 1, 1, 1)},
      {{.usage = 3, .selector = 1, .matching = 9, .data = std::string(32, 'x')}},
      {{.usage = 3, .selector = 7, .matching = 1, .data = std::string(32, 'x')}},
      {{.usage = 4, .selector = 1, .matching = 1, .data = std::string(32, 'x')}},
      {{.usage = 3, .selector = 0, .matching = 0, .data = "no certificate"}},
      {short_digest},
  };
  for (const auto& records : useless) {
    EXPECT_EQ(dane(records, "mx.example"), "refused: no TLSA record that can be used");
    auto with_a_good_one = records;
    with_a_good_one.push_back(tlsa_of(leaf, 3, 1, 1));
    EXPECT_EQ(dane(with_a_good_one, "mx.example"), "DANE 3 1 1");
  }
}

}  // namespace
}  // namespace pabal::net
