#include "store/schema.hpp"

#include <array>

namespace pabal::store {

namespace {

// Tables that a delivery writes are kept narrow, and have as few indexes as will do: each is one more page a delivery.
//
// An email's id is the number of the change that made it, so what was created since a state is a range of the key, and
// the partial index on `modified` holds only emails that were changed later.
constexpr std::string_view kFirst = R"sql(
CREATE TABLE account (
  account_id INTEGER PRIMARY KEY,
  change INTEGER NOT NULL,
  used_bytes INTEGER NOT NULL,
  used_emails INTEGER NOT NULL,
  quota_bytes INTEGER,
  uid_validity INTEGER NOT NULL,
  state INTEGER NOT NULL
) STRICT;

CREATE TABLE mailbox (
  account_id INTEGER NOT NULL,
  mailbox_id INTEGER NOT NULL,
  path TEXT NOT NULL,
  role TEXT NOT NULL,
  uid_validity INTEGER NOT NULL,
  uid_next INTEGER NOT NULL,
  first_recent_uid INTEGER NOT NULL,
  change INTEGER NOT NULL,
  emails INTEGER NOT NULL,
  unseen INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  subscribed INTEGER NOT NULL,
  PRIMARY KEY (account_id, mailbox_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX mailbox_path ON mailbox (account_id, path);

CREATE TABLE removed_mailbox (
  account_id INTEGER NOT NULL,
  change INTEGER NOT NULL,
  mailbox_id INTEGER NOT NULL,
  path TEXT NOT NULL,
  uid_validity INTEGER NOT NULL,
  PRIMARY KEY (account_id, change, mailbox_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE email (
  account_id INTEGER NOT NULL,
  email_id INTEGER NOT NULL,
  thread_id INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  received INTEGER NOT NULL,
  size INTEGER NOT NULL,
  prefix BYTES NOT NULL,
  pieces BYTES NOT NULL,
  keywords BYTES NOT NULL,
  standings BYTES NOT NULL,
  delivery_id TEXT NOT NULL,
  parsed_version INTEGER NOT NULL,
  parsed BYTES NOT NULL,
  PRIMARY KEY (account_id, email_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX email_modified ON email (account_id, modified) WHERE modified > email_id;

CREATE TABLE membership (
  account_id INTEGER NOT NULL,
  mailbox_id INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  email_id INTEGER NOT NULL,
  size INTEGER NOT NULL,
  keywords BYTES NOT NULL,
  deleted INTEGER NOT NULL,
  change INTEGER NOT NULL,
  PRIMARY KEY (account_id, mailbox_id, uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE removed_membership (
  account_id INTEGER NOT NULL,
  mailbox_id INTEGER NOT NULL,
  change INTEGER NOT NULL,
  uids BYTES NOT NULL,
  PRIMARY KEY (account_id, mailbox_id, change)
) STRICT, WITHOUT ROWID;

CREATE TABLE removed_email (
  account_id INTEGER NOT NULL,
  change INTEGER NOT NULL,
  emails BYTES NOT NULL,
  PRIMARY KEY (account_id, change)
) STRICT, WITHOUT ROWID;

CREATE TABLE keyword (
  account_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (account_id, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX keyword_name ON keyword (account_id, name);

CREATE TABLE blob (
  blob_id INTEGER PRIMARY KEY,
  refs INTEGER NOT NULL,
  size INTEGER NOT NULL,
  stored INTEGER NOT NULL,
  codec INTEGER NOT NULL,
  key_id INTEGER NOT NULL,
  location INTEGER NOT NULL,
  segment INTEGER,
  generation INTEGER,
  start INTEGER,
  salt INTEGER NOT NULL,
  checksum BYTES NOT NULL
) STRICT;
CREATE INDEX blob_segment ON blob (segment, start) WHERE segment IS NOT NULL;
CREATE INDEX blob_in_row ON blob (blob_id) WHERE location = 1;

CREATE TABLE blob_data (
  data_id INTEGER PRIMARY KEY,
  octets BYTES NOT NULL
) STRICT;

CREATE TABLE dead_blob (
  blob_id INTEGER PRIMARY KEY,
  since INTEGER NOT NULL
) STRICT;

CREATE TABLE segment (
  segment INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL,
  state INTEGER NOT NULL,
  used INTEGER NOT NULL,
  dead INTEGER NOT NULL
) STRICT;

CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE trace (
  delivery_id TEXT PRIMARY KEY,
  made INTEGER NOT NULL,
  message_key INTEGER NOT NULL,
  reached BYTES NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX trace_made ON trace (made);

CREATE TABLE queue_message (
  delivery_id TEXT PRIMARY KEY,
  sender TEXT NOT NULL,
  arrived INTEGER NOT NULL,
  size INTEGER NOT NULL,
  pieces BYTES NOT NULL,
  envelope_id TEXT NOT NULL,
  ret TEXT NOT NULL,
  smtputf8 INTEGER NOT NULL,
  require_tls INTEGER NOT NULL
) STRICT;

CREATE TABLE queue_recipient (
  delivery_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  state INTEGER NOT NULL,
  recipient TEXT NOT NULL,
  notify TEXT NOT NULL,
  original_recipient TEXT NOT NULL,
  next_attempt INTEGER NOT NULL,
  claimed_until INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  account_id INTEGER NOT NULL,
  shard_id INTEGER NOT NULL,
  mailbox TEXT NOT NULL,
  prefix BYTES NOT NULL,
  keywords TEXT NOT NULL,
  PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_due ON queue_recipient (kind, state, next_attempt);
)sql";

// Traces by Message-ID. An index of the table itself would cost each delivery a page at a random place, so this one is
// filled now and then, many rows in the order of their keys at once (traces.cpp); what is younger is looked for in
// trace_recent, which grows at its end only.
constexpr std::string_view kTraceMessage = R"sql(
CREATE TABLE trace_message (
  message_key INTEGER NOT NULL,
  made INTEGER NOT NULL,
  PRIMARY KEY (message_key, made)
) STRICT, WITHOUT ROWID;
DROP INDEX trace_made;
CREATE INDEX trace_recent ON trace (made, message_key);
)sql";

// Threads (facts.hpp), and the few letters that wait for being derived. Most letters are their thread's first: that one
// is found by its id, so the index holds only those that joined.
constexpr std::string_view kThreads = R"sql(
CREATE TABLE thread_key (
  account_id INTEGER NOT NULL,
  thread_key INTEGER NOT NULL,
  thread_id INTEGER NOT NULL,
  PRIMARY KEY (account_id, thread_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX email_thread ON email (account_id, thread_id) WHERE thread_id <> email_id;
CREATE INDEX email_waiting ON email (account_id, email_id) WHERE parsed_version = 0;
)sql";

// A message's facts beside its blob (facts.hpp), so that they are kept once for all recipients, and in the order of
// arrival: the letters of a group share pages. In the rows of `email` they made SQLite's tree of these, whose inner
// pages hold whole rows, twice as deep and each delivery three pages dearer. What was derived before is derived anew.
constexpr std::string_view kBlobFacts = R"sql(
CREATE TABLE blob_facts (
  blob_id INTEGER PRIMARY KEY,
  octets BYTES NOT NULL
) STRICT;
UPDATE email SET parsed_version = 0;
ALTER TABLE email DROP COLUMN parsed;
)sql";

// What mailboxes are shown and changed by. Flags are the memberships' alone: their rows are narrow, an email's are not,
// and a client marks a hundred thousand letters at once. `saved` is null where it is the email's `received`; `shared`
// is 1 where the email stands in other mailboxes too. Deliveries stay out of the index: their change is the email's id.
constexpr std::string_view kMailboxes = R"sql(
ALTER TABLE email DROP COLUMN keywords;
ALTER TABLE membership ADD COLUMN saved INTEGER;
ALTER TABLE membership ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
CREATE INDEX membership_changed ON membership (account_id, mailbox_id, change) WHERE change > email_id;
ALTER TABLE mailbox ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN deleted_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keyword ADD COLUMN shown TEXT NOT NULL DEFAULT '';

CREATE TABLE subscription (
  account_id INTEGER NOT NULL,
  path TEXT NOT NULL,
  PRIMARY KEY (account_id, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE annotation (
  account_id INTEGER NOT NULL,
  mailbox_id INTEGER NOT NULL,
  reader INTEGER NOT NULL,
  name TEXT NOT NULL,
  value BYTES NOT NULL,
  PRIMARY KEY (account_id, mailbox_id, reader, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE access (
  account_id INTEGER NOT NULL,
  mailbox_id INTEGER NOT NULL,
  identifier TEXT NOT NULL,
  rights TEXT NOT NULL,
  PRIMARY KEY (account_id, mailbox_id, identifier)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_identifier ON access (identifier, account_id, mailbox_id);
)sql";

// Which messages each change of flags was of, in one row however many they are: an index of the memberships' changes
// cost each of them an entry, and where a hundred thousand are marked that was most of the work. What was changed
// before is not told: an empty list says that all may have changed up to then. And snapshots packed
// (snapshot_pack.hpp).
constexpr std::string_view kChangeLog = R"sql(
CREATE TABLE changed_membership (
  account_id INTEGER NOT NULL,
  mailbox_id INTEGER NOT NULL,
  change INTEGER NOT NULL,
  uids BYTES NOT NULL,
  PRIMARY KEY (account_id, mailbox_id, change)
) STRICT, WITHOUT ROWID;
INSERT INTO changed_membership SELECT account_id, mailbox_id, change, CAST('' AS BYTES) FROM mailbox;
DROP INDEX membership_changed;

CREATE TABLE mailbox_pack (
  account_id INTEGER NOT NULL,
  mailbox_id INTEGER NOT NULL,
  octets BYTES NOT NULL,
  PRIMARY KEY (account_id, mailbox_id)
) STRICT;
)sql";

// The search index (search_segment.hpp): segments of an account's letters, their parts in chunks, and how far it has
// come. `done` is the last email that was looked at. Chunks of a segment that has no row here don't count.
constexpr std::string_view kSearchIndex = R"sql(
CREATE TABLE search_state (
  account_id INTEGER PRIMARY KEY,
  done INTEGER NOT NULL,
  next_segment INTEGER NOT NULL,
  version INTEGER NOT NULL
) STRICT;

CREATE TABLE search_segment (
  account_id INTEGER NOT NULL,
  segment INTEGER NOT NULL,
  version INTEGER NOT NULL,
  first_email INTEGER NOT NULL,
  level INTEGER NOT NULL,
  letters INTEGER NOT NULL,
  PRIMARY KEY (account_id, segment)
) STRICT, WITHOUT ROWID;

CREATE TABLE search_data (
  account_id INTEGER NOT NULL,
  segment INTEGER NOT NULL,
  part INTEGER NOT NULL,
  number INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  octets BYTES NOT NULL,
  PRIMARY KEY (account_id, segment, part, number)
) STRICT, WITHOUT ROWID;
)sql";

// What readers of others' mailboxes have seen there (reader_rows.cpp).
constexpr std::string_view kReaders = R"sql(
CREATE TABLE reader_seen (
  account_id INTEGER NOT NULL,
  mailbox_id INTEGER NOT NULL,
  reader INTEGER NOT NULL,
  seen BYTES NOT NULL,
  PRIMARY KEY (account_id, mailbox_id, reader)
) STRICT, WITHOUT ROWID;
)sql";

// When an annotation changed last, so that who looks for changes needn't read them all; one that was taken away stays
// for a while (annotation_rows.cpp).
constexpr std::string_view kAnnotationChanges = R"sql(
ALTER TABLE annotation ADD COLUMN change INTEGER NOT NULL DEFAULT 0;
ALTER TABLE annotation ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
)sql";

// The names that mailboxes gave up, by name; and mailboxes that are being deleted (leaving.hpp), mostly none.
constexpr std::string_view kLeaving = R"sql(
CREATE INDEX removed_mailbox_path ON removed_mailbox (account_id, path, uid_validity);
CREATE INDEX mailbox_leaving ON mailbox (account_id, mailbox_id) WHERE path < ' ';
)sql";

// Letters on their way out (outgoing.hpp), by destination, and what each attempt at one saw. `notified` is 1 once the
// sender was told that it takes long, and 2 once he was told that the time is over which he gave for it.
constexpr std::string_view kOutgoing = R"sql(
ALTER TABLE queue_message ADD COLUMN account_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue_message ADD COLUMN form INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue_message ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue_message ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue_message ADD COLUMN deliver_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue_message ADD COLUMN by_mode TEXT NOT NULL DEFAULT '';
ALTER TABLE queue_recipient ADD COLUMN destination TEXT NOT NULL DEFAULT '';
ALTER TABLE queue_recipient ADD COLUMN reverse_path TEXT;
ALTER TABLE queue_recipient ADD COLUMN notified INTEGER NOT NULL DEFAULT 0;
CREATE INDEX queue_destination ON queue_recipient (destination, next_attempt) WHERE kind = 2 AND state = 0;

CREATE TABLE attempt (
  delivery_id TEXT NOT NULL,
  made INTEGER NOT NULL,
  number INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (delivery_id, made, number)
) STRICT, WITHOUT ROWID;
)sql";

// Changes of flags that are not in the messages' rows yet (pending_flags.hpp), mostly none; and which messages stand in
// several mailboxes, mostly none.
constexpr std::string_view kPendingFlags = R"sql(
CREATE TABLE pending_flags (
  account_id INTEGER NOT NULL,
  mailbox_id INTEGER NOT NULL,
  change INTEGER NOT NULL,
  uids BYTES NOT NULL,
  effect BYTES NOT NULL,
  PRIMARY KEY (account_id, mailbox_id, change)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_shared ON membership (account_id, mailbox_id, uid) WHERE shared = 1;
)sql";

// In which zone an email's `received` was given (minutes east of UTC), where a client gave it; and how many messages an
// account may have.
constexpr std::string_view kZonesAndCounts = R"sql(
ALTER TABLE email ADD COLUMN zone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN quota_emails INTEGER;
)sql";

// Emails whose rows go later (leaving_emails.hpp), mostly none. And two partial indexes that SQLite takes: without the
// columns of their conditions among theirs it preferred other ways, and looked at each message of a mailbox, or each
// row of the queue, for every destination.
constexpr std::string_view kLeavingEmails = R"sql(
CREATE TABLE leaving_email (
  account_id INTEGER NOT NULL,
  first INTEGER NOT NULL,
  emails BYTES NOT NULL,
  PRIMARY KEY (account_id, first)
) STRICT, WITHOUT ROWID;
DROP INDEX membership_shared;
CREATE INDEX membership_shared ON membership (account_id, mailbox_id, shared, uid) WHERE shared = 1;
DROP INDEX queue_destination;
CREATE INDEX queue_destination ON queue_recipient (kind, state, destination, next_attempt) WHERE kind = 2 AND state = 0;
)sql";

// Urgent letters (RFC 6710) are claimed first: `urgency` is the letter's priority below zero, in the recipients' rows
// so that the index has it before the times.
constexpr std::string_view kUrgency = R"sql(
ALTER TABLE queue_recipient ADD COLUMN urgency INTEGER NOT NULL DEFAULT 0;
UPDATE queue_recipient SET urgency = (SELECT -m.priority FROM queue_message m WHERE m.delivery_id =
  queue_recipient.delivery_id) WHERE kind = 2 AND delivery_id IN (SELECT delivery_id FROM queue_message WHERE
  priority <> 0);
DROP INDEX queue_destination;
CREATE INDEX queue_destination ON queue_recipient (kind, state, destination, urgency, next_attempt)
  WHERE kind = 2 AND state = 0;
)sql";

constexpr std::array kSteps = {
    db::Migration{1, kFirst},           db::Migration{2, kTraceMessage},   db::Migration{3, kThreads},
    db::Migration{4, kBlobFacts},       db::Migration{5, kMailboxes},      db::Migration{6, kChangeLog},
    db::Migration{7, kSearchIndex},     db::Migration{8, kReaders},        db::Migration{9, kAnnotationChanges},
    db::Migration{10, kLeaving},        db::Migration{11, kOutgoing},      db::Migration{12, kPendingFlags},
    db::Migration{13, kZonesAndCounts}, db::Migration{14, kLeavingEmails}, db::Migration{15, kUrgency}};

}  // namespace

std::span<const db::Migration> schema_steps() { return kSteps; }

}  // namespace pabal::store
