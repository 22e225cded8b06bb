// The history of a schema: which steps a database has, and the missing ones.
#include "db/database.hpp"

namespace pabal::db {

namespace {

Result<void> run_step(Connection& connection, std::string_view schema, const Migration& step) {
  if (auto begun = connection.begin(true); !begun) return begun;
  auto done = [&]() -> Result<void> {
    // Several nodes may start at once on one cluster.
    if (connection.dialect() == Dialect::postgresql) {
      if (auto locked = connection.script("LOCK TABLE schema_version IN EXCLUSIVE MODE"); !locked) return locked;
    }
    // Read again inside the transaction: another node may have taken this step in the meantime.
    auto version = connection.number("SELECT version FROM schema_version WHERE name = $1", {schema});
    if (!version) return pass(version);
    if (*version && **version >= step.version) return {};
    if (auto ran = connection.script(step.script); !ran) return ran;
    auto marked = connection.run(
        "INSERT INTO schema_version (name, version) VALUES ($1, $2) "
        "ON CONFLICT (name) DO UPDATE SET version = excluded.version",
        {schema, std::int64_t{step.version}});
    if (!marked) return pass(marked);
    return connection.commit();
  }();
  connection.rollback();  // does nothing after a commit
  if (!done) {
    done.error().log = fmt::format("schema {} step {}: {}", schema, step.version, done.error().log);
  }
  return done;
}

}  // namespace

Result<void> migrate(Connection& connection, std::string_view schema, std::span<const Migration> steps) {
  const auto make_table = [&] {
    return connection.script(
        "CREATE TABLE IF NOT EXISTS schema_version (name TEXT PRIMARY KEY, version INTEGER NOT NULL) "
        "STRICT");
  };
  auto made = make_table();
  // PostgreSQL may say so when two nodes make it at once.
  if (!made && made.error().kind == ErrorKind::exists) made = make_table();
  if (!made) return made;
  auto found = connection.number("SELECT version FROM schema_version WHERE name = $1", {schema});
  if (!found) return pass(found);
  const std::int64_t now = found->value_or(0);
  const std::int64_t last = steps.empty() ? 0 : steps.back().version;
  if (now > last) {
    return fail(ErrorKind::unsupported, "the database is newer than this program",
                fmt::format("schema {} is at version {}, this program knows {}", schema, now, last));
  }
  for (const auto& step : steps) {
    if (step.version <= now) continue;
    if (auto done = run_step(connection, schema, step); !done) return done;
  }
  return {};
}

}  // namespace pabal::db
