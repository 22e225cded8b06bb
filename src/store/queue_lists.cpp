// What an operator sees of the queue.
#include "base/json.hpp"
#include "store/queue_rows.hpp"
#include "store/shard.hpp"

namespace pabal::store {

namespace {

// An address of this domain, in a text that may hold any address.
std::string in_domain(std::string_view domain) {
  std::string pattern = "%@";
  for (const char c : domain) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

json::object row_of(const db::Rows& rows) {
  const bool remote = rows.integer(2) == static_cast<std::int64_t>(RecipientKind::remote);
  json::object row;
  row["id"] = rows.text(0);
  row["number"] = rows.integer(1);
  row["kind"] = remote ? "remote" : "local";
  row["state"] = rows.integer(3) == static_cast<std::int64_t>(RecipientState::held) ? "held" : "waiting";
  row["sender"] = rows.text(4);
  row["recipient"] = rows.text(5);
  row["attempts"] = rows.integer(6);
  row["arrived"] = rows.integer(7) / 1'000'000;
  row["next_attempt"] = rows.integer(8) / 1'000'000;
  row["last_error"] = rows.text(9);
  row["size"] = rows.integer(10);
  if (remote) {
    row["destination"] = rows.text(14);
    if (rows.integer(15) != 0) row["priority"] = rows.integer(15);
    if (rows.integer(16) != 0) row["not_before"] = rows.integer(16) / 1'000'000;
    if (rows.integer(17) != 0) row["deliver_by"] = rows.integer(17) / 1'000'000;
    if (rows.integer(18) != 0) row["warned"] = true;
  } else {
    row["account"] = rows.integer(11);
    row["shard"] = rows.integer(12);
    row["mailbox"] = rows.text(13);
  }
  return row;
}

}  // namespace

Result<std::vector<std::string>> Shard::queue_rows(const QueueFilter& filter, std::string_view delivery_id) {
  const bool by_domain = filter.sender.starts_with('@');
  const std::string sender = by_domain ? in_domain(std::string_view(filter.sender).substr(1)) : filter.sender;
  const std::int64_t before = filter.arrived_before ? to_database(*filter.arrived_before) : INT64_MAX;
  const std::int64_t state = filter.held ? std::int64_t{*filter.held} : -1;
  const auto most = static_cast<std::int64_t>(std::min<std::size_t>(filter.at_most, INT32_MAX));
  return readers_.read([&](db::Connection& connection) -> Result<std::vector<std::string>> {
    auto rows = connection.query(
        "SELECT r.delivery_id, r.number, r.kind, r.state, m.sender, r.recipient, r.attempts, m.arrived, "
        "r.next_attempt, r.last_error, m.size, r.account_id, r.shard_id, r.mailbox, r.destination, m.priority, "
        "m.not_before, m.deliver_by, r.notified FROM queue_recipient r "
        "JOIN queue_message m ON m.delivery_id = r.delivery_id "
        "WHERE ($1 = '' OR r.delivery_id = $1) AND ($2 = '' OR r.destination = $2) AND ($3 = '' OR r.recipient = $3) "
        "AND ($4 = '' OR m.sender = $4 OR ($5 = 1 AND m.sender LIKE $4 ESCAPE '\\')) AND m.arrived < $6 "
        "AND ($7 < 0 OR r.state = $7) ORDER BY m.arrived, r.delivery_id, r.number LIMIT $8",
        {delivery_id, std::string_view(filter.destination), std::string_view(filter.recipient),
         std::string_view(sender), std::int64_t{by_domain}, before, state, most});
    if (!rows) return pass(rows);
    std::vector<std::string> found;
    while (true) {
      auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) return found;
      found.push_back(json::serialize(row_of(*rows)));
    }
  });
}

Result<std::map<std::string, Shard::DestinationCount>> Shard::queue_destinations() {
  return readers_.read([](db::Connection& connection) -> Result<std::map<std::string, DestinationCount>> {
    auto rows = connection.query(
        "SELECT r.destination, CAST(SUM(1 - r.state) AS BIGINT), CAST(SUM(r.state) AS BIGINT), MIN(m.arrived), "
        "MIN(r.next_attempt) "
        "FROM queue_recipient r JOIN queue_message m ON m.delivery_id = r.delivery_id WHERE r.kind = 2 "
        "GROUP BY r.destination");
    if (!rows) return pass(rows);
    std::map<std::string, DestinationCount> found;
    while (true) {
      auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) return found;
      found[std::string(rows->text(0))] = {rows->integer(1), rows->integer(2), rows->integer(3), rows->integer(4)};
    }
  });
}

}  // namespace pabal::store
