// Certificates for tests, made by OpenSSL: issuers, leaves with names and dates, and the TLSA records that fit them.
// Throws std::runtime_error where OpenSSL fails.
#pragma once
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "dns/record.hpp"
#include "net/tls_core.hpp"

namespace pabal::net {

/// A certificate with its key.
struct TestCertificate {
  KeyPtr key;
  CertificatePtr certificate;
};

struct TestCertificateOptions {
  std::vector<std::string> names = {};  ///< alternative names; none for an issuer
  std::string common_name = "test";
  const TestCertificate* issuer = nullptr;  ///< null: by itself
  bool expired = false;
};

inline TestCertificate make_test_certificate(const TestCertificateOptions& options) {
  static long serial = 1000;
  const auto must = [](bool done) {
    if (!done) throw std::runtime_error("OpenSSL: " + openssl_errors());
  };
  TestCertificate made{.key = KeyPtr(EVP_EC_gen("P-256")), .certificate = CertificatePtr(X509_new())};
  X509* x = made.certificate.get();
  must(made.key && x != nullptr && X509_set_version(x, X509_VERSION_3) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), options.expired ? -200'000 : -1000);
  X509_gmtime_adj(X509_getm_notAfter(x), options.expired ? -100'000 : 1'000'000);
  X509_NAME* subject = X509_get_subject_name(x);
  must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                  reinterpret_cast<const unsigned char*>(options.common_name.c_str()), -1, -1, 0) == 1);
  X509* issuer = options.issuer == nullptr ? x : options.issuer->certificate.get();
  must(X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1 && X509_set_pubkey(x, made.key.get()) == 1);
  const auto add = [&](int which, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str());
    must(extension != nullptr && X509_add_ext(x, extension, -1) == 1);
    X509_EXTENSION_free(extension);
  };
  const bool is_issuer = options.names.empty();
  add(NID_basic_constraints, is_issuer ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (is_issuer) add(NID_key_usage, "critical,keyCertSign");
  std::string names;
  for (const auto& name : options.names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  if (!is_issuer) add(NID_subject_alt_name, names);
  EVP_PKEY* signer = options.issuer == nullptr ? made.key.get() : options.issuer->key.get();
  must(X509_sign(x, signer, EVP_sha256()) > 0);
  return made;
}

/// Writes the leaf and those that follow it in its chain, and the leaf's key.
inline CertificateFiles write_test_chain(const std::string& at, const std::vector<const TestCertificate*>& chain) {
  const auto text = [](auto write) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    if (write(bio.get()) != 1) throw std::runtime_error("OpenSSL: " + openssl_errors());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
  };
  CertificateFiles files{.certificate = at + ".pem", .key = at + ".key"};
  std::ofstream certificate(files.certificate);
  for (const auto* one : chain) {
    certificate << text([&](BIO* bio) { return PEM_write_bio_X509(bio, one->certificate.get()); });
  }
  std::ofstream key(files.key);
  key << text([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, chain.front()->key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return files;
}

/// RFC 6698 §2.1: the record that fits the certificate.
inline dns::Tlsa tlsa_of(const TestCertificate& of, std::uint8_t usage, std::uint8_t selector, std::uint8_t matching) {
  unsigned char* der = nullptr;
  const int size = selector == 0 ? i2d_X509(of.certificate.get(), &der) : i2d_PUBKEY(of.key.get(), &der);
  if (size < 0) throw std::runtime_error("OpenSSL: " + openssl_errors());
  std::string octets(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  if (matching > 0) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(octets.data(), octets.size(), digest, &length, matching == 1 ? EVP_sha256() : EVP_sha512(), nullptr);
    octets.assign(reinterpret_cast<const char*>(digest), length);
  }
  return {.usage = usage, .selector = selector, .matching = matching, .data = octets};
}

}  // namespace pabal::net
