// The Store's calls on mailboxes: each runs in the account's shard, and who watches the account hears of what changed.
#include "store/leaving.hpp"
#include "store/mailbox_rows.hpp"
#include "store/store_state.hpp"

namespace pabal::store {

namespace {
// So many rows are not read again after they were written.
constexpr std::size_t kManyFlags = 64;
// So many are worth a new packed form.
constexpr std::size_t kManyToPack = 1024;

// A mailbox as its reader sees it.
Result<MailboxInfo> read_for(db::Connection& connection, const Place& place, const std::string& path) {
  auto info = read_mailbox(connection, place.account, std::string_view(path));
  if (!info || !place.reader) return info;
  auto unseen = count_unseen(connection, place, info->id);
  if (!unseen) return pass(unseen);
  info->unseen = *unseen;
  return info;
}

}  // namespace

// A read of rows in the account's shard.
template <class T>
Async<Result<T>> Store::read_rows(Place place, std::move_only_function<Result<T>(db::Connection&)> work) {
  Shard* const shard = state_->find(place.shard);
  if (shard == nullptr) co_return no_shard(place.shard);
  co_return co_await shard->read<T>(std::move(work));
}

// A write there.
template <class T>
Async<Result<T>> Store::write_rows(Place place, std::move_only_function<Result<T>(db::Connection&)> work) {
  Shard* const shard = state_->find(place.shard);
  if (shard == nullptr) co_return no_shard(place.shard);
  co_return co_await shard->write<T>(std::move(work));
}

// A write that gives the change that it took, or 0.
Async<Result<void>> Store::change_rows(Place place,
                                       std::move_only_function<Result<ChangeNumber>(db::Connection&)> work) {
  auto change = co_await write_rows<ChangeNumber>(place, std::move(work));
  if (!change) co_return pass(change);
  if (*change) tell(place.account, *change);
  co_return Result<void>{};
}

void Store::tell(AccountId account, ChangeNumber change) { state_->around.watchers->tell(account, change); }

Watch Store::watch(AccountId account, WatchCallback callback) {
  return state_->around.watchers->add(account, std::move(callback));
}

Async<Result<std::shared_ptr<const SearchAnswer>>> Store::look_up(Place place, SearchQuery query) {
  Shard* const shard = state_->find(place.shard);
  if (shard == nullptr) co_return no_shard(place.shard);
  co_return co_await state_->around.pool->run(
      [shard, account = place.account, query = std::move(query)] { return shard->look_up(account, query); });
}

Async<> Store::aside(std::move_only_function<void()> work) {
  co_await state_->around.pool->run([work = std::move(work)]() mutable {
    work();
    return true;
  });
}

Async<Result<AccountMailboxes>> Store::mailboxes(Place place) {
  return read_rows<AccountMailboxes>(
      place, [account = place.account](db::Connection& connection) { return read_mailboxes(connection, account); });
}

Async<Result<MailboxesChanged>> Store::mailboxes_since(Place place, std::optional<ChangeNumber> since,
                                                       AccountId reader) {
  return read_rows<MailboxesChanged>(place, [account = place.account, since, reader](db::Connection& connection) {
    return read_mailboxes_since(connection, account, since, reader);
  });
}

Async<Result<std::vector<std::string>>> Store::subscribed_names(Place place) {
  return read_rows<std::vector<std::string>>(place, [account = place.account](db::Connection& connection) {
    return read_subscribed_names(connection, account);
  });
}

Async<Result<MailboxInfo>> Store::find_mailbox(Place place, std::string path) {
  return read_rows<MailboxInfo>(
      place, [place, path = std::move(path)](db::Connection& connection) { return read_for(connection, place, path); });
}

Async<Result<MailboxWithAccess>> Store::find_with_access(Place place, std::string path) {
  return read_rows<MailboxWithAccess>(
      place, [place, path = std::move(path)](db::Connection& connection) -> Result<MailboxWithAccess> {
        auto info = read_mailbox(connection, place.account, std::string_view(path));
        if (!info) return pass(info);
        auto access = read_access(connection, place.account, info->id);
        if (!access) return pass(access);
        auto room = read_room(connection, place.account);
        if (!room) return pass(room);
        return MailboxWithAccess{std::move(*info), std::move(*access), *room};
      });
}

Async<Result<MailboxMade>> Store::create_mailbox(Place place, std::string path, std::string role) {
  auto made =
      co_await write_rows<MailboxMade>(place, [account = place.account, path = std::move(path), role = std::move(role),
                                               most = state_->around.options.max_mailboxes,
                                               now = state_->around.clock->now()](db::Connection& connection) {
        return store::create_mailbox(connection, account, path, role, now, most);
      });
  if (made) tell(place.account, made->change);
  co_return made;
}

Async<Result<ChangeNumber>> Store::delete_mailbox(Place place, std::string path, std::optional<MailboxId> id) {
  auto deleted = co_await write_rows<MailboxDeleted>(
      place, [account = place.account, path = std::move(path), id, now = state_->around.clock->now()](
                 db::Connection& connection) { return store::delete_mailbox(connection, account, path, id, now); });
  if (!deleted) co_return pass(deleted);
  tell(place.account, deleted->change);
  if (deleted->leaving) co_await empty_mailbox(place, *deleted->leaving);
  co_return deleted->change;
}

// In pieces, so that deliveries come between. Where it comes to no end here the upkeep goes on.
Async<void> Store::empty_mailbox(Place place, MailboxId mailbox) {
  struct Rest {
    Shard* shard;
    ~Rest() {
      if (shard != nullptr) shard->leave_deletion();
    }
  };
  Rest rest{state_->find(place.shard)};
  while (rest.shard != nullptr) {
    auto emptied = co_await write_rows<Emptied>(
        place, [account = place.account, mailbox, now = state_->around.clock->now()](db::Connection& connection) {
          return empty_some(connection, account, mailbox, kEmptyAtOnce, now);
        });
    if (!emptied) {
      state_->around.log.warning("mailbox_not_emptied", {{"why", emptied.error().log}});
      co_return;
    }
    if (emptied->change) tell(place.account, emptied->change);
    if (emptied->done) rest.shard = nullptr;
  }
}

Async<Result<ChangeNumber>> Store::rename_mailbox(Place place, std::string from, std::string to,
                                                  std::optional<MailboxId> id) {
  auto change =
      co_await write_rows<ChangeNumber>(place, [account = place.account, from = std::move(from), to = std::move(to), id,
                                                most = state_->around.options.max_mailboxes,
                                                now = state_->around.clock->now()](db::Connection& connection) {
        return store::rename_mailbox(connection, account, from, id, to, now, most);
      });
  if (change) tell(place.account, *change);
  co_return change;
}

Async<Result<void>> Store::subscribe(Place place, std::string path, bool subscribed) {
  return change_rows(place, [account = place.account, path = std::move(path), subscribed](db::Connection& connection) {
    return store::subscribe(connection, account, path, subscribed);
  });
}

Async<Result<std::shared_ptr<const MailboxSnapshot>>> Store::snapshot(Place place, MailboxId mailbox) {
  Shard* const shard = state_->find(place.shard);
  if (shard == nullptr) co_return no_shard(place.shard);
  if (place.reader) co_return co_await shard->reader_snapshot(place, mailbox);
  co_return co_await shard->snapshot(place.account, mailbox);
}

Async<Result<MailboxChanges>> Store::changes_since(Place place, MailboxId mailbox, ChangeNumber change) {
  return read_rows<MailboxChanges>(place,
                                   [place, mailbox, change](db::Connection& connection) -> Result<MailboxChanges> {
                                     auto changes = read_changes(connection, place.account, mailbox, change);
                                     if (!changes || !place.reader) return changes;
                                     auto seen = read_seen(connection, place, mailbox);
                                     if (!seen) return pass(seen);
                                     show_seen(*seen, changes->rows);
                                     return changes;
                                   });
}

// Looked at first: a SELECT that finds nothing new writes nothing.
Async<Result<std::uint32_t>> Store::take_recent(Place place, MailboxId mailbox) {
  co_return co_await write_rows<std::uint32_t>(
      place, [account = place.account, mailbox](db::Connection& connection) -> Result<std::uint32_t> {
        auto now = read_mailbox(connection, account, mailbox);
        if (!now) return pass(now);
        auto taken =
            connection.run("UPDATE mailbox SET first_recent_uid = uid_next WHERE account_id = $1 AND mailbox_id = $2",
                           {account.value, mailbox.value});
        if (!taken) return pass(taken);
        return now->first_recent_uid;
      });
}

Async<Result<FlagsChanged>> Store::change_flags(Place place, MailboxId mailbox, FlagChange change) {
  Shard* const shard = state_->find(place.shard);
  const auto from = state_->around.options.many_flags;
  auto base = shard == nullptr || place.reader ? nullptr : shard->newest_snapshot({place.account, mailbox});
  bool pending = false;
  auto changed = co_await write_rows<FlagsChanged>(
      place,
      [place, mailbox, change = std::move(change), base = std::move(base), from,
       &pending](db::Connection& connection) mutable -> Result<FlagsChanged> {
        if (place.reader) return change_flags_of_reader(connection, place, mailbox, change);
        auto many = change_many_flags(connection, place.account, mailbox, change, std::move(base), from);
        if (!many) return pass(many);
        pending = many->has_value();
        return *many ? Result<FlagsChanged>(*std::move(*many))
                     : store::change_flags(connection, place.account, mailbox, change);
      });
  if (shard != nullptr && pending) shard->to_fold();
  if (!changed || changed->changed.empty()) co_return changed;
  // A reader's rows are as he sees them.
  if (shard != nullptr && !place.reader && changed->changed.size() >= std::min(kManyFlags, from)) {
    changed->snapshot = co_await shard->take_flags(place.account, mailbox, &*changed);
    if (changed->changed.size() >= kManyToPack) shard->to_pack(place.account, mailbox);
  }
  tell(place.account, changed->change);
  co_return changed;
}

Async<Result<Expunged>> Store::remove_messages(Place place, MailboxId mailbox, UidRanges uids, bool only_deleted) {
  const auto which = only_deleted ? Which::deleted : Which::all;
  Shard* const shard = state_->find(place.shard);
  auto base = shard == nullptr || !only_deleted ? nullptr : shard->newest_snapshot({place.account, mailbox});
  if (base && base->size() < state_->around.options.many_flags) base = nullptr;
  const auto leave_from = state_->around.options.leave_from;
  auto gone = co_await write_rows<Expunged>(
      place, [account = place.account, mailbox, uids = normalised(std::move(uids)), which, base = std::move(base),
              leave_from, shard, now = state_->around.clock->now()](db::Connection& connection) {
        auto expunged = store::expunge(connection, account, mailbox, uids, which, now, {base, leave_from});
        // Also where the commit is in doubt.
        if (expunged && expunged->uids.size() >= leave_from && shard != nullptr) shard->to_leave();
        return expunged;
      });
  if (gone && !gone->uids.empty()) tell(place.account, gone->change);
  co_return gone;
}

Async<Result<Expunged>> Store::expunge_deleted(Place place, MailboxId mailbox, UidRanges uids) {
  return remove_messages(place, mailbox, std::move(uids), true);
}

Async<Result<ChangeNumber>> Store::expunge(Place place, MailboxId mailbox, std::vector<std::int64_t> uids) {
  auto gone = co_await remove_messages(place, mailbox, ranges_of(std::move(uids)), false);
  if (!gone) co_return pass(gone);
  co_return gone->change;
}

Async<Result<Copied>> Store::copy(Place place, MailboxId mailbox, UidRanges uids, Place target, std::string target_path,
                                  FlagScope scope) {
  return transfer(place, mailbox, std::move(uids), target, std::move(target_path), false, scope);
}

Async<Result<Copied>> Store::move(Place place, MailboxId mailbox, UidRanges uids, Place target, std::string target_path,
                                  FlagScope scope) {
  return transfer(place, mailbox, std::move(uids), target, std::move(target_path), true, scope);
}

Async<Result<Copied>> Store::transfer(Place place, MailboxId mailbox, UidRanges uids, Place target,
                                      std::string target_path, bool moves, FlagScope scope) {
  if (place.shard != target.shard) {
    co_return co_await transfer_across(place, mailbox, std::move(uids), target, std::move(target_path), moves, scope);
  }
  auto copied = co_await write_rows<Copied>(
      place,
      [place, target, scope, from = place.account, to = target.account, mailbox, uids = normalised(std::move(uids)),
       path = std::move(target_path), moves, shard = state_->find(place.shard),
       leave_from = state_->around.options.leave_from,
       now = state_->around.clock->now()](db::Connection& connection) -> Result<Copied> {
        auto there = read_mailbox(connection, to, std::string_view(path));
        if (!there) return pass(there);
        if (moves && from == to) {
          auto moved = move_messages(connection, from, mailbox, uids, there->id, now);
          if (!moved) return moved;
          auto seen = move_seen(connection, from, mailbox, *moved);
          if (!seen) return pass(seen);
          auto mine = scope;
          mine.flags |= flag::seen;
          const Place there_by_owner{to, target.shard};
          auto fitted = fit_copies(connection, there_by_owner, {}, there_by_owner, mine, *moved);
          if (!fitted) return pass(fitted);
          return moved;
        }
        auto seen = place.reader ? read_seen(connection, place, mailbox) : UidRanges();
        if (!seen) return pass(seen);
        auto done = copy_messages(connection, from, mailbox, uids, to, there->id, now);
        if (!done) return done;
        auto fitted = fit_copies(connection, place, *seen, target, scope, *done);
        if (!fitted) return pass(fitted);
        if (!moves) return done;
        auto gone = store::expunge(connection, from, mailbox, uids, Which::all, now, {nullptr, leave_from});
        if (!gone) return pass(gone);
        if (gone->uids.size() >= leave_from && shard != nullptr) shard->to_leave();
        done->source_change = gone->change;
        return done;
      });
  if (!copied || copied->uids.empty()) co_return copied;
  if (Shard* const shard = state_->find(target.shard); shard != nullptr) {
    shard->to_index(target.account);
    shard->to_pack(target.account, copied->uids.size());
  }
  tell(target.account, copied->change);
  if (moves && place.account != target.account) tell(place.account, copied->source_change);
  co_return copied;
}

Async<Result<Appended>> Store::append(Place place, AppendTarget target, std::vector<AppendedLetter> letters,
                                      std::optional<Replaced> replaced) {
  Shard* const shard = state_->find(place.shard);
  if (shard == nullptr) co_return no_shard(place.shard);
  // What a reader adds to another's mailbox is seen by him alone.
  std::vector<bool> seen;
  for (auto& letter : letters) {
    seen.push_back(place.reader && (letter.flags.flags & flag::seen) != 0);
    if (place.reader) letter.flags.flags &= ~flag::seen;
  }
  auto appended = co_await shard->append(place.account, std::move(target), std::move(letters), replaced);
  if (!appended) co_return appended;
  tell(place.account, appended->change);
  FlagChange change{.uids = {}, .how = FlagsHow::add, .flags = {.flags = flag::seen, .keywords = {}}};
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen[i]) change.uids.push_back({appended->uids[i], appended->uids[i]});
  }
  if (change.uids.empty()) co_return appended;
  // The letters are there: that they count as new for him is no reason to say otherwise.
  auto marked = co_await change_flags(place, appended->mailbox, std::move(change));
  if (!marked) state_->around.log.warning("seen_not_set", {{"why", marked.error().log}});
  co_return appended;
}

Async<Result<std::vector<EmailRow>>> Store::email_rows(Place place, std::vector<EmailId> emails) {
  return read_rows<std::vector<EmailRow>>(
      place, [account = place.account, emails = std::move(emails)](db::Connection& connection) {
        return read_email_rows(connection, account, emails);
      });
}

Async<Result<void>> Store::use_email_rows(Place place, std::vector<EmailId> emails, bool parsed,
                                          std::move_only_function<bool(const EmailRow&)> use) {
  return read_rows<void>(place, [account = place.account, emails = std::move(emails), parsed,
                                 use = std::move(use)](db::Connection& connection) mutable {
    return store::use_email_rows(connection, account, emails, parsed, use);
  });
}

Async<Result<std::vector<SavedDate>>> Store::saved_dates(Place place, MailboxId mailbox, UidRanges uids) {
  return read_rows<std::vector<SavedDate>>(
      place, [account = place.account, mailbox, uids = normalised(std::move(uids))](db::Connection& connection) {
        return read_saved_dates(connection, account, mailbox, uids);
      });
}

Async<Result<Quota>> Store::quota(Place place) {
  return read_rows<Quota>(place, [account = place.account, most = state_->around.options.max_mailboxes](
                                     db::Connection& connection) { return read_quota(connection, account, most); });
}

Async<Result<std::vector<Annotation>>> Store::annotations(Place place, MailboxId mailbox, AccountId reader) {
  return read_rows<std::vector<Annotation>>(place,
                                            [account = place.account, mailbox, reader](db::Connection& connection) {
                                              return read_annotations(connection, account, mailbox, reader);
                                            });
}

Async<Result<std::vector<std::string>>> Store::changed_annotations(Place place, MailboxId mailbox, AccountId reader,
                                                                   ChangeNumber since, ChangeNumber until) {
  place.reader = reader;
  return read_rows<std::vector<std::string>>(place, [place, mailbox, since, until](db::Connection& connection) {
    return read_changed_entries(connection, place, mailbox, since, until);
  });
}

Async<Result<std::vector<std::pair<MailboxId, Annotation>>>> Store::annotations_of_all(Place place, AccountId reader,
                                                                                       std::vector<std::string> names) {
  return read_rows<std::vector<std::pair<MailboxId, Annotation>>>(
      place, [account = place.account, reader, names = std::move(names)](db::Connection& connection) {
        return read_all_annotations(connection, account, reader, names);
      });
}

Async<Result<void>> Store::limit(Place place, QuotaLimits limits) {
  return change_rows(place, [account = place.account, limits](db::Connection& connection) {
    return write_quota(connection, account, limits);
  });
}

Async<Result<void>> Store::set_annotations(Place place, MailboxId mailbox, AccountId reader,
                                           std::vector<Annotation> entries) {
  return change_rows(
      place, [account = place.account, mailbox, reader, entries = std::move(entries)](db::Connection& connection) {
        return write_annotations(connection, account, mailbox, reader, entries);
      });
}

Async<Result<std::vector<AccessEntry>>> Store::access_list(Place place, MailboxId mailbox) {
  return read_rows<std::vector<AccessEntry>>(place, [account = place.account, mailbox](db::Connection& connection) {
    return read_access(connection, account, mailbox);
  });
}

Async<Result<std::vector<std::pair<MailboxId, AccessEntry>>>> Store::access_lists(Place place) {
  return read_rows<std::vector<std::pair<MailboxId, AccessEntry>>>(
      place, [account = place.account](db::Connection& connection) { return read_access_lists(connection, account); });
}

Async<Result<void>> Store::set_access(Place place, MailboxId mailbox, AccessChange change) {
  auto done = co_await change_rows(
      place, [account = place.account, mailbox, change = std::move(change)](db::Connection& connection) {
        return write_access(connection, account, mailbox, change);
      });
  // Who had no rights there watches another account, if any.
  if (done) tell(AccountId{}, ChangeNumber{});
  co_return done;
}

Async<Result<std::vector<SharedMailbox>>> Store::shared_with(std::vector<std::string> identifiers) {
  std::vector<SharedMailbox> all;
  for (const auto& shard : state_->shards) {
    auto found =
        co_await shard->read<std::vector<SharedMailbox>>([id = shard->id(), &identifiers](db::Connection& connection) {
          return read_shared_with(connection, id, identifiers);
        });
    if (!found) co_return pass(found);
    std::ranges::move(*found, std::back_inserter(all));
  }
  std::ranges::sort(all, {}, [](const SharedMailbox& one) { return std::tie(one.place.account, one.info.path); });
  co_return all;
}

Async<Result<std::shared_ptr<const MailboxSnapshot>>> Shard::snapshot(AccountId account, MailboxId mailbox) {
  const std::pair key(account, mailbox);
  auto base = newest_snapshot(key);
  std::move_only_function<Result<SnapshotRead>(db::Connection&)> work =
      [account, mailbox, base = std::move(base), from = around_.options.pack_from](db::Connection& connection) {
        return read_snapshot(connection, account, mailbox, base, from);
      };
  auto read_now = co_await read<SnapshotRead>(std::move(work));
  if (!read_now) co_return pass(read_now);
  if (!read_now->damage.empty()) {
    around_.log.warning("snapshot_damaged",
                        {{"account", account.value}, {"mailbox", mailbox.value}, {"why", read_now->damage}});
  }
  const auto behind = read_now->pack.empty() ? read_now->behind : 0;
  if (!read_now->pack.empty()) keep_pack(account, mailbox, std::move(read_now->pack));
  auto made = std::move(read_now->snapshot);
  // After an end that was none, nobody knows how far behind it is until somebody looks.
  if (packed_long_ago(behind, made->size())) to_pack(account, mailbox);
  co_return keep_newest(key, std::move(made));
}

Async<std::shared_ptr<const MailboxSnapshot>> Shard::take_flags(AccountId account, MailboxId mailbox,
                                                                const FlagsChanged* changed) {
  const std::pair key(account, mailbox);
  auto base = newest_snapshot(key);
  // Another change in between, or one that isn't known yet.
  if (!base || base->head().change != changed->before) co_return nullptr;
  auto work = [base = std::move(base), changed] { return with_flags(*base, *changed); };
  auto made = co_await around_.pool->run(std::move(work));
  if (made) made = keep_newest(key, std::move(made));
  co_return made;
}

std::shared_ptr<const MailboxSnapshot> Shard::newest_snapshot(MailboxKey key) {
  auto snapshots = snapshots_.lock();
  const auto found = snapshots->newest.find(key);
  return found == snapshots->newest.end() ? nullptr : found->second.lock();
}

// Gives the one that is shared.
std::shared_ptr<const MailboxSnapshot> Shard::keep_newest(MailboxKey key, std::shared_ptr<const MailboxSnapshot> made) {
  auto snapshots = snapshots_.lock();
  auto& newest = snapshots->newest[key];
  if (auto known = newest.lock(); known && known->head().change >= made->head().change) {
    // Another session was quicker: one of the same state is shared.
    return known->head().change == made->head().change ? known : made;
  }
  newest = made;
  if (snapshots->newest.size() >= snapshots->sweep_at) {
    std::erase_if(snapshots->newest, [](const auto& one) { return one.second.expired(); });
    snapshots->sweep_at = std::max<std::size_t>(2 * snapshots->newest.size(), 128);
  }
  return made;
}

// Nobody waits for it, and nothing is lost without it.
void Shard::keep_pack(AccountId account, MailboxId mailbox, std::string octets) {
  if (!healthy()) return;
  writer_->submit([account, mailbox, octets = std::move(octets)](
                      db::Connection& connection) { return write_pack(connection, account, mailbox, octets); },
                  [log = around_.log](Result<void> outcome) {
                    if (!outcome) log.warning("snapshot_not_kept", {{"why", outcome.error().log}});
                  });
}

// The owner's snapshot with the reader's own \Seen; sessions of one reader share it, too.
Async<Result<std::shared_ptr<const MailboxSnapshot>>> Shard::reader_snapshot(Place place, MailboxId mailbox) {
  using Pointer = std::shared_ptr<const MailboxSnapshot>;
  auto owners = co_await snapshot(place.account, mailbox);
  if (!owners) co_return owners;
  const std::tuple key(place.account, mailbox, place.reader);
  auto old = [&] {
    auto snapshots = snapshots_.lock();
    const auto found = snapshots->of_readers.find(key);
    return found == snapshots->of_readers.end() ? nullptr : found->second.lock();
  }();
  if (old && old->head().change >= (*owners)->head().change) co_return old;
  std::move_only_function<Result<Pointer>(db::Connection&)> work = [place, owners = *owners,
                                                                    old](db::Connection& connection) {
    return read_as_seen(connection, place, owners, old);
  };
  auto made = co_await read<Pointer>(std::move(work));
  if (!made) co_return made;
  auto snapshots = snapshots_.lock();
  if (snapshots->of_readers.size() >= snapshots->sweep_readers_at) {
    std::erase_if(snapshots->of_readers, [](const auto& one) { return one.second.expired(); });
    snapshots->sweep_readers_at = std::max<std::size_t>(2 * snapshots->of_readers.size(), 128);
  }
  auto& newest = snapshots->of_readers[key];
  if (auto known = newest.lock(); known && known->head().change >= (*made)->head().change) co_return known;
  newest = *made;
  co_return made;
}

}  // namespace pabal::store
