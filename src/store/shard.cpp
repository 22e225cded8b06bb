#include "store/shard.hpp"

#include <charconv>

#include "store/spilled.hpp"

namespace pabal::store {

Result<BlobNumbers::Block> BlobNumbers::reserve(db::Connection& connection) {
  auto end = connection.number(
      "INSERT INTO counter (name, value) VALUES ('blob', $1) ON CONFLICT (name) DO UPDATE SET value = counter.value + "
      "$2 "
      "RETURNING value",
      {block + 1, block});
  if (!end) return pass(end);
  return Block{end->value_or(0) - block, end->value_or(0)};
}

Result<void> BlobNumbers::open(db::Writer& writer) {
  writer_ = &writer;
  return writer.run([this](db::Connection& connection) -> Result<void> {
    auto first = reserve(connection);
    if (!first) return pass(first);
    known_.lock()->now = *first;
    return {};
  });
}

Result<BlobId> BlobNumbers::take() {
  bool ask = false;
  std::int64_t number = 0;
  {
    auto known = known_.lock();
    if (known->now.next == known->now.end) known->now = std::exchange(known->later, Block{});
    if (known->now.next < known->now.end) number = known->now.next++;
    if (known->later.end == 0 && known->now.end - known->now.next < block / 2 && !known->asked) {
      known->asked = true;
      ask = true;
    }
  }
  if (ask) {
    auto reserved = std::make_shared<Block>();
    writer_->submit(
        [reserved](db::Connection& connection) -> Result<void> {
          auto next = reserve(connection);
          if (!next) return pass(next);
          *reserved = *next;
          return {};
        },
        [this, reserved](Result<void> outcome) {
          auto known = known_.lock();
          known->asked = false;
          if (outcome) known->later = *reserved;
        });
  }
  if (number == 0) return fail(ErrorKind::busy, "too busy", "no numbers for blobs left yet");
  return BlobId{number};
}

Shard::Shard(ShardPlace place, Surroundings around)
    : place_(std::move(place)), around_(std::move(around)), readers_(*place_.database) {}

Result<std::unique_ptr<Shard>> Shard::open(ShardPlace place, Surroundings around) {
  std::unique_ptr<Shard> shard(new Shard(std::move(place), std::move(around)));
  if (auto started = shard->start(); !started) return pass(started);
  return shard;
}

Result<void> Shard::start() {
  auto& files = *around_.files;
  delivered_ = around_.metrics->counter("pabal_store_deliveries_total", "Deliveries that were committed.");
  groups_ = around_.metrics->counter("pabal_store_append_groups_total", "Groups of blobs flushed into segments.");
  const auto& folder = place_.folder;
  if (!folder.empty()) {
    for (const auto& path : {folder, folder + "/segments", folder + "/files"}) {
      if (auto made = files.make_folder(path); !made) return made;
    }
    auto lock = files.lock(folder + "/lock");
    if (!lock) return pass(lock);
    lock_ = std::move(*lock);
    files_folder_ = folder + "/files";
    spill_into(files_folder_);
  } else if (!place_.arrivals.empty()) {
    if (auto opened = open_arrivals(); !opened) return opened;
  }
  if (auto owned = place_.database->own(); !owned) return owned;
  auto connection = place_.database->connect();
  if (!connection) return pass(connection);
  if (auto migrated = db::migrate(**connection, "store", schema_steps()); !migrated) return migrated;
  auto writer = db::Writer::start(*place_.database, {});
  if (!writer) return pass(writer);
  writer_owner_ = std::move(*writer);
  writer_ = writer_owner_.get();
  if (auto numbered = numbers_.open(*writer_); !numbered) return numbered;
  if (!folder.empty()) {
    segments_ = std::make_unique<Segments>(files, folder + "/segments", around_.options.segment_bytes,
                                           around_.options.spare_segments, *writer_);
    if (auto opened = segments_->open(**connection); !opened) return opened;
    if (auto removed = remove_leftovers(**connection); !removed) return removed;
    appender_ = std::make_unique<Appender>(
        *segments_, [this](AppendGroup group, Result<void> outcome) { flushed(std::move(group), std::move(outcome)); });
  }
  if (around_.options.upkeep_every.count() != 0) upkeep_thread_ = std::thread([this] { upkeep_loop(); });
  return {};
}

void Shard::spill_into(const std::string& folder) {
  auto spilling = std::make_shared<Incoming::Spilling>();
  spilling->files = around_.files;
  spilling->pool = around_.pool;
  spilling->folder = folder;
  spilling->key = mix(around_.key, 1);
  spilling_ = std::move(spilling);
}

// Nothing in it outlives the process: a message is promised once it is in the database.
Result<void> Shard::open_arrivals() {
  auto& files = *around_.files;
  const auto& folder = place_.arrivals;
  if (auto made = files.make_folder(folder); !made) return made;
  auto lock = files.lock(folder + "/lock");
  if (!lock) return pass(lock);
  lock_ = std::move(*lock);
  auto names = files.list(folder);
  if (!names) return pass(names);
  for (const auto& name : *names) {
    if (name == "lock") continue;
    if (auto removed = files.remove(fmt::format("{}/{}", folder, name)); !removed) return removed;
  }
  spill_into(folder);
  return {};
}

Shard::~Shard() {
  if (upkeep_thread_.joinable()) {
    sleep_.lock()->stopping = true;
    wake_.notify_all();
    upkeep_thread_.join();
  }
  if (appender_) appender_->stop();
  writer_owner_.reset();
}

// What a crash left of messages that were never promised.
Result<void> Shard::remove_leftovers(db::Connection& connection) {
  auto& files = *around_.files;
  auto blobs = files.list(files_folder_);
  if (!blobs) return pass(blobs);
  for (const auto& name : *blobs) {
    std::int64_t number = 0;  // stays 0 for one that was arriving
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number, 16);
    if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size()) number = 0;
    auto there = connection.number("SELECT blob_id FROM blob WHERE blob_id = $1 AND location = $2",
                                   {number, static_cast<std::int64_t>(Location::file)});
    if (!there) return pass(there);
    if (*there) continue;
    if (auto removed = files.remove(files_folder_ + "/" + name); !removed) return removed;
  }
  return {};
}

bool Shard::healthy() const noexcept {
  return !flush_failed_.load(std::memory_order_relaxed) && writer_->healthy() &&
         (!segments_ || !segments_->flush_failed());
}

std::unexpected<Error> Shard::refusal() {
  return fail(ErrorKind::io, "local error", "the shard takes no more writes: a flush failed earlier");
}

Result<void> Shard::write_now(db::Work work) {
  if (!healthy()) return refusal();
  return writer_->run(std::move(work));
}

Incoming Shard::receive(std::uint64_t expected) {
  Incoming incoming;
  incoming.memory_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(expected, around_.options.spill_at)));
  if (spilling_) {
    incoming.spilling_ = spilling_;
    incoming.spill_at_ = around_.options.spill_at;
  }
  return incoming;
}

}  // namespace pabal::store
