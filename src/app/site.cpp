#include "app/site.hpp"

#include <condition_variable>

#include <fmt/format.h>

#include "base/text.hpp"
#include "base/wiped.hpp"
#include "codec/hex.hpp"
#include "db/postgres/postgres.hpp"
#include "db/sqlite/sqlite.hpp"

namespace pabal::app {
namespace {

constexpr std::size_t key_octets = 32;

std::size_t pool_threads(const Config& config) {
  if (config.pool_threads != 0) return config.pool_threads;
  return std::max<std::size_t>(8, 4 * std::size_t{std::thread::hardware_concurrency()});
}

admin::Facts facts(const Config& config) {
  admin::Facts out;
  out.hostname = config.hostname;
  for (const ListenerSettings& listener : config.listeners) {
    if (listener.is_unix()) continue;
    const bool implicit = listener.tls == TlsMode::implicit;
    if (listener.protocol == Protocol::smtp && listener.address != "0.0.0.0" && listener.address != "::") {
      out.addresses.push_back(listener.address);
    } else if (listener.protocol == Protocol::submission) {
      out.services.push_back({implicit ? "submissions" : "submission", listener.port});
    } else if (listener.protocol == Protocol::imap) {
      out.services.push_back({implicit ? "imaps" : "imap", listener.port});
    } else if (listener.protocol == Protocol::pop3) {
      out.services.push_back({implicit ? "pop3s" : "pop3", listener.port});
    }
  }
  for (std::size_t i = 0; i < config.shards.size(); ++i) out.shards.push_back({static_cast<std::int64_t>(i) + 1});
  out.dkim_algorithms = config.dkim.algorithms;
  out.rotation = config.dkim.rotation;
  out.report_mailboxes = config.reports.mailboxes;
  out.threads = std::max<std::size_t>(1, std::thread::hardware_concurrency());
  return out;
}

}  // namespace

std::string control_socket(const Config& config) { return config.data + "/control.sock"; }

Result<std::optional<std::string>> key_passphrase(const Config& config, FileSystem& files) {
  const std::string& path = config.dkim.passphrase_file;
  if (path.empty()) return std::nullopt;
  auto text = read_file(files, path, 64 << 10);
  if (!text) return fail(text.error().kind, text.error().peer, "[dkim] passphrase_file: " + text.error().log);
  const WipeAtEnd wiped(*text);
  std::string line = text->substr(0, text->find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty())
    return fail(ErrorKind::policy, fmt::format("[dkim] passphrase_file: {}: the first line is empty", path));
  return line;
}

Result<std::string> secret_key(FileSystem& files, Random& random, const std::string& data) {
  const std::string path = data + "/secret.key";
  const auto there = files.exists(path);
  if (!there) return pass(there);
  if (!*there) {
    std::string key = random.octets(key_octets);
    if (auto written = replace_file(files, path, codec::hex(key) + "\n"); !written) return pass(written);
    return key;
  }
  const auto text = read_file(files, path, 1024);
  if (!text) return pass(text);
  auto key = codec::decode_hex(trim(std::string_view(*text).substr(0, text->find('\n'))));
  if (!key || key->size() != key_octets) return fail(ErrorKind::syntax, path + ": expected 64 hexadecimal digits");
  return *key;
}

Result<void> Site::open_databases(const Config& config, Machine& machine) {
  for (const ShardSettings& shard : config.shards) {
    if (shard.postgresql) {
      auto database = db::postgres::open(shard.place);
      if (!database) return pass(database);
      shard_databases_.push_back(std::move(*database));
      if (directory_database_ == nullptr) directory_database_ = shard_databases_.back().get();
      continue;
    }
    const std::string folder = config.data + "/" + shard.place;
    if (auto made = machine.files.make_folder(folder); !made) return made;
    auto database = db::sqlite::open(machine.files, folder + "/shard.sqlite");
    if (!database) return pass(database);
    shard_databases_.push_back(std::move(*database));
  }
  if (directory_database_ != nullptr) return {};
  auto database = db::sqlite::open(machine.files, config.data + "/directory.sqlite");
  if (!database) return pass(database);
  own_directory_database_ = std::move(*database);
  directory_database_ = own_directory_database_.get();
  return {};
}

Result<void> Site::open_keys(const Config& config, Machine& machine) {
  auto passphrase = key_passphrase(config, machine.files);
  if (!passphrase) return pass(passphrase);
  const WipeAtEnd wiped(*passphrase);
  auto keys = account::DomainKeys::open(*directory_, *directory_database_, machine.clock, *passphrase);
  if (!keys && keys.error().kind == ErrorKind::auth) {
    const std::string where =
        config.dkim.passphrase_file.empty() ? "[dkim] passphrase_file" : config.dkim.passphrase_file;
    return fail(ErrorKind::auth, fmt::format("{}: {}", where, keys.error().peer));
  }
  if (!keys) return pass(keys);
  keys_ = std::move(*keys);
  return {};
}

Result<std::unique_ptr<Site>> Site::open(const Config& config, Machine& machine, const Log& log) {
  if (auto made = machine.files.make_folder(config.data); !made) return pass(made);
  std::unique_ptr<Site> site(new Site);
  site->pool_ = std::make_unique<Pool>(pool_threads(config), log);
  if (auto opened = site->open_databases(config, machine); !opened) return pass(opened);
  auto key = secret_key(machine.files, machine.random, config.data);
  if (!key) return pass(key);

  auto writer = db::Writer::start(*site->directory_database_, {});
  if (!writer) return pass(writer);
  site->directory_writer_ = std::move(*writer);
  auto directory = account::Directory::open(*site->directory_database_, *site->directory_writer_, *site->pool_,
                                            machine.clock, config.directory);
  if (!directory) return pass(directory);
  site->directory_ = std::move(*directory);
  auto authenticator = account::Authenticator::open(
      *site->directory_, *site->directory_database_, *site->directory_writer_, *site->pool_, machine.clock,
      machine.random, log, machine.metrics, std::move(*key), config.authenticator);
  if (!authenticator) return pass(authenticator);
  site->authenticator_ = std::move(*authenticator);
  if (auto opened = site->open_keys(config, machine); !opened) return pass(opened);

  std::vector<store::ShardPlace> places;
  for (std::size_t i = 0; i < config.shards.size(); ++i) {
    const ShardSettings& shard = config.shards[i];
    places.push_back({.id = {static_cast<std::int64_t>(i) + 1},
                      .database = site->shard_databases_[i].get(),
                      .folder = shard.postgresql ? std::string() : config.data + "/" + shard.place,
                      .arrivals = shard.postgresql ? fmt::format("{}/arrivals/{}", config.data, i + 1) : std::string(),
                      .blobs_in_database = config.blobs == BlobPlace::database});
  }
  auto store = store::Store::open(std::move(places), machine.files, *site->pool_, machine.clock, machine.random, log,
                                  machine.metrics, config.store);
  if (!store) return pass(store);
  site->store_ = std::move(*store);
  site->admin_ = std::make_unique<admin::Service>(*site->directory_, *site->authenticator_, *site->keys_, *site->store_,
                                                  facts(config));
  reports::BookOptions options;
  options.keep = config.reports.keep;
  options.keep_received = config.reports.keep_received;
  options.spread = config.reports.spread;
  auto book = reports::Book::open(*site->directory_database_, *site->directory_writer_, machine.clock, machine.random,
                                  log, machine.metrics, options);
  if (!book) return pass(book);
  site->book_ = std::move(*book);
  site->keep_up(log);
  return site;
}

// The store looks after its shards' databases; the directory's own has nobody else.
void Site::keep_up(const Log& log) {
  if (own_directory_database_ == nullptr) return;
  upkeep_ = std::jthread([database = own_directory_database_.get(), log](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; }) && !stop.stop_requested()) {
      if (auto done = run_caught("the upkeep", [&] { return database->maintain(); }); !done)
        log.error("directory_maintenance_failed", {{"error", done.error().log}});
    }
  });
}

Site::~Site() = default;

}  // namespace pabal::app
