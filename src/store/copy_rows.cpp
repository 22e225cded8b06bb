// Messages are copied and moved between mailboxes of one shard. A copy is a new email of the same content; a move keeps
// the email and gives it another place.
#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "store/blobs.hpp"
#include "store/change_log.hpp"
#include "store/delivery_rows.hpp"
#include "store/facts.hpp"
#include "store/insert_rows.hpp"
#include "store/mailbox_rows.hpp"
#include "store/reader_by_id.hpp"

namespace pabal::store {

namespace {

Copied copied_to(const MailboxInfo& target) {
  Copied copied;
  copied.uid_validity = target.uid_validity;
  copied.mailbox = target.id;
  copied.change = target.change;
  return copied;
}

const InsertStatement& membership_statement() {
  static const InsertStatement statement(
      "membership (account_id, mailbox_id, uid, email_id, size, keywords, deleted, change, saved, shared)", 10);
  return statement;
}

// `row` must live until the inserter's end.
Result<void> insert_membership(RowInserter& memberships, AccountId account, MailboxId mailbox, std::int64_t uid,
                               const MembershipRow& row, EmailId email, ChangeNumber change, SystemTime saved) {
  return memberships.add({account.value, mailbox.value, uid, email.value, row.size, db::Octets{row.keywords},
                          std::int64_t{row.deleted}, change.value, to_database(saved), std::int64_t{row.shared}});
}

// Encoded keywords of one account in the numbers of another. Those that are too many there, or can't be one (a letter
// that was delivered long ago may have such), stay behind.
class KeywordsAcross {
 public:
  static Result<KeywordsAcross> make(db::Connection& connection, AccountId from, AccountId to) {
    auto source = KeywordTable::load(connection, from);
    if (!source) return pass(source);
    auto target = KeywordTable::load(connection, to);
    if (!target) return pass(target);
    return KeywordsAcross(connection, std::move(*source), std::move(*target));
  }
  Result<std::string> translate(const std::string& octets) {
    const auto known = known_.find(octets);
    if (known != known_.end()) return known->second;
    auto numbers = source_.decode(octets);
    if (!numbers) return pass(numbers);
    KeywordNumbers theirs{numbers->flags, {}};
    for (const auto number : numbers->own) {
      auto taken = target_.take(*connection_, {0, {source_.name(number)}});
      if (!taken && (taken.error().kind == ErrorKind::limit || taken.error().kind == ErrorKind::policy)) continue;
      if (!taken) return pass(taken);
      theirs.own.insert(theirs.own.end(), taken->own.begin(), taken->own.end());
    }
    std::ranges::sort(theirs.own);
    return known_.emplace(octets, encode_keywords(theirs)).first->second;
  }

 private:
  KeywordsAcross(db::Connection& connection, KeywordTable source, KeywordTable target)
      : connection_(&connection), source_(std::move(source)), target_(std::move(target)) {}
  db::Connection* connection_;
  KeywordTable source_;
  KeywordTable target_;
  std::map<std::string, std::string> known_;
};

// An email as it is copied.
struct Original {
  EmailId email;
  std::int64_t thread = 0;
  std::int64_t received = 0;
  std::int64_t size = 0;
  std::string prefix;
  std::string encoded_pieces;
  std::string delivery_id;
  std::int64_t parsed_version = 0;
  std::vector<Piece> pieces;
  std::int64_t zone = 0;
};

// Of so many messages at once, so that little lies in memory.
constexpr std::size_t kOriginalsAtOnce = 1024;

// By id.
class Originals {
 public:
  Result<void> read(db::Connection& connection, AccountId account, std::span<const MembershipRow> rows) {
    static const std::string columns =
        "SELECT email_id, thread_id, received, size, prefix, pieces, delivery_id, parsed_version, zone FROM email "
        "WHERE account_id = $1 AND email_id ";
    static const std::string in_list = fmt::format("{} IN ({}) ORDER BY email_id", columns, number_list(2));
    static const std::string in_range = columns + "BETWEEN $2 AND $3 ORDER BY email_id";
    std::vector<std::int64_t> ids;
    ids.reserve(rows.size());
    for (const auto& row : rows) ids.push_back(row.email.value);
    std::ranges::sort(ids);
    ids.erase(std::ranges::unique(ids).begin(), ids.end());
    found_.clear();
    found_.reserve(ids.size());
    next_ = 0;
    ReaderById reader(connection, in_range, in_list, [&](const db::Rows& row) { return take(row); });
    return reader.read(account.value, ids);
  }
  // Null where it is missing. Quickest by rising id.
  const Original* find(EmailId email) {
    if (next_ < found_.size() && found_[next_].email == email) return &found_[next_++];
    const auto at = std::ranges::lower_bound(found_, email, {}, &Original::email);
    if (at == found_.end() || at->email != email) return nullptr;
    next_ = static_cast<std::size_t>(at - found_.begin()) + 1;
    return &*at;
  }

 private:
  Result<void> take(const db::Rows& row) {
    auto pieces = decode_pieces(row.octets(5));
    if (!pieces) return pass(pieces);
    found_.push_back({EmailId{row.integer(0)}, row.integer(1), row.integer(2), row.integer(3),
                      std::string(row.octets(4)), std::string(row.octets(5)), std::string(row.text(6)), row.integer(7),
                      std::move(*pieces), row.integer(8)});
    return {};
  }
  std::vector<Original> found_;
  std::size_t next_ = 0;
};

// The thread of a copy in another account: found there as a delivery's is.
Result<void> take_thread_there(db::Connection& connection, AccountId account, EmailId email,
                               std::span<const Piece> pieces) {
  auto parsed = read_facts(connection, pieces);
  if (!parsed) return pass(parsed);
  auto thread = take_thread(connection, account, email, thread_keys_of(*parsed));
  if (!thread) return pass(thread);
  auto set = connection.run("UPDATE email SET thread_id = $3 WHERE account_id = $1 AND email_id = $2",
                            {account.value, email.value, *thread});
  if (!set) return pass(set);
  return {};
}

struct CopyPlace {
  AccountId from;
  AccountId account;
  MailboxId mailbox;
};

const InsertStatement& email_statement() {
  static const InsertStatement statement(
      "email (account_id, email_id, thread_id, modified, received, size, prefix, pieces, standings, delivery_id, "
      "parsed_version, zone)",
      12);
  return statement;
}

// One email anew. `original` must live until the inserter's end.
Result<void> copy_email(RowInserter& emails, const CopyPlace& place, const Original& original, EmailId email,
                        std::int64_t uid) {
  const Standing standing{place.mailbox, uid};
  const auto standings = emails.keep(encode_standings({&standing, 1}));
  return emails.add({place.account.value, email.value, original.thread, email.value, original.received, original.size,
                     db::Octets{original.prefix}, db::Octets{original.encoded_pieces}, db::Octets{standings},
                     std::string_view(original.delivery_id), original.parsed_version, original.zone});
}

}  // namespace

Result<Copied> copy_messages(db::Connection& connection, AccountId account, MailboxId mailbox, const UidRanges& ranges,
                             AccountId target_account, MailboxId target, SystemTime now) {
  auto source = read_mailbox(connection, account, mailbox);
  if (!source) return pass(source);
  auto there = read_mailbox(connection, target_account, target);
  if (!there) return pass(there);
  auto copied = copied_to(*there);
  auto rows = read_memberships(connection, account, mailbox, ranges);
  if (!rows) return pass(rows);
  if (rows->empty()) return copied;
  auto counts = counts_of(*rows);
  if (!counts) return pass(counts);
  auto last = take_space(connection, target_account, counts->bytes, counts->emails);
  if (!last) return pass(last);
  auto first_uid = take_uids(connection, target_account, target, counts->emails);
  if (!first_uid) return pass(first_uid);
  auto keywords = KeywordsAcross::make(connection, account, target_account);
  if (!keywords) return pass(keywords);
  const CopyPlace place{account, target_account, target};
  std::int64_t number = last->value - counts->emails;  // the change that makes an email is its id
  std::int64_t uid = *first_uid;
  std::vector<std::int64_t> blobs;
  Originals originals;
  RowInserter emails(connection, email_statement());
  RowInserter memberships(connection, membership_statement());
  copied.uids.reserve(rows->size());
  for (std::size_t begin = 0; begin < rows->size(); begin += kOriginalsAtOnce) {
    const auto some = std::span(*rows).subspan(begin, std::min(kOriginalsAtOnce, rows->size() - begin));
    if (auto read = originals.read(connection, account, some); !read) return pass(read);
    for (auto& row : some) {
      const auto* const original = originals.find(row.email);
      if (original == nullptr) {
        return fail(ErrorKind::io, "local error",
                    fmt::format("account {}: email {} is missing", account.value, row.email.value));
      }
      const EmailId email{++number};
      if (auto made = copy_email(emails, place, *original, email, uid); !made) return pass(made);
      for (const auto& piece : original->pieces) blobs.push_back(piece.blob.value);
      if (account != target_account) {
        if (auto made = emails.end(); !made) return pass(made);
        auto thread = take_thread_there(connection, target_account, email, original->pieces);
        if (!thread) return pass(thread);
        auto theirs = keywords->translate(row.keywords);
        if (!theirs) return pass(theirs);
        row.keywords = std::move(*theirs);
      }
      row.shared = false;
      auto stands =
          insert_membership(memberships, target_account, target, uid, row, email, ChangeNumber{email.value}, now);
      if (!stands) return pass(stands);
      copied.uids.push_back({row.uid, static_cast<std::uint32_t>(uid)});
      ++uid;
    }
    if (auto made = emails.end(); !made) return pass(made);
  }
  if (auto made = memberships.end(); !made) return pass(made);
  if (auto added = add_references(connection, counted(std::move(blobs))); !added) return pass(added);
  copied.change = *last;
  if (auto counted = count_mailbox(connection, target_account, target, *last, *counts); !counted) return pass(counted);
  return copied;
}

namespace {

Result<void> set_standings(db::Connection& connection, AccountId account, EmailId email,
                           std::span<const Standing> standings, ChangeNumber change) {
  auto set = connection.run("UPDATE email SET standings = $3, modified = $4 WHERE account_id = $1 AND email_id = $2",
                            {account.value, email.value, db::Octets{encode_standings(standings)}, change.value});
  if (!set) return pass(set);
  return {};
}

// An email that stands in several mailboxes takes a new place. Where it has one at the target already it keeps that
// one.
struct NewPlace {
  std::int64_t uid = 0;
  bool fresh = true;
};
Result<NewPlace> move_shared(db::Connection& connection, AccountId account, const Standing& from, const Standing& to,
                             const MembershipRow& row, ChangeNumber change) {
  auto standings = read_standings(connection, account, row.email);
  if (!standings) return pass(standings);
  std::erase(*standings, from);
  NewPlace place{to.uid, true};
  const auto known = std::ranges::find(*standings, to.mailbox, &Standing::mailbox);
  if (known != standings->end()) {
    place = {known->uid, false};
  } else {
    standings->push_back(to);
  }
  if (auto set = set_standings(connection, account, row.email, *standings, change); !set) return pass(set);
  if (standings->size() == 1) {
    auto alone =
        connection.run("UPDATE membership SET shared = 0 WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
                       {account.value, to.mailbox.value, place.uid});
    if (!alone) return pass(alone);
  }
  return place;
}

}  // namespace

Result<Copied> move_messages(db::Connection& connection, AccountId account, MailboxId mailbox, const UidRanges& ranges,
                             MailboxId target, SystemTime now) {
  auto source = read_mailbox(connection, account, mailbox);
  if (!source) return pass(source);
  auto there = read_mailbox(connection, account, target);
  if (!there) return pass(there);
  auto copied = copied_to(*there);
  auto rows = read_memberships(connection, account, mailbox, ranges);
  if (!rows) return pass(rows);
  if (rows->empty()) return copied;
  auto leaving = counts_of(*rows);
  if (!leaving) return pass(leaving);
  auto change = take_changes(connection, account);
  if (!change) return pass(change);
  for (const auto& range : ranges) {
    auto gone =
        connection.run("DELETE FROM membership WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4",
                       {account.value, mailbox.value, std::int64_t{range.first}, std::int64_t{range.last}});
    if (!gone) return pass(gone);
  }
  auto first_uid = take_uids(connection, account, target, leaving->emails);
  if (!first_uid) return pass(first_uid);
  std::int64_t uid = *first_uid;
  std::vector<std::int64_t> removed;
  std::vector<MembershipRow> arrived;
  arrived.reserve(rows->size());  // rows that are being inserted stay where they are
  RowInserter memberships(connection, membership_statement());
  for (auto& row : *rows) {
    removed.push_back(row.uid);
    NewPlace place{uid, true};
    const Standing to{target, uid};
    if (row.shared) {
      auto found = move_shared(connection, account, {mailbox, row.uid}, to, row, *change);
      if (!found) return pass(found);
      place = *found;
    } else if (auto set = set_standings(connection, account, row.email, {&to, 1}, *change); !set) {
      return pass(set);
    }
    copied.uids.push_back({row.uid, static_cast<std::uint32_t>(place.uid)});
    if (!place.fresh) continue;
    const auto& arriving = arrived.emplace_back(std::move(row));
    auto stands = insert_membership(memberships, account, target, uid++, arriving, arriving.email, *change, now);
    if (!stands) return pass(stands);
  }
  if (auto came = memberships.end(); !came) return pass(came);
  copied.change = copied.source_change = *change;
  auto left =
      count_mailbox(connection, account, mailbox, *change,
                    {-leaving->emails, -leaving->unseen, -leaving->bytes, -leaving->deleted, -leaving->deleted_bytes});
  if (!left) return pass(left);
  auto coming = counts_of(arrived);
  if (!coming) return pass(coming);
  if (auto came = count_mailbox(connection, account, target, *change, *coming); !came) return pass(came);
  auto logged = log_change(connection, ChangeLog::removed, account, mailbox, *change, removed);
  if (!logged) return pass(logged);
  return copied;
}

}  // namespace pabal::store
