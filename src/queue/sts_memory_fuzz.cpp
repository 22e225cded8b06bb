// A file of policies that somebody has damaged: what is read of it is written and read again as the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "queue/sts_memory.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::queue;
  const auto once = sts_memory_text(read_sts_memory({reinterpret_cast<const char*>(data), size}));
  if (sts_memory_text(read_sts_memory(once)) != once) std::abort();
  return 0;
}
