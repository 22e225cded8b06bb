#include <cstdint>
#include <cstdlib>

#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "server/http/monitor.hpp"

// The first octet says how big the pieces are in which the rest arrives.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal;
  static const Metrics metrics;
  static const auto handler = server::http::make_monitor(metrics, nullptr, {.header_octets = 512, .requests = 8});
  if (size == 0) return 0;
  net::MemoryStreamOptions options;
  options.input.emplace_back(reinterpret_cast<const char*>(data) + 1, size - 1);
  options.piece_limit = 1U + data[0];
  auto stream = std::make_unique<net::MemoryStream>(std::move(options));
  net::run_to_end(handler(std::move(stream), net::SessionFacts()));
  return 0;
}
