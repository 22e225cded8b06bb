#include "base/recording_file.hpp"

#include <set>

#include <gtest/gtest.h>

namespace pabal {
namespace {

using Fate = PowerLoss::Fate;

/// All disks that a loss after k may leave of one file, over many seeds; "-" where the name is missing.
std::set<std::string> left(const PowerLoss& loss, const std::string& path) {
  std::set<std::string> all;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    auto dump = loss.disk(Fate::random, seed)->dump();
    all.insert(dump.contains(path) ? dump[path] : "-");
  }
  return all;
}

std::string one(const PowerLoss& loss, Fate fate, const std::string& path) {
  auto dump = loss.disk(fate)->dump();
  return dump.contains(path) ? dump[path] : "-";
}

TEST(RecordingFile, NamesNeedTheirFolder) {
  RecordingFileSystem disk;
  auto file = disk.open("a", OpenMode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at("x", 0));
  ASSERT_TRUE((*file)->sync());
  const auto before = disk.position();
  ASSERT_TRUE(disk.sync_folder("."));
  PowerLoss loss(disk);
  loss.advance(before);
  EXPECT_EQ(left(loss, "a"), (std::set<std::string>{"-", "x"}));
  EXPECT_EQ(one(loss, Fate::dropped, "a"), "-");
  EXPECT_EQ(one(loss, Fate::kept, "a"), "x");
  loss.advance(disk.position());
  EXPECT_EQ(left(loss, "a"), (std::set<std::string>{"x"}));
  EXPECT_EQ(loss.describe(2), "2: write a 0+1");
}

TEST(RecordingFile, OctetsNeedTheirSync) {
  RecordingFileSystem disk;
  auto file = disk.open("a", OpenMode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE(disk.sync_folder("."));
  ASSERT_TRUE((*file)->write_at("old", 0));
  ASSERT_TRUE((*file)->sync());
  ASSERT_TRUE((*file)->write_at("N", 0));
  ASSERT_TRUE((*file)->write_at("W", 2));
  PowerLoss loss(disk);
  loss.advance(loss.size());
  // One sector: its versions in time, never the second write without the first.
  EXPECT_EQ(left(loss, "a"), (std::set<std::string>{"old", "Nld", "NlW"}));
  EXPECT_EQ(one(loss, Fate::dropped, "a"), "old");
  EXPECT_EQ(one(loss, Fate::kept, "a"), "NlW");
}

TEST(RecordingFile, SectorsAreIndependentAndNeverTorn) {
  RecordingFileSystem disk;
  auto file = disk.open("a", OpenMode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE(disk.sync_folder("."));
  ASSERT_TRUE((*file)->write_at(std::string(1024, 'o'), 0));
  ASSERT_TRUE((*file)->sync());
  ASSERT_TRUE((*file)->write_at(std::string(1024, 'n'), 0));
  PowerLoss loss(disk);
  loss.advance(loss.size());
  const auto o = std::string(512, 'o');
  const auto n = std::string(512, 'n');
  EXPECT_EQ(left(loss, "a"), (std::set<std::string>{o + o, o + n, n + o, n + n}));
}

TEST(RecordingFile, SizesAreVersionsInTime) {
  RecordingFileSystem disk;
  auto file = disk.open("a", OpenMode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE(disk.sync_folder("."));
  ASSERT_TRUE((*file)->write_at("ab", 0));
  PowerLoss grows(disk);
  grows.advance(grows.size());
  // Nothing; the size without the octets; both.
  EXPECT_EQ(left(grows, "a"), (std::set<std::string>{"", std::string(2, '\0'), "ab"}));
  ASSERT_TRUE((*file)->sync());
  ASSERT_TRUE((*file)->truncate(0));
  ASSERT_TRUE((*file)->write_at("c", 0));
  PowerLoss cut(disk);
  cut.advance(cut.size());
  EXPECT_EQ(left(cut, "a"), (std::set<std::string>{"ab", "", std::string(1, '\0'), "c"}));
}

TEST(RecordingFile, ASyncCoversWhatWasWrittenBeforeItBegan) {
  RecordingFileSystem disk;
  disk.set_sync_time(std::chrono::milliseconds(200));
  auto file = disk.open("a", OpenMode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE(disk.sync_folder("."));
  ASSERT_TRUE((*file)->write_at("1", 0));
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_TRUE((*file)->write_at("2", 1));
  });
  ASSERT_TRUE((*file)->sync());
  other.join();
  PowerLoss loss(disk);
  loss.advance(loss.size());
  EXPECT_EQ(one(loss, Fate::dropped, "a"), "1");
  EXPECT_EQ(one(loss, Fate::kept, "a"), "12");
}

TEST(RecordingFile, ReplacedFileIsOldOrNew) {
  RecordingFileSystem disk;
  ASSERT_TRUE(disk.make_folder("/d"));
  ASSERT_TRUE(replace_file(disk, "/d/a", "old"));
  const auto begin = disk.position();
  ASSERT_TRUE(replace_file(disk, "/d/a", "new"));
  PowerLoss loss(disk);
  std::set<std::string> seen;
  for (auto k = begin; k <= loss.size(); ++k) {
    loss.advance(k);
    seen.merge(left(loss, "/d/a"));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"old", "new"}));
  EXPECT_EQ(left(loss, "/d/a"), (std::set<std::string>{"new"}));
}

TEST(RecordingFile, ASecondRunBeginsWithAWholeDisk) {
  RecordingFileSystem first;
  ASSERT_TRUE(replace_file(first, "a", "1"));
  PowerLoss loss(first);
  loss.advance(loss.size());
  RecordingFileSystem second(loss.disk(Fate::dropped));
  EXPECT_EQ(read_file(second, "a"), "1");
  auto file = second.open("a", OpenMode::read_write);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at("2", 0));
  PowerLoss again(second);
  EXPECT_EQ(one(again, Fate::dropped, "a"), "1");
  again.advance(again.size());
  EXPECT_EQ(left(again, "a"), (std::set<std::string>{"1", "2"}));
}

}  // namespace
}  // namespace pabal
