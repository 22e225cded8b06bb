// Output buffers between uses: a session holds one only while it has something to say. Any thread.
#pragma once
#include <string>
#include <vector>

#include "base/guarded.hpp"

namespace pabal::net {

class OutputBuffers {
 public:
  /// Empty, with room.
  [[nodiscard]] std::string take();
  void give_back(std::string buffer);

 private:
  static constexpr std::size_t most_kept = 64;
  static constexpr std::size_t largest_kept = 256 << 10;
  Guarded<std::vector<std::string>> idle_;
};

}  // namespace pabal::net
