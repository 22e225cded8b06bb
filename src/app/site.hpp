// Site: the data folder opened: directory, credentials, shards. What both the server and a command without a server
// stand on.
//
//   <data>/directory.sqlite      the directory, the credentials, what reports are made of (or the first PostgreSQL
//   shard has them) <data>/secret.key            the key under which SCRAM verifiers are encrypted; keep a copy with
//   the database, not in it <data>/<shard>/              one folder a SQLite shard: its database, its segments
//   <data>/cert.pem, key.pem the self-signed certificate, where the settings name none <data>/control.sock          the
//   control socket of a running server
#pragma once
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "account/authenticator.hpp"
#include "account/directory.hpp"
#include "account/domain_keys.hpp"
#include "admin/service.hpp"
#include "app/config.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "db/database.hpp"
#include "db/writer.hpp"
#include "reports/book.hpp"
#include "store/store.hpp"

namespace pabal::app {

/// The machine that everything runs on: real disk, clock and randomness, and one set of metrics a site.
struct Machine {
  RealFileSystem files;
  RealClock clock;
  SystemRandom random;
  Metrics metrics;
};

[[nodiscard]] std::string control_socket(const Config& config);

class Site {
 public:
  /// Makes what isn't there yet. `busy` where another process owns the data.
  [[nodiscard]] static Result<std::unique_ptr<Site>> open(const Config& config, Machine& machine, const Log& log);
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  [[nodiscard]] Pool& pool() noexcept { return *pool_; }
  [[nodiscard]] account::Directory& directory() noexcept { return *directory_; }
  [[nodiscard]] account::Authenticator& authenticator() noexcept { return *authenticator_; }
  [[nodiscard]] account::DomainKeys& keys() noexcept { return *keys_; }
  [[nodiscard]] store::Store& store() noexcept { return *store_; }
  [[nodiscard]] admin::Service& admin() noexcept { return *admin_; }
  [[nodiscard]] reports::Book& book() noexcept { return *book_; }

 private:
  Site() = default;
  [[nodiscard]] Result<void> open_databases(const Config& config, Machine& machine);
  [[nodiscard]] Result<void> open_keys(const Config& config, Machine& machine);
  void keep_up(const Log& log);

  // In the order in which they are made; the other way round they end.
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<db::Database> own_directory_database_;
  std::vector<std::unique_ptr<db::Database>> shard_databases_;
  db::Database* directory_database_ = nullptr;
  std::unique_ptr<db::Writer> directory_writer_;
  std::unique_ptr<account::Directory> directory_;
  std::unique_ptr<account::Authenticator> authenticator_;
  std::unique_ptr<account::DomainKeys> keys_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<admin::Service> admin_;
  std::unique_ptr<reports::Book> book_;
  std::jthread upkeep_;
};

/// The passphrase that the settings' file has; nothing where they name none. Errors say which file.
[[nodiscard]] Result<std::optional<std::string>> key_passphrase(const Config& config, FileSystem& files);

/// The 32 octets of <data>/secret.key, made at first.
[[nodiscard]] Result<std::string> secret_key(FileSystem& files, Random& random, const std::string& data);

}  // namespace pabal::app
