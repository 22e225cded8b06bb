// pabal demo: two whole mail systems on this machine, as two companies on the Internet would be.
#pragma once
#include <string>

namespace pabal::app {

/// `data`: the folder for both; empty: a temporary one that is removed at the end. Returns the exit status.
[[nodiscard]] int demo(const std::string& data);

}  // namespace pabal::app
