#include "imap/url.hpp"

#include <algorithm>
#include <chrono>

#include "base/text.hpp"
#include "codec/hex.hpp"
#include "imap/cursor.hpp"

namespace pabal::imap {

namespace {

std::unexpected<Error> wrong(std::string_view why) {
  return fail(ErrorKind::syntax, "That is no IMAP URL.", fmt::format("url: {}", why));
}

// RFC 5092 §11: what stands for itself; "/" and ":" and "@" where the rule allows them. "#" never (RFC 3986).
bool is_url_char(char c) noexcept {
  return is_digit(c) || is_alpha(c) || std::string_view("-._~!$'()*+,&=%/:@;?[]").find(c) != std::string_view::npos;
}

// %XX undone. What has controls or isn't UTF-8 is nothing that a mailbox, a user or a section could be called.
std::optional<std::string> decode(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '%') {
      if (text.size() - at < 3) return std::nullopt;
      const auto octet = codec::decode_hex(text.substr(at + 1, 2));
      if (!octet) return std::nullopt;
      c = octet->front();
      at += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f') return std::nullopt;
    out.push_back(c);
  }
  if (!is_utf8(out)) return std::nullopt;
  return out;
}

template <class T>
std::optional<T> number(std::string_view text, std::uint64_t max) {
  const auto value = parse_decimal(text, max);
  if (!value || text.size() > 20) return std::nullopt;
  return static_cast<T>(*value);
}

// date-time of RFC 3339 §5.6; parts of seconds are cut off, second 60 is the next minute's first.
std::optional<SystemTime> parse_time(std::string_view text) {
  using namespace std::chrono;
  const auto digits = [&](std::size_t at, std::size_t count) -> int {
    const auto value = at + count <= text.size() ? parse_decimal(text.substr(at, count)) : std::nullopt;
    return value ? static_cast<int>(*value) : -1;
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || ascii_upper(text[10]) != 'T' || text[13] != ':' ||
      text[16] != ':') {
    return std::nullopt;
  }
  const year_month_day date(year(digits(0, 4)), month(static_cast<unsigned>(digits(5, 2))),
                            day(static_cast<unsigned>(digits(8, 2))));
  const int hour = digits(11, 2);
  const int minute = digits(14, 2);
  const int second = digits(17, 2);
  if (digits(0, 4) < 0 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 60) {
    return std::nullopt;
  }
  auto rest = text.substr(19);
  if (rest.starts_with('.')) {
    const auto end = rest.find_first_not_of("0123456789", 1);
    if (end == 1 || end == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(end);
  }
  minutes offset(0);
  if (!equal_ignoring_case(rest, "Z")) {
    const auto hours_east = rest.size() == 6 && rest[3] == ':' ? parse_decimal(rest.substr(1, 2), 23) : std::nullopt;
    const auto minutes_east = hours_east ? parse_decimal(rest.substr(4, 2), 59) : std::nullopt;
    if (!minutes_east || (rest[0] != '+' && rest[0] != '-')) return std::nullopt;
    offset = minutes(static_cast<int>(*hours_east * 60 + *minutes_east));
    if (rest[0] == '-') offset = -offset;
  }
  const auto time = sys_days(date) + hours(hour) + minutes(minute) + seconds(second) - offset;
  return SystemTime(duration_cast<SystemTime::duration>(time.time_since_epoch()));
}

std::size_t find_ignoring_case(std::string_view text, std::string_view what) noexcept {
  for (std::size_t at = 0; at + what.size() <= text.size(); ++at) {
    if (starts_with_ignoring_case(text.substr(at), what)) return at;
  }
  return std::string_view::npos;
}

// iserver (RFC 5092 §11).
Result<UrlServer> parse_server(std::string_view text) {
  UrlServer server;
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    auto user = text.substr(0, at);
    text.remove_prefix(at + 1);
    if (const auto auth = find_ignoring_case(user, ";AUTH="); auth != std::string_view::npos) {
      auto type = decode(user.substr(auth + 6));
      if (!type || type->empty()) return wrong("authentication type");
      server.auth = to_upper(*type);
      user = user.substr(0, auth);
    } else if (user.empty()) {
      return wrong("no user");
    }
    auto name = decode(user);
    if (!name || user.find_first_of(";:/?@[]") != std::string_view::npos) return wrong("user");
    server.user = std::move(*name);
  }
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return wrong("address");
    port = text.substr(end + 1);
    text = text.substr(1, end - 1);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    port = text.substr(colon);
    text = text.substr(0, colon);
    if (text.find_first_of("[]") != std::string_view::npos) return wrong("host");
  }
  if (!port.empty()) {
    const auto value = port[0] == ':' ? number<std::uint16_t>(port.substr(1), UINT16_MAX) : std::nullopt;
    if (!value || *value == 0) return wrong("port");
    server.port = *value;
  }
  auto host = decode(text);
  if (!host || host->empty() || text.find_first_of("/?;@") != std::string_view::npos) return wrong("host");
  server.host = to_lower(*host);
  return server;
}

// `access[:mechanism:token]`; `begin` is where it stands in the URL.
Result<UrlAuthorization> parse_authorization(std::string_view text, std::size_t begin) {
  using Access = UrlAuthorization::Access;
  UrlAuthorization out;
  const auto colon = text.find(':');
  const auto access = text.substr(0, colon);
  out.rump = begin + access.size();
  if (equal_ignoring_case(access, "anonymous")) {
    out.access = Access::anonymous;
  } else if (equal_ignoring_case(access, "authuser")) {
    out.access = Access::authuser;
  } else {
    const bool submit = starts_with_ignoring_case(access, "submit+");
    if (!submit && !starts_with_ignoring_case(access, "user+")) return wrong("access");
    out.access = submit ? Access::submit : Access::user;
    auto user = decode(access.substr(submit ? 7 : 5));
    if (!user || user->empty()) return wrong("access user");
    out.user = std::move(*user);
  }
  if (colon == std::string_view::npos) return out;
  const auto rest = text.substr(colon + 1);
  const auto second = rest.find(':');
  if (second == std::string_view::npos || second == 0) return wrong("mechanism");
  const auto mechanism = rest.substr(0, second);
  const auto token = rest.substr(second + 1);
  const auto is_name = [](char c) { return is_digit(c) || is_alpha(c) || c == '-' || c == '.'; };
  const auto is_hex = [](char c) { return codec::hex_digit(c) >= 0; };
  if (!std::ranges::all_of(mechanism, is_name)) return wrong("mechanism");
  // RFC 4467 §10: 32*HEXDIG.
  if (token.size() < 32 || !std::ranges::all_of(token, is_hex)) return wrong("token");
  out.mechanism = to_upper(mechanism);
  out.token = token;
  return out;
}

// The path's last piece may end in `;EXPIRE=…;URLAUTH=…`: taken off it. `begin` is where the path stands in the URL.
Result<std::optional<UrlAuthorization>> take_authorization(std::string_view& path, std::size_t begin) {
  const auto at = find_ignoring_case(path, ";URLAUTH=");
  if (at == std::string_view::npos) return std::nullopt;
  auto out = parse_authorization(path.substr(at + 9), begin + at + 9);
  if (!out) return pass(out);
  path = path.substr(0, at);
  if (const auto expire = find_ignoring_case(path, ";EXPIRE="); expire != std::string_view::npos) {
    out->expires = parse_time(path.substr(expire + 8));
    if (!out->expires) return wrong("expiry");
    path = path.substr(0, expire);
  }
  return std::move(*out);
}

std::optional<Partial> parse_partial(std::string_view text) {
  const auto dot = text.find('.');
  const auto offset = number<std::uint64_t>(text.substr(0, dot), INT64_MAX);
  if (!offset) return std::nullopt;
  if (dot == std::string_view::npos) return Partial{.offset = *offset, .count = INT64_MAX};
  const auto count = number<std::uint64_t>(text.substr(dot + 1), INT64_MAX);
  if (!count || *count == 0) return std::nullopt;
  return Partial{.offset = *offset, .count = *count};
}

std::optional<Section> parse_url_section(std::string_view text) {
  const auto decoded = decode(text);
  if (!decoded || decoded->empty()) return std::nullopt;
  const ParseRules rules;
  const std::string bracketed = "[" + *decoded + "]";
  Cursor in(bracketed, rules);
  auto section = parse_section(in);
  in.end();
  if (!in.ok()) return std::nullopt;
  return section;
}

// `mailbox;UIDVALIDITY=n`.
Result<void> parse_mailbox(std::string_view text, Url& url) {
  if (const auto at = find_ignoring_case(text, ";UIDVALIDITY="); at != std::string_view::npos) {
    url.uid_validity = number<std::uint32_t>(text.substr(at + 13), UINT32_MAX);
    if (!url.uid_validity || *url.uid_validity == 0) return wrong("UIDVALIDITY");
    text = text.substr(0, at);
  }
  if (text.empty()) return url.uid_validity ? Result<void>(wrong("no mailbox")) : Result<void>();
  if (text.find_first_of(";?") != std::string_view::npos) return wrong("mailbox");
  auto decoded = decode(text);
  auto name = decoded ? MailboxName::parse(*decoded) : Result<MailboxName>(wrong("mailbox"));
  if (!name) return wrong("mailbox");
  url.mailbox = std::move(*name);
  return {};
}

// One of `;UID=`, `;SECTION=`, `;PARTIAL=`, in this order; `stage` is how far it has come.
Result<void> parse_piece(std::string_view piece, int& stage, Url& url) {
  if (stage < 1 && starts_with_ignoring_case(piece, ";UID=")) {
    stage = 1;
    url.uid = number<std::uint32_t>(piece.substr(5), UINT32_MAX);
    return !url.uid || *url.uid == 0 ? Result<void>(wrong("UID")) : Result<void>();
  }
  if (stage == 1 && starts_with_ignoring_case(piece, ";SECTION=")) {
    stage = 2;
    auto section = parse_url_section(piece.substr(9));
    if (!section) return wrong("section");
    url.section = std::move(*section);
    return {};
  }
  if (stage >= 1 && stage < 3 && starts_with_ignoring_case(piece, ";PARTIAL=")) {
    stage = 3;
    url.partial = parse_partial(piece.substr(9));
    return url.partial ? Result<void>() : Result<void>(wrong("partial"));
  }
  return wrong("path");
}

// icommand: `mailbox/;UID=20/;SECTION=1.2/;PARTIAL=0.10`, without authorization.
Result<void> parse_path(std::string_view path, Url& url) {
  if (const auto query = path.find('?'); query != std::string_view::npos) {
    url.search = true;
    if (!decode(path.substr(query + 1))) return wrong("search");
    path = path.substr(0, query);
  }
  // The message's pieces begin behind a slash with ";"; a relative URL may begin with one.
  auto pieces = path.starts_with(';') ? 0 : path.find("/;");
  auto mailbox = path.substr(0, pieces);
  if (pieces == std::string_view::npos && mailbox.ends_with('/')) mailbox.remove_suffix(1);
  if (auto parsed = parse_mailbox(mailbox, url); !parsed) return parsed;
  int stage = 0;
  while (pieces < path.size()) {
    if (path[pieces] == '/') ++pieces;
    // A section may hold slashes; a piece ends where the next one begins.
    const auto end = std::min(path.find("/;", pieces), path.size());
    if (auto parsed = parse_piece(path.substr(pieces, end - pieces), stage, url); !parsed) return parsed;
    pieces = end;
  }
  if (url.search && url.uid) return wrong("a search in a message");
  return {};
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  if (text.empty() || text.size() > kLongestUrl || !std::ranges::all_of(text, is_url_char)) return wrong("octets");
  Url url;
  std::size_t at = 0;
  if (starts_with_ignoring_case(text, "imap://") || text.starts_with("//")) {
    at = text.starts_with('/') ? 2 : 7;
    const auto end = std::min(text.find('/', at), text.size());
    auto server = parse_server(text.substr(at, end - at));
    if (!server) return pass(server);
    url.server = std::move(*server);
    at = end;
  } else if (const auto colon = text.find_first_of(":/");
             colon != std::string_view::npos && text[colon] == ':' && text.find(';') > colon) {
    return wrong("another scheme");
  }
  const bool slash = at < text.size() && text[at] == '/';
  if (slash) ++at;
  auto path = text.substr(at);
  auto authorization = take_authorization(path, at);
  if (!authorization) return pass(authorization);
  url.authorization = std::move(*authorization);
  if (auto parsed = parse_path(path, url); !parsed) return pass(parsed);
  // With a server or a slash there is nothing that a message could be relative to.
  if ((slash || url.server) && url.uid && !url.mailbox) return wrong("a message without its mailbox");
  // RFC 4467 §3: a message's or a part's, on a server that is named.
  if (url.authorization && (!url.uid || !url.server)) return wrong("an authorization for no message");
  return url;
}

std::string describe(const Url& url) {
  std::string out;
  if (url.server) {
    const auto& server = *url.server;
    out += fmt::format("[{}|{}|{}|{}]", server.user, server.auth, server.host, server.port);
  }
  out += url.mailbox ? url.mailbox->text() : "-";
  if (url.uid_validity) out += fmt::format(" validity={}", *url.uid_validity);
  if (url.uid) out += fmt::format(" uid={}", *url.uid);
  if (url.search) out += " search";
  if (url.section != Section{}) {
    out += " section=";
    append_section(out, url.section);
  }
  if (url.partial) out += fmt::format(" partial={}.{}", url.partial->offset, url.partial->count);
  if (url.authorization) {
    const auto& authorization = *url.authorization;
    out += fmt::format(" access={}:{}", static_cast<int>(authorization.access), authorization.user);
    if (authorization.expires) {
      out += fmt::format(" expires={}",
                         std::chrono::floor<std::chrono::seconds>(*authorization.expires).time_since_epoch().count());
    }
    out += fmt::format(" by={} rump={}", authorization.mechanism, authorization.rump);
  }
  return out;
}

}  // namespace pabal::imap
