#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/text.hpp"
#include "net/tls_core.hpp"

namespace pabal::net {

namespace {

constexpr std::chrono::seconds kTenYears = std::chrono::days(3652);

bool add_extension(X509* certificate, int which, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool set_serial(X509* certificate) {
  // RFC 5280 §4.1.2.2: positive, at most 20 octets; 64 random bits at least.
  unsigned char octets[16];
  if (RAND_bytes(octets, sizeof octets) != 1) return false;
  octets[0] = static_cast<unsigned char>((octets[0] & 0x7FU) | 0x40U);
  BIGNUM* number = BN_bin2bn(octets, sizeof octets, nullptr);
  const bool set = number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

bool set_times(X509* certificate, SystemTime now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  // A day of leeway for clients whose clocks are slow.
  const auto from = static_cast<time_t>((seconds - std::chrono::days(1)).count());
  const auto to = static_cast<time_t>((seconds + kTenYears).count());
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), to) != nullptr;
}

bool set_name(X509* certificate, const std::string& host_name) {
  // A common name holds 64 octets at most (RFC 5280, ub-common-name); the alternative name is what counts.
  X509_NAME* subject = X509_get_subject_name(certificate);
  const auto shown = host_name.substr(0, 64);
  return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(shown.c_str()),
                                    -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

bool is_host_name(std::string_view name) {
  const auto allowed = [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_'; };
  if (name.starts_with("*.")) name.remove_prefix(2);
  return !name.empty() && name.size() <= 253 && std::ranges::all_of(name, allowed);
}

}  // namespace

Result<SelfSigned> make_self_signed(const std::string& host_name, SystemTime now) {
  if (!is_host_name(host_name)) {
    return fail(ErrorKind::syntax, fmt::format("'{}' is no host name for a certificate", printable(host_name)));
  }
  ERR_clear_error();
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertificatePtr certificate(X509_new());
  const bool made = key && certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                    set_serial(certificate.get()) && set_times(certificate.get(), now) &&
                    set_name(certificate.get(), host_name) && X509_set_pubkey(certificate.get(), key.get()) == 1 &&
                    add_extension(certificate.get(), NID_subject_alt_name, "DNS:" + host_name) &&
                    add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature") &&
                    add_extension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth") &&
                    add_extension(certificate.get(), NID_subject_key_identifier, "hash") &&
                    X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0;
  if (!made) return fail(ErrorKind::io, "a certificate can't be made", openssl_errors());
  const BioPtr certificate_text(BIO_new(BIO_s_mem()));
  const BioPtr key_text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return fail(ErrorKind::io, "a certificate can't be made", openssl_errors());
  }
  return SelfSigned{.certificate = text_of(certificate_text.get()), .key = text_of(key_text.get())};
}

Result<void> write_self_signed(FileSystem& files, const CertificateFiles& where, const std::string& host_name,
                               SystemTime now) {
  const auto made = make_self_signed(host_name, now);
  if (!made) return pass(made);
  // The certificate last: where it is, its key is there too.
  if (auto wrote = replace_file(files, where.key, made->key); !wrote) return wrote;
  return replace_file(files, where.certificate, made->certificate);
}

}  // namespace pabal::net
