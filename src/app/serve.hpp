// pabal serve: one mail system in the foreground, until a signal ends it.
#pragma once
#include <string>

namespace pabal::app {

/// Returns the exit status.
[[nodiscard]] int serve(const std::string& config_file);

}  // namespace pabal::app
