#include "mailauth/key_record.hpp"

#include <gtest/gtest.h>

#include "mailauth/base64_value.hpp"
#include "mailauth/sha256.hpp"
#include "mailauth/signing_key.hpp"

namespace pabal::mailauth {
namespace {

// 1024 bits, a SubjectPublicKeyInfo; the RSAPublicKey alone is what stands behind its first 22 octets.
constexpr const char* kSpki =
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCz4dLyScpkVi+fIczPJhN/ifSjqSXDQnrW3/y2vfJuGRSsTmadWnNIWgX5inIBojcX/oPijR"
    "XKMsL9qO1CBE8cHggxf7Q7ZcGOudDioVxoANHQd19dQ2frV8AuzEb9K0SjAKHMUj/s67GtxllBuKI3Dm8nhUbKEMvMQqsOrMp74wIDAQAB";
constexpr const char* kPkcs1 =
    "MIGJAoGBALPh0vJJymRWL58hzM8mE3+J9KOpJcNCetbf/La98m4ZFKxOZp1ac0haBfmKcgGiNxf+g+KNFcoywv2o7UIETxweCDF/tDtlwY650O"
    "KhXGgA0dB3X11DZ+tXwC7MRv0rRKMAocxSP+zrsa3GWUG4ojcObyeFRsoQy8xCqw6synvjAgMBAAE=";
constexpr const char* kEd25519 = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

// What a record is, as a line.
std::string line_of(const std::string& text) {
  const auto record = parse_key_record(text);
  if (!record) return "error";
  std::string line(name_of(record->type));
  line += record->key ? " " + std::to_string(record->key->bits()) : " revoked";
  if (!record->takes_sha256) line += " not-sha256";
  if (!record->for_mail) line += " not-mail";
  if (record->testing) line += " testing";
  if (record->strict) line += " strict";
  return line;
}

TEST(KeyRecord, table) {
  const std::string rsa = std::string("p=") + kSpki;
  const std::string ed = std::string("p=") + kEd25519;
  const std::pair<std::string, std::string> table[] = {
      {"v=DKIM1; k=rsa; " + rsa, "rsa 1024"},
      {rsa, "rsa 1024"},
      {"v=DKIM1;" + rsa + ";", "rsa 1024"},
      {std::string("v=DKIM1; p=") + kPkcs1, "rsa 1024"},
      {"v=DKIM1; k=ed25519; " + ed, "ed25519 256"},
      {"v=DKIM1; k=ed25519; " + ed.substr(0, ed.size() - 1), "ed25519 256"},  // without padding
      {"k=ED25519; " + ed, "ed25519 256"},
      {"v=DKIM1; n=words; g=*; " + rsa, "rsa 1024"},
      {"v=DKIM1; p=", "rsa revoked"},
      {"v=DKIM1; k=ed25519; p= \t", "ed25519 revoked"},
      {"v=DKIM1; h=sha1; " + rsa, "rsa 1024 not-sha256"},
      {"v=DKIM1; h=sha1 : sha256; " + rsa, "rsa 1024"},
      {"v=DKIM1; s=tlsrpt; " + rsa, "rsa 1024 not-mail"},
      {"v=DKIM1; s=tlsrpt:email; " + rsa, "rsa 1024"},
      {"v=DKIM1; s=*; " + rsa, "rsa 1024"},
      {"v=DKIM1; t=y; " + rsa, "rsa 1024 testing"},
      {"v=DKIM1; t=s : y : z; " + rsa, "rsa 1024 testing strict"},
      {"", "error"},
      {"v=DKIM1", "error"},
      {"v=DKIM2; " + rsa, "error"},
      {"v=dkim1; " + rsa, "error"},
      {rsa + "; v=DKIM1", "rsa 1024"},
      {"v=DKIM1: g=*; " + rsa, "error"},
      {"v=DKIM1; " + rsa + "; " + rsa, "error"},
      {"v=DKIM1; k=dsa; " + rsa, "error"},
      {"v=DKIM1; k=ed25519; " + rsa, "error"},
      {"v=DKIM1; " + ed, "error"},
      {"v=DKIM1; p=%%%%", "error"},
      {"v=DKIM1; p=MIGf", "error"},
      {"v=DKIM1; p=" + std::string(kSpki).substr(0, 200), "error"},
      {"v=spf1 -all", "error"},
  };
  for (const auto& [text, wanted] : table) EXPECT_EQ(line_of(text), wanted) << text;
}

TEST(KeyRecord, everyPrefixIsRead) {
  const std::string whole = std::string("v=DKIM1; k=rsa; t=s; h=sha256; p=") + kSpki;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto record = parse_key_record(whole.substr(0, size));
    if (record) EXPECT_FALSE(record->key && record->key->bits() != 1024);
  }
}

TEST(KeyRecord, whitespaceInKeysIsNothing) {
  std::string folded = "v=DKIM1; p=";
  for (const char c : std::string_view(kSpki)) (folded += c) += folded.size() % 9 == 0 ? " \n" : "";
  EXPECT_EQ(line_of(folded), "rsa 1024");
}

TEST(KeyRecord, aHugeExponentIsRefused) {
  // A modulus and an exponent of 1024 bits each, as PKCS #1: to verify with it would take as long as to sign.
  std::string modulus(129, '\xC1');
  modulus[0] = '\0';
  const auto integer = [&modulus] { return std::string("\x02\x81\x81", 3) + modulus; };
  std::string body = integer() + integer();
  std::string der =
      std::string("\x30\x82") + static_cast<char>(body.size() >> 8U) + static_cast<char>(body.size() & 0xFFU) + body;
  const auto key = PublicKey::rsa(der);
  ASSERT_FALSE(key);
  EXPECT_NE(key.error().peer.find("exponent"), std::string::npos) << key.error().peer;
}

// Whatever stands in a SubjectPublicKeyInfo, nothing but RSA is read from it.
TEST(KeyRecord, otherKindsOfKeysAreNotEvenRead) {
  const auto octets = decode_base64_value(kSpki);
  ASSERT_TRUE(octets);
  const auto object = octets->find("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");
  ASSERT_NE(object, std::string::npos);
  EXPECT_TRUE(PublicKey::rsa(*octets));
  for (const char last : {'\x00', '\x02', '\x0a', '\x0b'}) {  // id-RSASSA-PSS, sha256WithRSAEncryption
    auto other = *octets;
    other[object + 8] = last;
    EXPECT_FALSE(PublicKey::rsa(other));
  }
  // id-ecPublicKey with a curve of its own making.
  EXPECT_FALSE(PublicKey::rsa(
      std::string("\x30\x13\x30\x0d\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x30\x02\x02\x00\x03\x02\x00\x04", 21)));
  for (std::size_t size = 0; size < octets->size(); ++size)
    EXPECT_FALSE(PublicKey::rsa(octets->substr(0, size))) << size;
  for (std::size_t at = 0; at < 30; ++at) {
    for (const char c : {'\x00', '\x30', '\x7f', '\x80', '\x84', '\xff'}) {
      auto other = *octets;
      other[at] = c;
      const auto key = PublicKey::rsa(other);
      if (key) EXPECT_LE(key->bits(), 8U * octets->size());
    }
  }
}

TEST(KeyRecord, aRecordHasAnEnd) {
  const std::string record = std::string("v=DKIM1; p=") + kSpki + "; n=";
  EXPECT_EQ(line_of(record + std::string(key_most_record_octets - record.size(), 'x')), "rsa 1024");
  EXPECT_EQ(line_of(record + std::string(key_most_record_octets, 'x')), "error");
  KeyCache cache(8);
  const auto big = record + std::string(key_most_record_octets, 'x');
  EXPECT_NE(cache.read(big), cache.read(big)) << "it isn't kept";
}

TEST(KeyCache, remembersByTextWithinItsBounds) {
  KeyCache cache(8);
  const std::string text = std::string("v=DKIM1; k=ed25519; p=") + kEd25519;
  const auto first = cache.read(text);
  ASSERT_TRUE(*first);
  EXPECT_EQ(cache.read(text), first);
  EXPECT_FALSE(*cache.read("p=%"));
  EXPECT_EQ(cache.read("p=%"), cache.read("p=%"));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(cache.read("x" + std::to_string(i) + "=1"));
  EXPECT_EQ(cache.read(text), first) << "used again, so kept";
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(cache.read("y" + std::to_string(i) + "=1"));
  EXPECT_NE(cache.read(text), first) << "long not used, so forgotten";
}

TEST(SigningKey, whatItSignsItsRecordVerifies) {
  Sha256 sha256;
  sha256.take("a letter");
  const auto digest = sha256.digest();
  const auto ed = DkimSigningKey::generate_ed25519();
  const auto rsa = DkimSigningKey::generate_rsa(1024);
  ASSERT_TRUE(ed && rsa);
  for (const auto& key : {*ed, *rsa}) {
    const auto record = parse_key_record(key.record());
    ASSERT_TRUE(record && record->key) << key.record();
    EXPECT_EQ(record->key->type(), key.type());
    const auto signature = key.sign(digest);
    ASSERT_TRUE(signature);
    EXPECT_TRUE(record->key->verify(digest, *signature));
    auto other = digest;
    other[31] = static_cast<char>(other[31] ^ 1);
    EXPECT_FALSE(record->key->verify(other, *signature));
    EXPECT_FALSE(record->key->verify(digest, signature->substr(1)));
    EXPECT_FALSE(record->key->verify(digest, ""));
    const auto pem = key.pem();
    ASSERT_TRUE(pem);
    const auto again = DkimSigningKey::from_pem(*pem);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->record(), key.record());
  }
}

TEST(SigningKey, whatIsNoneIsRefused) {
  EXPECT_FALSE(DkimSigningKey::from_pem(""));
  EXPECT_FALSE(DkimSigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
  EXPECT_FALSE(DkimSigningKey::generate_rsa(512));
  EXPECT_FALSE(DkimSigningKey::generate_rsa(8192));
  // RFC 8463 §A.1: its octets alone.
  const auto key = DkimSigningKey::from_pem("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->record(), std::string("v=DKIM1; k=ed25519; p=") + kEd25519);
}

}  // namespace
}  // namespace pabal::mailauth
