// Any octets as an IMAP URL: what is read is within its bounds, and what stands behind the rump is mechanism and token.
#include <cstdint>
#include <cstdlib>

#include "imap/url.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::imap;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto url = Url::parse(input);
  if (!url) return 0;
  if (input.size() > kLongestUrl || describe(*url).find('\n') != std::string::npos) std::abort();
  if (url->uid && *url->uid == 0) std::abort();
  if (url->partial && url->partial->count == 0) std::abort();
  if (!url->authorization) return 0;
  if (!url->server || !url->uid || url->authorization->rump > input.size()) std::abort();
  const auto behind = input.substr(url->authorization->rump);
  if (behind.empty() != url->authorization->token.empty()) std::abort();
  if (behind.empty()) return 0;
  if (behind.front() != ':' || !behind.ends_with(url->authorization->token)) std::abort();
  const auto rump = Url::parse(input.substr(0, url->authorization->rump));
  if (!rump || !rump->authorization || rump->authorization->rump != url->authorization->rump) std::abort();
  return 0;
}
