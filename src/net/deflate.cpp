#include "net/deflate.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <sys/mman.h>

#include <zlib.h>

namespace pabal::net {

namespace {

constexpr int kRaw = -15;   // RFC 4978 §3: no zlib header, 32 KiB of history
constexpr int kLevel = 4;   // a third of the default's time for nearly its size
constexpr int kMemory = 8;  // zlib's own choice
constexpr std::size_t kChunk = 16UL << 10;
constexpr std::size_t kWindow = 32UL << 10;

// zlib's type for octets has no const.
Bytef* bytes(std::string_view octets) noexcept {
  return const_cast<Bytef*>(
      reinterpret_cast<const Bytef*>(octets.data()));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}
uInt size_of(std::size_t size) noexcept {
  return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

// What zlib takes for one state, in a mapping of its own: the heap keeps what thousands of connections had at one time,
// since something small lies behind each; a mapping goes back to the system whole. Pages that nobody touches cost
// nothing. Nothing is freed before the end: zlib doesn't, but for what it had when it failed.
class Pages {
 public:
  explicit Pages(std::size_t size)
      : size_(size), begin_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (begin_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~Pages() { ::munmap(begin_, size_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  void give_to(z_stream& stream) noexcept {
    stream.zalloc = [](voidpf pages, uInt items, uInt size) -> voidpf {
      return static_cast<Pages*>(pages)->take(std::size_t{items} * size);
    };
    stream.zfree = [](voidpf, voidpf) {};
    stream.opaque = this;
  }

 private:
  // Null, which zlib reports, where there is no room.
  void* take(std::size_t count) noexcept {
    constexpr std::size_t line = 64;
    if (count > size_ - used_) return nullptr;
    void* const taken = static_cast<char*>(begin_) + used_;
    used_ = std::min(size_, (used_ + count + line - 1) / line * line);
    return taken;
  }

  std::size_t size_;
  std::size_t used_ = 0;
  void* begin_;
};

// zconf.h: 256 KiB and some for what is sent (1.3.1 takes 16 more), 32 and some for what comes in.
constexpr std::size_t kDeflatePages = 320UL << 10;
constexpr std::size_t kInflatePages = 64UL << 10;

}  // namespace

struct Deflater::State {
  State() {
    pages.give_to(stream);
    if (deflateInit2(&stream, kLevel, Z_DEFLATED, kRaw, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  }
  ~State() { deflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  Pages pages{kDeflatePages};
  z_stream stream{};
};

Deflater::Deflater() = default;
Deflater::~Deflater() = default;
Deflater::Deflater(Deflater&&) noexcept = default;
Deflater& Deflater::operator=(Deflater&&) noexcept = default;

void Deflater::rest() noexcept { state_.reset(); }

void Deflater::write(std::string_view octets, std::string& out) {
  if (octets.empty()) return;
  if (!state_) state_ = std::make_unique<State>();
  auto& stream = state_->stream;
  // Not in the heap, where a big hole for each connection would be left between what stays of them.
  std::array<char, kChunk> piece{};
  const std::string_view room(piece.data(), piece.size());
  do {
    const auto part = octets.substr(0, size_of(octets.size()));
    octets.remove_prefix(part.size());
    stream.next_in = bytes(part);
    stream.avail_in = size_of(part.size());
    do {
      stream.next_out = bytes(room);
      stream.avail_out = size_of(room.size());
      // Z_BUF_ERROR says only that there was nothing to do.
      if (deflate(&stream, octets.empty() ? Z_SYNC_FLUSH : Z_NO_FLUSH) == Z_STREAM_ERROR) throw std::bad_alloc();
      out.append(room.substr(0, room.size() - stream.avail_out));
    } while (stream.avail_out == 0);
  } while (!octets.empty());
}

struct Inflater::State {
  State() {
    pages.give_to(stream);
    if (inflateInit2(&stream, kRaw) != Z_OK) throw std::bad_alloc();
  }
  ~State() { inflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  Pages pages{kInflatePages};
  z_stream stream{};
};

Inflater::Inflater() = default;
Inflater::~Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;

Result<void> Inflater::wake() {
  state_ = std::make_unique<State>();
  if (window_size_ == 0) return {};
  std::string window(window_size_, '\0');
  uLongf size = window.size();
  const bool whole = uncompress(bytes(window), &size, bytes(window_), window_.size()) == Z_OK;
  if (!whole || inflateSetDictionary(&state_->stream, bytes(window), size_of(size)) != Z_OK) {
    return fail(ErrorKind::io, "local error", "the history of a compressed connection is lost");
  }
  window_ = {};
  window_size_ = 0;
  return {};
}

Result<void> Inflater::read(std::string_view& input, std::string& out, std::size_t most) {
  if (ended_) return {};
  if (!state_) {
    if (input.empty()) return {};
    if (auto woken = wake(); !woken) return woken;
  }
  auto& stream = state_->stream;
  const auto given = size_of(input.size());
  stream.next_in = bytes(input);
  stream.avail_in = given;
  std::array<char, kChunk / 4> piece{};  // as above
  std::size_t got = 0;
  int done = Z_OK;
  do {
    const auto room = std::string_view(piece.data(), piece.size()).substr(0, most - got);
    stream.next_out = bytes(room);
    stream.avail_out = size_of(room.size());
    done = inflate(&stream, Z_NO_FLUSH);
    const auto made = room.size() - stream.avail_out;
    out.append(room.substr(0, made));
    got += made;
  } while (done == Z_OK && stream.avail_out == 0 && got < most);
  const auto taken = given - stream.avail_in;
  input.remove_prefix(taken);
  if (done == Z_STREAM_END) {
    ended_ = true;
  } else if (done != Z_OK && done != Z_BUF_ERROR) {
    return fail(ErrorKind::syntax, "That is not compressed.",
                fmt::format("inflate: {}", stream.msg == nullptr ? "error" : stream.msg));
  }
  // zlib.h, inflate(): 128 is the end of a block, the lowest bits are those left of the last octet.
  if (taken > 0 || got > 0) between_ = (stream.data_type & 128) != 0 && (stream.data_type & 7) == 0;
  return {};
}

void Inflater::rest() {
  if (!state_ || !between_ || ended_) return;
  std::array<char, kWindow> history{};
  const std::string_view window(history.data(), history.size());
  uInt size = 0;
  if (inflateGetDictionary(&state_->stream, bytes(window), &size) != Z_OK) return;
  std::string packed(compressBound(size), '\0');
  uLongf packed_size = packed.size();
  if (size > 0 && compress2(bytes(packed), &packed_size, bytes(window), size, Z_BEST_SPEED) != Z_OK) return;
  window_ = size == 0 ? std::string() : std::string(packed, 0, packed_size);
  window_size_ = size;
  state_.reset();
}

}  // namespace pabal::net
