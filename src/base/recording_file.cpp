#include "base/recording_file.hpp"

#include <algorithm>
#include <random>
#include <thread>

namespace pabal {

class RecordingFileSystem::RecordingFile final : public File {
 public:
  RecordingFile(RecordingFileSystem& owner, std::unique_ptr<File> file, std::uint64_t id, std::string path)
      : owner_(owner), file_(std::move(file)), id_(id), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) override {
    return file_->read_at(buffer, offset);
  }

  Result<void> write_at(std::string_view octets, std::uint64_t offset) override {
    auto journal = owner_.journal_.lock();
    if (auto written = file_->write_at(octets, offset); !written) return written;
    if (octets.empty()) return {};
    journal->records.push_back({DiskRecord::Kind::write, id_, path_, {}, offset, std::string(octets)});
    return {};
  }

  // One record: the pieces of one call may be torn anywhere between and within them all the same.
  Result<void> write_pieces_at(std::span<const std::string_view> pieces, std::uint64_t offset) override {
    std::string all;
    for (const auto piece : pieces) all += piece;
    return write_at(all, offset);
  }

  Result<void> sync() override { return owner_.sync({DiskRecord::Kind::sync, id_, path_, {}, 0, {}}); }
  Result<std::uint64_t> size() override { return file_->size(); }

  Result<void> truncate(std::uint64_t size) override {
    auto journal = owner_.journal_.lock();
    if (auto done = file_->truncate(size); !done) return done;
    journal->records.push_back({DiskRecord::Kind::resize, id_, path_, {}, size, {}});
    return {};
  }

  Result<void> allocate(std::uint64_t size) override {
    auto journal = owner_.journal_.lock();
    auto before = file_->size();
    if (!before) return pass(before);
    if (*before >= size) return {};
    if (auto done = file_->allocate(size); !done) return done;
    journal->records.push_back({DiskRecord::Kind::resize, id_, path_, {}, size, {}});
    return {};
  }

 private:
  RecordingFileSystem& owner_;
  std::unique_ptr<File> file_;
  std::uint64_t id_;
  std::string path_;
};

RecordingFileSystem::RecordingFileSystem() : RecordingFileSystem(std::make_unique<MemoryFileSystem>()) {}

RecordingFileSystem::RecordingFileSystem(std::unique_ptr<MemoryFileSystem> start) : disk_(std::move(start)) {
  start_ = disk_->contents();
  start_folders_ = disk_->folders();
  auto journal = journal_.lock();
  for (const auto& [path, content] : start_) journal->ids.emplace(path, journal->next_id++);
  start_ids_ = journal->ids;
}

RecordingFileSystem::~RecordingFileSystem() = default;

std::size_t RecordingFileSystem::position() { return journal_.lock()->records.size(); }
void RecordingFileSystem::set_sync_time(std::chrono::microseconds time) { journal_.lock()->sync_time = time; }
std::vector<DiskRecord> RecordingFileSystem::records() { return journal_.lock()->records; }

Result<void> RecordingFileSystem::sync(DiskRecord record) {
  std::chrono::microseconds time{0};
  {
    auto journal = journal_.lock();
    record.number = journal->records.size();
    time = journal->sync_time;
  }
  if (time.count() != 0) std::this_thread::sleep_for(time);
  journal_.lock()->records.push_back(std::move(record));
  return {};
}

Result<std::unique_ptr<File>> RecordingFileSystem::open(const std::string& path, OpenMode mode) {
  auto journal = journal_.lock();
  auto file = disk_->open(path, mode);
  if (!file) return pass(file);
  auto [entry, fresh] = journal->ids.try_emplace(path, journal->next_id);
  if (fresh) {
    ++journal->next_id;
    journal->records.push_back({DiskRecord::Kind::create, entry->second, path, {}, 0, {}});
  }
  return std::make_unique<RecordingFile>(*this, std::move(*file), entry->second, path);
}

Result<bool> RecordingFileSystem::exists(const std::string& path) { return disk_->exists(path); }

Result<void> RecordingFileSystem::remove(const std::string& path) {
  auto journal = journal_.lock();
  if (auto done = disk_->remove(path); !done) return done;
  journal->records.push_back({DiskRecord::Kind::remove, journal->ids[path], path, {}, 0, {}});
  journal->ids.erase(path);
  return {};
}

Result<void> RecordingFileSystem::rename(const std::string& from, const std::string& to) {
  auto journal = journal_.lock();
  if (auto done = disk_->rename(from, to); !done) return done;
  if (from == to) return {};
  const auto id = journal->ids[from];
  journal->ids.erase(from);
  journal->ids[to] = id;
  journal->records.push_back({DiskRecord::Kind::rename, id, from, to, 0, {}});
  return {};
}

Result<void> RecordingFileSystem::make_folder(const std::string& path) {
  auto journal = journal_.lock();
  if (auto done = disk_->make_folder(path); !done) return done;
  journal->records.push_back({DiskRecord::Kind::make_folder, 0, path, {}, 0, {}});
  return {};
}

Result<std::vector<std::string>> RecordingFileSystem::list(const std::string& folder) { return disk_->list(folder); }

Result<void> RecordingFileSystem::sync_folder(const std::string& folder) {
  if (auto done = disk_->sync_folder(folder); !done) return done;
  return sync({DiskRecord::Kind::sync_folder, 0, folder, {}, 0, {}});
}

Result<std::unique_ptr<FileLock>> RecordingFileSystem::lock(const std::string& path) { return disk_->lock(path); }

// How a power loss strikes, drawn once per disk and per file, so that rare mixtures (all of one file, nothing of
// another) come up too.
class PowerLoss::Dice {
 public:
  Dice(Fate fate, std::uint64_t seed) : fate_(fate), engine_(seed ^ 0x9e3779b97f4a7c15U) { next_file(); }

  void next_file() {
    static constexpr std::array<double, 5> chances = {0.0, 0.1, 0.5, 0.9, 1.0};
    chance_ = fate_ == Fate::dropped ? 0.0 : fate_ == Fate::kept ? 1.0 : chances[below(chances.size())];
    tears_ = fate_ == Fate::random && below(2) == 0;
  }
  [[nodiscard]] std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(engine_);
  }
  [[nodiscard]] bool survives() {
    if (chance_ == 0.0 || chance_ == 1.0) return chance_ == 1.0;
    return std::bernoulli_distribution(chance_)(engine_);
  }
  /// How many of `count` steps that happen in order have happened.
  [[nodiscard]] std::size_t prefix(std::size_t count) {
    if (fate_ == Fate::dropped) return 0;
    return fate_ == Fate::kept ? count : below(count + 1);
  }
  /// Whether the sectors of one write are judged one by one.
  [[nodiscard]] bool tears() { return tears_ && below(2) == 0; }

 private:
  Fate fate_;
  std::mt19937_64 engine_;
  double chance_ = 0;
  bool tears_ = false;
};

PowerLoss::PowerLoss(RecordingFileSystem& recorder)
    : records_(recorder.records()), names_(recorder.start_ids_), folders_(recorder.start_folders_) {
  for (const auto& [path, id] : names_) files_[id].durable = recorder.start_.at(path);
}

std::string PowerLoss::describe(std::size_t k) const {
  if (k == 0) return "0: nothing done";
  const auto& record = records_[k - 1];
  static constexpr std::array<std::string_view, 8> kinds = {"create", "write",  "resize",      "sync",
                                                            "rename", "remove", "make_folder", "sync_folder"};
  std::string words = std::to_string(k) + ": ";
  words.append(kinds[static_cast<std::size_t>(record.kind)]).append(" ").append(record.path);
  if (!record.to.empty()) words.append(" to ").append(record.to);
  if (record.kind == DiskRecord::Kind::write) {
    words.append(" ").append(std::to_string(record.number)).append("+").append(std::to_string(record.octets.size()));
  } else if (record.kind == DiskRecord::Kind::resize) {
    words.append(" ").append(std::to_string(record.number));
  }
  return words;
}

void PowerLoss::apply(MemoryContent& content, const DiskRecord& record) {
  if (record.kind == DiskRecord::Kind::write) {
    content.write(record.octets, record.number);
  } else {
    content.resize(record.number);
  }
}

void PowerLoss::apply(std::map<std::string, std::uint64_t>& names, const DiskRecord& record) {
  const auto erase = [&](const std::string& path) {
    if (const auto found = names.find(path); found != names.end() && found->second == record.file) names.erase(found);
  };
  if (record.kind == DiskRecord::Kind::create) {
    names[record.path] = record.file;
  } else if (record.kind == DiskRecord::Kind::remove) {
    erase(record.path);
  } else {
    erase(record.path);
    names[record.to] = record.file;
  }
}

void PowerLoss::advance(std::size_t k) {
  using Kind = DiskRecord::Kind;
  for (; position_ < std::min(k, records_.size()); ++position_) {
    const auto& record = records_[position_];
    switch (record.kind) {
      case Kind::write:
      case Kind::resize:
        files_[record.file].pending.push_back(position_);
        break;
      case Kind::sync: {
        auto& file = files_[record.file];
        auto& pending = file.pending;
        const auto end = std::ranges::lower_bound(pending, static_cast<std::size_t>(record.number));
        for (auto at = pending.begin(); at != end; ++at) apply(file.durable, records_[*at]);
        pending.erase(pending.begin(), end);
        break;
      }
      case Kind::create:
      case Kind::remove:
        name_steps_.push_back({position_, {folder_of(record.path)}});
        break;
      case Kind::rename:
        name_steps_.push_back({position_, {folder_of(record.path), folder_of(record.to)}});
        break;
      case Kind::make_folder:
        for (std::string path = record.path; path != "." && path != "/" && !path.empty(); path = folder_of(path)) {
          folders_.insert(path);
        }
        break;
      case Kind::sync_folder:
        std::erase_if(name_steps_, [&](NameStep& step) {
          if (step.record >= record.number) return false;
          step.folders.erase(record.path);
          if (!step.folders.empty()) return false;
          apply(names_, records_[step.record]);
          return true;
        });
        break;
    }
  }
}

MemoryContent PowerLoss::content(const FileState& file, Dice& dice) const {
  constexpr std::uint64_t sector = 512;
  const auto& pending = file.pending;
  // The size is that after the first `sizes` steps. A cut that did not happen holds back what was written after it: the
  // new octets would stand on sectors that the file did not have yet.
  const std::size_t sizes = dice.prefix(pending.size());
  MemoryContent cache = file.durable;  // what the file would be with the power on
  MemoryContent left = file.durable;
  std::uint64_t size = file.durable.size();
  bool behind_cut = false;
  std::array<char, sector> octets;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    const auto& record = records_[pending[i]];
    const bool cuts = record.kind == DiskRecord::Kind::resize && record.number < cache.size();
    apply(cache, record);
    if (i < sizes) {
      size = cache.size();
      if (cuts && left.size() > size) left.resize(size);
    } else if (cuts) {
      behind_cut = true;
    }
    if (record.kind != DiskRecord::Kind::write || behind_cut) continue;
    const bool tears = dice.tears();
    const bool survives = dice.survives();
    const std::uint64_t last = (record.number + record.octets.size() - 1) / sector;
    for (std::uint64_t at = record.number / sector; at <= last; ++at) {
      if (tears ? !dice.survives() : !survives) continue;
      const auto count = cache.read(octets, at * sector);
      left.write({octets.data(), count}, at * sector);
    }
  }
  left.resize(size);
  return left;
}

std::unique_ptr<MemoryFileSystem> PowerLoss::disk(Fate fate, std::uint64_t seed) const {
  Dice dice(fate, seed);
  auto names = names_;
  const bool ordered = dice.below(2) == 0;
  const std::size_t happened = dice.prefix(name_steps_.size());
  for (std::size_t i = 0; i < name_steps_.size(); ++i) {
    const bool happens = fate == Fate::random && !ordered ? dice.below(2) == 0 : i < happened;
    if (happens) apply(names, records_[name_steps_[i].record]);
  }
  auto made = std::make_unique<MemoryFileSystem>();
  for (const auto& folder : folders_) {
    if (auto done = made->make_folder(folder); !done) throw std::logic_error(done.error().log);
  }
  for (const auto& [path, id] : names) {
    dice.next_file();
    const auto found = files_.find(id);
    made->place(path, found == files_.end() ? MemoryContent() : content(found->second, dice));
  }
  return made;
}

}  // namespace pabal
