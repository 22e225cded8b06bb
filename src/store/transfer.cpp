// Messages are copied and moved between mailboxes of two shards: their octets are read here and appended there, a few
// at a time. What a move has copied leaves its source only then, so that a crash in between may leave both, never
// neither.
#include "store/mailbox_rows.hpp"
#include "store/store_state.hpp"

namespace pabal::store {

namespace {

constexpr std::uint64_t kOctetsAtOnce = 64ULL << 20;
constexpr std::size_t kLettersAtOnce = 1000;
constexpr std::size_t kPart = 1 << 20;

Async<Result<Incoming>> content_of(Store* store, std::unique_ptr<EmailOctets> octets) {
  auto content = store->receive(octets->size());
  for (std::uint64_t at = 0; at < octets->size();) {
    auto part = co_await octets->read(at, kPart);
    if (!part) co_return pass(part);
    at += part->size();
    content.append(*part);
    if (!content.wants_spill()) continue;
    auto spilled = co_await content.spill();
    if (!spilled) co_return pass(spilled);
  }
  co_return content;
}

// Copies that shall not be there after all. Where they can't be removed both stay.
Async<void> take_back(Store* store, Place place, MailboxId mailbox, std::vector<CopiedUid> copies, Log log) {
  std::vector<std::int64_t> uids;
  uids.reserve(copies.size());
  for (const auto& one : copies) uids.push_back(one.to);
  const auto gone = co_await store->expunge(place, mailbox, std::move(uids));
  if (!gone) log.warning("copy_not_undone", {{"why", gone.error().log}});
}

std::vector<MessageRow> chosen_rows(const MailboxSnapshot& snapshot, const UidRanges& uids) {
  std::vector<MessageRow> rows;
  for (const auto& range : uids) {
    for (auto at = snapshot.lower_bound(range.first); at < snapshot.size() && snapshot[at].uid <= range.last; ++at) {
      rows.push_back(snapshot[at]);
    }
  }
  return rows;
}

}  // namespace

/// Messages on their way from one shard to another.
struct Store::Transfer {
  Place from;
  MailboxId mailbox;
  Place to;
  std::string path;
  FlagScope scope;
  std::shared_ptr<const MailboxSnapshot> snapshot;
  std::vector<MessageRow> rows;
  std::size_t next = 0;  ///< of rows
};

// The next letters, so many that they fit into memory. A message that is gone by now is left out.
Async<Result<std::vector<CopiedUid>>> Store::transfer_some(Transfer* transfer, Copied* copied) {
  std::vector<MessageRow> rows;
  std::vector<EmailId> ids;
  for (std::uint64_t octets = 0; transfer->next < transfer->rows.size() && ids.size() < kLettersAtOnce;) {
    const auto& row = transfer->rows[transfer->next];
    octets += row.size();
    if (octets > kOctetsAtOnce && !ids.empty()) break;
    ids.push_back(row.email);
    rows.push_back(row);
    ++transfer->next;
  }
  auto opened = co_await open_emails(transfer->from, ids);
  if (!opened) co_return pass(opened);
  auto facts = co_await email_rows(transfer->from, ids);
  if (!facts) co_return pass(facts);
  // An email that was expunged with many others can be opened for a while yet (leaving_emails.hpp).
  auto still = co_await snapshot(transfer->from, transfer->mailbox);
  if (!still && still.error().kind == ErrorKind::not_found) co_return std::vector<CopiedUid>();
  if (!still) co_return pass(still);
  const auto stands = [&](const MessageRow& row) {
    const auto at = (*still)->lower_bound(row.uid);
    return at < (*still)->size() && (**still)[at].uid == row.uid;
  };
  std::vector<AppendedLetter> letters;
  std::vector<CopiedUid> uids;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto fact = std::ranges::find(*facts, ids[i], &EmailRow::email);
    if (!(*opened)[i] || fact == facts->end() || !stands(rows[i])) continue;
    auto content = co_await content_of(this, std::move((*opened)[i]));
    if (!content) co_return pass(content);
    AppendedLetter letter;
    letter.content = std::move(*content);
    letter.flags.flags = rows[i].flags() & transfer->scope.flags;
    if (transfer->scope.keywords) letter.flags.keywords = transfer->snapshot->keywords(rows[i]);
    letter.received = fact->received;
    letter.zone_minutes = fact->zone_minutes;
    letters.push_back(std::move(letter));
    uids.push_back({rows[i].uid, 0});
  }
  if (letters.empty()) co_return uids;
  auto appended = co_await append(transfer->to, {transfer->path}, std::move(letters));
  if (!appended) co_return pass(appended);
  if (appended->mailbox != copied->mailbox) {
    // The name leads to another mailbox by now: these letters go again, those before them are the caller's.
    UidRanges undone;
    for (const auto uid : appended->uids) undone.push_back({uid, uid});
    auto gone = co_await remove_messages(transfer->to, appended->mailbox, std::move(undone), false);
    if (!gone) state_->around.log.warning("copy_not_undone", {{"why", gone.error().log}});
    co_return fail(ErrorKind::busy, "the mailbox was renamed meanwhile");
  }
  for (std::size_t i = 0; i < uids.size(); ++i) uids[i].to = appended->uids[i];
  copied->change = appended->change;
  co_return uids;
}

Async<Result<Copied>> Store::transfer_across(Place place, MailboxId mailbox, UidRanges uids, Place target,
                                             std::string target_path, bool moves, FlagScope scope) {
  auto there = co_await find_mailbox(target, target_path);
  if (!there) co_return pass(there);
  auto source = co_await snapshot(place, mailbox);
  if (!source) co_return pass(source);
  Transfer transfer{place, mailbox, target, std::move(target_path), scope, *source, {}, 0};
  transfer.rows = chosen_rows(**source, normalised(std::move(uids)));
  Copied copied;
  copied.uid_validity = there->uid_validity;
  copied.mailbox = there->id;
  copied.change = there->change;
  while (transfer.next < transfer.rows.size()) {
    auto some = co_await transfer_some(&transfer, &copied);
    if (!some) {
      // All or none (RFC 9051 §6.4.7): what came before goes again.
      co_await take_back(this, target, there->id, std::move(copied.uids), state_->around.log);
      co_return pass(some);
    }
    copied.uids.insert(copied.uids.end(), some->begin(), some->end());
  }
  if (!moves || copied.uids.empty()) co_return copied;
  UidRanges moved;
  for (const auto& one : copied.uids) moved.push_back({one.from, one.from});
  auto gone = co_await remove_messages(place, mailbox, std::move(moved), false);
  // The mailbox went in the meantime, and its messages with it: they are where they were to go.
  if (!gone && gone.error().kind == ErrorKind::not_found) co_return copied;
  if (!gone) {
    // Certainly none has gone. Whatever else fails may have happened all the same, so both stay then.
    if (gone.error().kind == ErrorKind::busy) {
      co_await take_back(this, target, there->id, std::move(copied.uids), state_->around.log);
    }
    co_return pass(gone);
  }
  copied.source_change = gone->change;
  co_return copied;
}

}  // namespace pabal::store
