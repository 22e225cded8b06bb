// What every FileSystem does, over all of them.
#include "base/file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/failing_file.hpp"
#include "base/memory_file.hpp"
#include "base/random.hpp"
#include "base/recording_file.hpp"

namespace pabal {
namespace {

/// A file system and a folder in it that is there.
struct Disk {
  virtual ~Disk() = default;
  virtual FileSystem& files() = 0;
  virtual std::string root() { return "/disk"; }
};

struct RealDisk final : Disk {
  RealFileSystem system;
  std::string folder;
  RealDisk() {
    auto name = (std::filesystem::temp_directory_path() / "pabal-file-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  RealDisk(const RealDisk&) = delete;
  RealDisk& operator=(const RealDisk&) = delete;
  ~RealDisk() override { std::filesystem::remove_all(folder); }
  FileSystem& files() override { return system; }
  std::string root() override { return folder; }
};
struct MemoryDisk final : Disk {
  MemoryFileSystem system;
  MemoryDisk() { system.place("/disk/x", {}); }
  FileSystem& files() override { return system; }
};
struct FailingDisk final : Disk {
  MemoryDisk memory;
  FailingFileSystem system{memory.system};
  FileSystem& files() override { return system; }
};
struct RecordingDisk final : Disk {
  RecordingFileSystem system;
  RecordingDisk() { EXPECT_TRUE(system.make_folder("/disk")); }
  FileSystem& files() override { return system; }
};

template <class Kind>
class FileSystemContract : public testing::Test {
 protected:
  Kind disk;
  FileSystem& files = disk.files();
  std::string path(const std::string& name) { return disk.root() + "/" + name; }
};
using Kinds = testing::Types<RealDisk, MemoryDisk, FailingDisk, RecordingDisk>;
TYPED_TEST_SUITE(FileSystemContract, Kinds);

std::string read(File& file, std::uint64_t offset, std::size_t count) {
  std::string octets(count, '?');
  auto n = file.read_at(octets, offset);
  if (!n) return "error: " + n.error().log;
  return octets.substr(0, *n);
}

TYPED_TEST(FileSystemContract, WritesAndReads) {
  auto file = this->files.open(this->path("a"), OpenMode::create_new);
  ASSERT_TRUE(file) << file.error().log;
  ASSERT_TRUE((*file)->write_at("hello", 3));
  EXPECT_EQ((*file)->size(), 8);
  EXPECT_EQ(read(**file, 0, 100), std::string("\0\0\0hello", 8));
  EXPECT_EQ(read(**file, 7, 1), "o");
  EXPECT_EQ(read(**file, 8, 1), "");
  EXPECT_EQ(read(**file, 9999, 1), "");
  const std::array<std::string_view, 3> pieces = {"ab", "", "cde"};
  ASSERT_TRUE((*file)->write_pieces_at(pieces, 6));
  EXPECT_EQ(read(**file, 0, 100), std::string("\0\0\0helabcde", 11));
  ASSERT_TRUE((*file)->sync());
  ASSERT_TRUE((*file)->truncate(4));
  ASSERT_TRUE((*file)->truncate(6));
  EXPECT_EQ(read(**file, 0, 100), std::string("\0\0\0h\0\0", 6));
  ASSERT_TRUE((*file)->allocate(3));
  EXPECT_EQ((*file)->size(), 6);
  ASSERT_TRUE((*file)->allocate(9));
  EXPECT_EQ(read(**file, 0, 100), std::string("\0\0\0h\0\0\0\0\0", 9));
  auto second = this->files.open(this->path("a"), OpenMode::read);
  ASSERT_TRUE(second);
  EXPECT_EQ(read(**second, 3, 1), "h");
  EXPECT_FALSE((*second)->write_at("x", 0));
}

TYPED_TEST(FileSystemContract, BigWritesOverManyChunks) {
  auto file = this->files.open(this->path("big"), OpenMode::create);
  ASSERT_TRUE(file);
  std::string model;
  SeededRandom random(7);
  for (int i = 0; i < 200; ++i) {
    const auto at = random.below(100'000);
    const auto octets = random.octets(random.below(30'000));
    ASSERT_TRUE((*file)->write_at(octets, at));
    if (model.size() < at + octets.size() && !octets.empty()) model.resize(at + octets.size());
    model.replace(at, octets.size(), octets);
    if (i % 17 == 3) {
      model.resize(random.below(120'000));
      ASSERT_TRUE((*file)->truncate(model.size()));
    }
  }
  EXPECT_EQ(read(**file, 0, 1'000'000), model);
}

TYPED_TEST(FileSystemContract, Names) {
  auto& files = this->files;
  EXPECT_EQ(files.open(this->path("a"), OpenMode::read).error().kind, ErrorKind::not_found);
  EXPECT_EQ(files.open(this->path("a"), OpenMode::read_write).error().kind, ErrorKind::not_found);
  EXPECT_FALSE(files.open(this->path("no/a"), OpenMode::create));
  EXPECT_EQ(files.remove(this->path("a")).error().kind, ErrorKind::not_found);
  EXPECT_FALSE(files.rename(this->path("a"), this->path("b")));
  {
    auto a = files.open(this->path("a"), OpenMode::create);
    ASSERT_TRUE(a);
    ASSERT_TRUE((*a)->write_at("old", 0));
    EXPECT_EQ(files.open(this->path("a"), OpenMode::create_new).error().kind, ErrorKind::exists);
    ASSERT_TRUE(files.rename(this->path("a"), this->path("b")));
    EXPECT_EQ(read(**a, 0, 9), "old");
    ASSERT_TRUE(files.remove(this->path("b")));
    EXPECT_EQ(read(**a, 0, 9), "old") << "an open file outlives its name";
  }
  EXPECT_EQ(files.exists(this->path("b")), false);
  ASSERT_TRUE(files.make_folder(this->path("f/g/h")));
  ASSERT_TRUE(files.make_folder(this->path("f/g/h")));
  EXPECT_EQ(files.exists(this->path("f/g")), true);
  ASSERT_TRUE(files.open(this->path("f/g/2"), OpenMode::create));
  ASSERT_TRUE(files.open(this->path("f/g/1"), OpenMode::create));
  auto names = files.list(this->path("f/g"));
  ASSERT_TRUE(names);
  EXPECT_EQ(*names, (std::vector<std::string>{"1", "2", "h"}));
  EXPECT_FALSE(files.list(this->path("nowhere")));
  EXPECT_TRUE(files.sync_folder(this->path("f/g")));
  EXPECT_FALSE(files.sync_folder(this->path("nowhere")));
  ASSERT_TRUE(replace_file(files, this->path("c"), "one"));
  ASSERT_TRUE(replace_file(files, this->path("c"), "two!"));
  EXPECT_EQ(read_file(files, this->path("c")), "two!");
}

TYPED_TEST(FileSystemContract, Locks) {
  auto lock = this->files.lock(this->path("l"));
  ASSERT_TRUE(lock);
  auto second = this->files.lock(this->path("l"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::busy);
  lock->reset();
  EXPECT_TRUE(this->files.lock(this->path("l")));
}

TEST(FailingFile, FailsAtTheNth) {
  MemoryFileSystem memory;
  FailingFileSystem files(memory);
  auto file = files.open("a", OpenMode::create);
  ASSERT_TRUE(file);
  files.fail_at({.operation = DiskOperation::write, .nth = 2, .written_before = 2});
  EXPECT_TRUE((*file)->write_at("one", 0));
  EXPECT_FALSE((*file)->write_at("xyz", 0));
  EXPECT_EQ(memory.dump()["a"], "xye");
  EXPECT_TRUE((*file)->write_at("two", 0));
  files.fail_at({.operation = DiskOperation::sync, .for_ever = true, .path_contains = "a"});
  EXPECT_FALSE((*file)->sync());
  EXPECT_FALSE((*file)->sync());
  EXPECT_EQ(files.failed(), 3);
  EXPECT_EQ(files.count(DiskOperation::sync), 2);
  files.heal();
  EXPECT_TRUE((*file)->sync());
}

TEST(FailingFile, FullDisk) {
  MemoryFileSystem memory;
  FailingFileSystem files(memory);
  files.set_space(10);
  auto file = files.open("a", OpenMode::create);
  ASSERT_TRUE(file);
  EXPECT_TRUE((*file)->write_at("12345678", 0));
  auto full = (*file)->write_at("abcd", 8);
  ASSERT_FALSE(full);
  EXPECT_NE(full.error().log.find("No space left"), std::string::npos) << full.error().log;
  EXPECT_EQ(memory.dump()["a"], "12345678ab");
  EXPECT_TRUE((*file)->write_at("XXXX", 0)) << "overwriting takes no room";
  EXPECT_TRUE((*file)->truncate(5));
  EXPECT_FALSE((*file)->allocate(11));
  EXPECT_TRUE((*file)->allocate(10));
  EXPECT_TRUE(files.remove("a"));
  auto other = files.open("b", OpenMode::create);
  ASSERT_TRUE(other);
  EXPECT_TRUE((*other)->write_at("0123456789", 0));
}

}  // namespace
}  // namespace pabal
