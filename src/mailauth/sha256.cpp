#include "mailauth/sha256.hpp"

#include <new>

#include <openssl/evp.h>

namespace pabal::mailauth {
namespace {

void must(int result) {
  if (result != 1) throw std::bad_alloc();
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  must(context_ ? EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) : 0);
}

Sha256::Sha256(const Sha256& other) : context_(EVP_MD_CTX_new()) {
  must(context_ ? EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) : 0);
}

void Sha256::take(std::string_view octets) { must(EVP_DigestUpdate(context_.get(), octets.data(), octets.size())); }

std::string Sha256::digest() const {
  const Sha256 last(*this);
  std::string octets(32, '\0');
  must(EVP_DigestFinal_ex(last.context_.get(), reinterpret_cast<unsigned char*>(octets.data()), nullptr));
  return octets;
}

}  // namespace pabal::mailauth
