// The data folder's owner, before root is given up.
#pragma once
#include "app/config.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace pabal::app {

/// Makes the data folder where it isn't there. As root with a `user` in the settings, that user becomes its owner.
[[nodiscard]] Result<void> make_data_folder(const Config& config, FileSystem& files);

/// Gives a file that root has made in the data folder to the settings' user; nothing otherwise.
[[nodiscard]] Result<void> give_away(const Config& config, const std::string& path);

/// As root with a `user` in the settings: becomes that user for good. What it writes in the data folder is then the
/// server's own.
[[nodiscard]] Result<void> become_user(const Config& config);

}  // namespace pabal::app
