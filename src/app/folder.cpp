#include "app/folder.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "net/listener.hpp"
#include "net/process.hpp"

namespace pabal::app {

namespace {

/// The user that root is to become.
struct User {
  uid_t id;
  gid_t group;
};

/// Nothing where we are not root or are to stay it.
Result<std::optional<User>> user_of(const Config& config) {
  if (geteuid() != 0 || config.user.empty()) return std::nullopt;
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> buffer;
  if (const int error = getpwnam_r(config.user.c_str(), &entry, buffer.data(), buffer.size(), &found); error != 0) {
    return fail_errno("look up user", config.user, error);
  }
  if (found == nullptr) return fail(ErrorKind::not_found, "user " + config.user + ": this system has no such user");
  return User{.id = entry.pw_uid, .group = entry.pw_gid};
}

/// The rights of the settings' user instead of root's, for a while: of the whole process, so before it has threads that
/// mind. Does nothing where we are not root or are to stay it.
class UsersRights {
 public:
  [[nodiscard]] static Result<std::unique_ptr<UsersRights>> take(const Config& config) {
    const auto user = user_of(config);
    if (!user) return pass(user);
    std::unique_ptr<UsersRights> taken(new UsersRights);
    if (!*user) return taken;
    const int count = ::getgroups(0, nullptr);
    if (count < 0) return fail_errno("read the groups of", "root", errno);
    taken->groups_.resize(static_cast<std::size_t>(count));
    if (::getgroups(count, taken->groups_.data()) != count) return fail_errno("read the groups of", "root", errno);
    taken->group_ = ::getegid();
    taken->taken_ = true;  // from here on there is something to be given back
    if (::initgroups(config.user.c_str(), (*user)->group) != 0 || ::setegid((*user)->group) != 0 ||
        ::seteuid((*user)->id) != 0) {
      return fail_errno("take the rights of", config.user, errno);
    }
    return taken;
  }
  ~UsersRights() {
    if (!taken_) return;
    // What is left of the start needs root; without it nothing good can come.
    if (::seteuid(0) != 0 || ::setegid(group_) != 0 || ::setgroups(groups_.size(), groups_.data()) != 0) std::abort();
  }
  UsersRights(const UsersRights&) = delete;
  UsersRights& operator=(const UsersRights&) = delete;

 private:
  UsersRights() = default;
  std::vector<gid_t> groups_;
  gid_t group_ = 0;
  bool taken_ = false;
};

}  // namespace

Result<void> make_data_folder(const Config& config, FileSystem& files) {
  const auto there = files.exists(config.data);
  if (!there) return pass(there);
  if (*there) return {};
  if (auto made = files.make_folder(config.data); !made) return made;
  return give_away(config, config.data);
}

Result<void> give_away(const Config& config, const std::string& folder) {
  const auto user = user_of(config);
  if (!user) return pass(user);
  if (!*user) return {};
  // Not by its name, which may by now be that of a link.
  const net::FileDescriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened) return fail_errno("open", folder, errno);
  if (::fchown(opened.get(), (*user)->id, (*user)->group) != 0) return fail_errno("give away", folder, errno);
  return {};
}

Result<net::CertificateFiles> own_certificate(const Config& config, FileSystem& files, SystemTime now, const Log& log) {
  net::CertificateFiles own{config.data + "/cert.pem", config.data + "/key.pem"};
  const auto rights = UsersRights::take(config);
  if (!rights) return pass(rights);
  const auto there = files.exists(own.certificate);
  if (!there) return pass(there);
  if (!*there) {
    if (auto made = net::write_self_signed(files, own, config.hostname, now); !made) return pass(made);
    log.info("self_signed_certificate_made", {{"file", own.certificate}, {"host", config.hostname}});
  }
  return own;
}

Result<std::shared_ptr<net::TlsContext>> load_certificates(const Config& config, FileSystem& files,
                                                           net::TlsOptions options) {
  if (!config.certificates.empty()) return net::TlsContext::load(files, std::move(options));
  const auto rights = UsersRights::take(config);
  if (!rights) return pass(rights);
  return net::TlsContext::load(files, std::move(options));
}

Result<void> become_user(const Config& config) {
  if (geteuid() != 0 || config.user.empty()) return {};
  return net::drop_privileges(config.user);
}

}  // namespace pabal::app
