#include "app/folder.hpp"

#include <array>
#include <cerrno>

#include <pwd.h>
#include <unistd.h>

#include "net/process.hpp"

namespace pabal::app {

Result<void> make_data_folder(const Config& config, FileSystem& files) {
  const auto there = files.exists(config.data);
  if (!there) return pass(there);
  if (*there) return {};
  if (auto made = files.make_folder(config.data); !made) return made;
  return give_away(config, config.data);
}

Result<void> give_away(const Config& config, const std::string& path) {
  if (geteuid() != 0 || config.user.empty()) return {};
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> buffer;
  if (const int error = getpwnam_r(config.user.c_str(), &entry, buffer.data(), buffer.size(), &found); error != 0) {
    return fail_errno("look up user", config.user, error);
  }
  if (found == nullptr) return fail(ErrorKind::not_found, "user " + config.user + ": this system has no such user");
  if (chown(path.c_str(), entry.pw_uid, entry.pw_gid) != 0) return fail_errno("give away", path, errno);
  return {};
}

Result<void> become_user(const Config& config) {
  if (geteuid() != 0 || config.user.empty()) return {};
  return net::drop_privileges(config.user);
}

}  // namespace pabal::app
