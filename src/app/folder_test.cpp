#include "app/folder.hpp"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

namespace pabal::app {
namespace {

// What a service account that was taken over may leave in its folder for the next start as root.
class OwnCertificate : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root has something to lose here";
    const passwd* found = getpwnam("nobody");
    if (found == nullptr) GTEST_SKIP() << "there is no user nobody";
    user = found->pw_uid;
    folder = std::filesystem::temp_directory_path() / fmt::format("pabal-folder-{}", ::getpid());
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder / "data");
    config.data = (folder / "data").string();
    config.hostname = "mail.seoul.example";
    config.user = "nobody";
    ASSERT_EQ(::chown(config.data.c_str(), found->pw_uid, found->pw_gid), 0);
  }
  void TearDown() override {
    if (!folder.empty()) std::filesystem::remove_all(folder);
  }

  static uid_t owner(const std::filesystem::path& path) {
    struct stat facts{};
    return ::lstat(path.c_str(), &facts) == 0 ? facts.st_uid : uid_t(-1);
  }

  RealFileSystem files;
  Config config;
  std::filesystem::path folder;
  uid_t user = 0;
};

TEST_F(OwnCertificate, IsTheUsers) {
  const auto own = own_certificate(config, files, RealClock().now(), Log());
  ASSERT_TRUE(own.has_value()) << own.error().log;
  EXPECT_EQ(owner(own->certificate), user);
  EXPECT_EQ(owner(own->key), user);
  EXPECT_EQ(geteuid(), 0U);
  EXPECT_TRUE(load_certificates(config, files, tls_options({*own})).has_value());
  EXPECT_EQ(geteuid(), 0U);
}

TEST_F(OwnCertificate, FollowsNoLinkToWhatIsRoots) {
  const auto shadow = folder / "shadow";
  for (const auto* name : {"key.pem.new", "cert.pem.new", "key.pem", "cert.pem"}) {
    std::ofstream(shadow) << "secret";
    ASSERT_EQ(::chmod(shadow.c_str(), 0600), 0);
    std::filesystem::create_symlink(shadow, folder / "data" / name);
    const auto own = own_certificate(config, files, RealClock().now(), Log());
    // Where the link was in the way it fails; else it is replaced. Either way what it leads to is as it was.
    std::string text;
    std::ifstream(shadow) >> text;
    EXPECT_EQ(text, "secret") << name;
    EXPECT_EQ(owner(shadow), 0U) << name;
    EXPECT_EQ(geteuid(), 0U);
    if (own)
      EXPECT_FALSE(load_certificates(config, files, tls_options({{shadow.string(), shadow.string()}})).has_value());
    for (const auto& entry : std::filesystem::directory_iterator(folder / "data")) std::filesystem::remove(entry);
  }
}

TEST_F(OwnCertificate, AFolderIsGivenAwayButNoLink) {
  std::filesystem::create_directories(folder / "roots");
  std::filesystem::create_symlink(folder / "roots", folder / "data" / "maildrop");
  EXPECT_FALSE(give_away(config, (folder / "data" / "maildrop").string()).has_value());
  EXPECT_EQ(owner(folder / "roots"), 0U);
  EXPECT_TRUE(give_away(config, (folder / "roots").string()).has_value());
  EXPECT_EQ(owner(folder / "roots"), user);
}

}  // namespace
}  // namespace pabal::app
