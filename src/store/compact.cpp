#include "store/compact.hpp"

namespace pabal::store {

namespace {

constexpr char kVersion = 1;
constexpr std::uint64_t kMost = INT64_MAX;

void put(std::string& out, std::uint64_t number) {
  while (number >= 0x80) {
    out.push_back(static_cast<char>(number | 0x80));
    number >>= 7;
  }
  out.push_back(static_cast<char>(number));
}
void put(std::string& out, std::int64_t number) { put(out, static_cast<std::uint64_t>(number)); }

// Reads numbers one after another; after the first fault every number is 0 and failed() tells.
class Taker {
 public:
  explicit Taker(std::string_view octets) : rest_(octets) {
    if (rest_.empty() || rest_.front() != kVersion) {
      failed_ = true;
    } else {
      rest_.remove_prefix(1);
    }
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 63 && !rest_.empty() && !failed_; shift += 7) {
      const auto octet = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(octet & 0x7f) << shift;
      if (octet < 0x80) {
        if (octet == 0 && shift != 0) break;  // longer than needed
        return value;
      }
    }
    failed_ = true;
    return 0;
  }
  // A number that must not be 0.
  std::int64_t id() {
    const auto value = number();
    if (value == 0) failed_ = true;
    return static_cast<std::int64_t>(value);
  }
  [[nodiscard]] bool more() const noexcept { return !failed_ && !rest_.empty(); }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  void refuse() noexcept { failed_ = true; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorKind::damaged, std::string(kDamaged), fmt::format("a row's {} can't be read", what));
}

template <class T, class Read>
Result<std::vector<T>> decode(std::string_view octets, std::string_view what, Read read) {
  Taker taker(octets);
  std::vector<T> list;
  while (taker.more()) list.push_back(read(taker));
  if (taker.failed()) return damaged(what);
  return list;
}

}  // namespace

std::string encode_pieces(std::span<const Piece> pieces) {
  std::string out(1, kVersion);
  for (const auto& piece : pieces) {
    put(out, piece.blob.value);
    put(out, piece.offset);
    put(out, piece.length);
  }
  return out;
}

Result<std::vector<Piece>> decode_pieces(std::string_view octets) {
  std::uint64_t total = 0;
  return decode<Piece>(octets, "pieces", [&total](Taker& taker) {
    Piece piece;
    piece.blob = BlobId{taker.id()};
    piece.offset = taker.number();
    piece.length = taker.number();
    if (piece.offset > kMost - piece.length || total > kMost - piece.length) {
      taker.refuse();
    } else {
      total += piece.length;
    }
    return piece;
  });
}

std::string encode_standings(std::span<const Standing> standings) {
  std::string out(1, kVersion);
  for (const auto& standing : standings) {
    put(out, standing.mailbox.value);
    put(out, standing.uid);
  }
  return out;
}

Result<std::vector<Standing>> decode_standings(std::string_view octets) {
  return decode<Standing>(octets, "mailboxes", [](Taker& taker) {
    Standing standing;
    standing.mailbox = MailboxId{taker.id()};
    standing.uid = taker.id();
    return standing;
  });
}

std::string encode_reached(std::span<const Reached> reached) {
  std::string out(1, kVersion);
  for (const auto& target : reached) {
    put(out, target.account.value);
    put(out, std::uint64_t{target.name_hash});
    put(out, target.mailbox.value);
    put(out, target.uid);
    put(out, target.email.value);
  }
  return out;
}

Result<std::vector<Reached>> decode_reached(std::string_view octets) {
  return decode<Reached>(octets, "delivered targets", [](Taker& taker) {
    Reached reached;
    reached.account = AccountId{taker.id()};
    const auto hash = taker.number();
    if (hash > UINT32_MAX) taker.refuse();
    reached.name_hash = static_cast<std::uint32_t>(hash);
    reached.mailbox = MailboxId{taker.id()};
    reached.uid = taker.id();
    reached.email = EmailId{taker.id()};
    return reached;
  });
}

std::string encode_numbers(std::span<const std::int64_t> rising) {
  std::string out(1, kVersion);
  std::int64_t last = 0;
  for (std::size_t i = 0; i < rising.size();) {
    std::size_t end = i + 1;
    while (end < rising.size() && rising[end] == rising[end - 1] + 1) ++end;
    put(out, rising[i] - last);  // from the end of the run before
    put(out, static_cast<std::uint64_t>(end - i));
    last = rising[end - 1];
    i = end;
  }
  return out;
}

Result<std::vector<std::int64_t>> decode_numbers(std::string_view octets, std::size_t limit) {
  Taker taker(octets);
  std::vector<std::int64_t> list;
  std::uint64_t last = 0;
  while (taker.more()) {
    const auto step = static_cast<std::uint64_t>(taker.id());
    const auto count = static_cast<std::uint64_t>(taker.id());
    if (taker.failed() || count > limit - list.size() || step > kMost - last || count > kMost - last - step + 1 ||
        (!list.empty() && step == 1)) {
      return damaged("numbers");
    }
    for (std::uint64_t i = 0; i < count; ++i) list.push_back(static_cast<std::int64_t>(last + step + i));
    last += step + count - 1;
  }
  if (taker.failed()) return damaged("numbers");
  return list;
}

std::string encode_list(std::span<const std::uint64_t> numbers) {
  std::string out(1, kVersion);
  for (const auto number : numbers) put(out, number);
  return out;
}

Result<std::vector<std::uint64_t>> decode_list(std::string_view octets) {
  return decode<std::uint64_t>(octets, "list", [](Taker& taker) { return taker.number(); });
}

}  // namespace pabal::store
