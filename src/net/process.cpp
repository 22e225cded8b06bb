#include "net/process.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <vector>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "base/text.hpp"
#include "net/listener.hpp"

namespace pabal::net {

namespace {

struct Account {
  uid_t user;
  gid_t group;
};

Result<Account> find_user(const std::string& user) {
  std::vector<char> room(1024);
  passwd found{};
  passwd* result = nullptr;
  while (true) {
    const int failed = ::getpwnam_r(user.c_str(), &found, room.data(), room.size(), &result);
    if (failed == ERANGE && room.size() < (1U << 20)) {
      room.resize(room.size() * 2);
      continue;
    }
    if (failed != 0) return fail_errno("look up user", user, failed);
    break;
  }
  if (result == nullptr) {
    return fail(ErrorKind::not_found, fmt::format("there is no user '{}' on this machine", printable(user)));
  }
  return Account{.user = found.pw_uid, .group = found.pw_gid};
}

}  // namespace

ServiceNotifier ServiceNotifier::take() {
  ServiceNotifier taken;
  if (const char* address = std::getenv("NOTIFY_SOCKET")) taken.address_ = address;
  ::unsetenv("NOTIFY_SOCKET");
  return taken;
}

Result<void> ServiceNotifier::send(const std::string& state) const {
  if (address_.empty()) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (address_.size() >= sizeof address.sun_path || (address_[0] != '/' && address_[0] != '@')) {
    return fail(ErrorKind::syntax, "local error", fmt::format("NOTIFY_SOCKET names no Unix socket: {}", address_));
  }
  address_.copy(address.sun_path, address_.size());
  if (address_[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("open a socket for", address_, errno);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  const auto sent = ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), size);
  if (sent != static_cast<ssize_t>(state.size())) return fail_errno("notify", address_, errno);
  return {};
}

Result<void> ServiceNotifier::ready() const { return send("READY=1"); }

Result<void> ServiceNotifier::reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto microseconds = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
  return send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", microseconds));
}

Result<void> ServiceNotifier::stopping() const { return send("STOPPING=1"); }

Result<void> ServiceNotifier::status(std::string_view text) const {
  return send(fmt::format("STATUS={}", printable(text)));
}

Result<void> drop_privileges(const std::string& user) {
  const auto account = find_user(user);
  if (!account) return pass(account);
  if (::geteuid() != 0) {
    if (::geteuid() == account->user) return {};
    return fail(ErrorKind::policy, "not permitted", fmt::format("only root can become the user '{}'", user));
  }
  if (::initgroups(user.c_str(), account->group) != 0) return fail_errno("set the groups of", user, errno);
  if (::setresgid(account->group, account->group, account->group) != 0) {
    return fail_errno("take the group of", user, errno);
  }
  if (::setresuid(account->user, account->user, account->user) != 0) return fail_errno("become", user, errno);
  if (account->user != 0 && (::setuid(0) == 0 || ::geteuid() == 0)) {
    return fail(ErrorKind::policy, "local error", "root could be taken back after it was given up");
  }
  return {};
}

}  // namespace pabal::net
