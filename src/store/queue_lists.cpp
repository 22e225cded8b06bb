// What an operator sees of the queue.
#include <algorithm>

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

// The rows that one statement looks at: of this kind and state, where they are said.
struct Part {
  std::optional<RecipientKind> kind;
  std::optional<std::int64_t> state;
};

// What a list is to show, as SQL; only what is wanted stands in it, so that the engine can use its indexes.
class ListQuery {
 public:
  /// `part`: only its rows. `walks`: those of a destination come by their key, not by an index.
  ListQuery(const QueueFilter& filter, std::string_view delivery_id, const Part& part, bool walks) {
    // The order of the tables is part of it: rows come by their key, and the walk ends where enough are found.
    sql_ =
        "SELECT r.delivery_id, r.number, r.kind, r.state, m.sender, r.recipient, r.attempts, m.arrived, "
        "r.next_attempt, r.last_error, m.size, r.account_id, r.shard_id, r.mailbox, r.destination, m.priority, "
        "m.not_before, m.deliver_by, r.notified FROM queue_recipient r CROSS JOIN queue_message m "
        "WHERE m.delivery_id = r.delivery_id";
    if (!delivery_id.empty()) add(" AND r.delivery_id = $", delivery_id);
    if (part.kind) {
      const bool remote = *part.kind == RecipientKind::remote;
      if (walks) {
        sql_ += remote ? kWalkedRemotely : kWalkedLocally;
      } else {
        sql_ += remote ? " AND r.kind = 2" : " AND r.kind = 1";
      }
    }
    if (part.kind == RecipientKind::local) {
      // Addresses stand there with their domain as the filter has it: in ASCII, in small letters.
      domain_pattern_ = in_domain(filter.destination);
      add(" AND r.recipient LIKE $", std::string_view(domain_pattern_));
      sql_ += " ESCAPE '\\'";
    } else if (part.kind) {
      add(walks ? " AND r.destination || '' = $" : " AND r.destination = $", std::string_view(filter.destination));
    }
    if (part.state) sql_ += fmt::format(" AND r.state{} = {}", walks ? " + 0" : "", *part.state);
    if (!filter.recipient.empty()) add(" AND r.recipient = $", std::string_view(filter.recipient));
    if (filter.sender.starts_with('@')) {
      pattern_ = in_domain(std::string_view(filter.sender).substr(1));
      add(" AND m.sender LIKE $", std::string_view(pattern_));
      sql_ += " ESCAPE '\\'";
    } else if (!filter.sender.empty()) {
      add(" AND m.sender = $", std::string_view(filter.sender));
    }
    if (filter.arrived_before) add(" AND m.arrived < $", to_database(*filter.arrived_before));
    if (!filter.after_id.empty()) {
      add(" AND (r.delivery_id, r.number) > ($", std::string_view(filter.after_id));
      add(", $", filter.after_number);
      sql_ += ")";
    }
    add(" ORDER BY r.delivery_id, r.number LIMIT $",
        static_cast<std::int64_t>(std::min<std::size_t>(filter.at_most, INT32_MAX)));
  }
  ListQuery(const ListQuery&) = delete;
  ListQuery& operator=(const ListQuery&) = delete;

  Result<void> run(db::Connection& connection, std::vector<Shard::ListedRow>& found) const {
    auto rows = connection.query(sql_, std::span<const db::Parameter>(parameters_));
    if (!rows) return pass(rows);
    while (true) {
      auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) return {};
      found.push_back({std::string(rows->text(0)), rows->integer(1), json::serialize(row_of(*rows))});
    }
  }

 private:
  void add(std::string_view words, db::Parameter value) {
    parameters_.push_back(value);
    sql_ += fmt::format("{}{}", words, parameters_.size());
  }

  std::string sql_;
  std::string pattern_;
  std::string domain_pattern_;
  std::vector<db::Parameter> parameters_;  ///< views of the filter and of what is above
};

// Whether the index gives so few rows of a domain that they can be sorted for each page. Those of a big one are met
// soon enough on the walk by the rows' keys, which goes on where the page before it ended.
Result<bool> are_many(db::Connection& connection, std::string_view destination, const Part& part) {
  constexpr std::int64_t few = 5000;
  // Those that are held have no index by destination, and the local ones have no destination.
  const bool known = part.kind == RecipientKind::remote && part.state == 0;
  const auto sql = fmt::format(
      "SELECT COUNT(*) FROM (SELECT 1 AS one FROM queue_recipient WHERE kind = {} AND state = {}{} LIMIT {}) seen",
      static_cast<std::int64_t>(*part.kind), *part.state, known ? " AND destination = $1" : "", few + 1);
  const auto counted = known ? connection.number(sql, {destination}) : connection.number(sql);
  if (!counted) return pass(counted);
  return *counted && **counted > few;
}

}  // namespace

Result<std::vector<Shard::ListedRow>> Shard::queue_rows(const QueueFilter& filter, std::string_view delivery_id) {
  return readers_.read([&](db::Connection& connection) -> Result<std::vector<ListedRow>> {
    std::vector<ListedRow> found;
    // Those that wait for a destination have an index, and so have those that are held, and the local ones.
    std::vector<std::optional<std::int64_t>> states = {std::nullopt};
    std::vector<std::optional<RecipientKind>> kinds = {std::nullopt};
    if (!filter.destination.empty()) {
      states = {0, 1};
      kinds = {RecipientKind::local, RecipientKind::remote};
    }
    if (filter.held) states = {std::int64_t{*filter.held}};
    for (const auto kind : kinds) {
      for (const auto state : states) {
        const Part part{.kind = kind, .state = state};
        bool walks = false;
        if (kind && delivery_id.empty()) {
          const auto many = are_many(connection, filter.destination, part);
          if (!many) return pass(many);
          walks = *many;
        }
        const ListQuery query(filter, delivery_id, part, walks);
        if (auto done = query.run(connection, found); !done) return pass(done);
      }
    }
    if (kinds.size() * states.size() > 1) std::ranges::sort(found);
    if (found.size() > filter.at_most) found.resize(filter.at_most);
    return found;
  });
}

Result<std::map<std::string, Shard::DestinationCount>> Shard::queue_destinations() {
  return readers_.read([](db::Connection& connection) -> Result<std::map<std::string, DestinationCount>> {
    std::map<std::string, DestinationCount> found;
    for (const std::int64_t state : {0, 1}) {
      // From the index alone; ids begin with the time, so that the first one is the oldest.
      auto rows = connection.query(fmt::format(
          "SELECT d.destination, d.counted, d.due, m.arrived FROM (SELECT destination, COUNT(*) AS counted, "
          "MIN(next_attempt) AS due, MIN(delivery_id) AS first_id FROM queue_recipient WHERE kind = 2 AND "
          "state = {} GROUP BY destination) d JOIN queue_message m ON m.delivery_id = d.first_id",
          state));
      if (!rows) return pass(rows);
      while (true) {
        auto any = rows->next();
        if (!any) return pass(any);
        if (!*any) break;
        const auto [known, fresh] = found.try_emplace(std::string(rows->text(0)));
        auto& count = known->second;
        (state == 0 ? count.waiting : count.held) = rows->integer(1);
        count.next = fresh ? rows->integer(2) : std::min(count.next, rows->integer(2));
        count.oldest = fresh ? rows->integer(3) : std::min(count.oldest, rows->integer(3));
      }
    }
    return found;
  });
}

Async<Result<QueueCounts>> Shard::queue_counts() {
  std::move_only_function<Result<QueueCounts>(db::Connection&)> work =
      [now = to_database(around_.clock->now())](db::Connection& connection) -> Result<QueueCounts> {
    QueueCounts counts;
    for (const auto kind : {RecipientKind::local, RecipientKind::remote}) {
      auto& of_kind = kind == RecipientKind::local ? counts.local : counts.remote;
      const auto count = [&](RecipientState state, std::int64_t until, std::int64_t& out) -> Result<void> {
        const auto found = connection.number(
            "SELECT COUNT(*) FROM queue_recipient WHERE kind = $1 AND state = $2 AND next_attempt <= $3",
            {static_cast<std::int64_t>(kind), static_cast<std::int64_t>(state), until});
        if (!found) return pass(found);
        out = found->value_or(0);
        return {};
      };
      if (auto done = count(RecipientState::waiting, INT64_MAX, of_kind.waiting); !done) return pass(done);
      if (auto done = count(RecipientState::waiting, now, of_kind.due); !done) return pass(done);
      if (auto done = count(RecipientState::held, INT64_MAX, of_kind.held); !done) return pass(done);
    }
    // Ids begin with the time.
    const auto oldest = connection.number("SELECT arrived FROM queue_message ORDER BY delivery_id LIMIT 1");
    if (!oldest) return pass(oldest);
    if (*oldest) counts.oldest = from_database(**oldest);
    return counts;
  };
  co_return co_await read<QueueCounts>(std::move(work));
}

}  // namespace pabal::store
