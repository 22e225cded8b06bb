#include "net/tls.hpp"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/text.hpp"
#include "net/echo_server.hpp"
#include "net/test_client.hpp"

namespace pabal::net {
namespace {

using namespace std::chrono_literals;

/// A folder of its own with certificates for some names.
class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = (std::filesystem::temp_directory_path() / fmt::format("pabal-tls-{}", ::getpid())).string();
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  CertificateFiles make(const std::string& file, const std::string& name) {
    CertificateFiles where{.certificate = folder_ + "/" + file + ".pem", .key = folder_ + "/" + file + ".key"};
    const auto wrote = write_self_signed(files_, where, name, RealClock().now());
    EXPECT_TRUE(wrote) << (wrote ? "" : wrote.error().log);
    return where;
  }
  std::shared_ptr<TlsContext> load(std::vector<CertificateFiles> all) {
    auto loaded = TlsContext::load(files_, {.certificates = std::move(all), .ciphers = {}});
    if (!loaded) throw std::runtime_error(loaded.error().log);
    return *loaded;
  }
  static std::shared_ptr<const TlsClientContext> client(TlsClientOptions options) {
    auto made = TlsClientContext::make(std::move(options));
    if (!made) throw std::runtime_error(made.error().log);
    return *made;
  }
  static ListenerOptions listener(TlsMode mode) {
    return {.protocol = "echo", .address = "127.0.0.1", .port = 0, .tls = mode, .proxy_protocol = {}};
  }
  std::string error_of_loading(const CertificateFiles& pair) {
    const auto loaded = TlsContext::load(files_, {.certificates = {pair}, .ciphers = {}});
    return loaded ? "" : loaded.error().log;
  }

  std::string folder_;
  RealFileSystem files_;
};

TEST_F(TlsTest, ImplicitTlsWithBothVersions) {
  EchoServer echo;
  const auto at = echo.listen(listener(TlsMode::implicit), load({make("a", "mail.example")}));
  echo.start();
  for (const bool old : {false, true}) {
    const auto context = client({.verify = true, .trusted_roots = folder_ + "/a.pem", .alpn = {}, .only_tls12 = old});
    TestClient connection(at);
    const auto facts = connection.start_tls(context, "mail.example");
    EXPECT_EQ(facts.version, old ? "TLSv1.2" : "TLSv1.3");
    EXPECT_EQ(facts.exporter.size(), 32U);
    std::string exporter;
    for (const char c : facts.exporter) exporter += fmt::format("{:02x}", static_cast<unsigned char>(c));
    // Both ends have the same channel binding.
    EXPECT_EQ(connection.ask("TLS"), fmt::format("{} {} 256 sni=mail.example alpn= resumed=false exporter={}\r\n",
                                                 facts.version, facts.cipher, exporter));
    EXPECT_EQ(connection.ask("hello"), "hello\r\n");
    EXPECT_EQ(connection.ask("QUIT"), "QUIT\r\n");
    EXPECT_EQ(connection.read_line(), "");  // close_notify
  }
}

TEST_F(TlsTest, AWrongNameOrAnUnknownIssuerIsRefusedByTheClient) {
  EchoServer echo;
  const auto at = echo.listen(listener(TlsMode::implicit), load({make("a", "mail.example")}));
  make("b", "mail.example");
  echo.start();
  for (const auto& [roots, name] : {std::pair("a", "other.example"), std::pair("b", "mail.example")}) {
    const auto context = client({.verify = true, .trusted_roots = folder_ + "/" + roots + ".pem", .alpn = {}});
    EXPECT_THROW(TestClient(at).start_tls(context, name), std::runtime_error);
  }
}

TEST_F(TlsTest, SessionsAreResumedAlsoAfterAReload) {
  EchoServer echo;
  const auto tls = load({make("a", "mail.example")});
  const auto at = echo.listen(listener(TlsMode::implicit), tls);
  echo.start();
  for (const bool old : {false, true}) {
    const auto context = client({.verify = false, .trusted_roots = {}, .alpn = {}, .only_tls12 = old});
    for (int i = 0; i < 4; ++i) {
      if (i == 2) ASSERT_TRUE(tls->reload(files_));
      TestClient connection(at);
      EXPECT_EQ(connection.start_tls(context, "mail.example").resumed, i > 0) << i;
      EXPECT_NE(connection.ask("TLS").find(i > 0 ? "resumed=true" : "resumed=false"), std::string::npos);
      EXPECT_EQ(connection.ask("QUIT"), "QUIT\r\n");
    }
  }
}

TEST_F(TlsTest, TheNameAskedForChoosesTheCertificate) {
  make("a", "a.example");
  make("b", "b.example");
  make("w", "*.wild.example");
  const auto tls = load({{folder_ + "/a.pem", folder_ + "/a.key"},
                         {folder_ + "/b.pem", folder_ + "/b.key"},
                         {folder_ + "/w.pem", folder_ + "/w.key"}});
  EXPECT_EQ(tls->certificates()[2].names, std::vector<std::string>{"*.wild.example"});
  EXPECT_GT(tls->certificates()[0].not_after, RealClock().now() + std::chrono::days(3600));
  EchoServer echo;
  const auto at = echo.listen(listener(TlsMode::implicit), tls);
  echo.start();
  struct Case {
    const char* name;
    const char* shown;
  };
  for (const auto& [name, shown] :
       {Case{"a.example", "a"}, Case{"b.example", "b"}, Case{"B.Example", "b"}, Case{"x.wild.example", "w"}}) {
    const auto context = client({.verify = true, .trusted_roots = folder_ + "/" + shown + ".pem", .alpn = {}});
    TestClient connection(at);
    EXPECT_NO_THROW(connection.start_tls(context, name)) << name;
  }
  // The first one for all others; its name doesn't fit, which a client may overlook.
  for (const char* name : {"wild.example", "y.x.wild.example", "nobody.example", ""}) {
    TestClient connection(at);
    connection.start_tls(TestClient::trusting(), name);
    EXPECT_EQ(connection.ask("x"), "x\r\n");
  }
}

TEST_F(TlsTest, ReloadChangesNewHandshakesAndAFailedOneNothing) {
  const auto pair = make("a", "mail.example");
  const auto tls = load({pair});
  EchoServer echo;
  const auto at = echo.listen(listener(TlsMode::implicit), tls->with_alpn({"echo"}));
  echo.start();
  const auto trusting_old = client({.verify = true, .trusted_roots = pair.certificate, .alpn = {}});
  TestClient before(at);
  before.start_tls(trusting_old, "mail.example");

  std::ofstream(pair.certificate) << "garbage";
  const auto broken = tls->reload(files_);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().log.find(pair.certificate), std::string::npos) << broken.error().log;
  TestClient still(at);
  EXPECT_NO_THROW(still.start_tls(trusting_old, "mail.example"));

  make("a", "mail.example");
  ASSERT_TRUE(tls->reload(files_));
  const auto untrusting = client({.verify = true, .trusted_roots = pair.certificate, .alpn = {}});
  TestClient after(at);
  EXPECT_NO_THROW(after.start_tls(untrusting, "mail.example"));
  EXPECT_EQ(before.ask("goes on"), "goes on\r\n");
}

TEST_F(TlsTest, ProtocolNamesMustFit) {
  EchoServer echo;
  const auto at =
      echo.listen(listener(TlsMode::implicit), load({make("a", "mail.example")})->with_alpn({"pop3", "p4"}));
  echo.start();
  const auto tries = [&](std::vector<std::string> offered) -> std::string {
    TestClient connection(at);
    try {
      return connection
          .start_tls(client({.verify = false, .trusted_roots = {}, .alpn = std::move(offered)}), "mail.example")
          .alpn;
    } catch (const std::runtime_error&) {
      return "refused";
    }
  };
  EXPECT_EQ(tries({}), "");
  EXPECT_EQ(tries({"pop3"}), "pop3");
  EXPECT_EQ(tries({"h2", "p4", "pop3"}), "pop3");
  EXPECT_EQ(tries({"http/1.1"}), "refused");
}

TEST_F(TlsTest, StartTlsThrowsAwayWhatWasInjected) {
  EchoServer echo;
  const auto at = echo.listen(listener(TlsMode::starttls), load({make("a", "mail.example")}));
  echo.start();
  TestClient connection(at);
  EXPECT_EQ(connection.ask("plain"), "plain\r\n");
  // In one packet with the command, as CVE-2011-0411 has it.
  connection.send("STARTTLS\r\ninjected\r\n");
  EXPECT_EQ(connection.read_line(), "go\r\n");
  connection.start_tls(TestClient::trusting(), "mail.example");
  EXPECT_EQ(connection.ask("first"), "first\r\n");
  EXPECT_NE(connection.ask("TLS"), "none\r\n");
}

TEST_F(TlsTest, GarbageAndSilenceInsteadOfAHandshake) {
  EchoServer echo({.limits = {.tls_handshake_timeout = 100ms}});
  const auto at = echo.listen(listener(TlsMode::implicit), load({make("a", "mail.example")}));
  echo.start();
  TestClient garbage(at);
  garbage.send("EHLO this is no TLS\r\n");
  // An alert, and then the end.
  EXPECT_LT(garbage.read_to_end().size(), 100U);
  TestClient silent(at);
  EXPECT_EQ(silent.read_to_end(), "");
  TestClient gone(at);
  gone.send("\x16\x03\x01");
  gone.half_close();
  EXPECT_LT(gone.read_to_end().size(), 100U);
  while (echo.server().connections() > 0) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(echo.stop(1s));
  const auto log = echo.log();
  EXPECT_EQ(std::ranges::count(log, '\n'), 3) << log;
  EXPECT_NE(echo.metrics().find("reason=\"tls\"} 3"), std::string::npos);
}

TEST_F(TlsTest, ACutConnectionIsNoEnd) {
  EchoServer echo;
  const auto at = echo.listen(listener(TlsMode::implicit), load({make("a", "mail.example")}));
  echo.start();
  {
    TestClient cut(at);
    cut.start_tls(TestClient::trusting(), "mail.example");
    EXPECT_EQ(cut.ask("x"), "x\r\n");
    ::shutdown(cut.socket(), SHUT_WR);  // without close_notify
    EXPECT_EQ(cut.read_to_end(), "");
  }
  {
    TestClient polite(at);
    polite.start_tls(TestClient::trusting(), "mail.example");
    polite.send("last\r\n");
    polite.half_close();
    EXPECT_EQ(polite.read_to_end(), "last\r\n");
  }
  echo.stop(1s);
  const auto log = echo.log();
  EXPECT_NE(log.find("why=closed"), std::string::npos) << log;
  EXPECT_NE(log.find("why=end"), std::string::npos) << log;
}

TEST_F(TlsTest, BigBlocksBothWaysAndTheStop) {
  EchoServer echo;
  const auto at = echo.listen(listener(TlsMode::implicit), load({make("a", "mail.example")}));
  echo.start();
  TestClient connection(at);
  connection.start_tls(TestClient::trusting(), "mail.example");
  connection.send("BULK 5000000\r\n");
  connection.send(std::string(5'000'000, '\x01'));
  EXPECT_EQ(connection.read_line(), "5000000\r\n");
  connection.send("GIVE 5000000\r\nnext\r\n");
  EXPECT_EQ(connection.read_line(), std::string(5'000'000, 'g') + "\r\n");
  EXPECT_EQ(connection.read_line(), "next\r\n");
  EXPECT_TRUE(echo.stop(5s));
  EXPECT_EQ(connection.read_to_end(), "421 bye\r\n");
}

TEST_F(TlsTest, MistakesInFilesAreToldWithTheFile) {
  const auto good = make("a", "mail.example");
  const auto other = make("b", "mail.example");
  EXPECT_EQ(error_of_loading(good), "");
  EXPECT_NE(error_of_loading({folder_ + "/none.pem", good.key}).find("none.pem"), std::string::npos);
  EXPECT_NE(error_of_loading({good.certificate, folder_ + "/none.key"}).find("none.key"), std::string::npos);
  EXPECT_EQ(error_of_loading({good.certificate, other.key}),
            other.key + ": not the key of the certificate in " + good.certificate);
  EXPECT_EQ(error_of_loading({good.key, good.key}).find(good.key + ": no certificate in PEM form"), 0U);
  EXPECT_EQ(error_of_loading({good.certificate, good.certificate}).find(good.certificate + ": no private key in PEM"),
            0U);
  const auto loaded = TlsContext::load(files_, {.certificates = {good}, .ciphers = "NONSENSE"});
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().log.find("NONSENSE"), std::string::npos);
  EXPECT_FALSE(TlsContext::load(files_, {}));

  const auto broken = folder_ + "/broken.pem";
  std::ofstream(broken) << read_file(files_, good.certificate).value()
                        << "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  EXPECT_EQ(error_of_loading({broken, good.key}).find(broken + ": in the chain"), 0U);
}

TEST_F(TlsTest, ASelfSignedKeyIsItsOwnersAlone) {
  const auto pair = make("a", "mail.example");
  struct stat status{};
  ASSERT_EQ(::stat(pair.key.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_FALSE(make_self_signed("", RealClock().now()));
  EXPECT_FALSE(make_self_signed("a,DNS:b", RealClock().now()));
  EXPECT_TRUE(make_self_signed(std::string(60, 'a') + "." + std::string(60, 'b'), RealClock().now()));
}

}  // namespace
}  // namespace pabal::net
