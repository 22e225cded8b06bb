#include "reports/outcome_key.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "message/content.hpp"

namespace pabal::reports {
namespace {

constexpr std::size_t kMostSignatures = 20;
constexpr std::size_t kMostReasons = 5;
constexpr std::size_t kMostKeptLines = 100;
constexpr std::size_t kMostKeptOctets = 4096;  ///< of all lines of a list

/// Letters bring these words: they are cut, and of one line.
std::string cut(std::string_view text, std::size_t most = 255) {
  std::string out(message::utf8_prefix(is_utf8(text) ? std::string(text) : printable(text, most), most));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return out;
}

/// A list with commas between, whole URIs of it: the beginning of one would be another.
std::string cut_list(std::string_view text, std::size_t most) {
  auto out = cut(text, most + 1);
  if (out.size() <= most) return out;
  const auto comma = out.rfind(',', most);
  out.resize(comma == std::string::npos ? 0 : comma);
  return out;
}

json::array bounded_texts(const std::vector<std::string>& texts) {
  json::array all;
  std::size_t octets = 0;
  for (const auto& text : texts) {
    if (all.size() == kMostKeptLines || octets > kMostKeptOctets) break;
    const auto line = cut(text);
    octets += line.size();
    all.push_back(json::string(line));
  }
  return all;
}

Result<json::object> parse_object(std::string_view text) {
  auto value = parse_json(text);
  if (!value || !value->is_object()) {
    return fail(ErrorKind::damaged, "a row of outcomes is damaged", "a row of outcomes is no JSON object");
  }
  return std::move(value->get_object());
}

std::string text_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

bool truth_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

/// Each element of the list of this name, where there is one.
template <class Each>
void for_each(const json::object& object, std::string_view name, Each each) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return;
  for (const auto& one : value->get_array()) each(one);
}

/// Those that are objects.
template <class Each>
void for_each_object(const json::object& object, std::string_view name, Each each) {
  for_each(object, name, [&](const json::value& one) {
    if (one.is_object()) each(one.get_object());
  });
}

std::vector<std::string> texts_at(const json::object& object, std::string_view name) {
  std::vector<std::string> found;
  for_each(object, name, [&](const json::value& one) {
    if (one.is_string()) found.emplace_back(one.get_string().data(), one.get_string().size());
  });
  return found;
}

/// The members of a policy that are texts, by their names in the row.
struct PolicyText {
  std::string_view name;
  std::string PublishedPolicy::* member;
  std::size_t most = 255;
};
constexpr PolicyText kPolicyTexts[] = {
    {"p", &PublishedPolicy::p},           {"sp", &PublishedPolicy::sp},
    {"np", &PublishedPolicy::np},         {"adkim", &PublishedPolicy::adkim},
    {"aspf", &PublishedPolicy::aspf},     {"pct", &PublishedPolicy::pct},
    {"t", &PublishedPolicy::t},           {"fo", &PublishedPolicy::fo},
    {"rua", &PublishedPolicy::rua, 2048}, {"discovery", &PublishedPolicy::discovery},
};

}  // namespace

std::string_view name_of(Kind kind) noexcept { return kind == Kind::dmarc ? "dmarc" : "tls"; }

std::int64_t day_of(SystemTime time) noexcept {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}
SystemTime begin_of(std::int64_t day) noexcept { return SystemTime(std::chrono::days(day)); }

OutcomeKey key_of(const JudgedLetter& letter) {
  OutcomeKey key;
  key.kind = Kind::dmarc;
  const auto& policy = letter.policy;
  key.domain = to_lower(cut(policy.domain));
  json::object published;
  for (const auto& one : kPolicyTexts) {
    const auto& text = policy.*one.member;
    published[one.name] = one.member == &PublishedPolicy::rua ? cut_list(text, one.most) : cut(text, one.most);
  }
  key.policy = json::serialize(published);
  json::array dkim;
  for (const auto& one : letter.dkim) {
    if (dkim.size() == kMostSignatures) break;
    dkim.push_back(json::object{{"d", to_lower(cut(one.domain))},
                                {"s", cut(one.selector)},
                                {"r", cut(one.result, 20)},
                                {"h", cut(one.human, 100)}});
  }
  json::array spf;
  for (const auto& one : letter.spf) {
    if (spf.size() == 2) break;
    spf.push_back(json::object{{"d", to_lower(cut(one.domain))}, {"helo", one.helo}, {"r", cut(one.result, 20)}});
  }
  json::array reasons;
  for (const auto& one : letter.reasons) {
    if (reasons.size() == kMostReasons) break;
    reasons.push_back(json::object{{"type", cut(one.type, 40)}, {"comment", cut(one.comment, 100)}});
  }
  key.facts = json::serialize(json::object{{"ip", cut(letter.source_ip, 64)},
                                           {"disposition", name_of(letter.disposition)},
                                           {"dkim", letter.dkim_aligned},
                                           {"spf", letter.spf_aligned},
                                           {"from", to_lower(cut(letter.header_from))},
                                           {"mail", to_lower(cut(letter.envelope_from))},
                                           {"reasons", std::move(reasons)},
                                           {"dkim_results", std::move(dkim)},
                                           {"spf_results", std::move(spf)}});
  return key;
}

OutcomeKey key_of(const queue::TlsOutcome& outcome) {
  OutcomeKey key;
  key.kind = Kind::tls;
  key.domain = to_lower(cut(outcome.domain));
  key.policy = json::serialize(json::object{{"type", name_of(outcome.policy)},
                                            {"lines", bounded_texts(outcome.policy_lines)},
                                            {"hosts", bounded_texts(outcome.policy_hosts)}});
  json::object facts;
  // Successes are one number; of failures it is told who failed with whom.
  if (outcome.failure) {
    facts = {{"failure", name_of(*outcome.failure)},
             {"host", cut(outcome.receiving_host)},
             {"to", cut(outcome.receiving_ip, 64)},
             {"from", cut(outcome.sending_ip, 64)},
             {"reason", cut(outcome.reason, 200)}};
  }
  key.facts = json::serialize(facts);
  return key;
}

Result<PublishedPolicy> dmarc_policy_of(std::string_view policy) {
  const auto object = parse_object(policy);
  if (!object) return pass(object);
  PublishedPolicy out;
  for (const auto& one : kPolicyTexts) out.*one.member = text_at(*object, one.name);
  return out;
}

Result<AggregateRecord> dmarc_record_of(std::string_view facts) {
  const auto object = parse_object(facts);
  if (!object) return pass(object);
  AggregateRecord out;
  out.source_ip = text_at(*object, "ip");
  out.disposition = text_at(*object, "disposition");
  out.dkim = truth_at(*object, "dkim");
  out.spf = truth_at(*object, "spf");
  out.header_from = text_at(*object, "from");
  out.envelope_from = text_at(*object, "mail");
  for_each_object(*object, "reasons", [&](const json::object& one) {
    out.reasons.push_back({.type = text_at(one, "type"), .comment = text_at(one, "comment")});
  });
  for_each_object(*object, "dkim_results", [&](const json::object& one) {
    out.dkim_results.push_back({.domain = text_at(one, "d"),
                                .selector = text_at(one, "s"),
                                .result = text_at(one, "r"),
                                .human = text_at(one, "h")});
  });
  for_each_object(*object, "spf_results", [&](const json::object& one) {
    out.spf_results.push_back(
        {.domain = text_at(one, "d"), .helo = truth_at(one, "helo"), .result = text_at(one, "r")});
  });
  return out;
}

Result<TlsPolicyReport> tls_policy_of(std::string_view policy) {
  const auto object = parse_object(policy);
  if (!object) return pass(object);
  TlsPolicyReport out;
  out.type = text_at(*object, "type");
  out.lines = texts_at(*object, "lines");
  out.mx_hosts = texts_at(*object, "hosts");
  return out;
}

Result<TlsFailureDetail> tls_detail_of(std::string_view facts) {
  const auto object = parse_object(facts);
  if (!object) return pass(object);
  TlsFailureDetail out;
  out.result_type = text_at(*object, "failure");
  out.receiving_host = text_at(*object, "host");
  out.receiving_ip = text_at(*object, "to");
  out.sending_ip = text_at(*object, "from");
  out.reason = text_at(*object, "reason");
  return out;
}

}  // namespace pabal::reports
