#include "store/incoming.hpp"

#include "store/spilled.hpp"

namespace pabal::store {

Incoming::Incoming() = default;
Incoming::Incoming(Incoming&&) noexcept = default;
Incoming& Incoming::operator=(Incoming&&) noexcept = default;
Incoming::~Incoming() = default;

// Whoever drops an unfinished message has nobody to tell: what stays of its file is removed when the store opens.
Incoming::Spilled::~Spilled() {
  file.reset();
  if (!kept) [[maybe_unused]]
    auto removed = files->remove(path);
}

void Incoming::append(std::string_view octets) { memory_.append(octets); }

void Incoming::cut(std::size_t offset, std::size_t count) { memory_.erase(offset, count); }

std::uint64_t Incoming::size() const noexcept { return memory_.size() + (file_ ? file_->written : 0); }

Result<void> Incoming::spill_now() {
  if (!spilling_) return {};
  if (!file_) {
    const std::uint64_t number = spilling_->made.fetch_add(1, std::memory_order_relaxed);
    auto spilled = std::make_unique<Spilled>(mix(spilling_->key, 2 * number));
    spilled->files = spilling_->files;
    spilled->path = fmt::format("{}/arriving-{:016x}", spilling_->folder, mix(spilling_->key, (2 * number) + 1));
    spilled->kept = true;  // nothing to remove until it is there
    auto file = spilling_->files->open(spilled->path, OpenMode::create_new);
    if (!file) return pass(file);
    spilled->kept = false;
    spilled->file = std::move(*file);
    file_ = std::move(spilled);
    head_ = memory_.substr(0, 16 << 10);
  }
  if (auto written = file_->file->write_at(memory_, file_->start + file_->written); !written) return written;
  file_->checksum->add(memory_);
  file_->written += memory_.size();
  memory_.clear();
  return {};
}

Result<void> Incoming::put_before_now(std::string_view octets) {
  if (octets.size() > file_->start)
    return fail(ErrorKind::limit, "local error", file_->path + ": no head room is left");
  const auto start = file_->start - octets.size();
  if (auto written = file_->file->write_at(octets, start); !written) return written;
  file_->start = start;
  file_->written += octets.size();
  file_->summed = false;
  head_.insert(0, octets);
  return {};
}

// What was put before the rest came after it, so that the sum begins anew; the octets are in the system's memory still.
Result<void> Incoming::finish_file() {
  if (auto spilled = spill_now(); !spilled || !file_ || file_->summed) return spilled;
  file_->checksum.emplace(file_->salt);
  std::string buffer;
  for (std::uint64_t at = 0; at < file_->written;) {
    auto read = part(at, 256 << 10, buffer);
    if (!read) return pass(read);
    file_->checksum->add(*read);
    at += read->size();
  }
  file_->summed = true;
  return {};
}

Result<std::string_view> Incoming::part(std::uint64_t offset, std::size_t count, std::string& buffer) const {
  const std::uint64_t in_file = file_ ? file_->written : 0;
  if (offset >= in_file) {
    const auto at = std::min<std::uint64_t>(offset - in_file, memory_.size());
    return std::string_view(memory_).substr(static_cast<std::size_t>(at), count);
  }
  buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(count, in_file - offset)));
  auto read = file_->file->read_at(buffer, file_->start + offset);
  if (!read) return pass(read);
  if (*read != buffer.size()) return fail(ErrorKind::io, "local error", file_->path + ": shorter than written");
  return std::string_view(buffer);
}

Async<Result<void>> Incoming::spill() {
  if (!spilling_) co_return Result<void>{};
  co_return co_await spilling_->pool->run([this] { return spill_now(); });
}

Async<Result<void>> Incoming::put_before(std::string octets) {
  if (octets.empty()) co_return Result<void>{};
  if (!file_) {
    memory_.insert(0, octets);
    co_return Result<void>{};
  }
  co_return co_await spilling_->pool->run([this, &octets] { return put_before_now(octets); });
}

}  // namespace pabal::store
