#include "net/output_buffers.hpp"

namespace pabal::net {

std::string OutputBuffers::take() {
  auto idle = idle_.lock();
  if (idle->empty()) {
    std::string fresh;
    fresh.reserve(4096);
    return fresh;
  }
  auto buffer = std::move(idle->back());
  idle->pop_back();
  return buffer;
}

void OutputBuffers::give_back(std::string buffer) {
  buffer.clear();
  if (buffer.capacity() > largest_kept) return;
  auto idle = idle_.lock();
  if (idle->size() < most_kept) idle->push_back(std::move(buffer));
}

}  // namespace pabal::net
