#include "reports/unpack.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pabal::reports {
namespace {

/// The last of the files is of this type.
std::string zip_of(const std::vector<std::pair<std::string, std::string>>& files, unsigned type_of_last = AE_IFREG) {
  std::string out(std::size_t{1} << 20, '\0');
  std::size_t used = 0;
  auto* const writer = archive_write_new();
  archive_write_set_format_zip(writer);
  archive_write_open_memory(writer, out.data(), out.size(), &used);
  for (const auto& [name, octets] : files) {
    auto* const entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(octets.size()));
    archive_entry_set_filetype(entry, &name == &files.back().first ? type_of_last : AE_IFREG);
    if (archive_entry_filetype(entry) == AE_IFLNK) archive_entry_set_symlink(entry, octets.c_str());
    archive_entry_set_perm(entry, 0644);
    archive_write_header(writer, entry);
    archive_write_data(writer, octets.data(), octets.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  out.resize(used);
  return out;
}

std::string dump_unpacked(std::string_view octets, const UnpackLimits& limits = {}) {
  const auto unpacked = unpack(octets, limits);
  if (!unpacked) return "! " + unpacked.error().peer;
  std::string out;
  for (const auto& one : *unpacked) out += fmt::format("({}|{})", one.name, one.octets);
  return out;
}

TEST(Unpacking, KnowsThePackingsThatReportsComeIn) {
  EXPECT_EQ(dump_unpacked("<feedback/>"), "(|<feedback/>)");
  EXPECT_EQ(dump_unpacked(""), "(|)");
  EXPECT_EQ(dump_unpacked(gzip("<feedback/>")), "(|<feedback/>)");
  EXPECT_EQ(dump_unpacked(gzip("")), "(|)");
  EXPECT_EQ(dump_unpacked(gzip("one") + gzip("two")), "(|onetwo)");
  EXPECT_EQ(dump_unpacked(gzip("one") + std::string("\0\0\0rest", 7)), "(|one)");
  EXPECT_EQ(dump_unpacked(zip_of({{"a.xml", "one"}, {"b/c.xml", "two"}})), "(a.xml|one)(b/c.xml|two)");
  EXPECT_EQ(dump_unpacked(gzip(gzip("inner"))), "(|" + gzip("inner") + ")");
}

/// The same archive, and it says that its files are packed by this method (APPNOTE 4.4.5).
std::string with_method(std::string archive, char method) {
  for (auto at = archive.find("PK\x03\x04"); at != std::string::npos; at = archive.find("PK\x03\x04", at + 4)) {
    archive[at + 8] = method;
  }
  for (auto at = archive.find("PK\x01\x02"); at != std::string::npos; at = archive.find("PK\x01\x02", at + 4)) {
    archive[at + 10] = method;
  }
  return archive;
}

TEST(Unpacking, TakesNoOtherMethodsThanDeflate) {
  const auto archive = zip_of({{"a.xml", "one and one and one and one"}});
  const std::string other = "! a ZIP archive that is packed in another way than by deflate";
  for (const int method : {9, 12, 14, 93, 95, 98, 99}) {
    EXPECT_EQ(dump_unpacked(with_method(archive, static_cast<char>(method))), other) << method;
  }
  EXPECT_EQ(dump_unpacked(with_method(archive, 8)), "(a.xml|one and one and one and one)");
}

TEST(Unpacking, RefusesWhatIsNoFile) {
  const std::string refused = "! a ZIP archive with something in it that is no file";
  EXPECT_EQ(dump_unpacked(zip_of({{"a.xml", "one"}, {"folder", ""}}, AE_IFDIR)), refused);
  EXPECT_EQ(dump_unpacked(zip_of({{"a.xml", "one"}, {"link", "a.xml"}}, AE_IFLNK)), refused);
}

TEST(Unpacking, OfEveryPrefixEndsInWords) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += fmt::format("{} ", i * 7919);
  const auto packed = gzip(text);
  for (std::size_t size = 2; size < packed.size(); size += 97) {
    EXPECT_EQ(dump_unpacked(packed.substr(0, size)), "! gzip that breaks off") << size;
  }
  auto damaged = packed;
  damaged[packed.size() / 2] ^= 0x55;
  EXPECT_EQ(dump_unpacked(damaged), "! damaged gzip");
  const auto zipped = zip_of({{"a.xml", text}});
  for (std::size_t size = 4; size < zipped.size(); size += 97) {
    const auto got = unpack(zipped.substr(0, size));
    if (got) {
      for (const auto& one : *got) EXPECT_LE(one.octets.size(), text.size());
    }
  }
}

TEST(Unpacking, RefusesBombs) {
  const std::string zeros(std::size_t{4} << 20, '\0');
  const UnpackLimits small{.packed_octets = 1 << 20, .octets = std::size_t{2} << 20, .entries = 3};
  EXPECT_EQ(dump_unpacked(gzip(zeros), small), "! it unpacks to more than 200 times its size");
  EXPECT_EQ(dump_unpacked(zip_of({{"zeros", zeros}}), small), "! it unpacks to more than 200 times its size");
  EXPECT_EQ(dump_unpacked(gzip(zeros), {.octets = std::size_t{2} << 20, .ratio = 5000}),
            "! it unpacks to more than 2097152 octets");
  EXPECT_EQ(dump_unpacked(std::string((1 << 20) + 1, 'x'), small), "! it has more than 1048576 octets");
  EXPECT_EQ(dump_unpacked(zip_of({{"1", "a"}, {"2", "b"}, {"3", "c"}, {"4", "d"}}), small),
            "! an archive of more than 3 files");
  // What repeats much, but is small, is what reports are.
  EXPECT_EQ(unpack(gzip(std::string(900'000, 'x')))->front().octets.size(), 900'000U);
}

}  // namespace
}  // namespace pabal::reports
