#include "store/snapshot_pack.hpp"

#include <concepts>
#include <cstring>
#include <string_view>
#include <vector>

#include <xxhash.h>

namespace pabal::store {

namespace {

constexpr std::string_view kMagic = "PBLSNAP1";
constexpr std::size_t kChecked = kMagic.size() + sizeof(std::uint64_t);  ///< where what the checksum is of begins
constexpr std::uint32_t kMostRows = 1U << 16;                            ///< of a block
constexpr std::size_t kBlockOctets =
    4 * sizeof(std::uint32_t) + PackedRows::columns * (sizeof(std::uint64_t) + 1);  ///< of a block's description

template <std::integral T>
void put(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

// Reads numbers; after one that isn't there all are 0, and ok() says so.
class Reader {
 public:
  explicit Reader(std::string_view octets) noexcept : rest_(octets) {}
  template <std::integral T>
  T take() noexcept {
    T number = 0;
    const auto octets = take_octets(sizeof(T));
    if (octets.size() == sizeof(T)) std::memcpy(&number, octets.data(), sizeof(T));
    return number;
  }
  std::string_view take_octets(std::size_t count) noexcept {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const auto octets = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return octets;
  }
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }
  [[nodiscard]] bool ok() const noexcept { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorKind::damaged, "mailbox index damaged", fmt::format("a packed snapshot: {}", what));
}

void put_sets(std::string& out, const MailboxSnapshot::KeywordSets& sets) {
  put(out, static_cast<std::uint32_t>(sets.size()));
  for (const auto& set : sets) {
    put(out, static_cast<std::uint16_t>(set.size()));
    for (const auto& name : set) {
      put(out, static_cast<std::uint16_t>(name.size()));
      out += name;
    }
  }
}

bool take_sets(Reader& in, MailboxSnapshot::KeywordSets& sets) {
  const auto count = in.take<std::uint32_t>();
  if (count == 0 || count > in.left() / sizeof(std::uint16_t)) return false;
  sets.resize(count);
  for (auto& set : sets) {
    const auto names = in.take<std::uint16_t>();
    if (names > in.left()) return false;
    for (std::size_t i = 0; i < names; ++i) set.emplace_back(in.take_octets(in.take<std::uint16_t>()));
  }
  return in.ok() && sets.front().empty();
}

void put_block(std::string& out, const PackedRows& block) {
  put(out, block.count);
  put(out, block.last_uid);
  put(out, block.unseen);
  put(out, static_cast<std::uint32_t>(block.change_above_email));
  for (const auto least : block.least) put(out, least);
  for (const auto width : block.widths) put(out, width);
}

bool take_block(Reader& in, PackedRows& block) {
  block.count = in.take<std::uint32_t>();
  block.last_uid = in.take<std::uint32_t>();
  block.unseen = in.take<std::uint32_t>();
  const auto above = in.take<std::uint32_t>();
  block.change_above_email = above != 0;
  for (auto& least : block.least) least = in.take<std::uint64_t>();
  bool narrow = true;
  for (auto& width : block.widths) {
    width = in.take<std::uint8_t>();
    narrow = narrow && width <= 8;
  }
  const auto first = block.least[PackedRows::uid];
  return in.ok() && narrow && above <= 1 && block.count > 0 && block.count <= kMostRows &&
         block.unseen <= block.count && first > 0 && first <= block.last_uid &&
         block.last_uid - first + 1 >= block.count &&
         (block.widths[PackedRows::uid] != 0 || block.last_uid - first + 1 == block.count);
}

}  // namespace

std::string pack_snapshot(const MailboxSnapshot& snapshot) {
  std::string columns;
  std::vector<PackedRows> blocks;
  for (const auto& block : snapshot.blocks()) blocks.push_back(pack_rows(block->rows(), columns));
  std::string out(kMagic);
  put(out, std::uint64_t{0});
  const auto& head = snapshot.head();
  put(out, head.mailbox.value);
  put(out, head.uid_validity);
  put(out, head.uid_next);
  put(out, head.change.value);
  put_sets(out, snapshot.keyword_sets());
  put(out, static_cast<std::uint32_t>(blocks.size()));
  for (const auto& block : blocks) put_block(out, block);
  out += columns;
  out.append(PackedRows::padding, '\0');
  const std::uint64_t checksum = XXH3_64bits(out.data() + kChecked, out.size() - kChecked);
  std::memcpy(out.data() + kMagic.size(), &checksum, sizeof(checksum));
  return out;
}

Result<std::shared_ptr<const MailboxSnapshot>> unpack_snapshot(std::string octets) {
  const auto shared = std::make_shared<const std::string>(std::move(octets));
  Reader in(*shared);
  if (in.take_octets(kMagic.size()) != kMagic) return damaged("of another version, or none");
  const auto checksum = in.take<std::uint64_t>();
  if (!in.ok() || checksum != XXH3_64bits(shared->data() + kChecked, shared->size() - kChecked)) {
    return damaged("the checksum is wrong");
  }
  SnapshotHead head;
  head.mailbox = MailboxId{in.take<std::int64_t>()};
  head.uid_validity = in.take<std::uint32_t>();
  head.uid_next = in.take<std::uint32_t>();
  head.change = ChangeNumber{in.take<std::int64_t>()};
  MailboxSnapshot::KeywordSets sets;
  if (!take_sets(in, sets)) return damaged("its keywords");
  const auto count = in.take<std::uint32_t>();
  if (count > in.left() / kBlockOctets) return damaged("its blocks");
  std::vector<PackedRows> packed(count);
  std::uint32_t last = 0;
  std::uint64_t size = 0;
  for (auto& block : packed) {
    block.keyword_sets = static_cast<std::uint32_t>(sets.size());
    if (!take_block(in, block) || block.least[PackedRows::uid] <= last) return damaged("a block");
    last = block.last_uid;
    size += block.octets();
  }
  if (size + PackedRows::padding != in.left()) return damaged("its size");
  auto begin = shared->size() - in.left();
  std::vector<std::shared_ptr<const SnapshotBlock>> blocks;
  blocks.reserve(count);
  for (auto& block : packed) {
    block.begin = begin;
    begin += block.octets();
    blocks.push_back(std::make_shared<const SnapshotBlock>(block, shared));
  }
  return MailboxSnapshot::of_blocks(head, std::move(blocks), std::move(sets));
}

}  // namespace pabal::store
