#include <algorithm>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "message/content.hpp"
#include "reports/aggregate.hpp"

namespace pabal::reports {
namespace {

constexpr std::size_t kLongestText = 1000;
constexpr std::uint64_t kMostCount = 1'000'000'000;
constexpr std::size_t kMostResults = 100;  ///< of DKIM, SPF and reasons in one record

/// The octets as UTF-8: by the byte order mark, else by what the XML declaration says, else UTF-8.
std::string as_utf8(std::string_view xml) {
  if (xml.starts_with("\xEF\xBB\xBF")) xml.remove_prefix(3);
  if (xml.starts_with("\xFF\xFE") || xml.starts_with("\xFE\xFF")) return codec::to_utf8(xml, "utf-16").utf8;
  std::string label;
  const auto declaration = xml.substr(0, std::min<std::size_t>(xml.find("?>"), 200));
  if (const auto at = declaration.find("encoding="); at != std::string_view::npos) {
    const auto rest = declaration.substr(at + 9);
    if (!rest.empty()) label = std::string(rest.substr(1, rest.find(rest.front(), 1) - 1));
  }
  if (!label.empty() && !equal_ignoring_case(label, "utf-8") && codec::is_known_charset(label)) {
    return codec::to_utf8(xml, label).utf8;
  }
  return codec::repair_utf8(xml).utf8;
}

bool contains_ignoring_case(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find("<!"); at != std::string_view::npos; at = text.find("<!", at + 2)) {
    if (starts_with_ignoring_case(text.substr(at), word)) return true;
  }
  return false;
}

/// From <feedback to the last </feedback>, whatever stands around it: some put it into things that they never close.
std::string_view core_of(std::string_view text) {
  static constexpr std::string_view kName = "feedback";
  const auto is_end = [](char c) { return c == '>' || c == '/' || c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  std::size_t begin = std::string_view::npos;
  for (std::size_t at = text.find(kName); at != std::string_view::npos; at = text.find(kName, at + 1)) {
    if (at + kName.size() >= text.size() || !is_end(text[at + kName.size()])) continue;
    constexpr std::size_t longest = 66;  // a prefix with its bracket
    const auto from = at - std::min(at, longest);
    const auto bracket = text.substr(from, at - from).rfind('<');
    if (bracket == std::string_view::npos) continue;
    const auto open = from + bracket;
    const auto prefix = text.substr(open + 1, at - open - 1);
    if (!prefix.empty() && (!prefix.ends_with(':') || prefix.find_first_of(" /<>!?") != std::string_view::npos))
      continue;
    begin = open;
    break;
  }
  if (begin == std::string_view::npos) return text;
  const auto last = text.rfind(kName);
  const auto close = text.find('>', last);
  if (last <= begin + 1 || close == std::string_view::npos) return text.substr(begin);
  const auto slash = text.rfind("</", last);
  if (slash == std::string_view::npos || last - slash > 66) return text.substr(begin);
  return text.substr(begin, close + 1 - begin);
}

std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  return name.substr(name.rfind(':') + 1);  // npos + 1 is 0
}

pugi::xml_node child(const pugi::xml_node& parent, std::string_view name) {
  return parent.find_child([name](const pugi::xml_node& node) { return local_name(node) == name; });
}

/// U+FFFE and U+FFFF, which XML can't carry (XML 1.0 §2.2), but character references may name.
std::string without_noncharacters(std::string text) {
  for (const std::string_view one : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {
    if (!text.contains(one)) continue;
    std::string kept;
    std::size_t from = 0;
    for (auto at = text.find(one); at != std::string::npos; at = text.find(one, from)) {
      kept.append(text, from, at - from);
      from = at + one.size();
    }
    text = kept.append(text, from);
  }
  return text;
}

/// One line of UTF-8, without controls and spaces at its ends, not too long: what is written is then read as it was.
/// References to surrogates come out of the XML reader as ill-formed UTF-8.
std::string clean(const char* raw) {
  std::string out(raw);
  if (!is_utf8(out)) out = codec::repair_utf8(out).utf8;
  out = without_noncharacters(std::move(out));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return std::string(trim(message::utf8_prefix(trim(out), kLongestText)));
}

std::string text_in(const pugi::xml_node& parent, std::string_view name) {
  return clean(child(parent, name).text().get());
}

std::string word_in(const pugi::xml_node& parent, std::string_view name) { return to_lower(text_in(parent, name)); }

/// Iterative: a tree may be as deep as it has elements.
bool is_deeper_than(const pugi::xml_node& root, int most) {
  int depth = 0;
  auto node = root;
  while (true) {
    if (const auto first = node.first_child()) {
      if (++depth > most) return true;
      node = first;
      continue;
    }
    while (node != root && !node.next_sibling()) {
      node = node.parent();
      --depth;
    }
    if (node == root) return false;
    node = node.next_sibling();
  }
}

AggregateRecord read_record(const pugi::xml_node& node, bool& good) {
  AggregateRecord record;
  const auto row = child(node, "row");
  const auto evaluated = child(row, "policy_evaluated");
  const auto identifiers = child(node, "identifiers");
  record.source_ip = text_in(row, "source_ip");
  const auto count = parse_decimal(text_in(row, "count"), kMostCount);
  good = row && count.has_value();
  record.count = count.value_or(0);
  record.disposition = word_in(evaluated, "disposition");
  record.dkim = word_in(evaluated, "dkim") == "pass";
  record.spf = word_in(evaluated, "spf") == "pass";
  record.envelope_to = word_in(identifiers, "envelope_to");
  record.envelope_from = word_in(identifiers, "envelope_from");
  record.header_from = word_in(identifiers, "header_from");
  for (const auto& reason : evaluated.children()) {
    if (local_name(reason) != "reason" || record.reasons.size() == kMostResults) continue;
    OverrideReason one{.type = word_in(reason, "type"), .comment = text_in(reason, "comment")};
    if (!one.type.empty() || !one.comment.empty()) record.reasons.push_back(std::move(one));
  }
  const auto results = child(node, "auth_results");
  for (const auto& result : results.children()) {
    if (local_name(result) == "dkim" && record.dkim_results.size() < kMostResults) {
      JudgedDkim one{.domain = word_in(result, "domain"),
                     .selector = text_in(result, "selector"),
                     .result = word_in(result, "result"),
                     .human = text_in(result, "human_result")};
      // Millions of empty elements would take far more memory than they have octets.
      if (!one.domain.empty() || !one.result.empty()) record.dkim_results.push_back(std::move(one));
    } else if (local_name(result) == "spf" && record.spf_results.size() < kMostResults) {
      JudgedSpf one{.domain = word_in(result, "domain"),
                    .helo = word_in(result, "scope") == "helo",
                    .result = word_in(result, "result")};
      if (!one.domain.empty() || !one.result.empty()) record.spf_results.push_back(std::move(one));
    }
  }
  return record;
}

PublishedPolicy read_policy(const pugi::xml_node& node) {
  PublishedPolicy policy;
  policy.domain = word_in(node, "domain");
  policy.p = word_in(node, "p");
  policy.sp = word_in(node, "sp");
  policy.np = word_in(node, "np");
  policy.adkim = word_in(node, "adkim");
  policy.aspf = word_in(node, "aspf");
  policy.pct = text_in(node, "pct");
  policy.t = child(node, "t") ? word_in(node, "t") : word_in(node, "testing");
  policy.fo = text_in(node, "fo");
  policy.discovery = word_in(node, "discovery_method");
  return policy;
}

/// Seconds since 1970, until the year 9999.
std::optional<std::int64_t> seconds_in(const pugi::xml_node& node, std::string_view name) {
  const auto number = parse_decimal(text_in(node, name), 253402300799);
  if (!number) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

}  // namespace

Result<AggregateReport> read_aggregate(std::string_view xml, const AggregateLimits& limits) {
  if (xml.size() > limits.octets) {
    return fail(ErrorKind::limit, fmt::format("a report of more than {} octets", limits.octets));
  }
  const std::string text = as_utf8(xml);
  if (contains_ignoring_case(text, "<!DOCTYPE") || contains_ignoring_case(text, "<!ENTITY")) {
    return fail(ErrorKind::policy, "a document type declaration, which no report has");
  }
  if (static_cast<std::size_t>(std::ranges::count(text, '<')) > limits.marks) {
    return fail(ErrorKind::limit, fmt::format("a report of more than {} tags", limits.marks));
  }
  const auto core = core_of(text);
  pugi::xml_document document;
  const auto parsed = document.load_buffer(core.data(), core.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) {
    return fail(
        ErrorKind::syntax,
        fmt::format("no well-formed XML: {}, near \"{}\"", to_lower(parsed.description()),
                    printable(core.substr(std::min<std::size_t>(
                                  static_cast<std::size_t>(std::max<std::ptrdiff_t>(parsed.offset, 0)), core.size())),
                              30)));
  }
  if (is_deeper_than(document, limits.depth))
    return fail(ErrorKind::limit, "elements that stand too deep in one another");
  const auto feedback = child(document, "feedback");
  if (!feedback) return fail(ErrorKind::syntax, "no aggregate report: there is no element \"feedback\"");

  AggregateReport report;
  const auto metadata = child(feedback, "report_metadata");
  const auto range = child(metadata, "date_range");
  report.version = text_in(feedback, "version");
  report.org_name = text_in(metadata, "org_name");
  report.email = text_in(metadata, "email");
  report.extra_contact_info = text_in(metadata, "extra_contact_info");
  report.report_id = text_in(metadata, "report_id");
  for (const auto& error : metadata.children()) {
    if (local_name(error) != "error" || report.errors.size() == kMostResults) continue;
    report.errors.push_back(clean(error.text().get()));
  }
  if (report.org_name.empty() && report.email.empty()) {
    return fail(ErrorKind::syntax, "no aggregate report: it doesn't say who reports");
  }
  const auto begin = seconds_in(range, "begin");
  const auto end = seconds_in(range, "end");
  if (!begin || !end) return fail(ErrorKind::syntax, "no aggregate report: it doesn't say of what time it is");
  report.begin = *begin;
  report.end = *end;
  report.policy = read_policy(child(feedback, "policy_published"));
  if (report.policy.domain.empty()) {
    return fail(ErrorKind::syntax, "no aggregate report: it doesn't say of which domain it is");
  }
  for (const auto& node : feedback.children()) {
    if (local_name(node) != "record") continue;
    if (report.records.size() == limits.records) {
      return fail(ErrorKind::limit, fmt::format("a report of more than {} records", limits.records));
    }
    bool good = false;
    report.records.push_back(read_record(node, good));
    if (!good) return fail(ErrorKind::syntax, fmt::format("record {} has no count", report.records.size()));
  }
  return report;
}

}  // namespace pabal::reports
