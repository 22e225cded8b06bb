// Received, Authentication-Results and list fields of any octets.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "message/trace_fields.hpp"

namespace {
void demand(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::message;
  using pabal::is_utf8;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const Received received = parse_received(body);
  for (const auto* text : {&received.from, &received.from_comment, &received.by, &received.by_comment, &received.via,
                           &received.with, &received.id, &received.recipient}) {
    demand(is_utf8(*text));
  }
  demand(received.comments.size() <= 50);
  const auto results = parse_authentication_results(body);
  demand(is_utf8(results.authserv_id) && results.results.size() <= 1'000);
  for (const auto& result : results.results) {
    demand(!result.method.empty() || !result.method_version.empty());
    demand(is_utf8(result.result) && is_utf8(result.reason) && is_utf8(result.comment));
    for (const auto& property : result.properties) demand(is_utf8(property.value));
  }
  for (const auto& url : parse_list_urls(body)) demand(!url.empty() && is_utf8(url));
  const ListId id = parse_list_id(body);
  demand(is_utf8(id.id) && is_utf8(id.description));
  return 0;
}
