// Reads a settings file by the table. The only file that includes toml++.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

// An assertion of the parser that hostile text can reach is an error to us, not the end of the program.
#define TOML_ASSERT(expr) ((expr) ? static_cast<void>(0) : throw std::invalid_argument("not TOML"))
#include <toml++/toml.h>
#include <unistd.h>

#include "app/config.hpp"
#include "app/config_table.hpp"
#include "base/text.hpp"

namespace pabal::app {
namespace {

constexpr std::size_t most_errors = 20;

/// How many letters differ, for "did you mean".
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

Value to_value(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* truth = node.as_boolean()) return truth->get();
  if (const auto* array = node.as_array()) {
    std::vector<std::string> texts;
    for (const toml::node& item : *array) {
      if (!item.is_string()) return Other{"a list of other things"};
      texts.push_back(item.as_string()->get());
    }
    return texts;
  }
  if (node.is_table()) return Other{"a table"};
  if (node.is_floating_point()) return Other{"a number with a point"};
  return Other{"a date or time"};
}

class Reader {
 public:
  Reader(const std::string& file, ReadContext context) : file_(file), context_(std::move(context)) {}

  Result<Config> read(std::string_view text);

 private:
  std::string at(const toml::source_region& source) const {
    return fmt::format("{}:{}:{}", file_, source.begin.line, source.begin.column);
  }
  void complain(const toml::source_region& source, const std::string& what) {
    if (errors_.size() < most_errors) errors_.push_back(at(source) + ": " + what);
  }
  void complain_unknown(const toml::key& key, const std::string& where, const std::vector<std::string_view>& known);

  void read_top(const toml::table& root);
  void read_section(const toml::table& table, std::string_view section);
  void read_tls(const toml::table& table);
  void read_listener(const toml::table& table);
  void read_route(const toml::table& table);
  void finish();

  template <class Owner>
  void set(const Setting<Owner>& setting, Owner& owner, const toml::node& node) {
    const Value value = to_value(node);
    const std::string expected = setting.set(owner, value, context_);
    if (!expected.empty()) {
      complain(node.source(), fmt::format("{}: expected {}, not {}", setting.name, expected, shown(value)));
    }
  }
  template <class Owner>
  void read_table(const toml::table& table, std::string_view section, std::span<const Setting<Owner>> settings,
                  Owner& owner, const std::vector<std::string_view>& but_not = {});

  const std::string& file_;
  ReadContext context_;
  Config config_;
  std::vector<std::string> errors_;
};

void Reader::complain_unknown(const toml::key& key, const std::string& where,
                              const std::vector<std::string_view>& known) {
  std::string what = fmt::format("{}: no such setting {}", printable(key.str(), 60), where);
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(1, key.str().size() / 3) + 1;
  for (const std::string_view name : known) {
    if (const std::size_t apart = distance(key.str(), name); apart < least) {
      least = apart;
      nearest = name;
    }
  }
  if (!nearest.empty()) what += fmt::format("; {} is meant?", nearest);
  complain(key.source(), what);
}

std::string in_section(std::string_view section) {
  return section.empty() ? "at the top of the file" : fmt::format("in [{}]", section);
}

template <class Owner>
void Reader::read_table(const toml::table& table, std::string_view section, std::span<const Setting<Owner>> settings,
                        Owner& owner, const std::vector<std::string_view>& but_not) {
  for (const auto& [key, node] : table) {
    if (std::ranges::find(but_not, key.str()) != but_not.end()) continue;
    const auto found =
        std::ranges::find_if(settings, [&](const auto& s) { return s.section == section && s.name == key.str(); });
    if (found != settings.end()) {
      set(*found, owner, node);
      continue;
    }
    std::vector<std::string_view> known;
    for (const auto& s : settings) {
      if (s.section == section) known.push_back(s.name);
    }
    complain_unknown(key, in_section(section), known);
  }
}

void Reader::read_section(const toml::table& table, std::string_view section) {
  read_table(table, section, config_settings(), config_);
}

void Reader::read_tls(const toml::table& table) {
  net::CertificateFiles first;
  std::vector<net::CertificateFiles> others;
  const auto whole = [&](const net::CertificateFiles& files, const toml::source_region& source) {
    if (files.certificate.empty() != files.key.empty()) {
      complain(source, fmt::format("expected certificate and key together, {} is missing",
                                   files.key.empty() ? "key" : "certificate"));
      return false;
    }
    return !files.certificate.empty();
  };
  if (const toml::node* list = table.get("certificates")) {
    const toml::array* tables = list->as_array();
    if (tables == nullptr || !tables->is_homogeneous<toml::table>()) {
      complain(list->source(), "certificates: expected tables [[tls.certificates]] with certificate and key");
    } else {
      for (const toml::node& item : *tables) {
        net::CertificateFiles files;
        read_table(*item.as_table(), "tls", certificate_settings(), files);
        if (!files.certificate.empty() || !files.key.empty()) {
          if (whole(files, item.source())) others.push_back(std::move(files));
        } else {
          complain(item.source(), "expected certificate and key");
        }
      }
    }
  }
  read_table(table, "tls", certificate_settings(), first, {"certificates"});
  if (whole(first, table.source())) config_.certificates.push_back(std::move(first));
  for (auto& files : others) config_.certificates.push_back(std::move(files));
}

void Reader::read_listener(const toml::table& table) {
  struct Kind {
    std::string_view word;
    Protocol protocol;
    bool starttls;
    bool implicit;
    std::uint16_t port;
    std::uint16_t tls_port;
  };
  static constexpr std::array<Kind, 8> kinds{{
      {"smtp", Protocol::smtp, true, true, 25, 25},
      {"submission", Protocol::submission, true, true, 587, 465},
      {"lmtp", Protocol::lmtp, true, true, 24, 24},
      {"imap", Protocol::imap, true, true, 143, 993},
      {"pop3", Protocol::pop3, true, true, 110, 995},
      {"managesieve", Protocol::managesieve, true, false, 4190, 4190},
      {"http", Protocol::http, false, true, 80, 443},
      {"metrics", Protocol::metrics, false, false, 9464, 9464},
  }};
  ListenerDraft draft;
  const std::size_t before = errors_.size();
  read_table(table, "listener", listener_settings(), draft);
  if (errors_.size() != before) return;
  const auto kind = std::ranges::find(kinds, draft.protocol, &Kind::word);
  if (kind == kinds.end()) {
    complain(table.source(), "listener: expected a protocol");
    return;
  }
  ListenerSettings& listener = draft.settings;
  listener.protocol = kind->protocol;
  listener.where = at(table.source());
  listener.tls = draft.tls == "implicit"                                                     ? TlsMode::implicit
                 : draft.tls == "starttls"                                                   ? TlsMode::starttls
                 : draft.tls == "off"                                                        ? TlsMode::off
                 : kind->starttls && kind->protocol != Protocol::lmtp && !listener.is_unix() ? TlsMode::starttls
                                                                                             : TlsMode::off;
  if ((listener.tls == TlsMode::starttls && !kind->starttls) ||
      (listener.tls == TlsMode::implicit && !kind->implicit)) {
    complain(table.get("tls")->source(), fmt::format("tls: {} has no \"{}\"", kind->word, draft.tls));
    return;
  }
  const bool speaks_smtp = listener.protocol == Protocol::smtp || listener.protocol == Protocol::submission ||
                           listener.protocol == Protocol::lmtp;
  if (listener.require_tls && (!speaks_smtp || listener.tls == TlsMode::off)) {
    complain(table.get("require_tls")->source(),
             "require_tls: expected only for smtp, submission and lmtp with tls = \"starttls\" or \"implicit\"");
    return;
  }
  if (listener.is_unix()) {
    if (draft.port) complain(table.get("port")->source(), "port: a Unix socket has none");
  } else {
    if (listener.unix_mode) complain(table.get("mode")->source(), "mode: only a Unix socket has one");
    listener.port = draft.port                          ? static_cast<std::uint16_t>(*draft.port)
                    : listener.tls == TlsMode::implicit ? kind->tls_port
                                                        : kind->port;
  }
  config_.listeners.push_back(std::move(listener));
}

void Reader::read_route(const toml::table& table) {
  RouteDraft draft;
  const std::size_t before = errors_.size();
  read_table(table, "route", route_settings(), draft);
  if (errors_.size() != before) return;
  queue::SetRoute& route = draft.route;
  if (route.domain.empty()) return complain(table.source(), "route: expected a domain");
  if (std::ranges::find(config_.routes, route.domain, &queue::SetRoute::domain) != config_.routes.end()) {
    return complain(table.get("domain")->source(), fmt::format("domain: expected one route for {}", route.domain));
  }
  if (draft.user.empty() != draft.password.empty())
    return complain(table.source(), "route: expected user and password together");
  if (!draft.user.empty()) route.credentials = {draft.user, draft.password};
  if (route.implicit_tls && draft.tls == queue::TlsPolicy::none) {
    return complain(table.get("implicit_tls")->source(), "implicit_tls: expected another tls than \"none\"");
  }
  // Where TLS begins first there is nothing to fall back to.
  const bool opportunistic = !draft.tls || *draft.tls == queue::TlsPolicy::opportunistic;
  const bool usual = route.credentials && !draft.tls;  // a password goes to a host that is verified
  route.tls = route.implicit_tls && opportunistic && !usual ? queue::TlsPolicy::encrypted : draft.tls;
  if (route.host.empty() && (route.port != 0 || route.implicit_tls || route.lmtp || route.credentials)) {
    return complain(table.source(), "route: expected a host, since port, implicit_tls, lmtp and user are its own");
  }
  config_.routes.push_back(std::move(route));
}

void Reader::read_top(const toml::table& root) {
  std::vector<std::string_view> sections;
  for (const auto& s : config_settings()) {
    if (!s.section.empty() && std::ranges::find(sections, s.section) == sections.end()) sections.push_back(s.section);
  }
  std::vector<std::string_view> done;
  for (const auto& [key, node] : root) {
    const std::string_view name = key.str();
    if (name == "listener" || name == "route") {
      const toml::array* tables = node.as_array();
      if (tables == nullptr || !tables->is_homogeneous<toml::table>()) {
        complain(node.source(), fmt::format("{0}: expected tables [[{0}]]", name));
      } else {
        for (const toml::node& item : *tables) {
          name == "route" ? read_route(*item.as_table()) : read_listener(*item.as_table());
        }
      }
    } else if (name == "tls" || std::ranges::find(sections, name) != sections.end()) {
      const toml::table* table = node.as_table();
      if (table == nullptr) {
        complain(node.source(), fmt::format("{}: expected a table [{}]", name, name));
      } else if (name == "tls") {
        read_tls(*table);
      } else {
        read_section(*table, name);
      }
    } else if (node.is_table() || node.is_array_of_tables()) {
      sections.insert(sections.end(), {"tls", "listener", "route"});
      complain_unknown(key, "(a section of this name)", sections);
    } else {
      continue;
    }
    done.push_back(name);
  }
  read_table(root, "", config_settings(), config_, done);
}

/// The system's own name, where it is a full one.
std::string system_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

void Reader::finish() {
  const auto complain_at_top = [this](const std::string& what) {
    if (errors_.size() < most_errors) errors_.push_back(file_ + ": " + what);
  };
  if (config_.hostname.empty()) {
    config_.hostname = system_name();
    if (!config_.hostname.contains('.')) {
      complain_at_top(fmt::format("expected hostname = \"…\", since this system's own name ({}) is not a full one",
                                  printable(config_.hostname)));
    }
  }
  config_.smtp.hostname = config_.hostname;
  config_.smtp.relay = true;
  config_.smtp.require_tls_extension = true;
  if (config_.shards.empty()) config_.shards.push_back({false, "shard0"});
  for (std::size_t i = 0; i < config_.shards.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (config_.shards[i].place == config_.shards[j].place)
        complain_at_top("shards: expected each place once, not twice " + config_.shards[i].place);
    }
  }
  for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const auto &a = config_.listeners[i], &b = config_.listeners[j];
      if (a.address == b.address && a.port == b.port) {
        complain_at_top(fmt::format("expected each address and port once; the listeners at {} and {} are the same",
                                    b.where, a.where));
      }
    }
  }
  if (config_.maildrop == config_.data || config_.maildrop.starts_with(config_.data + "/")) {
    complain_at_top("maildrop: expected a folder outside of the data folder, which is shut to others");
  }
  if (config_.queue.retry > config_.queue.retry_max) complain_at_top("[queue]: expected retry to be at most retry_max");
  if (config_.authenticator.first_failure_delay > config_.authenticator.max_failure_delay) {
    complain_at_top("[auth]: expected first_failure_delay to be at most max_failure_delay");
  }
}

Result<Config> Reader::read(std::string_view text) {
  config_.file = file_;
  config_.data = context_.path(config_.data);
  // TOML allows no controls; the parser of Debian 12 stops the whole program at one in a table's heading.
  for (std::size_t i = 0, line = 1, line_begin = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      line_begin = i + 1;
    } else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r') || c == 0x7F) {
      return fail(ErrorKind::syntax, fmt::format("{}:{}:{}: expected text, not the control character {}", file_, line,
                                                 i - line_begin + 1, printable({&c, 1})));
    }
  }
  // It also stops at a heading that does not begin with a name: `[[[x]]]`.
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    const auto open = line.find_first_not_of(" \t");
    if (open == std::string_view::npos || line[open] != '[') continue;
    auto name = line.find_first_not_of(" \t", open + 1);
    if (name != std::string_view::npos && line[name] == '[') name = line.find_first_not_of(" \t", name + 1);
    if (name == std::string_view::npos) continue;
    const char c = line[name];
    if (!is_alpha(c) && !is_digit(c) && std::string_view("_-\"']\r").find(c) == std::string_view::npos) {
      return fail(ErrorKind::syntax, fmt::format("{}:{}:{}: expected a table's name", file_, number, name + 1));
    }
  }
  const toml::parse_result parsed = toml::parse(text, std::string_view(file_));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(ErrorKind::syntax, fmt::format("{}: {}", at(error.source()), printable(error.description(), 300)));
  }
  read_top(parsed.table());
  if (errors_.empty()) finish();
  if (!errors_.empty()) return fail(ErrorKind::syntax, fmt::format("{}", fmt::join(errors_, "\n")));
  return std::move(config_);
}

}  // namespace

std::string_view name_of(Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::smtp:
      return "smtp";
    case Protocol::submission:
      return "submission";
    case Protocol::lmtp:
      return "lmtp";
    case Protocol::imap:
      return "imap";
    case Protocol::pop3:
      return "pop3";
    case Protocol::managesieve:
      return "managesieve";
    case Protocol::http:
      return "http";
    case Protocol::metrics:
      return "metrics";
  }
  return "";
}

std::string_view name_of(TlsMode mode) noexcept {
  switch (mode) {
    case TlsMode::off:
      return "off";
    case TlsMode::starttls:
      return "starttls";
    case TlsMode::implicit:
      return "implicit";
  }
  return "";
}

std::string ListenerSettings::text() const {
  std::string out = fmt::format("{} {}", name_of(protocol), address);
  if (!is_unix()) fmt::format_to(std::back_inserter(out), " {}", port);
  fmt::format_to(std::back_inserter(out), " {}", name_of(tls));
  if (unix_mode) fmt::format_to(std::back_inserter(out), " {:#o}", *unix_mode);
  return out;
}

Result<Config> parse_config(std::string_view text, const std::string& file) {
  std::string folder = std::filesystem::path(file).parent_path().string();
  try {
    return Reader(file, ReadContext{folder.empty() ? "." : folder}).read(text);
  } catch (const std::invalid_argument& thrown) {
    return fail(ErrorKind::syntax, fmt::format("{}: {}", file, thrown.what()));
  }
}

net::TlsOptions tls_options(std::vector<net::CertificateFiles> certificates) {
  net::TlsOptions options;
  options.certificates = std::move(certificates);
  return options;
}

Result<void> check_served(const Config& config) {
  std::string refused;
  for (const ListenerSettings& listener : config.listeners) {
    const bool later = listener.protocol == Protocol::managesieve || listener.protocol == Protocol::http;
    if (later)
      refused += fmt::format("{}{}: this version doesn't serve {} yet", refused.empty() ? "" : "\n", listener.where,
                             name_of(listener.protocol));
  }
  if (!refused.empty()) return fail(ErrorKind::unsupported, refused);
  return {};
}

Result<Config> read_config(FileSystem& files, const std::string& file) {
  auto text = read_file(files, file, 1 << 20);
  if (!text) return fail(text.error().kind, fmt::format("{}: can't be read: {}", file, text.error().log));
  return parse_config(*text, file);
}

}  // namespace pabal::app
