#include "store/segments.hpp"

#include <algorithm>
#include <charconv>

#include "store/schema.hpp"

namespace pabal::store {

namespace {

constexpr std::string_view kEnding = ".segment";
constexpr std::size_t kMostOpen = 256;
constexpr std::array<char, Segments::block> kZeros{};

std::uint64_t round_up(std::uint64_t octets) noexcept {
  return (octets + Segments::block - 1) / Segments::block * Segments::block;
}

std::int64_t number_of(std::string_view name) {
  if (!name.ends_with(kEnding)) return 0;
  name.remove_suffix(kEnding.size());
  std::int64_t number = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number, 16);
  return parsed.ec == std::errc{} && parsed.ptr == name.data() + name.size() ? number : 0;
}

}  // namespace

std::string Segments::path_of(std::int64_t number) const {
  return fmt::format("{}/{:08x}{}", folder_, number, kEnding);
}

Result<void> Segments::open(db::Connection& connection) {
  auto known = known_.lock();
  struct Row {
    std::int64_t generation;
    SegmentState state;
  };
  std::unordered_map<std::int64_t, Row> rows;
  std::int64_t open_number = 0;
  {
    auto found = connection.query("SELECT segment, generation, state FROM segment");
    if (!found) return pass(found);
    while (true) {
      auto more = found->next();
      if (!more) return pass(more);
      if (!*more) break;
      const auto number = found->integer(0);
      rows[number] = {found->integer(1), static_cast<SegmentState>(found->integer(2))};
      known->next_number = std::max(known->next_number, number + 1);
      if (rows[number].state == SegmentState::open) open_number = number;
    }
  }
  auto names = files_->list(folder_);
  if (!names) return pass(names);
  for (const auto& name : *names) {
    const auto number = number_of(name);
    const auto row = rows.find(number);
    if (number == 0 || row == rows.end()) {
      // Made ahead of need, or its row was removed and then the power went.
      if (auto removed = files_->remove(folder_ + "/" + name); !removed) return removed;
    } else if (row->second.state == SegmentState::free) {
      known->free.emplace_back(number, row->second.generation);
    }
  }
  if (open_number == 0) return {};
  auto file = files_->open(path_of(open_number), OpenMode::read_write);
  if (!file) {
    // Nothing more can be written there; check() tells what is missing.
    return file.error().kind == ErrorKind::not_found ? Result<void>{} : pass(file);
  }
  auto last =
      connection.query("SELECT start + stored FROM blob WHERE segment = $1 ORDER BY start DESC LIMIT 1", {open_number});
  if (!last) return pass(last);
  auto any = last->next();
  if (!any) return pass(any);
  tail_ = *any ? round_up(static_cast<std::uint64_t>(last->integer(0))) : 0;
  current_ = std::make_shared<Segment>(open_number, rows[open_number].generation, std::move(*file));
  current_number_ = open_number;
  known->open[open_number] = current_;
  return {};
}

Result<std::shared_ptr<Segment>> Segments::make(std::int64_t number) {
  const auto path = path_of(number);
  auto file = files_->open(path, OpenMode::create);
  if (!file) return pass(file);
  auto ready = [&]() -> Result<void> {
    if (auto done = (*file)->allocate(segment_bytes_); !done) return done;
    if (auto done = (*file)->sync(); !done) return done;
    return files_->sync_folder(folder_);
  }();
  if (!ready) {
    // Nothing was written there yet, so the failure is the caller's alone; what is left of the file goes now or at the
    // next start.
    file->reset();
    if (auto removed = files_->remove(path); !removed) ready.error().log += "; " + removed.error().log;
    return pass(ready);
  }
  return std::make_shared<Segment>(number, 1, std::move(*file));
}

Result<void> Segments::prepare() {
  std::int64_t number = 0;
  {
    auto known = known_.lock();
    if (known->prepared || !known->free.empty()) return {};
    number = known->next_number++;
  }
  auto made = make(number);
  if (!made) return pass(made);
  known_.lock()->prepared = std::move(*made);
  return {};
}

Result<void> Segments::begin_next() {
  std::shared_ptr<Segment> next;
  std::pair<std::int64_t, std::int64_t> recycled{};
  std::int64_t fresh = 0;
  {
    auto known = known_.lock();
    if (!known->free.empty()) {
      recycled = known->free.back();
      known->free.pop_back();
    } else if (known->prepared) {
      next = std::exchange(known->prepared, nullptr);
    } else {
      fresh = known->next_number++;
    }
  }
  const auto give_back = [&] {
    auto known = known_.lock();
    if (next) known->open.erase(next->number);
    if (recycled.first != 0) {
      known->free.push_back(recycled);
    } else if (next) {
      known->prepared = next;
    }
  };
  if (recycled.first != 0) {
    auto file = files_->open(path_of(recycled.first), OpenMode::read_write);
    if (!file) {
      give_back();
      return pass(file);
    }
    next = std::make_shared<Segment>(recycled.first, recycled.second + 1, std::move(*file));
  } else if (fresh != 0) {
    auto made = make(fresh);
    if (!made) return pass(made);
    next = std::move(*made);
  }
  // Before its row says so: nothing after the commit may fail, or the octets that follow went into the old one.
  remember(next);
  auto written = writer_->run([&](db::Connection& connection) -> Result<void> {
    // All that are open, since an earlier call may have committed though it failed.
    auto ended = connection.run(
        "UPDATE segment SET state = $1, used = CASE WHEN segment = $2 THEN $3 ELSE used END WHERE state = $4",
        {static_cast<std::int64_t>(SegmentState::full), current_ ? current_->number : 0,
         static_cast<std::int64_t>(tail_), static_cast<std::int64_t>(SegmentState::open)});
    if (!ended) return pass(ended);
    auto begun = connection.run(
        "INSERT INTO segment (segment, generation, state, used, dead) VALUES ($1, $2, $3, 0, 0) "
        "ON CONFLICT (segment) DO UPDATE SET generation = excluded.generation, state = excluded.state, used = 0, dead "
        "= 0",
        {next->number, next->generation, static_cast<std::int64_t>(SegmentState::open)});
    if (!begun) return pass(begun);
    return {};
  });
  if (!written) {
    give_back();
    return written;
  }
  current_ = std::move(next);
  current_number_ = current_->number;
  tail_ = 0;
  return {};
}

Result<void> Segments::append(std::span<Append*> records) {
  if (flush_failed())
    return fail(ErrorKind::io, "local error", "the segments take no more writes: a flush failed earlier");
  while (!records.empty()) {
    // As many as the segment has room for.
    std::uint64_t end = tail_;
    std::size_t count = 0;
    while (current_ && count < records.size()) {
      const auto after = end + kRecordHeaderOctets + records[count]->octets.size();
      if (after > segment_bytes_) break;
      end = after;
      ++count;
    }
    if (count == 0) {
      if (records.front()->octets.size() > most_octets()) {
        return fail(ErrorKind::limit, "message too big", "a record is bigger than a segment");
      }
      if (auto begun = begin_next(); !begun) return begun;
      continue;
    }
    if (auto written = write(records.first(count), end); !written) return written;
    records = records.subspan(count);
  }
  return {};
}

Result<void> Segments::write(std::span<Append*> records, std::uint64_t end) {
  headers_.clear();
  headers_.reserve(records.size());
  vectors_.clear();
  std::uint64_t at = tail_;
  for (auto* record : records) {
    RecordHeader header;
    header.generation = current_->generation;
    header.blob = record->blob;
    header.length = record->octets.size();
    header.salt = record->salt;
    header.checksum = record->checksum;
    headers_.push_back(build_record_header(current_->number, header));
    vectors_.emplace_back(headers_.back().data(), kRecordHeaderOctets);
    vectors_.push_back(record->octets);
    at += kRecordHeaderOctets;
    record->place = {current_, at};
    at += record->octets.size();
  }
  // Whole blocks only, so that the kernel need not read one before it overwrites it.
  const auto padding = std::min(round_up(end), segment_bytes_) - end;
  if (padding != 0) vectors_.emplace_back(kZeros.data(), padding);
  if (auto written = current_->file->write_pieces_at(vectors_, tail_); !written) return written;
  if (auto flushed = current_->file->sync(); !flushed) {
    flush_failed_ = true;
    return flushed;
  }
  tail_ = round_up(end);
  return {};
}

void Segments::remember(const std::shared_ptr<Segment>& segment) {
  auto known = known_.lock();
  if (known->open.size() >= kMostOpen) {
    std::erase_if(known->open, [](const auto& entry) { return entry.second.use_count() == 1; });
  }
  known->open[segment->number] = segment;
}

Result<std::shared_ptr<Segment>> Segments::pin(std::int64_t number, std::int64_t generation) {
  {
    auto known = known_.lock();
    const auto found = known->open.find(number);
    if (found != known->open.end()) {
      if (found->second->generation == generation) return found->second;
      return fail(ErrorKind::not_found, "the message has moved", "the segment was recycled");
    }
  }
  auto file = files_->open(path_of(number), OpenMode::read_write);
  if (!file) return pass(file);
  auto segment = std::make_shared<Segment>(number, generation, std::move(*file));
  auto known = known_.lock();
  const auto [at, inserted] = known->open.try_emplace(number, segment);
  if (known->open.size() > kMostOpen) {
    std::erase_if(known->open,
                  [&](const auto& entry) { return entry.first != number && entry.second.use_count() == 1; });
  }
  return at->second;
}

bool Segments::unpinned(std::int64_t number) {
  auto known = known_.lock();
  const auto found = known->open.find(number);
  return found == known->open.end() || found->second.use_count() == 1;
}

Result<void> Segments::retire(std::int64_t number, std::int64_t generation) {
  {
    auto known = known_.lock();
    known->open.erase(number);
    if (known->free.size() < spare_) {
      known->free.emplace_back(number, generation);
      return {};
    }
  }
  auto forgotten = writer_->run([&](db::Connection& connection) -> Result<void> {
    auto gone = connection.run("DELETE FROM segment WHERE segment = $1", {number});
    if (!gone) return pass(gone);
    return {};
  });
  if (!forgotten) return forgotten;
  return files_->remove(path_of(number));
}

}  // namespace pabal::store
