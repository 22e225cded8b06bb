#include "account/scram.hpp"

#include <gtest/gtest.h>

#include "account/scram_client.hpp"
#include "base/text.hpp"
#include "codec/base64.hpp"

namespace pabal::account {
namespace {

using testing::ScramClient;

std::string dump(const auto& result) {
  if (!result) return fmt::format("{}: {}", name_of(result.error().kind), result.error().log);
  if constexpr (requires { result->name; }) {
    return result->name + (result->authzid.empty() ? "" : " as " + result->authzid);
  } else {
    return *result;
  }
}

TEST(Scram, Rfc5802Sha1) {  // §5
  ScramServer server(ScramHash::sha1, {}, "3rfcNHYJY1ZVvWVs7j");
  EXPECT_EQ(dump(server.client_first("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")), "user");
  const auto salt = codec::decode_base64("QSXCR+Q6sek8bf92");
  EXPECT_EQ(server.challenge(make_scram_verifier(ScramHash::sha1, "pencil", *salt, 4096)),
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
  EXPECT_EQ(
      dump(server.client_final("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=")),
      "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
}

TEST(Scram, Rfc7677Sha256) {  // §3
  ScramServer server(ScramHash::sha256, {}, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
  EXPECT_EQ(dump(server.client_first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")), "user");
  const auto salt = codec::decode_base64("W22ZaJ0SNY7soEsUEjb6gQ==");
  EXPECT_EQ(server.challenge(make_scram_verifier(ScramHash::sha256, "pencil", *salt, 4096)),
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  EXPECT_EQ(dump(server.client_final("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                     "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")),
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST(Scram, ClientFirstTable) {
  const std::string exporter(32, 'E');
  const ScramChannel plain;
  const ScramChannel offered{.plus = false, .plus_offered = true, .exporter = exporter};
  const ScramChannel plus{.plus = true, .plus_offered = true, .exporter = exporter};
  struct Case {
    ScramChannel channel;
    std::string message;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {plain, "n,,n=user,r=abc", "user"},
      {plain, "y,,n=user,r=abc", "user"},
      {plain, "n,a=other,n=user,r=abc", "user as other"},
      {plain, "n,,n=a=2Cb=3Dc,r=abc", "a,b=c"},
      {plain, "n,a=x=2Cy,n=user,r=abc", "user as x,y"},
      {plain, "n,,n=앨리스@서울.example,r=abc", "앨리스@서울.example"},
      {plain, "n,,n=user,r=abc,x=ext", "user"},
      {plain, "n,,n=user,r=abc,x=ext,y=a=b", "user"},
      {offered, "n,,n=user,r=abc", "user"},
      {plus, "p=tls-exporter,,n=user,r=abc", "user"},
      // Refused
      {offered, "y,,n=user,r=abc", "auth: SCRAM: channel binding was stripped from our offer"},
      {plus, "n,,n=user,r=abc", "auth: SCRAM: a -PLUS mechanism without channel binding"},
      {plus, "y,,n=user,r=abc", "auth: SCRAM: a -PLUS mechanism without channel binding"},
      {plus, "p=tls-unique,,n=user,r=abc", "auth: SCRAM: unsupported channel binding type"},
      {plus, "p=tls-server-end-point,,n=user,r=abc", "auth: SCRAM: unsupported channel binding type"},
      {plain, "p=tls-exporter,,n=user,r=abc", "auth: SCRAM: channel binding with a mechanism that has none"},
      {offered, "p=tls-exporter,,n=user,r=abc", "auth: SCRAM: channel binding with a mechanism that has none"},
      {plain, "n,,m=must,n=user,r=abc", "auth: SCRAM: an extension that we must know and don't"},
      // Malformed
      {plain, "", "syntax: SCRAM: no gs2-header"},
      {plain, "n", "syntax: SCRAM: no gs2-header"},
      {plain, "n,", "syntax: SCRAM: no gs2-header"},
      {plain, "n,,", "syntax: SCRAM: invalid user name"},
      {plain, "N,,n=user,r=abc", "syntax: SCRAM: invalid gs2-cbind-flag"},
      {plain, "x,,n=user,r=abc", "syntax: SCRAM: invalid gs2-cbind-flag"},
      {plain, ",,n=user,r=abc", "syntax: SCRAM: invalid gs2-cbind-flag"},
      {plain, "p,,n=user,r=abc", "syntax: SCRAM: invalid gs2-cbind-flag"},
      {plus, "p=,,n=user,r=abc", "syntax: SCRAM: invalid gs2-cbind-flag"},
      {plus, "p=a_b,,n=user,r=abc", "syntax: SCRAM: invalid gs2-cbind-flag"},
      {plain, "n,other,n=user,r=abc", "syntax: SCRAM: invalid authzid"},
      {plain, "n,a=,n=user,r=abc", "syntax: SCRAM: invalid authzid"},
      {plain, "n,a=x=,n=user,r=abc", "syntax: SCRAM: invalid authzid"},
      {plain, "n,,n=,r=abc", "syntax: SCRAM: invalid user name"},
      {plain, "n,,n=a=2cb,r=abc", "syntax: SCRAM: invalid user name"},
      {plain, "n,,n=a=,r=abc", "syntax: SCRAM: invalid user name"},
      {plain, "n,,n=a=2,r=abc", "syntax: SCRAM: invalid user name"},
      {plain, "n,,r=abc,n=user", "syntax: SCRAM: invalid user name"},
      {plain, "n,,N=user,r=abc", "syntax: SCRAM: invalid user name"},
      {plain, "n,,n=user", "syntax: SCRAM: invalid nonce"},
      {plain, "n,,n=user,", "syntax: SCRAM: invalid nonce"},
      {plain, "n,,n=user,r=", "syntax: SCRAM: invalid nonce"},
      {plain, "n,,n=user,r=a b", "syntax: SCRAM: invalid nonce"},
      {plain, "n,,n=user,r=å", "syntax: SCRAM: invalid nonce"},
      {plain, "n,,n=user,r=abc,", "syntax: SCRAM: invalid extension"},
      {plain, "n,,n=user,r=abc,x", "syntax: SCRAM: invalid extension"},
      {plain, "n,,n=user,r=abc,x=", "syntax: SCRAM: invalid extension"},
      {plain, "n,,n=user,r=abc,1=a", "syntax: SCRAM: invalid extension"},
      {plain, "n,,n=user,r=abc,m=must", "syntax: SCRAM: invalid extension"},
      {plain, std::string("n,,n=us\0er,r=abc", 16), "syntax: SCRAM: client-first-message is no text"},
      {plain, "n,,n=us\xFF,r=abc", "syntax: SCRAM: client-first-message is no text"},
      {plain, "n,,n=" + std::string(5000, 'u') + ",r=abc", "syntax: SCRAM: client-first-message is no text"},
  };
  for (const auto& [channel, message, expected] : cases) {
    ScramServer server(ScramHash::sha256, channel, "server-nonce");
    EXPECT_EQ(dump(server.client_first(message)), expected) << printable(message);
  }
}

TEST(Scram, ClientFinalTable) {
  const auto verifier = make_scram_verifier(ScramHash::sha256, "pencil", "salt-of-16-octet", 4096);
  // What a client may do to its final message: given the right one, what comes of it.
  struct Case {
    std::function<std::string(const std::string&)> change;
    std::string expected;
  };
  const auto replace = [](const std::string& what, const std::string& by) {
    return [=](std::string message) { return message.replace(message.find(what), what.size(), by); };
  };
  const std::vector<Case> cases = {
      {[](const std::string& m) { return m; }, ""},
      {replace("c=", "C="), "syntax: SCRAM: no channel binding"},
      {replace("c=b", "c=*"), "syntax: SCRAM: invalid channel binding"},
      {replace("c=biws", "c=eSws"), "auth: SCRAM: the channel binding is another one"},  // "y,,"
      {replace("c=biws", "c=biwsAA=="), "auth: SCRAM: the channel binding is another one"},
      {replace("c=biws", "c="), "auth: SCRAM: the channel binding is another one"},
      {replace(",r=clientserver", ",r=clientserverX"), "auth: SCRAM: the nonce is another one"},
      {replace(",r=clientserver", ",r=client"), "auth: SCRAM: the nonce is another one"},
      {replace(",r=clientserver", ",r="), "syntax: SCRAM: invalid nonce"},
      {replace(",r=", ",x="), "syntax: SCRAM: invalid nonce"},
      {replace(",p=", ",x=ext,p="), "auth: SCRAM: wrong password"},  // not under the proof
      {replace(",p=", ",m=ext,p="), "syntax: SCRAM: invalid extension"},
      {replace(",p=", ",x=,p="), "syntax: SCRAM: invalid extension"},
      {replace(",p=", ",p"), "syntax: SCRAM: invalid extension"},
      {[](const std::string& m) { return m.substr(0, m.find(",p=")); }, "syntax: SCRAM: invalid extension"},
      {[](const std::string& m) { return m.substr(0, m.size() - 4); }, "syntax: SCRAM: invalid proof"},
      {[](const std::string& m) { return m + ",x=y"; }, "syntax: SCRAM: no proof at the end"},
      {[](const std::string& m) { return m + ","; }, "syntax: SCRAM: no proof at the end"},
      {[](const std::string& m) { return m + "\n"; }, "syntax: SCRAM: invalid proof"},
      {[](const std::string& m) { return m + std::string(1, '\0'); }, "syntax: SCRAM: client-final-message is no text"},
      {[](const std::string&) { return std::string(); }, "syntax: SCRAM: no channel binding"},
      {[](const std::string&) { return std::string("*"); }, "syntax: SCRAM: no channel binding"},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    ScramServer server(ScramHash::sha256, {}, "server");
    ScramClient client(ScramHash::sha256, "user", "pencil", "client");
    ASSERT_TRUE(server.client_first(client.first("n,,")).has_value());
    const auto right = client.final_message(server.challenge(verifier), "");
    const auto answer = server.client_final(cases[i].change(right));
    EXPECT_EQ(dump(answer), cases[i].expected.empty() ? client.expected_server_final() : cases[i].expected) << i;
  }
}

TEST(Scram, ExtensionsUnderTheProofAreSkipped) {
  const auto verifier = make_scram_verifier(ScramHash::sha256, "pencil", "salt-of-16-octet", 4096);
  ScramServer server(ScramHash::sha256, {}, "server");
  ScramClient client(ScramHash::sha256, "user", "pencil", "client");
  ASSERT_TRUE(server.client_first(client.first("n,,", ",x=one,z=t=w=o")).has_value());
  EXPECT_EQ(dump(server.client_final(client.final_message(server.challenge(verifier), "", ",e=xt"))),
            client.expected_server_final());
}

TEST(Scram, ChannelBinding) {
  const auto verifier = make_scram_verifier(ScramHash::sha256, "pencil", "salt-of-16-octet", 4096);
  const std::string exporter(32, '\x80');
  const auto attempt = [&](const std::string& header, const std::string& client_sees, std::string_view password) {
    ScramServer server(ScramHash::sha256, {.plus = true, .plus_offered = true, .exporter = exporter}, "server");
    ScramClient client(ScramHash::sha256, "user", password, "client");
    const auto first = server.client_first(client.first(header));
    if (!first) return dump(first);
    const auto answer = server.client_final(client.final_message(server.challenge(verifier), client_sees));
    return answer ? std::string(*answer == client.expected_server_final() ? "in" : "in, but unproven") : dump(answer);
  };
  EXPECT_EQ(attempt("p=tls-exporter,,", exporter, "pencil"), "in");
  EXPECT_EQ(attempt("p=tls-exporter,a=user,", exporter, "pencil"), "in");
  EXPECT_EQ(attempt("p=tls-exporter,,", exporter, "pen"), "auth: SCRAM: wrong password");
  // In the middle sits somebody with another TLS connection.
  EXPECT_EQ(attempt("p=tls-exporter,,", std::string(32, 'X'), "pencil"),
            "auth: SCRAM: the channel binding is another one");
  EXPECT_EQ(attempt("p=tls-exporter,,", "", "pencil"), "auth: SCRAM: the channel binding is another one");
}

TEST(Scram, EveryPrefixIsRefused) {
  const std::string first = "n,a=user,n=user,r=client,x=y";
  for (std::size_t n = 0; n < first.size(); ++n) {
    ScramServer server(ScramHash::sha256, {}, "server");
    const auto user = server.client_first(std::string_view(first).substr(0, n));
    if (user) EXPECT_GT(n, first.find("r=")) << n;
  }
  const auto verifier = make_scram_verifier(ScramHash::sha256, "pencil", "salt", 1);
  ScramServer server(ScramHash::sha256, {}, "server");
  ScramClient client(ScramHash::sha256, "user", "pencil", "client");
  ASSERT_TRUE(server.client_first(client.first("n,,")).has_value());
  const auto right = client.final_message(server.challenge(verifier), "");
  for (std::size_t n = 0; n < right.size(); ++n) {
    EXPECT_FALSE(server.client_final(std::string_view(right).substr(0, n)).has_value()) << n;
  }
  EXPECT_TRUE(server.client_final(right).has_value());
}

}  // namespace
}  // namespace pabal::account
