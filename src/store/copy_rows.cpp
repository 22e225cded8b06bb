// Messages are copied and moved between mailboxes of one shard. A copy is a new email of the same content; a move keeps
// the email and gives it another place.
#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "base/text.hpp"
#include "store/blobs.hpp"
#include "store/change_log.hpp"
#include "store/delivery_rows.hpp"
#include "store/facts.hpp"
#include "store/mailbox_rows.hpp"

namespace pabal::store {

namespace {

Copied copied_to(const MailboxInfo& target) {
  Copied copied;
  copied.uid_validity = target.uid_validity;
  copied.mailbox = target.id;
  copied.change = target.change;
  return copied;
}

Result<void> insert_membership(db::Connection& connection, AccountId account, MailboxId mailbox, std::int64_t uid,
                               const MembershipRow& row, EmailId email, ChangeNumber change, SystemTime saved) {
  auto stands = connection.run(
      "INSERT INTO membership (account_id, mailbox_id, uid, email_id, size, keywords, deleted, change, saved, shared) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
      {account.value, mailbox.value, uid, email.value, row.size, db::Octets{row.keywords}, std::int64_t{row.deleted},
       change.value, to_database(saved), std::int64_t{row.shared}});
  if (!stands) return pass(stands);
  return {};
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
  std::int64_t thread = 0;
  std::int64_t received = 0;
  std::int64_t size = 0;
  std::string prefix;
  std::string encoded_pieces;
  std::string delivery_id;
  std::int64_t parsed_version = 0;
  std::vector<Piece> pieces;
};
using Originals = std::unordered_map<EmailId, Original>;

// At most kListed, looked up together.
Result<Originals> read_originals(db::Connection& connection, AccountId account, std::span<const MembershipRow> rows) {
  static const std::string sql = fmt::format(
      "SELECT email_id, thread_id, received, size, prefix, pieces, delivery_id, parsed_version FROM email WHERE "
      "account_id = $1 AND email_id IN ({})",
      number_list(2));
  std::array<db::Parameter, kListed + 1> parameters{account.value};
  for (std::size_t i = 0; i < kListed; ++i) parameters[i + 1] = rows[std::min(i, rows.size() - 1)].email.value;
  auto found = connection.query(sql, parameters);
  if (!found) return pass(found);
  Originals originals;
  while (true) {
    auto any = found->next();
    if (!any) return pass(any);
    if (!*any) return originals;
    auto pieces = decode_pieces(found->octets(5));
    if (!pieces) return pass(pieces);
    originals.emplace(
        EmailId{found->integer(0)},
        Original{found->integer(1), found->integer(2), found->integer(3), std::string(found->octets(4)),
                 std::string(found->octets(5)), std::string(found->text(6)), found->integer(7), std::move(*pieces)});
  }
}

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

// One email anew; what it refers to is counted.
Result<void> copy_email(db::Connection& connection, const CopyPlace& place, const Original& original, EmailId email,
                        std::int64_t uid, ReferenceCounts& references) {
  const Standing standing{place.mailbox, uid};
  const auto standings = encode_standings({&standing, 1});
  auto copied = connection.run(
      "INSERT INTO email (account_id, email_id, thread_id, modified, received, size, prefix, pieces, standings, "
      "delivery_id, parsed_version) VALUES ($1, $2, $3, $2, $4, $5, $6, $7, $8, $9, $10)",
      {place.account.value, email.value, original.thread, original.received, original.size, db::Octets{original.prefix},
       db::Octets{original.encoded_pieces}, db::Octets{standings}, std::string_view(original.delivery_id),
       original.parsed_version});
  if (!copied) return pass(copied);
  for (const auto& piece : original.pieces) ++references[piece.blob.value];
  if (place.from == place.account) return {};
  return take_thread_there(connection, place.account, email, original.pieces);
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
  ReferenceCounts references;
  std::int64_t number = last->value - counts->emails;  // the change that makes an email is its id
  std::int64_t uid = *first_uid;
  Originals originals;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    if (i % kListed == 0) {
      auto read = read_originals(connection, account, std::span(*rows).subspan(i, std::min(kListed, rows->size() - i)));
      if (!read) return pass(read);
      originals = std::move(*read);
    }
    auto& row = (*rows)[i];
    const auto original = originals.find(row.email);
    if (original == originals.end()) {
      return fail(ErrorKind::io, "local error",
                  fmt::format("account {}: email {} is missing", account.value, row.email.value));
    }
    const EmailId email{++number};
    auto made = copy_email(connection, place, original->second, email, uid, references);
    if (!made) return pass(made);
    if (account != target_account) {
      auto theirs = keywords->translate(row.keywords);
      if (!theirs) return pass(theirs);
      row.keywords = std::move(*theirs);
    }
    row.shared = false;
    auto stands =
        insert_membership(connection, target_account, target, uid, row, email, ChangeNumber{email.value}, now);
    if (!stands) return pass(stands);
    copied.uids.push_back({row.uid, static_cast<std::uint32_t>(uid)});
    ++uid;
  }
  if (auto added = add_references(connection, references); !added) return pass(added);
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
    auto stands = insert_membership(connection, account, target, uid++, row, row.email, *change, now);
    if (!stands) return pass(stands);
    arrived.push_back(std::move(row));
  }
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
