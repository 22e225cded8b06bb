// What a server process tells its service manager, and how it gives up root.
#pragma once
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::net {

/// The service manager's notification socket ($NOTIFY_SOCKET, sd_notify(3)); one datagram a message. Without one all
/// calls succeed and do nothing.
class ServiceNotifier {
 public:
  /// From the environment, whose variable is removed.
  [[nodiscard]] static ServiceNotifier take();
  [[nodiscard]] Result<void> ready() const;      ///< READY=1
  [[nodiscard]] Result<void> reloading() const;  ///< RELOADING=1 with MONOTONIC_USEC; ready() again when done
  [[nodiscard]] Result<void> stopping() const;   ///< STOPPING=1
  [[nodiscard]] Result<void> status(std::string_view text) const;

 private:
  [[nodiscard]] Result<void> send(const std::string& state) const;
  std::string address_;  ///< a path, or an abstract name that begins with '@'
};

/// Becomes `user` for good: supplementary groups, group, user, and a check that there is no way back. Before the first
/// thread. Where the process is not root: an error if `user` is somebody else.
[[nodiscard]] Result<void> drop_privileges(const std::string& user);

}  // namespace pabal::net
