// SHA-256 as octets come.
#pragma once
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace pabal::mailauth {

/// Exceptions: std::bad_alloc, where OpenSSL has no memory.
class Sha256 {
 public:
  Sha256();
  /// Goes on with what the other has taken so far.
  Sha256(const Sha256& other);
  Sha256(Sha256&&) noexcept = default;
  Sha256& operator=(const Sha256&) = delete;
  Sha256& operator=(Sha256&&) noexcept = default;
  ~Sha256() = default;

  void take(std::string_view octets);
  /// The 32 octets of what was taken; it can go on taking.
  [[nodiscard]] std::string digest() const;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace pabal::mailauth
