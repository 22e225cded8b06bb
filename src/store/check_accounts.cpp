// check(): accounts, as one snapshot shows them.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "store/checking.hpp"
#include "store/compact.hpp"
#include "store/facts.hpp"
#include "store/keywords.hpp"
#include "store/leaving_emails.hpp"
#include "store/pending_flags.hpp"
#include "store/schema.hpp"

namespace pabal::store {

namespace {

struct MailboxSums {
  std::int64_t uid_next = 0;
  std::int64_t change = 0;
  std::int64_t emails = 0;
  std::int64_t unseen = 0;
  std::int64_t bytes = 0;
  std::int64_t deleted = 0;
  std::int64_t deleted_bytes = 0;
};

struct MembershipSeen {
  std::int64_t size = 0;
  std::string keywords;
  bool shared = false;
};

// One account: its mailboxes, memberships, emails and counters. Each email's pieces, and the facts that it says there
// are, go into `wanted`.
class AccountCheck {
 public:
  AccountCheck(db::Connection& connection, Teller& teller, Wanted& wanted)
      : connection_(&connection), teller_(&teller), wanted_(&wanted) {}

  Result<void> run(std::int64_t account, std::int64_t change, std::int64_t used_bytes, std::int64_t used_emails,
                   std::int64_t uid_validity) {
    account_ = account;
    change_ = change;
    auto known = each(*connection_, "SELECT number FROM keyword WHERE account_id = $1",
                      [&](const db::Rows& row) { keywords_.insert(row.integer(0)); }, {account_});
    if (!known) return known;
    if (auto read = mailboxes(uid_validity); !read) return read;
    auto pending = PendingFlags::read_all(*connection_, AccountId{account_});
    if (!pending && pending.error().kind != ErrorKind::damaged) return pass(pending);
    if (!pending) teller_->tell(where(), "changes of flags that are pending: {}", pending.error().log);
    if (pending) pending_ = std::move(*pending);
    if (auto read = memberships(); !read) return read;
    auto leaving = read_leaving(*connection_, AccountId{account_});
    if (!leaving && leaving.error().kind != ErrorKind::damaged) return pass(leaving);
    if (!leaving) teller_->tell(where(), "emails that are leaving: {}", leaving.error().log);
    for (const auto email : leaving ? *leaving : std::vector<std::int64_t>()) {
      if (!leaving_.insert(email).second) teller_->tell(where(), "email {} is leaving twice", email);
    }
    if (auto read = emails(); !read) return read;
    for (const auto email : leaving_) teller_->tell(where(), "email {} is leaving and is not there", email);
    if (auto read = removals(); !read) return read;
    if (auto read = attachments(); !read) return read;
    compare(used_bytes, used_emails);
    return {};
  }

 private:
  [[nodiscard]] std::string where() const { return fmt::format("account {}", account_); }

  Result<void> mailboxes(std::int64_t last_validity) {
    return each(*connection_,
                "SELECT mailbox_id, uid_next, change, emails, unseen, bytes, deleted, deleted_bytes, uid_validity, "
                "first_recent_uid FROM mailbox WHERE account_id = $1",
                [&](const db::Rows& row) {
                  const auto id = row.integer(0);
                  claimed_[id] = {row.integer(1), row.integer(2), row.integer(3), row.integer(4),
                                  row.integer(5), row.integer(6), row.integer(7)};
                  if (row.integer(2) > change_)
                    teller_->tell(where(), "mailbox {} has change {}, the account {}", id, row.integer(2), change_);
                  if (row.integer(8) > last_validity || row.integer(8) <= 0) {
                    teller_->tell(where(), "mailbox {} has UIDVALIDITY {}, the last one given is {}", id,
                                  row.integer(8), last_validity);
                  }
                  if (row.integer(9) > row.integer(1)) {
                    teller_->tell(where(), "mailbox {}: recent from uid {} on, UIDNEXT {}", id, row.integer(9),
                                  row.integer(1));
                  }
                },
                {account_});
  }

  Result<void> memberships() {
    return each(*connection_,
                "SELECT mailbox_id, uid, email_id, size, keywords, change, deleted, shared FROM membership WHERE "
                "account_id = $1",
                [&](const db::Rows& row) { membership(row); }, {account_});
  }

  // As it is with what is pending.
  PendingFlags::Flagged flagged(std::int64_t mailbox, std::int64_t uid, PendingFlags::Flagged stored) {
    const auto pending = pending_.find(MailboxId{mailbox});
    if (pending == pending_.end()) return stored;
    auto now = pending->second.applied(static_cast<std::uint32_t>(uid), stored);
    if (now) return *now;
    teller_->tell(where(), "mailbox {} uid {}: {}", mailbox, uid, now.error().log);
    return stored;
  }

  void membership(const db::Rows& row) {
    const auto mailbox = row.integer(0);
    const auto uid = row.integer(1);
    const auto size = row.integer(3);
    const auto now = flagged(mailbox, uid, {row.octets(4), row.integer(6) != 0, row.integer(5)});
    const std::int64_t deleted = now.deleted ? 1 : 0;
    auto& sums = found_[mailbox];
    sums.uid_next = std::max(sums.uid_next, uid + 1);
    sums.change = std::max(sums.change, now.change);
    sums.emails += 1;
    sums.bytes += size;
    sums.deleted += deleted;
    sums.deleted_bytes += deleted * size;
    auto keywords = decode_numbers(now.keywords);
    if (!keywords) {
      teller_->tell(where(), "mailbox {} uid {}: {}", mailbox, uid, keywords.error().log);
    } else {
      sums.unseen += std::ranges::binary_search(*keywords, keyword::seen) ? 0 : 1;
      for (const auto number : *keywords) {
        if (number >= keyword::first_own && !keywords_.contains(number))
          teller_->tell(where(), "mailbox {} uid {} has keyword {}, which has no name", mailbox, uid, number);
      }
    }
    if (row.integer(5) < row.integer(2)) {
      teller_->tell(where(), "mailbox {} uid {} has change {}, older than email {}", mailbox, uid, row.integer(5),
                    row.integer(2));
    }
    standing_[row.integer(2)].emplace_back(Standing{MailboxId{mailbox}, uid},
                                           MembershipSeen{size, std::string(now.keywords), row.integer(7) != 0});
  }

  // Removals are known by a change that their mailbox has reached, and their UIDs have been given.
  Result<void> removals() {
    return each(*connection_, "SELECT mailbox_id, change, uids FROM removed_membership WHERE account_id = $1",
                [&](const db::Rows& row) {
                  const auto mailbox = row.integer(0);
                  // Without UIDs: all up to there is forgotten.
                  const auto octets = row.octets(2);
                  auto uids = octets.empty() ? Result<std::vector<std::int64_t>>() : decode_numbers(octets);
                  const auto claimed = claimed_.find(mailbox);
                  if (!uids) {
                    teller_->tell(where(), "mailbox {}, removed at {}: {}", mailbox, row.integer(1), uids.error().log);
                  } else if (claimed == claimed_.end()) {
                    teller_->tell(where(), "there is no mailbox {}, but removals are kept of it", mailbox);
                  } else if (row.integer(1) > claimed->second.change ||
                             (!uids->empty() && uids->back() >= claimed->second.uid_next)) {
                    teller_->tell(where(), "mailbox {}: removal at {} is ahead of it", mailbox, row.integer(1));
                  }
                },
                {account_});
  }

  // What hangs on mailboxes hangs on none that is gone; and a name without a mailbox has none.
  Result<void> attachments() {
    for (const std::string_view table : {"annotation", "access", "reader_seen", "pending_flags"}) {
      auto found = each(*connection_, fmt::format("SELECT DISTINCT mailbox_id FROM {} WHERE account_id = $1", table),
                        [&](const db::Rows& row) {
                          if (row.integer(0) != 0 && !claimed_.contains(row.integer(0)))
                            teller_->tell(where(), "there is no mailbox {}, but rows in {}", row.integer(0), table);
                        },
                        {account_});
      if (!found) return found;
    }
    return each(*connection_,
                "SELECT s.path FROM subscription s JOIN mailbox m ON m.account_id = s.account_id AND m.path = s.path "
                "WHERE s.account_id = $1",
                [&](const db::Rows& row) {
                  teller_->tell(where(), "{} is subscribed as a name and is a mailbox", row.text(0));
                },
                {account_});
  }

  Result<void> emails() {
    return each(
        *connection_,
        "SELECT email_id, modified, size, prefix, pieces, standings, parsed_version FROM email WHERE account_id = "
        "$1",
        [&](const db::Rows& row) { email(row); }, {account_});
  }

  void email(const db::Rows& row) {
    const auto id = row.integer(0);
    const auto size = row.integer(2);
    const bool leaves = leaving_.erase(id) != 0;
    emails_ += leaves ? 0 : 1;
    bytes_ += leaves ? 0 : size;
    if (id > change_ || row.integer(1) > change_ || row.integer(1) < id) {
      teller_->tell(where(), "email {} was changed at {}, the account is at {}", id, row.integer(1), change_);
    }
    auto length = static_cast<std::int64_t>(row.octets(3).size());
    auto pieces = decode_pieces(row.octets(4));
    if (!pieces) {
      teller_->tell(where(), "email {}: {}", id, pieces.error().log);
    } else {
      for (const auto& piece : *pieces) {
        length += static_cast<std::int64_t>(piece.length);
        wanted_->references.push_back(piece.blob.value);
      }
      if (row.integer(6) > 0) {
        const auto blob = blob_of_facts(*pieces);
        if (blob) wanted_->facts.push_back(blob->value);
        if (!blob) teller_->tell(where(), "email {} says that it has facts, and is not one blob", id);
      }
      if (length != size) teller_->tell(where(), "email {} says {} octets and has {}", id, size, length);
    }
    // Where it stood is not kept up to date; that it stands nowhere, compare() sees.
    if (leaves) return;
    auto standings = decode_standings(row.octets(5));
    if (!standings || standings->empty()) {
      teller_->tell(where(), "email {} stands in no mailbox that can be read", id);
      return;
    }
    auto& found = standing_[id];
    std::string keywords;  // the same in all its places; never empty
    for (const auto& standing : *standings) {
      const auto seen = std::ranges::find_if(found, [&](const auto& one) { return one.first == standing; });
      if (seen == found.end()) {
        teller_->tell(where(), "email {} should stand in mailbox {} at uid {}", id, standing.mailbox.value,
                      standing.uid);
        continue;
      }
      const auto& place = seen->second;
      if (keywords.empty()) keywords = place.keywords;
      if (place.size != size || place.keywords != keywords || place.shared != (standings->size() > 1)) {
        teller_->tell(where(), "email {} and its place in mailbox {} differ", id, standing.mailbox.value);
      }
      found.erase(seen);
    }
    if (found.empty()) standing_.erase(id);
  }

  void compare(std::int64_t used_bytes, std::int64_t used_emails) {
    if (bytes_ != used_bytes || emails_ != used_emails) {
      teller_->tell(where(), "says {} octets in {} emails and has {} in {}", used_bytes, used_emails, bytes_, emails_);
    }
    for (const auto& [email, rest] : standing_) {
      for (const auto& one : rest) {
        teller_->tell(where(), "mailbox {} uid {} names email {}, which does not stand there", one.first.mailbox.value,
                      one.first.uid, email);
      }
    }
    for (const auto& [id, sums] : found_) {
      if (!claimed_.contains(id))
        teller_->tell(where(), "there is no mailbox {}, but {} emails stand in it", id, sums.emails);
    }
    for (const auto& [id, says] : claimed_) {
      const auto& has = found_[id];
      if (has.uid_next > says.uid_next)
        teller_->tell(where(), "mailbox {}: UIDNEXT {} with uid {}", id, says.uid_next, has.uid_next - 1);
      if (has.change > says.change)
        teller_->tell(where(), "mailbox {} has change {}, a message in it {}", id, says.change, has.change);
      if (has.deleted != says.deleted || has.deleted_bytes != says.deleted_bytes) {
        teller_->tell(where(), "mailbox {} says {} deleted with {} octets and has {} with {}", id, says.deleted,
                      says.deleted_bytes, has.deleted, has.deleted_bytes);
      }
      if (has.emails != says.emails || has.bytes != says.bytes || has.unseen != says.unseen) {
        teller_->tell(where(), "mailbox {} says {} emails, {} unseen, {} octets and has {}, {}, {}", id, says.emails,
                      says.unseen, says.bytes, has.emails, has.unseen, has.bytes);
      }
    }
  }

  db::Connection* connection_;
  Teller* teller_;
  Wanted* wanted_;
  std::int64_t account_ = 0;
  std::int64_t change_ = 0;
  std::int64_t bytes_ = 0;
  std::int64_t emails_ = 0;
  std::unordered_set<std::int64_t> keywords_;  ///< that have names
  std::unordered_set<std::int64_t> leaving_;   ///< emails whose rows go later, and haven't been seen yet
  std::map<MailboxId, PendingFlags> pending_;  ///< flags that the rows do not say yet
  std::unordered_map<std::int64_t, MailboxSums> claimed_;
  std::unordered_map<std::int64_t, MailboxSums> found_;
  std::unordered_map<std::int64_t, std::vector<std::pair<Standing, MembershipSeen>>> standing_;
};

struct AccountRow {
  std::int64_t account, change, bytes, emails, uid_validity;
};

}  // namespace

Result<void> check_accounts(db::Connection& connection, Teller& teller, Wanted& wanted) {
  std::vector<AccountRow> accounts;
  auto listed =
      each(connection, "SELECT account_id, change, used_bytes, used_emails, uid_validity FROM account",
           [&](const db::Rows& row) {
             accounts.push_back({row.integer(0), row.integer(1), row.integer(2), row.integer(3), row.integer(4)});
           });
  if (!listed) return listed;
  for (const auto& row : accounts) {
    AccountCheck account(connection, teller, wanted);
    if (auto checked = account.run(row.account, row.change, row.bytes, row.emails, row.uid_validity); !checked)
      return checked;
  }
  for (const std::string_view table :
       {"mailbox", "email", "membership", "removed_email", "removed_membership", "changed_membership", "pending_flags",
        "leaving_email", "mailbox_pack", "keyword", "subscription", "annotation", "access", "reader_seen"}) {
    auto orphans =
        each(connection,
             fmt::format("SELECT DISTINCT t.account_id FROM {} t LEFT JOIN account a ON a.account_id = t.account_id "
                         "WHERE a.account_id IS NULL",
                         table),
             [&](const db::Rows& row) {
               teller.tell(fmt::format("account {}", row.integer(0)), "is missing, but has rows in {}", table);
             });
    if (!orphans) return orphans;
  }
  return {};
}

}  // namespace pabal::store
