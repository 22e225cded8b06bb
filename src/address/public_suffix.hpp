// The Public Suffix List: under which names domains are registered by anybody, so that a name's owner (the
// organizational domain of DMARC, RFC 7489 §3.2) can be told.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "address/domain.hpp"
#include "base/error.hpp"

namespace pabal {

/// A list, loaded once; any thread may ask.
class PublicSuffix {
 public:
  /// The newer one of the system's file (Debian's `publicsuffix`) and what libpsl was built with. `not_found` where
  /// there is neither.
  [[nodiscard]] static Result<PublicSuffix> system();
  /// A file in the list's format (or libpsl's compiled one). `not_found` where it can't be read.
  [[nodiscard]] static Result<PublicSuffix> load(const std::string& path);

  /// True for names like `com`, `co.kr`, and any single label that the list doesn't know (the rule `*`).
  [[nodiscard]] bool is_public_suffix(const Domain& domain) const;
  /// The registrable domain that the name is or lies under: `seoul.co.kr` for `mail.seoul.co.kr`; nothing for a public
  /// suffix.
  [[nodiscard]] std::optional<Domain> registrable(const Domain& domain) const;

 private:
  struct Free {
    void operator()(void* list) const noexcept;
  };
  explicit PublicSuffix(void* list) : list_(list) {}
  std::unique_ptr<void, Free> list_;
};

}  // namespace pabal
