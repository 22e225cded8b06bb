#include "net/process.hpp"

#include <cstdlib>
#include <filesystem>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "net/listener.hpp"
#include "net/socket_address.hpp"

namespace pabal::net {
namespace {

TEST(ServiceNotifier, SendsADatagram) {
  const auto path = (std::filesystem::temp_directory_path() / fmt::format("pabal-notify-{}", ::getpid())).string();
  const FileDescriptor manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto address = SocketAddress::of(Endpoint::unix_socket(path));
  ASSERT_EQ(::bind(manager.get(), address->get(), address->size()), 0);
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  const auto notifier = ServiceNotifier::take();
  EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
  const auto received = [&] {
    char room[256];
    const auto got = ::recv(manager.get(), room, sizeof room, MSG_DONTWAIT);
    return std::string(room, got > 0 ? static_cast<std::size_t>(got) : 0);
  };
  EXPECT_TRUE(notifier.ready());
  EXPECT_EQ(received(), "READY=1");
  EXPECT_TRUE(notifier.reloading());
  EXPECT_TRUE(received().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_TRUE(notifier.status("two\nlines"));
  EXPECT_EQ(received(), "STATUS=two\\x0alines");
  EXPECT_TRUE(notifier.stopping());
  EXPECT_EQ(received(), "STOPPING=1");
  std::filesystem::remove(path);
  EXPECT_FALSE(notifier.ready());
}

TEST(ServiceNotifier, IsSilentWithoutASocket) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(ServiceNotifier::take().ready());
  ::setenv("NOTIFY_SOCKET", "nonsense", 1);
  EXPECT_FALSE(ServiceNotifier::take().ready());
}

TEST(Privileges, AreGivenUpForGood) {
  EXPECT_FALSE(drop_privileges("no-such-user-here"));
  if (::geteuid() != 0) {
    EXPECT_FALSE(drop_privileges("root"));
    return;
  }
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!drop_privileges("nobody")) ::_exit(1);
    if (::geteuid() == 0 || ::getegid() == 0 || ::setuid(0) == 0) ::_exit(2);
    if (!drop_privileges("nobody")) ::_exit(3);
    ::_exit(drop_privileges("root") ? 4 : 0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace pabal::net
