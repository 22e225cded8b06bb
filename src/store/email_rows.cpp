// What stands beside emails, for listings of many.
#include <algorithm>

#include "store/blobs.hpp"
#include "store/facts.hpp"
#include "store/mailbox_rows.hpp"
#include "store/reader_by_id.hpp"

namespace pabal::store {

namespace {

// An email's row before what stands beside its blob is there.
struct Found {
  EmailRow row;
  BlobId blob;  ///< 0: there is nothing
};
Result<Found> email_row(const db::Rows& columns) {
  Found found;
  auto& row = found.row;
  row.email = EmailId{columns.integer(0)};
  row.thread = ThreadId{columns.integer(1)};
  row.received = from_database(columns.integer(2));
  row.size = static_cast<std::uint64_t>(columns.integer(3));
  row.prefix_size = static_cast<std::uint32_t>(columns.integer(4));
  row.parsed_version = columns.integer(5);
  row.zone_minutes = static_cast<std::int32_t>(columns.integer(7));
  if (row.parsed_version <= 0) return found;
  auto pieces = decode_pieces(columns.octets(6));
  if (!pieces) return pass(pieces);
  found.blob = blob_of_facts(*pieces).value_or(BlobId{});
  return found;
}

Result<std::vector<Found>> find_emails(db::Connection& connection, AccountId account,
                                       std::span<const std::int64_t> ids) {
  static const std::string in_list = fmt::format(
      "SELECT email_id, thread_id, received, size, LENGTH(prefix), parsed_version, pieces, zone FROM email WHERE "
      "account_id "
      "= "
      "$1 AND email_id IN ({}) ORDER BY email_id",
      number_list(2));
  std::vector<Found> found;
  ReaderById reader(
      connection,
      "SELECT email_id, thread_id, received, size, LENGTH(prefix), parsed_version, pieces, zone FROM email WHERE "
      "account_id = $1 AND email_id BETWEEN $2 AND $3 ORDER BY email_id",
      in_list, [&](const db::Rows& columns) -> Result<void> {
        auto row = email_row(columns);
        if (!row) return pass(row);
        found.push_back(std::move(*row));
        return {};
      });
  if (auto read = reader.read(account.value, ids); !read) return pass(read);
  return found;
}

// Puts what stands beside the blobs into the emails' rows.
Result<void> add_facts(db::Connection& connection, std::vector<Found>& found) {
  static const std::string in_list = fmt::format(
      "SELECT blob_id, octets FROM blob_facts WHERE $1 = 0 AND blob_id IN ({}) ORDER BY blob_id", number_list(2));
  std::vector<std::pair<std::int64_t, std::size_t>> places;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].blob) places.emplace_back(found[i].blob.value, i);
  }
  std::ranges::sort(places);
  std::vector<std::int64_t> ids;
  ids.reserve(places.size());
  for (const auto& [blob, place] : places) {
    if (ids.empty() || ids.back() != blob) ids.push_back(blob);
  }
  auto next = places.begin();
  ReaderById reader(
      connection, "SELECT blob_id, octets FROM blob_facts WHERE $1 = 0 AND blob_id BETWEEN $2 AND $3 ORDER BY blob_id",
      in_list, [&](const db::Rows& columns) -> Result<void> {
        while (next != places.end() && next->first < columns.integer(0)) ++next;
        for (; next != places.end() && next->first == columns.integer(0); ++next) {
          found[next->second].row.parsed = columns.octets(1);
        }
        return {};
      });
  return reader.read(0, ids);
}

// Some at a time, so that little lies in memory.
constexpr std::size_t kRowsAtOnce = 128;

// In the order of their ids, each once.
Result<std::vector<Found>> read_some(db::Connection& connection, AccountId account, std::span<const EmailId> emails,
                                     bool parsed) {
  std::vector<std::int64_t> ids;
  ids.reserve(emails.size());
  for (const auto email : emails) ids.push_back(email.value);
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  auto found = find_emails(connection, account, ids);
  if (!found || !parsed) return found;
  if (auto added = add_facts(connection, *found); !added) return pass(added);
  return found;
}

}  // namespace

Result<void> use_email_rows(db::Connection& connection, AccountId account, std::span<const EmailId> emails, bool parsed,
                            std::move_only_function<bool(const EmailRow&)>& use) {
  while (!emails.empty()) {
    const auto some = emails.first(std::min(emails.size(), kRowsAtOnce));
    emails = emails.subspan(some.size());
    auto found = read_some(connection, account, some, parsed);
    if (!found) return pass(found);
    // Mostly they are asked for by rising ids. One that is asked for twice is given twice, and the same.
    auto at = found->begin();
    for (const auto email : some) {
      if (at == found->end() || at->row.email != email) {
        at = std::ranges::lower_bound(*found, email, {}, [](const Found& one) { return one.row.email; });
        if (at == found->end() || at->row.email != email) continue;
      }
      if (!use(at->row)) return {};
      ++at;
    }
  }
  return {};
}

Result<std::vector<EmailRow>> read_email_rows(db::Connection& connection, AccountId account,
                                              const std::vector<EmailId>& emails) {
  std::vector<EmailRow> rows;
  rows.reserve(emails.size());
  std::move_only_function<bool(const EmailRow&)> keep = [&rows](const EmailRow& row) {
    rows.push_back(row);
    return true;
  };
  auto read = use_email_rows(connection, account, emails, true, keep);
  if (!read) return pass(read);
  return rows;
}

}  // namespace pabal::store
