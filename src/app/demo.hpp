// pabal demo: two whole mail systems on this machine, as two companies on the Internet would be.
#pragma once
#include <string>

namespace pabal::app {

/// `data`: the folder for both; empty: a temporary one that is removed at the end. At the start Alice writes to Bob,
/// and the console shows the letter's way; with `lesson` also a letter that comes back, and one that has to wait.
/// Returns the exit status.
[[nodiscard]] int demo(const std::string& data, bool lesson);

}  // namespace pabal::app
