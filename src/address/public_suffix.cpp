#include "address/public_suffix.hpp"

#include <libpsl.h>

namespace pabal {

namespace {
const psl_ctx_t* list_of(const void* list) noexcept { return static_cast<const psl_ctx_t*>(list); }
}  // namespace

void PublicSuffix::Free::operator()(void* list) const noexcept { psl_free(static_cast<psl_ctx_t*>(list)); }

Result<PublicSuffix> PublicSuffix::system() {
  psl_ctx_t* const list = psl_latest(nullptr);
  if (list == nullptr) return fail(ErrorKind::not_found, "local error", "no public suffix list on this machine");
  return PublicSuffix(list);
}

Result<PublicSuffix> PublicSuffix::load(const std::string& path) {
  psl_ctx_t* const list = psl_load_file(path.c_str());
  if (list == nullptr) return fail(ErrorKind::not_found, "local error", "no public suffix list in " + path);
  return PublicSuffix(list);
}

bool PublicSuffix::is_public_suffix(const Domain& domain) const {
  return psl_is_public_suffix(list_of(list_.get()), domain.ascii().c_str()) == 1;
}

std::optional<Domain> PublicSuffix::registrable(const Domain& domain) const {
  const char* const found = psl_registrable_domain(list_of(list_.get()), domain.ascii().c_str());
  if (found == nullptr) return std::nullopt;
  auto parsed = Domain::parse(found);
  if (!parsed) return std::nullopt;
  return *std::move(parsed);
}

}  // namespace pabal
