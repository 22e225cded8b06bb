#include "app/config_table.hpp"

#include <filesystem>

#include <fmt/format.h>

#include "address/domain.hpp"
#include "app/config_kinds.hpp"
#include "base/text.hpp"

namespace pabal::app {
namespace {

using namespace kinds;

/// "192.0.2.1@53": the form of libunbound.
std::optional<std::string> dns_server(const std::string& written, const ReadContext&) {
  const std::size_t at = written.find('@');
  if (!is_address(written.substr(0, at))) return std::nullopt;
  if (at != std::string::npos && !parse_decimal(std::string_view(written).substr(at + 1), 65535)) return std::nullopt;
  return written;
}

bool is_host_and_port(const std::string& written) {
  if (written.empty()) return true;
  const std::size_t colon = written.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  return parse_decimal(std::string_view(written).substr(colon + 1), 65535).value_or(0) != 0;
}

std::optional<ShardSettings> shard(const std::string& written, const ReadContext&) {
  if (written.starts_with("postgresql://") || written.starts_with("postgres://")) return ShardSettings{true, written};
  if (!written.starts_with("sqlite:")) return std::nullopt;
  const std::string name = written.substr(7);
  const bool plain =
      std::ranges::all_of(name, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; });
  if (name.empty() || name.size() > 64 || !plain) return std::nullopt;
  return ShardSettings{false, name};
}

using namespace std::chrono_literals;

std::vector<Setting<Config>> make_config_settings() {
  std::vector<Setting<Config>> all;
  const auto add = [&](Setting<Config> setting) { all.push_back(std::move(setting)); };
  using C = Config;

  add(text<C>(
      {"", "hostname",
       "This host's name on the Internet: in greetings, Received fields and the self-signed certificate. Without it, "
       "the system's own name is taken."},
      "a full domain name, like \"mail.seoul.example\"", [](C& c) -> auto& { return c.hostname; },
      [](const std::string& name) { return name.contains('.') && Domain::parse(name).has_value(); }));
  add(path<C>({"", "data", "The folder of all data, made at the first start: directory, shards, keys, control socket."},
              [](C& c) -> auto& { return c.data; }));
  add(text<C>(
      {"", "user", "Whom to become after the ports are bound, when started as root. Without it, nobody else."},
      "the name of a user of this system", [](C& c) -> auto& { return c.user; },
      [](const std::string& name) { return !name.empty() && !name.contains('\0'); }));

  add(path<C>(
      {"", "maildrop",
       "A folder that everybody on this machine may put letters into, for pabal sendmail where it can't reach the "
       "server or the data; the server makes it (mode 3733) and empties it at its start and while it runs. It "
       "must not stand in the data folder, which is shut to others. None: only who may open the data can send."},
      [](C& c) -> auto& { return c.maildrop; }));

  add(list<C>(
      {"dns", "servers",
       "Resolvers to ask instead of the system's (/etc/resolv.conf). For DNSSEC they must hand on signatures."},
      "addresses, like \"127.0.0.1@5353\"", [](C& c) -> auto& { return c.dns.servers; }, dns_server, itself));
  add(list<C>(
      {"dns", "zones",
       "Zone files (RFC 1035 master files, without $INCLUDE) that are looked into before any server is asked. All "
       "names "
       "at and below the owner of a SOA record, or where there is none the $ORIGIN, are answered from there alone. "
       "SIGHUP reads the files again.",
       true},
      "paths", [](C& c) -> auto& { return c.dns.zones; },
      [](const std::string& written, const ReadContext& context) -> std::optional<std::string> {
        if (written.empty()) return std::nullopt;
        return context.path(written);
      },
      itself));
  add(path<C>(
      {"dns", "trust_anchor",
       "File with the key (DS or DNSKEY records) that DNSSEC proofs start from. Without it, Debian's for the root "
       "where it is there: /var/lib/unbound/root.key or /usr/share/dns/root.key."},
      [](C& c) -> auto& { return c.dns.trust_anchor; }));
  add(boolean<C>(
      {"dns", "dnssec",
       "Validate answers by DNSSEC where there is a trust anchor. Off where the resolvers that are asked don't "
       "hand on signatures: with it on, nothing would be believed then."},
      [](C& c) -> auto& { return c.dns.dnssec; }));
  add(duration<C>(
      {"dns", "timeout", "After this a question to the DNS has failed, and is asked again later."},
      [](C& c) -> auto& { return c.dns.timeout; }, 100ms, 120s));
  add(size<C>(
      {"dns", "cache_size", "Memory for answers that are remembered, about."},
      [](C& c) -> auto& { return c.dns.cache_size; }, 64 << 10, 4ULL << 30));

  add(list<C>(
      {"store", "shards",
       "The databases that accounts live in; a new account goes into the one with the fewest. \"sqlite:NAME\" is a "
       "folder in the "
       "data folder. The first shard that is PostgreSQL also has the directory, else it is directory.sqlite in the "
       "data folder. Shards are "
       "numbered in this order: add new ones at the end. None given: [\"sqlite:shard0\"]."},
      "\"sqlite:NAME\" and \"postgresql://…\" places", [](C& c) -> auto& { return c.shards; }, shard,
      [](const ShardSettings& s) { return s.postgresql ? s.place : "sqlite:" + s.place; }));
  add(choice<C>({"store", "blobs",
                 "Where messages' octets are: in segment files beside each SQLite shard, or in the database. "
                 "PostgreSQL shards always keep them in "
                 "the database. (\"s3://…\" will come.)"},
                [](C& c) -> auto& { return c.blobs; },
                {{"segments", BlobPlace::segments}, {"database", BlobPlace::database}}));
  add(size<C>(
      {"store", "segment_size", "The size of a segment file."}, [](C& c) -> auto& { return c.store.segment_bytes; },
      1 << 20, 4ULL << 30));
  add(size<C>(
      {"store", "inline_max",
       "A lone message up to this size may ride in the commit of its rows, and move to a segment later."},
      [](C& c) -> auto& { return c.store.inline_at_most; }, 0, 16 << 20));
  add(size<C>(
      {"store", "file_min", "A message from this size has a file of its own."},
      [](C& c) -> auto& { return c.store.file_at_least; }, 64 << 10, 1ULL << 30));
  add(size<C>(
      {"store", "spill_at", "How much memory one arriving message takes; from there on it is received into a file."},
      [](C& c) -> auto& { return c.store.spill_at; }, 4 << 10, 64 << 20));
  add(number<C>(
      {"store", "spare_segments", "Emptied segment files that are kept to be written anew."},
      [](C& c) -> auto& { return c.store.spare_segments; }, 0, 10'000));
  add(number<C>(
      {"store", "max_mailboxes",
       "How many mailboxes an account may have (RFC 9208's MAILBOX): beyond that its clients make none. Those that "
       "letters are delivered into are made even then."},
      [](C& c) -> auto& { return c.store.max_mailboxes; }, 10, store::kMostMailboxes));
  add(duration<C>(
      {"store", "upkeep_every", "The rhythm of the background work: moving, reclaiming, forgetting, checkpoints."},
      [](C& c) -> auto& { return c.store.upkeep_every; }, 10ms, 60s));
  add(duration<C>(
      {"store", "trace_kept", "How long the trace of a message (pabal trace) is kept."},
      [](C& c) -> auto& { return c.store.trace_kept; }, 0s, 3650 * 24h));
  add(duration<C>(
      {"store", "undelete_kept", "How long octets stay after their last reference is gone."},
      [](C& c) -> auto& { return c.store.undelete_kept; }, 0s, 3650 * 24h));

  add(from_text<C>(
      {"addresses", "subaddress_separator",
       "What parts user and tag in user+tag@domain; empty turns subaddresses off."},
      "text", "one of the characters + - = _ . # or empty text",
      [](C& c) -> auto& { return c.directory.subaddress_separator; },
      [](char& value, const std::string& written, const ReadContext&) {
        if (written.size() > 1 || (written.size() == 1 && !std::string_view("+-=_.#").contains(written[0])))
          return false;
        value = written.empty() ? '\0' : written[0];
        return true;
      },
      [](char value) { return value == '\0' ? std::string() : std::string(1, value); }));

  add(boolean<C>({"auth", "scram_sha_1", "Also offer SCRAM-SHA-1, for old clients.", true},
                 [](C& c) -> auto& { return c.authenticator.scram_sha_1; }));
  add(size<C>(
      {"auth", "argon2_memory", "Memory that hashing one password takes (Argon2id)."},
      [](C& c) -> auto& { return c.authenticator.argon2_memory_bytes; }, 8 << 10, 1ULL << 30));
  add(number<C>(
      {"auth", "argon2_passes", "Passes of hashing a password (Argon2id)."},
      [](C& c) -> auto& { return c.authenticator.argon2_passes; }, 1, 100));
  add(number<C>(
      {"auth", "scram_iterations", "Iterations of SCRAM verifiers; what a client has to compute at each login."},
      [](C& c) -> auto& { return c.authenticator.scram_iterations; }, 4096, 10'000'000));
  add(duration<C>(
      {"auth", "cache_time",
       "How long a good password is remembered, as a keyed hash, so that logging in again is cheap.", true},
      [](C& c) -> auto& { return c.authenticator.cache_time; }, 0s, 24h));
  add(duration<C>(
      {"auth", "first_failure_delay", "The wait after a first wrong password; it doubles with each more.", true},
      [](C& c) -> auto& { return c.authenticator.first_failure_delay; }, 0ms, 60s));
  add(duration<C>(
      {"auth", "max_failure_delay", "The longest wait after a wrong password.", true},
      [](C& c) -> auto& { return c.authenticator.max_failure_delay; }, 0ms, 10min));
  add(duration<C>(
      {"auth", "failure_memory", "How long wrong passwords of an address or account are remembered.", true},
      [](C& c) -> auto& { return c.authenticator.failure_memory; }, 1s, 24h));

  add(number<C>(
      {"queue", "remote_port", "The port of other servers; another than 25 only for tests."},
      [](C& c) -> auto& { return c.queue.remote_port; }, 1, 65535));
  add(list<C>(
      {"queue", "bind", "Source addresses of outgoing connections."}, "IP addresses",
      [](C& c) -> auto& { return c.queue.bind; },
      [](const std::string& written, const ReadContext&) -> std::optional<std::string> {
        if (!is_address(written)) return std::nullopt;
        return written;
      },
      itself));
  add(text<C>(
      {"queue", "smart_host", "Send everything through this server; empty: by MX."}, "\"host:port\" or empty text",
      [](C& c) -> auto& { return c.queue.smart_host; }, is_host_and_port));
  add(duration<C>(
      {"queue", "retry", "The first wait before a letter is tried again; then longer, to retry_max.", true},
      [](C& c) -> auto& { return c.queue.retry; }, 1s, 24h));
  add(duration<C>(
      {"queue", "retry_max", "The longest wait between two attempts.", true},
      [](C& c) -> auto& { return c.queue.retry_max; }, 1s, 7 * 24h));
  add(duration<C>(
      {"queue", "warn_after", "When a sender is told that a letter waits.", true},
      [](C& c) -> auto& { return c.queue.warn_after; }, 1min, 30 * 24h));
  add(duration<C>(
      {"queue", "give_up_after", "When a letter goes back to its sender.", true},
      [](C& c) -> auto& { return c.queue.give_up_after; }, 1min, 60 * 24h));
  add(number<C>(
      {"queue", "max_connections", "Connections to other servers at one time."},
      [](C& c) -> auto& { return c.queue.max_connections; }, 1, 10'000));
  add(number<C>(
      {"queue", "max_connections_per_destination",
       "Of those, to one domain and to one host at most; how many they really bear is found out."},
      [](C& c) -> auto& { return c.queue.max_connections_per_destination; }, 1, 1000));

  add(boolean<C>(
      {"dkim", "sign",
       "Sign letters that begin here (submitted, by sendmail, notices) with the keys of their From domain.", true},
      [](C& c) -> auto& { return c.dkim.sign; }));
  add(list<C>(
      {"dkim", "programs",
       "Domains whose letters are signed where a program of this machine wrote them (pabal sendmail, the maildrop), "
       "beside the one that the hostname is in; \"*\" for all. Letters of an account are signed for the addresses that "
       "it may send as.",
       true},
      "domains, like \"shop.example.org\", or \"*\"", [](C& c) -> auto& { return c.dkim.programs; },
      [](const std::string& written, const ReadContext&) -> std::optional<std::string> {
        if (written == "*") return written;
        const auto domain = Domain::parse(written);
        if (!domain) return std::nullopt;
        return domain->ascii();
      },
      itself));
  add(list<C>(
      {"dkim", "algorithms", "The keys that pabal domain add makes for a new domain, one of each."},
      "\"rsa-2048\", \"rsa-3072\", \"rsa-4096\" and \"ed25519\"", [](C& c) -> auto& { return c.dkim.algorithms; },
      [](const std::string& written, const ReadContext&) { return account::key_algorithm(written); },
      [](account::KeyAlgorithm algorithm) { return std::string(account::name_of(algorithm)); }));
  add(path<C>(
      {"dkim", "passphrase_file",
       "A file whose first line is the passphrase that private keys are sealed under in the database; the server's "
       "user must be able to read it. Keys that are there are sealed at the next start. None: they are protected by "
       "the files' modes alone."},
      [](C& c) -> auto& { return c.dkim.passphrase_file; }));
  add(duration<C>(
      {"dkim", "use_after",
       "How long after its record was first seen in the DNS a new key takes the place of the one before."},
      [](C& c) -> auto& { return c.dkim.rotation.use_after; }, 0s, 30 * 24h));
  add(duration<C>(
      {"dkim", "keep_retired",
       "How long the record of a key that was replaced is still needed, for letters that are on their way; then the "
       "key is withdrawn and its private half destroyed."},
      [](C& c) -> auto& { return c.dkim.rotation.keep_retired; }, 0s, 365 * 24h));
  add(duration<C>(
      {"dkim", "rotate_every",
       "A key that was used for so long gets a successor, which waits until its record is published. \"0s\": only "
       "pabal dkim rotate makes one."},
      [](C& c) -> auto& { return c.dkim.rotation.rotate_every; }, 0s, 3650 * 24h));
  add(duration<C>(
      {"dkim", "check_every", "How often the server looks in the DNS for the records of its keys."},
      [](C& c) -> auto& { return c.dkim.check_every; }, 1s, 24h));
  add(boolean<C>({"arc", "seal",
                  "Seal letters from elsewhere that aliases send on (ARC), with what was found out about them.", true},
                 [](C& c) -> auto& { return c.arc.seal; }));
  add(text<C>(
      {"arc", "domain",
       "Whose key seals where the alias's own domain has none; empty: the domain that the host's name is in.", true},
      "a domain, or empty text", [](C& c) -> auto& { return c.arc.domain; },
      [](const std::string& name) { return name.empty() || Domain::parse(name).has_value(); }));

  add(number<C>(
      {"limits", "connections", "Connections at one time, of all listeners together.", true},
      [](C& c) -> auto& { return c.connections.connections; }, 1, 1'000'000));
  add(number<C>(
      {"limits", "connections_per_address",
       "Connections at one time from one IPv4 address or IPv6 /64. Loopback is exempt.", true},
      [](C& c) -> auto& { return c.connections.connections_per_address; }, 1, 1'000'000));
  add(number<C>(
      {"limits", "new_connections_per_minute",
       "Connections a minute from one IPv4 address or IPv6 /64. Loopback is exempt.", true},
      [](C& c) -> auto& { return c.connections.new_connections_per_minute; }, 1, 10'000'000));
  add(duration<C>(
      {"limits", "proxy_header_timeout", "How long a proxy may take for its PROXY header.", true},
      [](C& c) -> auto& { return c.connections.proxy_header_timeout; }, 100ms, 60s));
  add(duration<C>(
      {"limits", "tls_handshake_timeout", "How long a TLS handshake may take.", true},
      [](C& c) -> auto& { return c.connections.tls_handshake_timeout; }, 100ms, 300s));
  add(duration<C>(
      {"limits", "stop_grace", "How long an orderly stop waits for sessions before it cuts them off.", true},
      [](C& c) -> auto& { return c.stop_grace; }, 0s, 600s));
  add(number<C>(
      {"limits", "io_threads", "Threads for connections; 0: one for each core."},
      [](C& c) -> auto& { return c.io_threads; }, 0, 256));
  add(number<C>(
      {"limits", "pool_threads",
       "Threads for blocking work (reads of the store, password hashing); 0: four for each core."},
      [](C& c) -> auto& { return c.pool_threads; }, 0, 1024));
  add(number<C>(
      {"limits", "password_hashes_at_once", "Passwords hashed side by side; each takes argon2_memory."},
      [](C& c) -> auto& { return c.authenticator.max_concurrent_hashes; }, 1, 64));
  add(number<C>(
      {"limits", "password_hashes_waiting", "Logins that wait for a hash; more are told to try later.", true},
      [](C& c) -> auto& { return c.authenticator.max_waiting_hashes; }, 1, 1'000'000));
  add(number<C>(
      {"limits", "delayed_logins",
       "Logins from one address, or on one account, that wait out a delay after wrong passwords; more are told to try "
       "later.",
       true},
      [](C& c) -> auto& { return c.authenticator.max_delayed; }, 1, 10'000));
  add(number<C>(
      {"limits", "tracked_failures", "Addresses and accounts whose wrong passwords are remembered."},
      [](C& c) -> auto& { return c.authenticator.max_tracked; }, 100, 100'000'000));
  add(number<C>(
      {"limits", "directory_cache", "Recipient addresses whose meaning is kept in memory."},
      [](C& c) -> auto& { return c.directory.cache_entries; }, 100, 100'000'000));
  add(number<C>(
      {"limits", "alias_targets", "Accounts and addresses that one alias may lead to in the end."},
      [](C& c) -> auto& { return c.directory.max_alias_targets; }, 1, 1'000'000));
  add(number<C>(
      {"limits", "alias_depth", "Aliases that may lead to aliases, one after another."},
      [](C& c) -> auto& { return c.directory.max_alias_depth; }, 1, 100));

  for (auto& setting : protocol_settings()) add(std::move(setting));
  for (auto& setting : sender_settings()) add(std::move(setting));
  for (auto& setting : report_settings()) add(std::move(setting));

  add(choice<C>({"log", "level", "The least that is logged."}, [](C& c) -> auto& { return c.log.level; },
                {{"debug", LogLevel::debug},
                 {"info", LogLevel::info},
                 {"warning", LogLevel::warning},
                 {"error", LogLevel::error}}));
  add(boolean<C>({"log", "json", "Lines as JSON objects instead of name=value text."},
                 [](C& c) -> auto& { return c.log.json; }));
  return all;
}

}  // namespace

std::string ReadContext::path(std::string_view written) const {
  const std::filesystem::path given(written);
  return given.is_absolute() ? given.lexically_normal().string()
                             : (std::filesystem::path(folder) / given).lexically_normal().string();
}

std::span<const Setting<Config>> config_settings() {
  static const std::vector<Setting<Config>> all = make_config_settings();
  return all;
}

std::string shown(const Value& value) {
  struct Show {
    std::string operator()(const std::string& text) const { return in_quotes(printable(text, 60)); }
    std::string operator()(std::int64_t number) const { return fmt::to_string(number); }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(const std::vector<std::string>&) const { return "a list"; }
    std::string operator()(const Other& other) const { return other.type; }
  };
  return std::visit(Show{}, value);
}

}  // namespace pabal::app
