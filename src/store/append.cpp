// Letters that a client adds to a mailbox (IMAP APPEND): several at once, all or none. Their octets go the ways of a
// delivery's (deliver.cpp); then all rows are one write.
#include <algorithm>

#include "base/counted.hpp"
#include "store/delivery_rows.hpp"
#include "store/mailbox_rows.hpp"
#include "store/shard.hpp"
#include "store/spilled.hpp"

namespace pabal::store {

struct AppendWrite {
  struct Letter {
    AppendedLetter letter;
    BlobRow blob;
    MessageFacts facts;
  };
  AccountId account;
  AppendTarget target;
  SystemTime now;
  std::vector<Letter> letters;
  std::optional<Replaced> replaced;
  std::vector<Append> records;  ///< of the blobs that are in segments; pins these
  std::optional<Appended> appended;
  bool in_doubt = false;  ///< the commit failed, and may have happened
};

namespace {

Result<void> append_letter(db::Connection& connection, const AppendWrite& write, const AppendWrite::Letter& one,
                           EmailId email, const Standing& standing, const std::string& keywords) {
  const auto account = write.account;
  auto blob = one.blob;
  blob.refs = 1;
  if (auto inserted = insert_blob(connection, blob); !inserted) return inserted;
  if (blob.location == Location::row || blob.location == Location::database) {
    if (auto inserted = insert_blob_data(connection, blob.id, one.letter.content); !inserted) return inserted;
  }
  auto thread = take_thread(connection, account, email, one.facts.thread_keys);
  if (!thread) return pass(thread);
  const Piece piece{blob.id, 0, blob.size};
  auto inserted = insert_email(connection,
                               {.account = account,
                                .email = email,
                                .thread = *thread,
                                .received = one.letter.received.value_or(write.now),
                                .zone_minutes = one.letter.zone_minutes,
                                .size = blob.size,
                                .prefix = {},
                                .pieces = {&piece, 1},
                                .standing = standing,
                                .delivery_id = {}},
                               one.facts);
  if (!inserted) return inserted;
  if (auto kept = keep_facts(connection, {&piece, 1}, one.facts); !kept) return kept;
  const auto saved = one.letter.received ? db::Parameter(to_database(write.now)) : db::Parameter();
  auto stands = connection.run(
      "INSERT INTO membership (account_id, mailbox_id, uid, email_id, size, keywords, deleted, change, saved) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $4, $8)",
      {account.value, standing.mailbox.value, standing.uid, email.value, static_cast<std::int64_t>(blob.size),
       db::Octets{keywords}, std::int64_t{(one.letter.flags.flags & flag::deleted) != 0}, saved});
  if (!stands) return pass(stands);
  return {};
}

Result<Appended> append_rows(db::Connection& connection, const AppendWrite& write) {
  auto info = read_mailbox(connection, write.account, std::string_view(write.target.path));
  if (!info) return pass(info);
  if (write.target.mailbox && *write.target.mailbox != info->id) {
    return fail(ErrorKind::not_found, "The mailbox was renamed meanwhile.", "append: the name is another's now");
  }
  auto table = KeywordTable::load(connection, write.account);
  if (!table) return pass(table);
  const auto count = static_cast<std::int64_t>(write.letters.size());
  MailboxCounts counts;
  for (const auto& one : write.letters) counts.bytes += static_cast<std::int64_t>(one.blob.size);
  if (write.replaced) {
    // First, so that its octets are free for those that come.
    const auto uid = write.replaced->uid;
    auto gone = expunge(connection, write.account, write.replaced->mailbox, {{.first = uid, .last = uid}}, Which::all,
                        write.now);
    if (!gone) return pass(gone);
    if (gone->uids.empty()) return fail(ErrorKind::exists, "The message is gone.", "append: the replaced one is gone");
  }
  auto last = take_space(connection, write.account, counts.bytes, count);
  if (!last) return pass(last);
  auto first_uid = take_uids(connection, write.account, info->id, count);
  if (!first_uid) return pass(first_uid);
  Appended appended;
  appended.uid_validity = info->uid_validity;
  appended.mailbox = info->id;
  appended.change = *last;
  std::int64_t uid = *first_uid;
  std::int64_t number = last->value - count;  // the change that makes an email is its id
  for (const auto& one : write.letters) {
    auto keywords = table->take(connection, one.letter.flags);
    if (!keywords) return pass(keywords);
    const bool deleted = (one.letter.flags.flags & flag::deleted) != 0;
    counts.emails += 1;
    counts.unseen += (keywords->flags & flag::seen) != 0 ? 0 : 1;
    counts.deleted += deleted ? 1 : 0;
    counts.deleted_bytes += deleted ? static_cast<std::int64_t>(one.blob.size) : 0;
    const EmailId email{++number};
    auto done = append_letter(connection, write, one, email, {info->id, uid}, encode_keywords(*keywords));
    if (!done) return pass(done);
    appended.uids.push_back(static_cast<std::uint32_t>(uid++));
    appended.emails.push_back(email);
  }
  if (auto counted = count_mailbox(connection, write.account, info->id, *last, counts); !counted) return pass(counted);
  return appended;
}

}  // namespace

Async<Result<void>> Shard::flush_letters(AppendWrite* write) {
  for (const auto& one : write->letters) {
    const auto& blob = one.blob;
    if (blob.location != Location::segment) continue;
    write->records.push_back({blob.id, blob.salt, blob.checksum, one.letter.content.memory(), {}});
  }
  if (write->records.empty()) co_return Result<void>{};
  auto flushed = co_await await_completion<Result<std::vector<Append>>>([this, write](auto done) {
    auto job = std::make_unique<MoveJob>();
    job->in_background = false;
    job->records = std::move(write->records);
    job->done = std::move(done);
    appender_->submit(std::move(job));
  });
  if (!flushed) co_return pass(flushed);
  write->records = std::move(*flushed);
  auto record = write->records.begin();
  for (auto& one : write->letters) {
    if (one.blob.location != Location::segment) continue;
    one.blob.segment = record->place.segment->number;
    one.blob.generation = record->place.segment->generation;
    one.blob.start = record->place.start;
    ++record;
  }
  co_return Result<void>{};
}

// Of letters whose commit was in doubt: whether they have come, by the first one's blob. Where not they never will: a
// transaction that is still under way there holds the account's row.
Async<Result<bool>> Shard::has_come(AccountId account, BlobId blob) {
  auto found = std::make_shared<bool>(false);
  auto looked = co_await await_completion<Result<void>>([this, account, blob, found](auto done) {
    writer_->submit(
        [account, blob, found](db::Connection& connection) -> Result<void> {
          auto locked = connection.run("UPDATE account SET change = change WHERE account_id = $1", {account.value});
          if (!locked) return pass(locked);
          auto there = connection.number("SELECT COUNT(*) FROM blob WHERE blob_id = $1", {blob.value});
          if (!there) return pass(there);
          *found = there->value_or(0) != 0;
          return {};
        },
        [done = std::move(done)](Result<void> outcome) mutable { done(std::move(outcome)); });
  });
  if (!looked) co_return pass(looked);
  co_return *found;
}

Async<Result<Appended>> Shard::commit_letters(std::shared_ptr<AppendWrite> write) {
  auto outcome = co_await await_completion<Result<void>>([this, write](auto done) {
    writer_->submit(
        [write](db::Connection& connection) -> Result<void> {
          auto appended = append_rows(connection, *write);
          if (!appended) return pass(appended);
          write->appended = std::move(*appended);
          return {};
        },
        [this, write, done = std::move(done)](Result<void> outcome) mutable {
          write->in_doubt = !outcome && write->appended && writer_->in_doubt();
          // A file goes only if certainly no row refers to it; the next start knows. Said here, while nothing else can
          // come between.
          for (auto& one : write->letters) {
            if (one.blob.location == Location::file) one.letter.content.file_->kept = outcome || write->in_doubt;
          }
          done(std::move(outcome));
        });
  });
  for (const auto time : kLookAgain) {
    if (!write->in_doubt || !writer_->healthy()) break;
    co_await sleep_for(time);
    const auto come = co_await has_come(write->account, write->letters.front().blob.id);
    if (!come) continue;
    write->in_doubt = false;
    if (*come) outcome = {};
    for (auto& one : write->letters) {
      if (one.blob.location == Location::file) one.letter.content.file_->kept = *come;
    }
  }
  for (auto& one : write->letters) {
    if (outcome && one.blob.location == Location::row) came_in_row();
  }
  if (!outcome) co_return pass(outcome);
  co_return std::move(*write->appended);
}

Async<Result<Appended>> Shard::append(AccountId account, AppendTarget target, std::vector<AppendedLetter> letters,
                                      std::optional<Replaced> replaced) {
  const Counted under_way(under_way_);
  if (!healthy()) co_return refusal();
  if (letters.empty()) co_return fail(ErrorKind::state, "local error", "an append needs letters");
  auto write = std::make_shared<AppendWrite>();
  write->account = account;
  write->target = std::move(target);
  write->now = around_.clock->now();
  write->replaced = replaced;
  const bool alone = under_way.before() == 0 && letters.size() == 1;
  for (auto& letter : letters) {
    auto number = numbers_.take();
    if (!number) co_return pass(number);
    write->letters.push_back({std::move(letter), {.id = *number}, {}});
  }
  for (auto& one : write->letters) {
    auto& content = one.letter.content;
    auto placed = co_await place_blob(&content, &one.blob, alone);
    if (!placed) co_return pass(placed);
    one.facts = content.has_file() ? facts_of_head(content.head()) : facts_of(content.memory());
  }
  auto flushed = co_await flush_letters(write.get());
  if (!flushed) co_return pass(flushed);
  auto appended = co_await commit_letters(write);
  if (appended) {
    deliveries_.fetch_add(appended->uids.size(), std::memory_order_relaxed);
    to_index(account);
    to_pack(account, appended->uids.size());
  }
  co_return appended;
}

}  // namespace pabal::store
