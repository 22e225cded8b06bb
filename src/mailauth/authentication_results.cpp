#include "mailauth/authentication_results.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"
#include "message/fold.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::size_t most_results = 100;
constexpr std::size_t most_properties = 20;
constexpr std::size_t most_value_octets = 256;
constexpr std::size_t most_comment_octets = 200;

/// The beginning of what clean_text() would keep of it, at most so many octets: without byte order marks, and without
/// blanks at the start.
std::string beginning_of(std::string_view octets, std::size_t most) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  std::string out;
  while (!octets.empty() && out.size() < most) {
    const char c = octets.front();
    if (octets.starts_with(mark)) {
      octets.remove_prefix(mark.size());
      continue;
    }
    if (!out.empty() || (static_cast<unsigned char>(c) > ' ' && c != 0x7F)) out += c;
    octets.remove_prefix(1);
  }
  return out;
}

/// Clean text (no controls, well-formed UTF-8) of at most so many octets, no character split. Of longer text only a
/// beginning is cleaned: bringing it into form NFC costs far more than looking at it.
std::string safe_text(std::string_view octets, std::size_t most) {
  auto text =
      octets.size() <= 4 * most ? message::clean_text(octets) : message::clean_text(beginning_of(octets, 4 * most));
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

bool is_keyword(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 40 &&
         std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; });
}

/// RFC 2045 §5.1: a token may stand without quotes.
bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7f && !std::string_view("()<>@,;:\\\"/[]?=").contains(c);
  });
}

bool is_atom(char c) noexcept {
  const auto octet = static_cast<unsigned char>(c);
  return is_alpha(c) || is_digit(c) || octet >= 0x80 || std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c);
}

/// RFC 5322 §3.2.3, with RFC 6532's letters.
bool is_dot_atom(std::string_view text) noexcept {
  if (text.empty() || text.front() == '.' || text.back() == '.' || text.contains("..")) return false;
  return std::ranges::all_of(text, [](char c) { return c == '.' || is_atom(c); });
}

/// RFC 8601 §2.2 pvalue: `[ [ local-part ] "@" ] domain-name` needs no quotes.
bool is_address(std::string_view text) noexcept {
  const auto at = text.rfind('@');
  if (at == std::string_view::npos) return false;
  const auto domain = text.substr(at + 1);
  const bool host = !domain.empty() && std::ranges::all_of(domain, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
  });
  return host && (at == 0 || is_dot_atom(text.substr(0, at)));
}

/// A property's or reason's value as it is written.
std::string written_value(std::string_view octets) {
  auto text = safe_text(octets, most_value_octets);
  if (is_token(text) || is_address(text)) return text;
  return message::quoted_string(text);
}

/// The words of a comment, with what would end it escaped; none where nothing is left to say.
std::vector<std::string> comment_words(std::string_view octets) {
  const auto text = safe_text(octets, most_comment_octets);
  std::vector<std::string> words;
  for (const auto word : split(text, ' ')) {
    if (word.empty()) continue;
    auto& escaped = words.emplace_back();
    for (const char c : word) {
      if (c == '(' || c == ')' || c == '\\') escaped += '\\';
      escaped += c;
    }
  }
  if (words.empty()) return words;
  words.front().insert(0, "(");
  words.back() += ')';
  return words;
}

/// What may not be broken, and where a line may begin.
struct FieldPiece {
  std::string text;
  bool begins = false;  ///< a result: on a line of its own
};

std::vector<FieldPiece> pieces_of(std::string_view authserv_id,
                                  std::span<const message::AuthenticationResult> results) {
  std::vector<FieldPiece> pieces;
  pieces.push_back({.text = written_value(authserv_id)});
  std::size_t count = 0;
  for (const auto& result : results) {
    if (count == most_results) break;
    if (!is_keyword(result.method) || !is_keyword(result.result)) continue;
    ++count;
    pieces.back().text += ';';
    auto head = result.method;
    if (is_keyword(result.method_version)) head += "/" + result.method_version;
    pieces.push_back({.text = fmt::format("{}={}", head, result.result), .begins = true});
    for (auto& word : comment_words(result.comment)) pieces.push_back({.text = std::move(word)});
    if (!result.reason.empty()) pieces.push_back({.text = "reason=" + written_value(result.reason)});
    std::size_t properties = 0;
    for (const auto& property : result.properties) {
      if (properties == most_properties) break;
      if (!is_keyword(property.type) || !is_keyword(property.name)) continue;
      ++properties;
      pieces.push_back({.text = fmt::format("{}.{}={}", property.type, property.name, written_value(property.value))});
    }
  }
  if (count == 0) {
    pieces.back().text += ';';
    pieces.push_back({.text = "none"});
  }
  return pieces;
}

}  // namespace

std::string authentication_results_field(std::string_view authserv_id,
                                         std::span<const message::AuthenticationResult> results) {
  std::string field;
  message::FieldFolder folder(field, "Authentication-Results");
  for (const auto& piece : pieces_of(authserv_id, results)) {
    if (piece.begins) folder.break_line();
    folder.piece(piece.text);
  }
  folder.end();
  return field;
}

std::string authentication_results_text(std::string_view authserv_id,
                                        std::span<const message::AuthenticationResult> results) {
  std::string text;
  for (const auto& piece : pieces_of(authserv_id, results)) {
    if (!text.empty()) text += ' ';
    text += piece.text;
  }
  return text;
}

message::AuthenticationResult result_of(const SpfOutcome& outcome) {
  message::AuthenticationResult result{.method = "spf",
                                       .method_version = {},
                                       .result = std::string(name_of(outcome.result)),
                                       .reason = {},
                                       .comment = outcome.check.why,
                                       .properties = {}};
  if (outcome.identity == SpfIdentity::helo) {
    result.properties.push_back({.type = "smtp", .name = "helo", .value = outcome.domain});
  } else {
    result.properties.push_back({.type = "smtp", .name = "mailfrom", .value = outcome.sender});
  }
  return result;
}

message::AuthenticationResult result_of(const IprevOutcome& outcome) {
  return {.method = "iprev",
          .method_version = {},
          .result = std::string(name_of(outcome.result)),
          .reason = {},
          .comment = outcome.name,
          .properties = {{.type = "policy", .name = "iprev", .value = outcome.address.text()}}};
}

message::AuthenticationResult result_of(const DmarcOutcome& outcome) {
  message::AuthenticationResult result{.method = "dmarc",
                                       .method_version = {},
                                       .result = std::string(name_of(outcome.result)),
                                       .reason = outcome.problem,
                                       .comment = {},
                                       .properties = {}};
  if (outcome.record) {
    result.comment = fmt::format("{}={}", outcome.policy_tag, name_of(outcome.policy));
    if (outcome.policy_domain != outcome.domain) result.comment += " of " + outcome.policy_domain;
  }
  if (!outcome.domain.empty()) {
    result.properties.push_back({.type = "header", .name = "from", .value = outcome.domain});
  }
  if (outcome.record) {
    result.properties.push_back({.type = "policy", .name = "dmarc", .value = std::string(name_of(outcome.policy))});
  }
  return result;
}

message::AuthenticationResult result_of(const DkimOutcome& outcome) {
  message::AuthenticationResult result{.method = "dkim",
                                       .method_version = {},
                                       .result = std::string(name_of(outcome.result)),
                                       .reason = outcome.result == DkimResult::pass ? std::string() : outcome.reason,
                                       .comment = {},
                                       .properties = {}};
  if (outcome.bits > 0) {
    result.comment = fmt::format("{}-bit key{}", outcome.bits, outcome.testing ? ", testing" : "");
  } else if (outcome.testing) {
    result.comment = "testing";
  }
  const auto add = [&](const char* name, std::string_view value) {
    if (!value.empty()) result.properties.push_back({.type = "header", .name = name, .value = std::string(value)});
  };
  add("d", outcome.domain);
  add("i", outcome.identity);
  add("s", outcome.selector);
  add("a", outcome.algorithm);
  // RFC 6008: eight characters tell a letter's signatures apart.
  add("b", std::string_view(outcome.signature).substr(0, 8));
  return result;
}

message::AuthenticationResult result_of(const ArcOutcome& outcome, const IpAddress& client) {
  message::AuthenticationResult result{.method = "arc",
                                       .method_version = {},
                                       .result = std::string(name_of(outcome.cv)),
                                       .reason = outcome.cv == ArcStatus::fail ? outcome.reason : std::string(),
                                       .comment = {},
                                       .properties = {}};
  if (!outcome.sets.empty()) {
    const auto& last = outcome.sets.back();
    result.comment = fmt::format("i={} {}", last.instance, last.seal.domain);
  }
  if (outcome.cv == ArcStatus::pass) {
    result.properties.push_back(
        {.type = "header", .name = "oldest-pass", .value = fmt::format("{}", outcome.oldest_pass)});
  }
  if (outcome.cv != ArcStatus::none) {
    result.properties.push_back({.type = "smtp", .name = "remote-ip", .value = client.text()});
  }
  return result;
}

message::AuthenticationResult authenticated(std::string_view user) {
  return {.method = "auth",
          .method_version = {},
          .result = "pass",
          .reason = {},
          .comment = {},
          .properties = {{.type = "smtp", .name = "auth", .value = std::string(user)}}};
}

namespace {

/// RFC 7208 §9.1: a dot-atom or a quoted string.
std::string key_value(std::string_view key, std::string_view octets) {
  const auto text = safe_text(octets, most_value_octets);
  return fmt::format("{}={}", key, is_dot_atom(text) ? text : message::quoted_string(text));
}

std::string received_spf_comment(const SpfOutcome& outcome, const SpfQuery& query) {
  const auto client = query.address.text();
  const auto& domain = outcome.domain;
  switch (outcome.result) {
    case SpfResult::none:
      return fmt::format("{} says nothing about who may send for it", domain);
    case SpfResult::neutral:
      return fmt::format("{} says neither yes nor no to {}", domain, client);
    case SpfResult::pass:
      return fmt::format("{} lets {} send for it", domain, client);
    case SpfResult::fail:
      return fmt::format("{} does not let {} send for it", domain, client);
    case SpfResult::softfail:
      return fmt::format("{} probably does not let {} send for it", domain, client);
    case SpfResult::temperror:
      return fmt::format("the records of {} can't be looked up now", domain);
    case SpfResult::permerror:
      return fmt::format("the records of {} are wrong", domain);
  }
  return {};
}

}  // namespace

std::string received_spf_field(const SpfOutcome& outcome, const SpfQuery& query) {
  auto comment = received_spf_comment(outcome, query);
  if (!query.receiver.empty()) comment.insert(0, query.receiver + ": ");
  std::vector<std::string> pairs{key_value("client-ip", query.address.text()),
                                 key_value("envelope-from", query.mail_from), key_value("helo", query.helo)};
  if (!query.receiver.empty()) pairs.push_back(key_value("receiver", query.receiver));
  pairs.push_back(key_value("identity", name_of(outcome.identity)));
  if (!outcome.mechanism.empty()) pairs.push_back(key_value("mechanism", outcome.mechanism));
  if (!outcome.problem.empty()) pairs.push_back(key_value("problem", outcome.problem));
  std::string field;
  message::FieldFolder folder(field, "Received-SPF");
  folder.piece(name_of(outcome.result));
  for (const auto& word : comment_words(comment)) folder.piece(word);
  for (std::size_t i = 0; i < pairs.size(); ++i) folder.piece(i + 1 < pairs.size() ? pairs[i] + ";" : pairs[i]);
  folder.end();
  return field;
}

}  // namespace pabal::mailauth
