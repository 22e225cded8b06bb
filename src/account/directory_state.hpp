// What a Directory holds: its database, its caches, and the generation that says which cached answers count. Part of
// the directory.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/bounded_cache.hpp"
#include "account/directory.hpp"
#include "account/expansion.hpp"
#include "db/writer.hpp"

namespace pabal::account {

struct Directory::State {
  using Answer = std::shared_ptr<const Expanded>;
  using LoginAnswer = std::shared_ptr<const Login>;

  State(db::Database& database, db::Writer& the_writer, Pool& the_pool, const Clock& the_clock,
        DirectoryOptions the_options);

  /// Null, or nothing, where the database must be asked.
  [[nodiscard]] Answer cached(const EmailAddress& recipient);
  [[nodiscard]] Answer cached_postmaster();
  [[nodiscard]] LoginAnswer cached_login(std::string_view login);
  [[nodiscard]] std::optional<bool> cached_domain(const Domain& domain);

  /// Blocking: ask the database and remember.
  [[nodiscard]] Result<Answer> look_up(const EmailAddress& recipient);
  [[nodiscard]] Result<Answer> look_up_postmaster();
  [[nodiscard]] Result<LoginAnswer> look_up_login(const std::string& login);
  [[nodiscard]] Result<bool> look_up_domain(const Domain& domain);

  /// Runs a change that raises the generation, in the writer.
  [[nodiscard]] Result<void> change(std::function<Result<void>(db::Connection&)> work);
  /// Makes this the least generation that counts.
  void raise(std::int64_t to) noexcept;

  db::Writer& writer;
  Pool& pool;
  const Clock& clock;
  const DirectoryOptions options;
  const std::optional<std::chrono::milliseconds> reread_after;
  db::Readers readers;
  std::atomic<std::int64_t> generation{0};
  std::atomic<std::uint64_t> removed_domains{0};

 private:
  /// True now and then for one caller, who must go to the database and see whether others have changed something.
  [[nodiscard]] bool reread_is_due() noexcept;

  std::atomic<SteadyTime::rep> next_reread_{0};
  const Answer not_ours_;
  BoundedCache<Answer> answers_;
  // Names that are nobody's and subaddresses, of which strangers can make up as many as they like: they must not drive
  // out what is really asked for.
  BoundedCache<Answer> made_up_;
  BoundedCache<bool> domains_;
  BoundedCache<bool> other_domains_;
  BoundedCache<LoginAnswer> logins_;
  BoundedCache<LoginAnswer> unknown_logins_;
};

}  // namespace pabal::account
