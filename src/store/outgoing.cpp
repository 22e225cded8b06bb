// Letters on their way out: the shard's and the store's calls for whoever carries them.
#include "store/outgoing.hpp"

#include <map>

#include "store/delivery_rows.hpp"
#include "store/queue_rows.hpp"
#include "store/shard.hpp"
#include "store/spilled.hpp"
#include "store/store_state.hpp"
#include "store/stored_email.hpp"

namespace pabal::store {

std::vector<OutgoingLetter> outgoing_letters(const Delivery& delivery, ShardId shard, SystemTime now) {
  std::vector<OutgoingLetter> letters;
  std::map<std::pair<std::string_view, std::string_view>, std::size_t> known;  // by destination and reverse-path
  std::int64_t number = kRemoteNumber;
  for (const auto& recipient : delivery.remote) {
    const std::string& sender = recipient.reverse_path ? *recipient.reverse_path : delivery.sender;
    const auto [place, fresh] = known.try_emplace({recipient.destination, sender}, letters.size());
    if (fresh) {
      OutgoingLetter letter;
      letter.shard = shard;
      letter.id = delivery.id;
      letter.destination = recipient.destination;
      letter.sender = sender;
      letter.author = delivery.sender;
      letter.account = delivery.terms.account;
      letter.arrived = now;
      letter.begins = std::max(now, delivery.terms.not_before);
      letter.size = delivery.content.size();
      letter.envelope_id = delivery.envelope_id;
      letter.ret = delivery.ret;
      letter.smtputf8 = delivery.smtputf8;
      letter.tls = delivery.tls;
      letter.form = delivery.terms.form;
      letter.priority = delivery.terms.priority;
      letter.deliver_by = delivery.terms.deliver_by;
      letters.push_back(std::move(letter));
    }
    letters[place->second].recipients.push_back({.number = number++,
                                                 .address = recipient.address,
                                                 .notify = recipient.notify,
                                                 .original_recipient = recipient.original_recipient,
                                                 .attempts = 0,
                                                 .last_error = {},
                                                 .warned = false,
                                                 .told_late = false});
  }
  return letters;
}

Async<Result<DueDestinations>> Shard::due_destinations(std::string after, std::size_t at_most) {
  std::move_only_function<Result<DueDestinations>(db::Connection&)> work =
      [shard = place_.id, after = std::move(after), at_most, now = around_.clock->now()](db::Connection& connection) {
        return due_rows(connection, shard, after, at_most, now);
      };
  co_return co_await read<DueDestinations>(std::move(work));
}

Async<Result<std::vector<OutgoingLetter>>> Shard::claim_outgoing(std::string destination, std::size_t at_most,
                                                                 SystemTime until) {
  std::move_only_function<Result<std::vector<OutgoingLetter>>(db::Connection&)> work =
      [shard = place_.id, destination = std::move(destination), at_most, until, now = around_.clock->now()](
          db::Connection& connection) { return claim_rows(connection, shard, destination, at_most, now, until); };
  co_return co_await write<std::vector<OutgoingLetter>>(std::move(work));
}

Async<Result<void>> Shard::forget_claims() {
  std::move_only_function<Result<bool>(db::Connection&)> work =
      [now = around_.clock->now()](db::Connection& connection) -> Result<bool> {
    const auto done = connection.run(
        "UPDATE queue_recipient SET next_attempt = $1, claimed_until = 0 WHERE kind = 2 AND state = 0 AND "
        "claimed_until = next_attempt AND claimed_until <> 0",
        {to_database(now)});
    if (!done) return pass(done);
    return true;
  };
  const auto done = co_await write<bool>(std::move(work));
  if (!done) co_return pass(done);
  co_return Result<void>{};
}

Async<Result<void>> Shard::bring_forward(SystemTime latest, std::function<bool()> go_on) {
  // A local letter that is delivered twice is there once: no claim of one need last for as long.
  std::move_only_function<Result<bool>(db::Connection&)> unclaim =
      [latest](db::Connection& connection) -> Result<bool> {
    const auto done = connection.run(
        "UPDATE queue_recipient SET claimed_until = $1 WHERE kind = $2 AND state = 0 AND claimed_until > $1",
        {to_database(latest), static_cast<std::int64_t>(RecipientKind::local)});
    if (!done) return pass(done);
    return true;
  };
  const auto unclaimed = co_await write<bool>(std::move(unclaim));
  if (!unclaimed) co_return pass(unclaimed);
  for (const auto kind : {RecipientKind::local, RecipientKind::remote}) {
    std::optional<WaitingRow> from = WaitingRow{.next = to_database(latest)};
    // Some at a time: deliveries go between.
    while (from && go_on()) {
      std::move_only_function<Result<std::optional<WaitingRow>>(db::Connection&)> work =
          [kind, after = *std::move(from), now = around_.clock->now(), latest](db::Connection& connection) {
            return bring_rows_forward(connection, kind, after, now, latest);
          };
      auto done = co_await write<std::optional<WaitingRow>>(std::move(work));
      if (!done) co_return pass(done);
      from = *std::move(done);
    }
  }
  co_return Result<void>{};
}

Async<Result<OutgoingContent>> Shard::open_outgoing(std::string delivery_id) {
  using Opened = Result<OutgoingContent>;
  co_return co_await around_.pool->run([this, delivery_id = std::move(delivery_id)]() -> Opened {
    const ReadGate::Pass inside(gate_);
    OutgoingContent content;
    auto pieces = readers_.read([&](db::Connection& connection) -> Result<std::vector<Piece>> {
      content.waiting.clear();
      auto rows = connection.query(
          "SELECT m.pieces, r.number FROM queue_message m LEFT JOIN queue_recipient r ON r.delivery_id = m.delivery_id "
          "AND r.state = 0 WHERE m.delivery_id = $1 ORDER BY r.number",
          {delivery_id});
      if (!rows) return pass(rows);
      std::optional<Result<std::vector<Piece>>> found;
      while (true) {
        auto any = rows->next();
        if (!any) return pass(any);
        if (!*any) break;
        if (!found) found = decode_pieces(rows->octets(0));
        if (!rows->is_null(1)) content.waiting.push_back(rows->integer(1));
      }
      if (!found) return fail(ErrorKind::not_found, "no such queue entry");
      return *std::move(found);
    });
    if (!pieces) return pass(pieces);
    auto opened = open_pieces(*pieces);
    if (!opened) return pass(opened);
    content.octets = std::move(*opened);
    return content;
  });
}

Async<Result<void>> Shard::settle(std::vector<AttemptOutcome> attempts) {
  if (!healthy()) co_return refusal();
  struct Settling {
    std::vector<AttemptOutcome> attempts;
    std::vector<std::vector<NoticeWrite>> notices;
  };
  auto settling = std::make_shared<Settling>();
  settling->attempts = std::move(attempts);
  bool in_row = false;
  for (const auto& attempt : settling->attempts) {
    auto& writes = settling->notices.emplace_back();
    for (const auto& notice : attempt.notices) {
      auto write = notice_write(notice);
      if (!write) co_return pass(write);
      in_row = in_row || write->blob.location == Location::row;
      writes.push_back(*std::move(write));
    }
  }
  std::move_only_function<Result<std::vector<NoticeReached>>(db::Connection&)> work =
      [settling, shard = place_.id, now = around_.clock->now()](db::Connection& connection) {
        return settle_rows(connection, shard, settling->attempts, settling->notices, now);
      };
  auto reached = co_await write<std::vector<NoticeReached>>(std::move(work));
  if (!reached) co_return pass(reached);
  if (in_row) came_in_row();
  for (const auto& one : *reached) noticed(one);
  co_return Result<void>{};
}

Result<NoticeWrite> Shard::notice_write(const Notice& notice) {
  auto number = numbers_.take();
  if (!number) return pass(number);
  NoticeWrite write;
  write.notice = &notice;
  write.content.append(notice.content);
  write.blob.id = *number;
  write.blob.size = notice.content.size();
  write.blob.salt = mix(around_.key, salts_.fetch_add(1, std::memory_order_relaxed));
  write.blob.checksum = checksum_of(notice.content, write.blob.salt);
  write.blob.location = segments_ && !place_.blobs_in_database ? Location::row : Location::database;
  write.facts = facts_of(notice.content);
  return write;
}

void Shard::noticed(const NoticeReached& reached) {
  to_index(reached.account);
  to_pack(reached.account, 1);
  around_.watchers->tell(reached.account, reached.change);
}

Async<Result<DueDestinations>> Store::due_destinations(std::optional<DestinationCursor> from, std::size_t at_most) {
  auto shard = state_->shards.begin();
  if (from) {
    shard = std::ranges::find_if(state_->shards, [&](const auto& one) { return one->id() == from->shard; });
    if (shard == state_->shards.end()) co_return no_shard(from->shard);
  }
  auto found = co_await (*shard)->due_destinations(from ? std::move(from->after) : std::string(), at_most);
  if (found && !found->go_on && ++shard != state_->shards.end()) {
    found->go_on = DestinationCursor{(*shard)->id(), {}};
  }
  co_return found;
}

Async<Result<QueueCounts>> Store::queue_counts() {
  QueueCounts all;
  for (const auto& shard : state_->shards) {
    const auto counts = co_await shard->queue_counts();
    if (!counts) co_return pass(counts);
    for (const auto part : {&QueueCounts::local, &QueueCounts::remote}) {
      (all.*part).waiting += ((*counts).*part).waiting;
      (all.*part).due += ((*counts).*part).due;
      (all.*part).held += ((*counts).*part).held;
    }
    if (counts->oldest) all.oldest = std::min(all.oldest.value_or(*counts->oldest), *counts->oldest);
  }
  co_return all;
}

Async<Result<std::vector<OutgoingLetter>>> Store::claim_outgoing(ShardId shard, std::string destination,
                                                                 std::size_t at_most, SystemTime until) {
  Shard* const home = state_->find(shard);
  if (home == nullptr) co_return no_shard(shard);
  co_return co_await home->claim_outgoing(std::move(destination), at_most, until);
}

Async<Result<void>> Store::forget_claims() {
  for (const auto& shard : state_->shards) {
    auto done = co_await shard->forget_claims();
    if (!done) co_return done;
  }
  co_return Result<void>{};
}

Async<Result<void>> Store::bring_forward(SystemTime latest, std::function<bool()> go_on) {
  for (const auto& shard : state_->shards) {
    auto done = co_await shard->bring_forward(latest, go_on);
    if (!done) co_return done;
  }
  co_return Result<void>{};
}

Async<Result<OutgoingContent>> Store::open_outgoing(ShardId shard, std::string delivery_id) {
  Shard* const home = state_->find(shard);
  if (home == nullptr) co_return no_shard(shard);
  co_return co_await home->open_outgoing(std::move(delivery_id));
}

std::vector<OutgoingLetter> Store::outgoing_letters(const Delivery& delivery, SystemTime now) const {
  return store::outgoing_letters(delivery, home_of(delivery, state_->shards.front()->id()), now);
}

Async<Result<void>> Store::settle(ShardId shard, std::vector<AttemptOutcome> attempts) {
  Shard* const home = state_->find(shard);
  if (home == nullptr) co_return no_shard(shard);
  co_return co_await home->settle(std::move(attempts));
}

}  // namespace pabal::store
