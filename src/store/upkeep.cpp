// The background work of a shard: blobs that rode in rows move into segments, what nobody refers to goes, half-dead
// segments are emptied and written anew, traces are indexed and forgotten (traces.cpp), and the database gets its
// upkeep.
//
// Everything here may stop at any point and be taken up again: a blob is at its old place until the commit that gives
// it the new one, and the old place is written anew only when no reader can come to it any more.
#include <algorithm>
#include <future>

#include "store/shard.hpp"

namespace pabal::store {

namespace {

constexpr std::size_t kMoveAtOnce = 256;  ///< blobs
constexpr std::uint64_t kMoveOctetsAtOnce = 4 << 20;
constexpr std::size_t kMoveAtLeast = 64;        ///< blobs that ride in rows; fewer wait for company
constexpr std::chrono::seconds kMoveAfter{30};  ///< but no longer than this
constexpr std::size_t kCollectAtOnce = 500;
constexpr std::size_t kCountAtOnce = 8;    ///< segments
constexpr std::size_t kReclaimAtOnce = 4;  ///< segments

Result<void> drop_count(Result<std::int64_t> result) {
  if (!result) return pass(result);
  return {};
}

template <class Take>
Result<void> each_row(Result<db::Rows> rows, Take take) {
  if (!rows) return pass(rows);
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return {};
    if (auto taken = take(*rows); !taken) return taken;
  }
}

Append record_of(const BlobRow& row, std::string_view octets) { return {row.id, row.salt, row.checksum, octets, {}}; }

// The blob's octets are now there as well (without a place: in a file of their own): from here on they are looked for
// there alone. False if it was collected in between.
Result<bool> give_new_place(db::Connection& connection, const BlobRow& old, const SegmentPlace* place) {
  const bool from_segment = old.location == Location::segment;
  const auto to = place != nullptr ? Location::segment : Location::file;
  const auto or_null = [&](auto get) { return place != nullptr ? db::Parameter(get(*place)) : db::Parameter(); };
  auto changed = connection.run(
      "UPDATE blob SET location = $2, segment = $3, generation = $4, start = $5 "
      "WHERE blob_id = $1 AND location = $6 AND (segment IS NULL OR (segment = $7 AND generation = $8))",
      {old.id.value, static_cast<std::int64_t>(to), or_null([](const SegmentPlace& at) { return at.segment->number; }),
       or_null([](const SegmentPlace& at) { return at.segment->generation; }),
       or_null([](const SegmentPlace& at) { return static_cast<std::int64_t>(at.start); }),
       static_cast<std::int64_t>(old.location), from_segment ? old.segment : 0, from_segment ? old.generation : 0});
  if (!changed) return pass(changed);
  if (*changed != 1) return false;
  if (from_segment) return true;
  auto removed = drop_count(connection.run("DELETE FROM blob_data WHERE data_id BETWEEN $1 AND $2",
                                           {old.id.value * kDataParts, (old.id.value * kDataParts) + kDataParts - 1}));
  if (!removed) return pass(removed);
  return true;
}

}  // namespace

void Shard::upkeep_loop() {
  constexpr std::chrono::minutes say_again{1};
  std::string last_said;
  SteadyTime said{};
  while (true) {
    {
      auto sleep = sleep_.lock();
      wake_.wait_for(sleep.unique_lock(), around_.options.upkeep_every,
                     [&] { return sleep->stopping || in_rows_.load(std::memory_order_relaxed) >= move_rows_at; });
      if (sleep->stopping) break;
    }
    if (!healthy()) {
      in_rows_ = 0;  // nothing moves any more
      continue;
    }
    const auto now = around_.clock->steady();
    auto done = run_caught("a round", [&] { return round(rows_want_to_move(now), false); });
    if (done) continue;
    if (done.error().log == last_said && now - said < say_again) continue;
    last_said = done.error().log;
    said = now;
    around_.log.error("upkeep_failed", {{"shard", place_.id.value}, {"why", last_said}});
  }
  if (auto packed = run_caught("the end", [&] { return pack_at_end(); }); !packed) {
    around_.log.warning("snapshot_not_kept", {{"why", packed.error().log}});
  }
}

// A blob that moves alone costs two flushes and its row's pages once more; in company next to nothing.
bool Shard::rows_want_to_move(SteadyTime now) {
  const auto waiting = in_rows_.load(std::memory_order_relaxed);
  if (waiting < kMoveAtLeast && (waiting == 0 || now - moved_rows_ < kMoveAfter)) {
    if (waiting == 0) moved_rows_ = now;
    return false;
  }
  moved_rows_ = now;
  return true;
}

Result<void> Shard::maintain() { return round(true, true); }

// One step that fails (a damaged blob, a full disk) does not keep the others from their work; the first failure is
// told.
Result<void> Shard::round(bool move_rows, bool all) {
  const std::lock_guard one_at_a_time(upkeep_);
  Result<void> outcome;
  const auto step = [&outcome](Result<void> done) {
    if (!done && outcome) outcome = std::move(done);
  };
  if (segments_) {
    if (move_rows) step(move_rows_to_segments());
    step(segments_->prepare());
  }
  step(collect_dead());
  if (segments_) {
    step(retire_emptied());
    step(count_dead_space());
    step(reclaim());
    step(retire_emptied());
  }
  step(finish_deletions());
  step(remove_leaving_emails(all));
  step(keep_traces());
  step(derive_missing());
  step(forget_threads());
  step(fold_pending(all));
  step(pack_mailboxes(all));
  step(index_letters(all));
  step(place_.database->maintain());
  return outcome;
}

Result<std::vector<Append>> Shard::append_now(std::vector<Append> records) {
  std::promise<Result<std::vector<Append>>> promise;
  auto job = std::make_unique<MoveJob>();
  job->records = std::move(records);
  job->done = [&promise](Result<std::vector<Append>> placed) { promise.set_value(std::move(placed)); };
  auto future = promise.get_future();
  appender_->submit(std::move(job));
  return future.get();
}

Result<void> Shard::move_rows_to_segments() {
  // No further than to the last blob of now: a sender who never rests makes another one each time, and the rest of the
  // background work would never have its turn.
  auto end = readers_.read(
      [](db::Connection& connection) { return connection.number("SELECT MAX(blob_id) FROM blob WHERE location = 1"); });
  if (!end) return pass(end);
  in_rows_ = 0;  // those that come from here on count for the next time
  BlobId last;
  for (bool more = end->has_value(); more && last.value < **end;) {
    auto moved = move_some_rows(last);
    if (!moved) {
      in_rows_.fetch_add(1, std::memory_order_relaxed);
      return pass(moved);
    }
    more = *moved;
  }
  return {};
}

// Moves some of the blobs after `last`, which goes on with them; false when there are no more, or so few that they must
// have come since the call before: a lone sender's letters are not chased one by one.
Result<bool> Shard::move_some_rows(BlobId& last) {
  std::vector<BlobRow> rows;
  std::vector<std::string> octets;
  bool more = false;
  auto read = readers_.read([&](db::Connection& connection) -> Result<void> {
    std::vector<BlobRow> found;
    auto listed = each_row(
        connection.query("SELECT blob_id, refs, size, location, segment, generation, start, salt, checksum FROM blob "
                         "WHERE location = 1 AND blob_id > $1 ORDER BY blob_id LIMIT $2",
                         {last.value, static_cast<std::int64_t>(kMoveAtOnce)}),
        [&](const db::Rows& row) -> Result<void> {
          found.push_back(blob_row(row));
          return {};
        });
    if (!listed) return listed;
    std::uint64_t total = 0;
    more = found.size() == kMoveAtOnce;
    for (const auto& row : found) {
      if (total >= kMoveOctetsAtOnce) {
        more = true;
        break;
      }
      last = row.id;
      std::string data;
      auto loaded = read_blob_data(connection, row, 0, static_cast<std::size_t>(row.size), data);
      if (!loaded) return pass(loaded);
      if (!*loaded) continue;  // damaged; check() tells
      total += row.size;
      rows.push_back(row);
      octets.push_back(std::move(data));
    }
    return {};
  });
  if (!read) return pass(read);
  if (rows.empty()) return more;
  if (auto moved = move_blobs(rows, octets); !moved) return pass(moved);
  return more;
}

// The blobs, whose octets these are, get new places: in the segment that is written now, or, where they are too big for
// one, in files.
Result<void> Shard::move_blobs(std::span<const BlobRow> rows, std::span<const std::string> octets) {
  std::vector<Append> records;
  std::vector<const BlobRow*> moving;
  records.reserve(rows.size());
  moving.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size > segments_->most_octets()) {
      if (auto moved = move_to_file(rows[i], octets[i]); !moved) return moved;
      continue;
    }
    records.push_back(record_of(rows[i], octets[i]));
    moving.push_back(&rows[i]);
  }
  if (records.empty()) return {};
  auto placed = append_now(std::move(records));
  if (!placed) return pass(placed);
  return write_now([&](db::Connection& connection) -> Result<void> {
    for (std::size_t i = 0; i < moving.size(); ++i) {
      if (auto given = give_new_place(connection, *moving[i], &(*placed)[i].place); !given) return pass(given);
    }
    return {};
  });
}

Result<void> Shard::move_to_file(const BlobRow& row, std::string_view octets) {
  const auto path = path_of_file(row.id);
  auto file = around_.files->open(path, OpenMode::create);
  if (!file) return pass(file);
  // Until its row says so the file is nobody's: what is left of it after a failure is written anew by the next round,
  // or goes at the next start.
  if (auto cut = (*file)->truncate(0); !cut) return cut;
  if (auto written = (*file)->write_at(octets, 0); !written) return written;
  for (const auto& flushed : {(*file)->sync(), around_.files->sync_folder(files_folder_)}) {
    if (flushed) continue;
    flush_failed_ = true;
    return flushed;
  }
  bool given = false;
  auto written = write_now([&](db::Connection& connection) -> Result<void> {
    auto now = give_new_place(connection, row, nullptr);
    if (!now) return pass(now);
    given = *now;
    return {};
  });
  if (!written) return written;
  return given ? Result<void>{} : around_.files->remove(path);
}

Result<void> Shard::collect_dead() {
  const auto now = around_.clock->now();
  const auto before = to_database(now - around_.options.undelete_kept);
  while (true) {
    std::vector<BlobId> dead;
    auto listed = readers_.read([&](db::Connection& connection) {
      return each_row(connection.query("SELECT blob_id FROM dead_blob WHERE since <= $1 ORDER BY blob_id LIMIT $2",
                                       {before, static_cast<std::int64_t>(kCollectAtOnce)}),
                      [&](const db::Rows& row) -> Result<void> {
                        dead.push_back(BlobId{row.integer(0)});
                        return {};
                      });
    });
    if (!listed) return listed;
    if (dead.empty()) return {};
    const std::size_t found = dead.size();
    // Who began to read before these were dead has pinned them after this.
    gate_.wait_for_readers();
    std::erase_if(dead, [&](BlobId blob) { return pins_.pinned(blob); });
    std::vector<BlobId> files;
    auto collected = write_now([&](db::Connection& connection) -> Result<void> {
      std::unordered_map<std::int64_t, std::int64_t> freed;
      for (const auto blob : dead) {
        auto row = find_blob(connection, blob);
        if (!row) return pass(row);
        auto noted = drop_count(connection.run("DELETE FROM dead_blob WHERE blob_id = $1", {blob.value}));
        if (!noted) return noted;
        if (!*row || (*row)->refs != 0) continue;  // lives again
        if (auto gone = drop_count(connection.run("DELETE FROM blob WHERE blob_id = $1", {blob.value})); !gone)
          return gone;
        auto forgotten = drop_count(connection.run("DELETE FROM blob_facts WHERE blob_id = $1", {blob.value}));
        if (!forgotten) return forgotten;
        switch ((*row)->location) {
          case Location::segment:
            freed[(*row)->segment] += static_cast<std::int64_t>((*row)->size + kRecordHeaderOctets);
            break;
          case Location::file:
            files.push_back(blob);
            break;
          case Location::row:
          case Location::database: {
            auto gone =
                drop_count(connection.run("DELETE FROM blob_data WHERE data_id BETWEEN $1 AND $2",
                                          {blob.value * kDataParts, (blob.value * kDataParts) + kDataParts - 1}));
            if (!gone) return gone;
            break;
          }
        }
      }
      for (const auto& [segment, octets] : freed) {
        auto counted =
            drop_count(connection.run("UPDATE segment SET dead = dead + $2 WHERE segment = $1", {segment, octets}));
        if (!counted) return counted;
      }
      return {};
    });
    if (!collected) return collected;
    for (const auto blob : files) {
      auto removed = around_.files->remove(path_of_file(blob));
      if (!removed && removed.error().kind != ErrorKind::not_found) return removed;
    }
    if (dead.size() < found || found < kCollectAtOnce) return {};
  }
}

// What collect_dead() adds up is only half of the truth: octets that never got a row (a letter that was refused after
// it was flushed, a move that came too late) and the padding of groups are dead too. So each segment that is full, and
// of which nobody holds a record whose row is on its way, is counted once by what lives in it; a few in a round.
Result<void> Shard::count_dead_space() {
  struct Full {
    std::pair<std::int64_t, std::int64_t> key;  // segment and generation
    std::int64_t used, dead;
  };
  std::vector<Full> full;
  auto listed = readers_.read([&](db::Connection& connection) {
    return each_row(
        connection.query("SELECT segment, generation, used, dead FROM segment WHERE state = $1 ORDER BY segment",
                         {static_cast<std::int64_t>(SegmentState::full)}),
        [&](const db::Rows& row) -> Result<void> {
          full.push_back({{row.integer(0), row.integer(1)}, row.integer(2), row.integer(3)});
          return {};
        });
  });
  if (!listed) return listed;
  std::set<std::pair<std::int64_t, std::int64_t>> still_full;
  for (const auto& one : full) still_full.insert(one.key);
  std::erase_if(counted_, [&](const auto& key) { return !still_full.contains(key); });
  std::size_t count = 0;
  for (const auto& one : full) {
    if (count == kCountAtOnce) break;
    const auto segment = one.key.first;
    if (counted_.contains(one.key) || !segments_->unpinned(segment)) continue;
    ++count;
    std::int64_t living = 0;
    std::int64_t end = 0;
    auto read = readers_.read([&](db::Connection& connection) {
      return each_row(connection.query("SELECT SUM(stored + $2), MAX(start + stored) FROM blob WHERE segment = $1",
                                       {segment, static_cast<std::int64_t>(kRecordHeaderOctets)}),
                      [&](const db::Rows& row) -> Result<void> {
                        living = row.integer(0);
                        end = row.integer(1);
                        return {};
                      });
    });
    if (!read) return read;
    const auto used = std::max(one.used, end);
    if (used != one.used || used - living != one.dead) {
      auto written = write_now([&](db::Connection& connection) {
        return drop_count(connection.run("UPDATE segment SET used = $2, dead = $3 WHERE segment = $1",
                                         {segment, used, used - living}));
      });
      if (!written) return written;
    }
    counted_.insert(one.key);
  }
  return {};
}

Result<void> Shard::reclaim() {
  std::vector<std::int64_t> candidates;
  auto listed = readers_.read([&](db::Connection& connection) {
    return each_row(
        connection.query("SELECT segment FROM segment WHERE state = $1 AND dead * 2 >= used ORDER BY dead DESC",
                         {static_cast<std::int64_t>(SegmentState::full)}),
        [&](const db::Rows& row) -> Result<void> {
          if (!damaged_.contains(row.integer(0))) candidates.push_back(row.integer(0));
          return {};
        });
  });
  if (!listed) return listed;
  // One that can't be emptied keeps no other from it.
  Result<void> outcome;
  std::size_t emptied = 0;
  for (const auto segment : candidates) {
    if (emptied == kReclaimAtOnce) break;
    auto done = reclaim_segment(segment);
    if (done && *done) ++emptied;
    if (!done && outcome) outcome = pass(done);
    if (!done && (!healthy() || done.error().kind == ErrorKind::no_space)) break;  // nor will any other
  }
  return outcome;
}

// Empties one segment: what lives is copied, flushed, and given its new place.
Result<bool> Shard::reclaim_segment(std::int64_t number) {
  // While a delivery holds it, rows that refer to it may still be on their way.
  if (!segments_->unpinned(number)) return false;
  while (true) {
    std::vector<BlobRow> rows;
    std::uint64_t total = 0;
    auto listed = readers_.read([&](db::Connection& connection) {
      return each_row(
          connection.query("SELECT blob_id, refs, size, location, segment, generation, start, salt, checksum FROM blob "
                           "WHERE segment = $1 ORDER BY start LIMIT $2",
                           {number, static_cast<std::int64_t>(kMoveAtOnce)}),
          [&](const db::Rows& row) -> Result<void> {
            if (total >= kMoveOctetsAtOnce) return {};
            rows.push_back(blob_row(row));
            total += rows.back().size;
            return {};
          });
    });
    if (!listed) return pass(listed);
    if (rows.empty()) break;
    auto segment = segments_->pin(number, rows.front().generation);
    if (!segment) return pass(segment);
    std::vector<std::string> octets(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      octets[i].resize(static_cast<std::size_t>(rows[i].size));
      auto read = (*segment)->file->read_at(octets[i], rows[i].start);
      if (!read) return pass(read);
      if (*read != octets[i].size() || checksum_of(octets[i], rows[i].salt) != rows[i].checksum) {
        // Left where it is for check() to report; the segment stays.
        damaged_.insert(number);
        return fail(
            ErrorKind::io, "local error",
            fmt::format("blob {} in segment {} is damaged: the segment is not emptied", rows[i].id.value, number));
      }
    }
    if (auto moved = move_blobs(rows, octets); !moved) return pass(moved);
  }
  std::int64_t generation = 0;
  auto freed = write_now([&](db::Connection& connection) -> Result<void> {
    auto left = connection.number("SELECT blob_id FROM blob WHERE segment = $1 LIMIT 1", {number});
    if (!left) return pass(left);
    if (*left) return {};
    auto row =
        connection.number("UPDATE segment SET state = $2, used = 0, dead = 0 WHERE segment = $1 RETURNING generation",
                          {number, static_cast<std::int64_t>(SegmentState::free)});
    if (!row) return pass(row);
    generation = row->value_or(0);
    return {};
  });
  if (!freed) return pass(freed);
  if (generation == 0) return false;
  emptied_.push_back({number, generation});
  return true;
}

Result<void> Shard::retire_emptied() {
  if (emptied_.empty()) return {};
  gate_.wait_for_readers();
  Result<void> outcome;
  std::vector<Emptied> left;
  for (const auto& one : emptied_) {
    if (!segments_->unpinned(one.segment)) {
      left.push_back(one);
      continue;
    }
    auto retired = segments_->retire(one.segment, one.generation);
    if (retired) continue;
    left.push_back(one);
    if (outcome) outcome = std::move(retired);
  }
  emptied_ = std::move(left);
  return outcome;
}

}  // namespace pabal::store
