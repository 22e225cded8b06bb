// Config: the settings file (TOML), read and checked whole before anything is opened. Every setting is said once, in
// the table of config_table.cpp: type, range, default and what it is for; docs/settings.md is that table in print, and
// a test compares them.
//
// A setting that isn't known, of the wrong type or out of range is an error `file:line:column: what was expected`; all
// errors of a file are told at once. Relative paths are from the file's folder.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/authenticator.hpp"
#include "account/directory.hpp"
#include "account/key_rotation.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "net/server.hpp"
#include "queue/routes.hpp"
#include "server/imap/server.hpp"
#include "server/pop3/server.hpp"
#include "server/smtp/settings.hpp"
#include "store/store.hpp"

namespace pabal::app {

enum class Protocol : std::uint8_t { smtp, submission, lmtp, imap, pop3, managesieve, http, metrics };
using net::TlsMode;

/// The words that stand for them in the file.
[[nodiscard]] std::string_view name_of(Protocol protocol) noexcept;
[[nodiscard]] std::string_view name_of(TlsMode mode) noexcept;

struct ListenerSettings {
  Protocol protocol = Protocol::smtp;
  std::string address = "0.0.0.0";  ///< an IP address, or "unix:" and an absolute path
  std::uint16_t port = 0;           ///< 0 for Unix sockets
  TlsMode tls = TlsMode::off;
  std::optional<unsigned> unix_mode;  ///< of a Unix socket's file
  std::vector<net::Network> proxy_protocol;
  bool allow_plaintext_auth = false;
  bool require_tls = false;
  std::string where;  ///< file:line:column of its table, for messages

  /// Where and what it is, in one line, to compare and to show: "smtp 0.0.0.0 25 starttls". Without what a reload can
  /// change.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool is_unix() const noexcept { return address.starts_with("unix:"); }
};

struct DnsSettings {
  std::vector<std::string> servers;
  std::vector<std::string> zones;
  std::string trust_anchor;
  bool dnssec = true;
  std::chrono::milliseconds timeout{20'000};
  std::uint64_t cache_size = 32ULL << 20;
};

struct ShardSettings {
  bool postgresql = false;
  std::string place;  ///< SQLite: the folder's name under the data folder; PostgreSQL: the URL
};

enum class BlobPlace : std::uint8_t { segments, database };

struct QueueSettings {
  std::uint16_t remote_port = 25;
  std::vector<std::string> bind;
  std::string smart_host;
  std::chrono::seconds retry{30 * 60};
  std::chrono::seconds retry_max{4 * 3600};
  std::chrono::seconds warn_after{4 * 3600};
  std::chrono::seconds give_up_after{5 * 24 * 3600};
  std::size_t max_connections = 500;
  std::size_t max_connections_per_destination = 20;
};

struct DkimSettings {
  bool sign = true;
  std::vector<std::string> programs;  ///< domains in A-labels, "*"
  std::vector<account::KeyAlgorithm> algorithms = {account::KeyAlgorithm::rsa_2048, account::KeyAlgorithm::ed25519};
  std::string passphrase_file;
  account::RotationPolicy rotation;
  std::chrono::seconds check_every{600};
};

struct ArcSettings {
  bool seal = true;
  std::string domain;  ///< empty: the host's
};

struct ReportSettings {
  bool dmarc = true;
  bool failures = false;
  std::size_t failures_a_day = 20;
  bool tls = true;
  std::string address;
  std::string organization;
  std::string contact;
  bool null_sender = true;
  bool signed_only = true;
  std::vector<net::Network> upload_networks;
  std::vector<std::string> mailboxes;
  bool proven_only = true;
  std::chrono::seconds spread{4 * 3600};
  std::chrono::seconds keep{30 * 24 * 3600};
  std::chrono::seconds keep_received{400 * 24 * 3600};
};

struct LogSettings {
  LogLevel level = LogLevel::info;
  bool json = false;
};

struct Config {
  std::string file;  ///< where it was read from
  std::string hostname;
  std::string data = "data";
  std::string user;
  std::string maildrop;  ///< empty: none
  std::vector<ListenerSettings> listeners;
  std::vector<net::CertificateFiles>
      certificates;  ///< the first is for clients without SNI; none: self-signed in the data folder
  DnsSettings dns;
  std::vector<ShardSettings> shards;
  BlobPlace blobs = BlobPlace::segments;
  store::StoreOptions store;
  account::DirectoryOptions directory;
  account::AuthenticatorOptions authenticator;
  server::smtp::Settings smtp;  ///< its hostname is `hostname`
  server::imap::Limits imap;
  server::pop3::Limits pop3;
  QueueSettings queue;
  DkimSettings dkim;
  ArcSettings arc;
  std::vector<queue::SetRoute> routes;
  ReportSettings reports;
  net::ServerLimits connections;
  std::chrono::seconds stop_grace{30};
  LogSettings log;
  std::size_t io_threads = 0;    ///< 0: one for each core
  std::size_t pool_threads = 0;  ///< 0: four for each core, at least 8
};

/// A whole settings file. `file` is its path as messages say it; relative paths in it start from its folder.
[[nodiscard]] Result<Config> parse_config(std::string_view text, const std::string& file);
[[nodiscard]] Result<Config> read_config(FileSystem& files, const std::string& file);

/// Refuses listeners for protocols that this version has no server for, with the place of each.
[[nodiscard]] Result<void> check_served(const Config& config);

/// What the TLS context of these certificates is made from.
[[nodiscard]] net::TlsOptions tls_options(std::vector<net::CertificateFiles> certificates);

/// docs/settings.md, from the table.
[[nodiscard]] std::string settings_reference();

/// Names of settings whose values differ, e.g. "listener", "[store] shards": those that only a new start can change,
/// and those that a reload can.
struct ChangedSettings {
  std::vector<std::string> need_restart;
  std::vector<std::string> live;
};
[[nodiscard]] ChangedSettings changed_settings(const Config& running, const Config& wanted);

/// Gives `running` the values that a reload can change; the certificates are not among them.
void take_live_settings(Config& running, const Config& wanted);

}  // namespace pabal::app
