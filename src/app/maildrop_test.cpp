#include "app/maildrop.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <sys/stat.h>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/guarded.hpp"

namespace pabal::app {
namespace {

using namespace std::chrono_literals;

json::object request(const std::string& sender) { return {{"sender", sender}, {"recipients", json::array{"c@d"}}}; }

class MaildropTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = (std::filesystem::temp_directory_path() / fmt::format("pabal-maildrop-{}", ::getpid())).string();
    std::filesystem::remove_all(folder);
    ASSERT_TRUE(make_maildrop(folder).value());
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string read(const std::string& id) {
    const auto letter = read_dropped(folder, id, 1000);
    if (!letter) return std::string(name_of(letter.error().kind));
    return json::serialize(letter->request) + " " + letter->message;
  }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const auto& file : std::filesystem::directory_iterator(folder)) all.push_back(file.path().filename().string());
    std::ranges::sort(all);
    return all;
  }
  void put(const std::string& name, const std::string& octets) { std::ofstream(folder + "/" + name) << octets; }

  std::string folder;
};

TEST_F(MaildropTest, AnybodyMayPutAndNobodyLook) {
  struct stat status{};
  ASSERT_EQ(::stat(folder.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 03733U);
  EXPECT_FALSE(make_maildrop(folder).value());
  ASSERT_TRUE(drop_letter(folder, "abc1", dropped_text(request(""), "Subject: x\r\n")));
  ASSERT_EQ(::stat((folder + "/abc1").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
  EXPECT_FALSE(drop_letter(folder + "/none", "abc1", "x"));
}

TEST_F(MaildropTest, WhatIsBelieved) {
  put("good", "{\"recipients\":[\"c@d\"],\"x\":1,\"sender\":\"a@b\"}\nSubject: x\r\n");
  put("empty", "");
  put("noline", "{}");
  put("nojson", "{\n");
  put("nosender", "{\"recipients\":[\"c@d\"]}\nx");
  put("norecipients", "{\"sender\":\"a@b\"}\nx");
  put("oddrecipients", "{\"sender\":\"a@b\",\"recipients\":[1e999999]}\nx");
  put("noobject", "[1]\nx");
  put("big", "{}\n" + std::string(300'000, 'x'));
  std::filesystem::create_symlink("good", folder + "/link");
  std::filesystem::create_directory(folder + "/folder");
  ASSERT_EQ(::mkfifo((folder + "/pipe").c_str(), 0666), 0);
  const std::map<std::string, std::string> expected = {
      {"good", "{\"sender\":\"a@b\",\"recipients\":[\"c@d\"]} Subject: x\r\n"},
      {"nosender", "syntax"},
      {"norecipients", "syntax"},
      {"oddrecipients", "syntax"},
      {"empty", "syntax"},
      {"noline", "syntax"},
      {"nojson", "syntax"},
      {"noobject", "syntax"},
      {"big", "limit"},
      {"link", "policy"},
      {"folder", "policy"},
      {"pipe", "policy"},
      {"none", "io"},
  };
  for (const auto& [name, result] : expected) EXPECT_EQ(read(name), result) << name;
  std::filesystem::create_hard_link(folder + "/good", folder + "/second");
  EXPECT_EQ(read("good"), "policy");
}

TEST(Maildrop, Names) {
  for (const std::string name : {"1m80sr3y06qty6er", "A", "0"}) EXPECT_TRUE(is_dropped_name(name)) << name;
  for (const std::string& name : {std::string(), std::string(".x"), std::string("held-x"), std::string("a/b"),
                                  std::string(65, 'a'), std::string("a b")}) {
    EXPECT_FALSE(is_dropped_name(name)) << name;
  }
}

TEST(Maildrop, EveryPrefix) {
  const std::string whole = dropped_text(request("a@b"), "Subject: x\r\n\r\ny\r\n");
  const auto line = whole.find('\n');
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto letter = parse_dropped(whole.substr(0, size));
    EXPECT_EQ(letter.has_value(), size > line) << size;
    if (letter) EXPECT_EQ(letter->message, whole.substr(line + 1, size - line - 1));
  }
}

TEST_F(MaildropTest, IsEmptiedAndWhatCannotBeIsKept) {
  for (const std::string id : {"good", "later", "never", "full"}) {
    ASSERT_TRUE(drop_letter(folder, id, dropped_text(request(id), "x\r\n")));
  }
  put("broken", "x");
  put(".draft", "{}\n");
  auto lines = std::make_shared<std::vector<std::string>>();
  Guarded<std::map<std::string, int>> tries;
  {
    const MaildropReader reader(
        folder, 1000,
        [&](const std::string& id, const DroppedLetter& letter) -> Result<void> {
          EXPECT_EQ(letter.owner, ::getuid());
          const int count = ++(*tries.lock())[id];
          if (id == "never") return fail(ErrorKind::not_found, "nobody");
          if (id == "later" && count == 1) return fail(ErrorKind::busy, "busy");
          if (id == "full" && count == 1) return fail(ErrorKind::quota, "full");
          return {};
        },
        Log::to_lines(lines), 1ms, 2ms);
    const auto give_up_at = std::chrono::steady_clock::now() + 20s;
    while (names() != std::vector<std::string>{".draft", "held-broken", "held-never"} &&
           std::chrono::steady_clock::now() < give_up_at) {
      std::this_thread::sleep_for(1ms);
    }
  }
  EXPECT_EQ(names(), (std::vector<std::string>{".draft", "held-broken", "held-never"}));
  EXPECT_EQ(*tries.lock(), (std::map<std::string, int>{{"good", 1}, {"later", 2}, {"never", 1}, {"full", 2}}));
}

}  // namespace
}  // namespace pabal::app
