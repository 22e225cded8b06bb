// Delivery: from an arrived message to rows on stable storage.
//
// The octets go where they are cheapest to make durable: a lone small message rides in the rows' own commit; whoever
// has company goes through the appender into a segment; a big one is a file already, and is flushed with its folder on
// the pool.
#include "base/counted.hpp"
#include "store/delivery_rows.hpp"
#include "store/shard.hpp"
#include "store/spilled.hpp"

namespace pabal::store {

/// Deliveries whose rows are written under one savepoint.
struct DeliveryGroup {
  std::vector<std::unique_ptr<DeliveryWrite>> writes;
  bool from_appender = false;
  bool rows_failed = false;  ///< one of them could not be written
};

namespace {

// What the caller is told about its targets.
Result<Shard::Outcomes> told(DeliveryWrite& write, const Result<void>& outcome) {
  if (!outcome) return pass(outcome);
  const auto kept = [](const TargetOutcome& target) { return target.result || target.queued; };
  const bool nothing =
      write.elsewhere.empty() && write.delivery.remote.empty() && std::ranges::none_of(write.outcomes, kept);
  if (nothing && write.delivery.retry_locally) {
    // The sender is told one thing for all: to come again, if that may help any of them.
    const auto passing =
        std::ranges::find_if(write.outcomes, [](const auto& target) { return target.result.error().temporary(); });
    const auto& first = passing == write.outcomes.end() ? write.outcomes.front() : *passing;
    return pass(first.result);
  }
  return std::move(write.outcomes);
}

void finish(std::unique_ptr<DeliveryWrite> write, const Result<void>& outcome) {
  auto done = std::move(write->done);
  auto outcomes = told(*write, outcome);
  done({std::move(outcomes), nullptr});
}

}  // namespace

Result<void> Shard::keep_file(Incoming& content, BlobRow& blob) {
  if (auto finished = content.finish_file(); !finished) return finished;
  auto& file = *content.file_;
  if (auto flushed = file.file->sync(); !flushed) {
    flush_failed_ = true;
    return flushed;
  }
  const auto path = path_of_file(blob.id);
  if (auto renamed = around_.files->rename(file.path, path); !renamed) return renamed;
  file.path = path;  // removed with the message if its rows don't commit
  if (auto flushed = around_.files->sync_folder(files_folder_); !flushed) {
    flush_failed_ = true;
    return flushed;
  }
  blob.size = file.written;
  blob.start = file.start;
  blob.salt = file.salt;
  blob.checksum = file.checksum->checksum();
  blob.location = Location::file;
  return {};
}

Async<Result<void>> Shard::place_blob(Incoming* content, BlobRow* blob, bool alone) {
  const std::uint64_t size = content->size();
  // A file that was received in another shard's folder can't be renamed into this one.
  const bool in_files = segments_ && !place_.blobs_in_database;
  if (in_files && content->has_file() && content->spilling_ != spilling_) {
    auto copied = co_await copy_of(content);
    if (!copied) co_return pass(copied);
    *content = std::move(*copied);
  }
  if (!content->has_file()) content->spilling_ = spilling_;
  const bool to_file =
      in_files && (content->has_file() || size >= around_.options.file_at_least || size > segments_->most_octets());
  if (to_file) co_return co_await around_.pool->run([this, content, blob] { return keep_file(*content, *blob); });
  if (content->has_file()) {
    // Received into a file, and from there into the database piece by piece.
    auto finished = co_await around_.pool->run([content] { return content->finish_file(); });
    if (!finished) co_return pass(finished);
    const auto& file = *content->file_;
    blob->size = file.written;
    blob->salt = file.salt;
    blob->checksum = file.checksum->checksum();
    blob->location = Location::database;
    co_return Result<void>{};
  }
  blob->size = size;
  blob->salt = mix(around_.key, salts_.fetch_add(1, std::memory_order_relaxed));
  blob->checksum = checksum_of(content->memory(), blob->salt);
  if (!in_files) {
    blob->location = Location::database;
  } else if (alone && size <= around_.options.inline_at_most) {
    blob->location = Location::row;
  } else {
    blob->location = Location::segment;
  }
  co_return Result<void>{};
}

// Blobs in rows want to be moved before long.
void Shard::came_in_row() {
  if (in_rows_.fetch_add(1, std::memory_order_relaxed) + 1 == move_rows_at) wake_.notify_one();
}

Async<Result<Shard::Outcomes>> Shard::deliver(Delivery delivery, std::vector<DeliveryTarget> elsewhere,
                                              SystemTime claimed_until) {
  const Counted under_way(under_way_);
  if (!healthy()) co_return refusal();
  auto blob = numbers_.take();
  if (!blob) co_return pass(blob);
  auto write = std::make_unique<DeliveryWrite>();
  write->delivery = std::move(delivery);
  write->elsewhere = std::move(elsewhere);
  write->claimed_until = claimed_until;
  write->now = around_.clock->now();
  write->blob.id = *blob;

  write->shard = place_.id;
  for (const auto& receipt : write->delivery.receipts) {
    auto prepared = notice_write(receipt);
    if (!prepared) co_return pass(prepared);
    write->receipts.push_back(*std::move(prepared));
  }
  auto& content = write->delivery.content;
  auto placed = co_await place_blob(&content, &write->blob, under_way.before() == 0);
  if (!placed) co_return pass(placed);
  // Once for all recipients, before and outside of the transaction. Of what is in a file the header's beginning is at
  // hand; the upkeep reads it all soon.
  write->facts = content.has_file() ? facts_of_head(content.head()) : facts_of(content.memory());
  // The sender would send again what it isn't told of, under another id, and the letter might stand twice. Under this
  // one a second time changes nothing.
  auto settled = co_await write_delivery(std::move(write), false);
  for (const auto time : kLookAgain) {
    if (!settled.again) break;
    co_await sleep_for(time);
    std::unique_ptr<DeliveryWrite> doubtful(static_cast<DeliveryWrite*>(settled.again.release()));
    settled = co_await write_delivery(std::move(doubtful), true);
  }
  co_return std::move(settled.outcomes);
}

Async<DeliverySettled> Shard::write_delivery(std::unique_ptr<DeliveryWrite> write, bool again) {
  co_return co_await await_completion<DeliverySettled>([this, again, write = std::move(write)](auto done) mutable {
    write->done = std::move(done);
    if (again) {
      submit_careful(std::move(write));
      return;
    }
    if (write->blob.location == Location::segment) {
      write->records.push_back(
          {write->blob.id, write->blob.salt, write->blob.checksum, write->delivery.content.memory(), {}});
      appender_->submit(std::move(write));
      return;
    }
    auto group = std::make_unique<DeliveryGroup>();
    group->writes.push_back(std::move(write));
    submit_rows(std::move(group));
  });
}

void Shard::flushed(AppendGroup jobs, Result<void> outcome) {
  groups_.add();
  auto group = std::make_unique<DeliveryGroup>();
  group->from_appender = true;
  group->writes.reserve(jobs.size());
  for (auto& job : jobs) {
    if (auto* move = dynamic_cast<MoveJob*>(job.get())) {
      if (outcome) {
        move->done(std::move(move->records));
      } else {
        move->done(pass(outcome));
      }
      continue;
    }
    std::unique_ptr<DeliveryWrite> write(static_cast<DeliveryWrite*>(job.release()));
    if (!outcome) {
      finish(std::move(write), outcome);
      continue;
    }
    const auto& place = write->records.front().place;
    write->blob.segment = place.segment->number;
    write->blob.generation = place.segment->generation;
    write->blob.start = place.start;
    group->writes.push_back(std::move(write));
  }
  if (!outcome) around_.log.error("append_failed", {{"shard", place_.id.value}, {"why", outcome.error().log}});
  if (group->writes.empty()) {
    appender_->rows_done();
  } else {
    submit_rows(std::move(group));
  }
}

void Shard::submit_rows(std::unique_ptr<DeliveryGroup> group) {
  auto* const shared = group.get();
  writer_->submit(
      [shared](db::Connection& connection) -> Result<void> {
        for (const auto& write : shared->writes) {
          if (auto written = write_delivery_rows(connection, *write, RowsMode::fast); !written) {
            shared->rows_failed = true;
            return written;
          }
        }
        for (const auto& write : shared->writes) write->rows_done = true;
        return {};
      },
      [this, group = std::move(group)](Result<void> outcome) mutable {
        if (group->from_appender) appender_->rows_done();
        // One of them spoils it for all (an id that was delivered before, a statement that failed): each for itself
        // then.
        const bool again = !outcome && group->rows_failed && writer_->healthy();
        for (auto& write : group->writes) {
          if (again) {
            submit_careful(std::move(write));
          } else {
            settle(std::move(write), outcome);
          }
        }
      });
}

void Shard::submit_careful(std::unique_ptr<DeliveryWrite> write) {
  auto* const shared = write.get();
  shared->rows_done = false;
  writer_->submit(
      [shared](db::Connection& connection) -> Result<void> {
        auto written = write_delivery_rows(connection, *shared, RowsMode::careful);
        shared->rows_done = written.has_value();
        return written;
      },
      [this, write = std::move(write)](Result<void> outcome) mutable { settle(std::move(write), outcome); });
}

void Shard::settle(std::unique_ptr<DeliveryWrite> write, const Result<void>& outcome) {
  // Rows that were never all there are certainly undone. (Only then may the writer not be asked: it was somebody else's
  // thread that was told "too busy".)
  if (!outcome && write->rows_done && writer_->in_doubt()) write->in_doubt = true;
  // A file goes only if certainly no row refers to it: not after a commit whose outcome stays in doubt. The next start
  // knows.
  const bool may_be_there = outcome ? write->wrote_blob : write->in_doubt;
  if (write->blob.location == Location::file) write->delivery.content.file_->kept = may_be_there;
  if (!outcome && write->in_doubt && writer_->healthy()) {
    auto done = std::move(write->done);
    done({pass(outcome), std::move(write)});
    return;
  }
  // A file that is of no more use goes before anybody is told.
  if (write->delivery.content.has_file()) write->delivery.content = Incoming();
  if (outcome) {
    delivered_.add();
    deliveries_.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < write->outcomes.size(); ++i) {
      const auto& reached = write->outcomes[i].result;
      if (!reached) continue;
      to_index(write->delivery.targets[i].place.account);
      to_pack(write->delivery.targets[i].place.account, 1);
      around_.watchers->tell(write->delivery.targets[i].place.account, reached->change);
    }
    if (write->blob.location == Location::row && write->wrote_blob) came_in_row();
    for (const auto& receipt : write->receipts) {
      if (!receipt.reached) continue;
      noticed(*receipt.reached);
      if (receipt.blob.location == Location::row) came_in_row();
    }
  }
  finish(std::move(write), outcome);
}

Async<Result<Incoming>> Shard::copy_of(const Incoming* content) {
  co_return co_await around_.pool->run([this, content]() -> Result<Incoming> {
    Incoming copy;
    if (spilling_) {
      copy.spilling_ = spilling_;
      copy.spill_at_ = around_.options.spill_at;
    }
    std::string buffer;
    for (std::uint64_t at = 0; at < content->size();) {
      auto part = content->part(at, 1 << 20, buffer);
      if (!part) return pass(part);
      at += part->size();
      copy.append(*part);
      if (!copy.wants_spill()) continue;
      if (auto spilled = copy.spill_now(); !spilled) return pass(spilled);
    }
    return copy;
  });
}

}  // namespace pabal::store
