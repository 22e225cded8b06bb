#include "store/delivery_rows.hpp"

#include <algorithm>
#include <numeric>

#include <xxhash.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "store/keywords.hpp"
#include "store/mailbox_rows.hpp"
#include "store/queue_rows.hpp"

namespace pabal::store {

namespace {

constexpr std::size_t kMostPath = 1000;
constexpr std::size_t kMostDepth = 20;

std::uint64_t length_of(std::span<const Piece> pieces) noexcept {
  return std::accumulate(pieces.begin(), pieces.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Piece& piece) { return sum + piece.length; });
}

// Why the account's row did not take the email.
Result<Result<Reached>> refusal(db::Connection& connection, AccountId account) {
  auto state = connection.number("SELECT state FROM account WHERE account_id = $1", {account.value});
  if (!state) return pass(state);
  const auto log = [&](std::string_view what) { return fmt::format("account {}: {}", account.value, what); };
  if (!*state) return Result<Reached>(fail(ErrorKind::not_found, "no such mailbox", log("not in this shard")));
  if (**state != static_cast<std::int64_t>(AccountState::normal)) {
    return Result<Reached>(fail(ErrorKind::busy, "mailbox not available", log("is being removed")));
  }
  return Result<Reached>(fail(ErrorKind::quota, "mailbox full", log("over quota")));
}

struct Keywords {
  std::string octets;
  bool seen = false;
};
// A keyword that can't be one, or is one too many, keeps no letter from its mailbox.
Result<Keywords> keywords_of(db::Connection& connection, const DeliveryTarget& target) {
  static const std::string none = encode_keywords({});
  if (target.keywords.empty()) return Keywords{none, false};
  auto table = KeywordTable::load(connection, target.place.account);
  if (!table) return pass(table);
  KeywordNumbers numbers;
  for (const auto& name : target.keywords) {
    auto taken = table->take(connection, {0, {name}});
    if (!taken && taken.error().kind != ErrorKind::policy && taken.error().kind != ErrorKind::limit) return pass(taken);
    if (!taken) continue;
    numbers.flags |= taken->flags;
    numbers.own.insert(numbers.own.end(), taken->own.begin(), taken->own.end());
  }
  std::ranges::sort(numbers.own);
  numbers.own.erase(std::ranges::unique(numbers.own).begin(), numbers.own.end());
  return Keywords{encode_keywords(numbers), (numbers.flags & flag::seen) != 0};
}

struct Slot {
  MailboxId mailbox;
  std::int64_t uid = 0;
};
// The next UID of the mailbox; nothing if there is no such mailbox.
Result<std::optional<Slot>> take_uid(db::Connection& connection, AccountId account, std::string_view path,
                                     std::int64_t change, bool seen, std::uint64_t size) {
  auto rows = connection.query(
      "UPDATE mailbox SET uid_next = uid_next + 1, change = $3, emails = emails + 1, unseen = unseen + $4, bytes = "
      "bytes + $5 "
      "WHERE account_id = $1 AND path = $2 RETURNING mailbox_id, uid_next - 1",
      {account.value, path, change, std::int64_t{seen ? 0 : 1}, static_cast<std::int64_t>(size)});
  if (!rows) return pass(rows);
  auto any = rows->next();
  if (!any) return pass(any);
  if (!*any) return std::nullopt;
  return Slot{MailboxId{rows->integer(0)}, rows->integer(1)};
}

// A letter for "Junk" goes where the account's junk is, whatever that is called by now.
constexpr std::string_view kJunk = "Junk";
constexpr std::string_view kJunkRole = "junk";

// A UID in the mailbox; where there is none of that name, for Junk in the one with that role, else in a new one.
Result<Slot> take_uid_or_make(db::Connection& connection, AccountId account, std::string_view path, std::int64_t change,
                              bool seen, std::uint64_t size, SystemTime now) {
  auto slot = take_uid(connection, account, path, change, seen, size);
  if (!slot) return pass(slot);
  if (*slot) return **slot;
  const auto role = path == kJunk ? kJunkRole : std::string_view();
  std::string found(path);
  if (!role.empty()) {
    auto rows = connection.query("SELECT path FROM mailbox WHERE account_id = $1 AND role = $2 ORDER BY mailbox_id",
                                 {account.value, role});
    if (!rows) return pass(rows);
    auto any = rows->next();
    if (!any) return pass(any);
    if (*any) found = rows->text(0);
  }
  if (found == path) {
    if (auto made = make_mailbox(connection, account, path, role, now, true); !made) return pass(made);
  }
  slot = take_uid(connection, account, found, change, seen, size);
  if (!slot) return pass(slot);
  if (!*slot) return fail(ErrorKind::io, "local error", "a mailbox that was just made is not there");
  return **slot;
}

Result<void> queue_message(db::Connection& connection, const DeliveryWrite& write, std::span<const Piece> pieces) {
  const auto& delivery = write.delivery;
  return insert_queue_message(connection, {.id = delivery.id,
                                           .sender = delivery.sender,
                                           .arrived = write.now,
                                           .size = write.blob.size,
                                           .pieces = pieces,
                                           .envelope_id = delivery.envelope_id,
                                           .ret = delivery.ret,
                                           .smtputf8 = delivery.smtputf8,
                                           .tls = delivery.tls,
                                           .terms = delivery.terms});
}

// Mailboxes in other shards, and recipients at other systems.
Result<void> queue_those_elsewhere(db::Connection& connection, const DeliveryWrite& write) {
  const auto& delivery = write.delivery;
  std::int64_t number = kElsewhereNumber;
  for (const auto& target : write.elsewhere) {
    auto queued = insert_local_recipient(connection, delivery.id, number++, target,
                                         {.next = write.now, .claimed = write.claimed_until});
    if (!queued) return queued;
  }
  number = kRemoteNumber;
  for (const auto& recipient : delivery.remote) {
    auto queued = insert_remote_recipient(connection, delivery.id, number++, recipient, delivery.terms, write.now,
                                          delivery.claim_until);
    if (!queued) return queued;
  }
  return {};
}

Result<bool> queued_before(db::Connection& connection, std::string_view delivery_id, const DeliveryTarget& target) {
  const auto mailbox = safe_text(target.mailbox);
  auto number = connection.number(
      "SELECT number FROM queue_recipient WHERE delivery_id = $1 AND account_id = $2 AND mailbox = $3",
      {delivery_id, target.place.account.value, mailbox});
  if (!number) return pass(number);
  return number->has_value();
}

// The trace with those targets that the sender is told of; empty where there are none.
std::string document_with_refusals(const DeliveryWrite& write) {
  json::array refused;
  for (std::size_t i = 0; i < write.outcomes.size(); ++i) {
    const auto& outcome = write.outcomes[i];
    const auto& target = write.delivery.targets[i];
    if (outcome.result || outcome.queued) continue;
    refused.push_back(json::object{{"account", target.place.account.value},
                                   {"mailbox", printable(target.mailbox)},
                                   {"why", outcome.result.error().log}});
  }
  if (refused.empty()) return {};
  auto document = parse_json(write.delivery.trace);
  if (!document || !document->is_object()) return {};
  document->as_object()["refused"] = std::move(refused);
  return json::serialize(*document);
}

// What stands in this shard under the id already: a message is stored once a shard.
struct Stored {
  bool own = false;  ///< this very blob, by a commit that was in doubt
  std::optional<Piece> piece;
};
Result<Stored> stored_before(db::Connection& connection, const DeliveryWrite& write, const Before& before) {
  auto own = connection.number("SELECT refs FROM blob WHERE blob_id = $1", {write.blob.id.value});
  if (!own) return pass(own);
  if (*own) return Stored{true, Piece{write.blob.id, 0, write.blob.size}};
  for (const auto& reached : before.reached) {
    auto rows =
        connection.query("SELECT pieces FROM email WHERE account_id = $1 AND email_id = $2 AND delivery_id = $3",
                         {reached.account.value, reached.email.value, write.delivery.id});
    if (!rows) return pass(rows);
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) continue;  // expunged since
    auto pieces = decode_pieces(rows->octets(0));
    if (!pieces) return pass(pieces);
    if (pieces->size() == 1 && pieces->front().length == write.blob.size) return Stored{false, pieces->front()};
  }
  return Stored{};
}

// The author hears that it is delivered only where all of it is.
Result<void> insert_receipts(db::Connection& connection, DeliveryWrite& write) {
  for (auto& receipt : write.receipts) receipt.reached.reset();
  if (!write.elsewhere.empty() ||
      !std::ranges::all_of(write.outcomes, [](const auto& one) { return one.result.has_value(); }))
    return {};
  for (auto& receipt : write.receipts) {
    auto inserted = insert_notice(connection, write.shard, receipt, write.now);
    if (!inserted) return pass(inserted);
    receipt.reached = *inserted;
  }
  return {};
}

// A target under its own savepoint: what goes wrong with it is its own outcome.
Result<Result<Reached>> write_target_alone(db::Connection& connection, const DeliveryTarget& target,
                                           std::span<const Piece> pieces, const MessageFacts& facts,
                                           std::string_view delivery_id, SystemTime now) {
  if (auto set = connection.savepoint(); !set) return pass(set);
  auto written = write_target(connection, target, pieces, facts, delivery_id, now);
  if (written) {
    if (auto released = connection.release_savepoint(); !released) return pass(released);
    return written;
  }
  if (auto undone = connection.rollback_to_savepoint(); !undone) return pass(undone);
  return Result<Reached>(pass(written));
}

}  // namespace

const Reached* Before::find(const DeliveryTarget& target) const {
  const auto hash = hash_of_name(target.mailbox);
  const auto found = std::ranges::find_if(
      reached, [&](const Reached& one) { return one.account == target.place.account && one.name_hash == hash; });
  return found == reached.end() ? nullptr : &*found;
}

Result<Before> reached_before(db::Connection& connection, std::string_view delivery_id) {
  auto rows = connection.query("SELECT reached FROM trace WHERE delivery_id = $1", {delivery_id});
  if (!rows) return pass(rows);
  auto any = rows->next();
  if (!any) return pass(any);
  if (!*any) return Before{};
  auto reached = decode_reached(rows->octets(0));
  if (!reached) return pass(reached);
  return Before{true, std::move(*reached)};
}

std::uint32_t hash_of_name(std::string_view name) noexcept {
  return static_cast<std::uint32_t>(XXH3_64bits(name.data(), name.size()));
}
std::int64_t key_of_message_id(std::string_view message_id) noexcept {
  return message_id.empty() ? 0 : static_cast<std::int64_t>(XXH3_64bits(message_id.data(), message_id.size()));
}

Result<std::string> mailbox_path(std::string_view name) {
  if (equal_ignoring_case(name, "INBOX")) return std::string("INBOX");
  const auto parts = split(name, '/');
  const bool wrong =
      name.empty() || name.size() > kMostPath || !is_utf8(name) || parts.size() > kMostDepth ||
      std::ranges::any_of(parts, [](std::string_view part) { return part.empty(); }) ||
      std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (wrong) return fail(ErrorKind::policy, "no such mailbox name", fmt::format("mailbox name {}", printable(name)));
  if (!equal_ignoring_case(parts.front(), "INBOX")) return std::string(name);
  return "INBOX" + std::string(name.substr(5));
}

Result<void> insert_email(db::Connection& connection, const NewEmail& email, const MessageFacts& facts) {
  auto inserted = connection.run(
      "INSERT INTO email (account_id, email_id, thread_id, modified, received, size, prefix, pieces, standings, "
      "delivery_id, parsed_version, zone) VALUES ($1, $2, $3, $2, $4, $5, $6, $7, $8, $9, $10, $11)",
      {email.account.value, email.email.value, email.thread, to_database(email.received),
       static_cast<std::int64_t>(email.size), db::Octets{email.prefix}, db::Octets{encode_pieces(email.pieces)},
       db::Octets{encode_standings({&email.standing, 1})}, email.delivery_id, kept_version(email.pieces, facts),
       std::int64_t{email.zone_minutes}});
  if (!inserted) return pass(inserted);
  return {};
}

Result<Result<Reached>> write_target(db::Connection& connection, const DeliveryTarget& target,
                                     std::span<const Piece> pieces, const MessageFacts& facts,
                                     std::string_view delivery_id, SystemTime now) {
  const auto account = target.place.account;
  auto path = mailbox_path(target.mailbox);
  if (!path) return Result<Reached>(pass(path));
  const std::uint64_t size = target.prefix.size() + length_of(pieces);
  auto change = connection.number(
      "UPDATE account SET change = change + 1, used_bytes = used_bytes + $2, used_emails = used_emails + 1 "
      "WHERE account_id = $1 AND state = 0 AND (quota_bytes IS NULL OR used_bytes + $2 <= quota_bytes) AND "
      "(quota_emails IS NULL OR used_emails < quota_emails) RETURNING change",
      {account.value, static_cast<std::int64_t>(size)});
  if (!change) return pass(change);
  if (!*change) return refusal(connection, account);
  const std::int64_t email = **change;  // the change that makes an email is its id

  auto keywords = keywords_of(connection, target);
  if (!keywords) return pass(keywords);
  auto slot = take_uid_or_make(connection, account, *path, email, keywords->seen, size, now);
  if (!slot) return pass(slot);
  const auto standing = Standing{slot->mailbox, slot->uid};
  auto thread = take_thread(connection, account, EmailId{email}, facts.thread_keys);
  if (!thread) return pass(thread);
  auto inserted = insert_email(connection,
                               {.account = account,
                                .email = EmailId{email},
                                .thread = *thread,
                                .received = now,
                                .size = size,
                                .prefix = target.prefix,
                                .pieces = pieces,
                                .standing = standing,
                                .delivery_id = delivery_id},
                               facts);
  if (!inserted) return pass(inserted);
  auto stands = connection.run(
      "INSERT INTO membership (account_id, mailbox_id, uid, email_id, size, keywords, deleted, change) "
      "VALUES ($1, $2, $3, $4, $5, $6, 0, $4)",
      {account.value, standing.mailbox.value, standing.uid, email, static_cast<std::int64_t>(size),
       db::Octets{keywords->octets}});
  if (!stands) return pass(stands);
  return Result<Reached>(
      Reached{account, hash_of_name(target.mailbox), standing.mailbox, standing.uid, EmailId{email}});
}

Result<void> write_delivery_rows(db::Connection& connection, DeliveryWrite& write, RowsMode mode) {
  auto& delivery = write.delivery;
  const bool careful = mode == RowsMode::careful;
  Before before;
  if (careful) {
    auto found = reached_before(connection, delivery.id);
    if (!found) return pass(found);
    before = std::move(*found);
  }
  const bool known = before.known;
  std::vector<Reached> reached;
  Stored stored;
  if (known) {
    auto found = stored_before(connection, write, before);
    if (!found) return pass(found);
    stored = *found;
  }
  const Piece piece = stored.piece.value_or(Piece{write.blob.id, 0, write.blob.size});
  const std::span<const Piece> pieces(&piece, 1);
  write.outcomes.assign(delivery.targets.size(), TargetOutcome{Delivered{}, false});
  write.wrote_blob = stored.own;

  // Accounts in the order of their ids, so that two nodes that write to the same ones don't wait for each other in a
  // ring.
  std::vector<std::size_t> order(delivery.targets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {},
                    [&](std::size_t index) { return std::pair(delivery.targets[index].place.account, index); });
  std::vector<std::size_t> to_queue;
  bool refused = false;
  const bool held = delivery.terms.not_before > write.now;  // RFC 4865
  for (const auto index : order) {
    const auto& target = delivery.targets[index];
    auto& outcome = write.outcomes[index];
    if (known) {
      if (const auto* done = before.find(target)) {
        outcome.result = delivered(*done);
        continue;
      }
      auto queued = queued_before(connection, delivery.id, target);
      if (!queued) return pass(queued);
      if (*queued) {
        outcome = {fail(ErrorKind::busy, "waits in the queue"), true};
        continue;
      }
    }
    if (held) {
      outcome = {fail(ErrorKind::busy, "is held until its time"), true};
      if (!known) to_queue.push_back(index);
      continue;
    }
    auto written = careful ? write_target_alone(connection, target, pieces, write.facts, delivery.id, write.now)
                           : write_target(connection, target, pieces, write.facts, delivery.id, write.now);
    if (!written) return pass(written);
    if (*written) {
      outcome.result = delivered(**written);
      reached.push_back(**written);
    } else {
      if (!careful && !std::exchange(refused, true)) {
        // An account may be full because of this very letter, delivered under this id before.
        auto again = reached_before(connection, delivery.id);
        if (!again) return pass(again);
        if (again->known) return fail(ErrorKind::exists, "local error", "the delivery is known already");
      }
      outcome.result = pass(*written);
      if (delivery.retry_locally && !known) to_queue.push_back(index);
    }
  }
  const bool goes_on = !write.elsewhere.empty() || !delivery.remote.empty() || held;
  if (reached.empty() && !goes_on) return {};

  const bool queues = !to_queue.empty() || (goes_on && !known);
  if (queues) {
    if (auto queued = queue_message(connection, write, pieces); !queued) return queued;
    for (const auto index : to_queue) {
      auto& outcome = write.outcomes[index];
      if (auto queued =
              insert_local_recipient(connection, delivery.id, static_cast<std::int64_t>(index), delivery.targets[index],
                                     {.next = held ? delivery.terms.not_before : write.now + std::chrono::minutes(1),
                                      .attempts = held ? 0 : 1,
                                      .error = outcome.result.error().log});
          !queued) {
        return queued;
      }
      outcome.queued = true;
    }
    if (!known) {
      if (auto queued = queue_those_elsewhere(connection, write); !queued) return queued;
    }
  }
  write.blob.refs = static_cast<std::int64_t>(reached.size()) + (queues ? 1 : 0);
  if (write.blob.refs == 0) return {};
  if (stored.piece) {
    if (auto added = add_references(connection, pieces, write.blob.refs); !added) return added;
  } else {
    if (auto inserted = insert_blob(connection, write.blob); !inserted) return inserted;
    if (write.blob.location == Location::row || write.blob.location == Location::database) {
      if (auto inserted = insert_blob_data(connection, write.blob.id, delivery.content); !inserted) return inserted;
    }
    write.wrote_blob = true;
  }
  if (!reached.empty()) {
    if (auto kept = keep_facts(connection, pieces, write.facts); !kept) return kept;
  }
  reached.insert(reached.begin(), before.reached.begin(), before.reached.end());
  const std::string reached_octets = encode_reached(reached);
  std::string document = known ? std::string() : document_with_refusals(write);
  if (document.empty()) document = safe_text(delivery.trace);
  auto traced =
      known ? connection.run("UPDATE trace SET reached = $2 WHERE delivery_id = $1",
                             {delivery.id, db::Octets{reached_octets}})
            : connection.run(
                  "INSERT INTO trace (delivery_id, made, message_key, reached, document) VALUES ($1, $2, $3, $4, $5)",
                  {delivery.id, to_database(write.now), key_of_message_id(delivery.message_id),
                   db::Octets{reached_octets}, document});
  if (!traced) return pass(traced);
  return known ? Result<void>() : insert_receipts(connection, write);
}

}  // namespace pabal::store
