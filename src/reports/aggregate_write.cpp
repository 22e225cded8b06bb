#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "base/text.hpp"
#include "dns/record.hpp"
#include "reports/aggregate.hpp"

namespace pabal::reports {
namespace {

/// XML 1.0 §2.2: no controls but tab and line ends; UTF-8 alone.
void append_text(std::string& out, std::string_view text) {
  if (!is_utf8(text)) {
    append_text(out, printable(text, text.size()));
    return;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (text.substr(i).starts_with("\xEF\xBF\xBE") || text.substr(i).starts_with("\xEF\xBF\xBF")) {
      i += 2;  // U+FFFE, U+FFFF
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) {
      out += c;
    } else {
      out += ' ';
    }
  }
}

class Xml {
 public:
  void open(std::string_view name) {
    indent();
    out_ += fmt::format("<{}>\n", name);
    ++depth_;
  }
  void close(std::string_view name) {
    --depth_;
    indent();
    out_ += fmt::format("</{}>\n", name);
  }
  void element(std::string_view name, std::string_view text) {
    indent();
    out_ += fmt::format("<{}>", name);
    append_text(out_, text);
    out_ += fmt::format("</{}>\n", name);
  }
  /// Nothing for an empty one.
  void optional(std::string_view name, std::string_view text) {
    if (!text.empty()) element(name, text);
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void indent() { out_.append(2 * depth_, ' '); }

  std::string out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  std::size_t depth_ = 0;
};

std::string_view one_of(std::string_view word, std::span<const std::string_view> known, std::string_view other) {
  return std::ranges::find(known, word) != known.end() ? word : other;
}

constexpr std::array<std::string_view, 3> kDispositions = {"none", "quarantine", "reject"};
constexpr std::array<std::string_view, 2> kAlignments = {"r", "s"};
constexpr std::array<std::string_view, 2> kDiscoveries = {"psl", "treewalk"};
constexpr std::array<std::string_view, 7> kDkimResults = {"none",    "pass",      "fail",     "policy",
                                                          "neutral", "temperror", "permerror"};
constexpr std::array<std::string_view, 7> kSpfResults = {"none",     "neutral",   "pass",     "fail",
                                                         "softfail", "temperror", "permerror"};
constexpr std::array<std::string_view, 5> kReasons = {"trusted_forwarder", "mailing_list", "local_policy",
                                                      "policy_test_mode", "other"};

/// RFC 7489's reasons that its successor has no more.
std::string_view reason_word(std::string_view type) {
  if (type == "forwarded") return "trusted_forwarder";
  if (type == "sampled_out") return "policy_test_mode";
  return one_of(type, kReasons, "other");
}

/// The schema's pattern has no "::".
std::string full_address(const std::string& text) {
  const auto v6 = dns::parse_aaaa(text);
  if (!v6) return text;
  std::string out;
  for (std::size_t i = 0; i < 16; i += 2) {
    out += fmt::format("{}{:x}", i == 0 ? "" : ":", v6->octets[i] * 256U + v6->octets[i + 1]);
  }
  return out;
}

void write_policy(Xml& xml, const PublishedPolicy& policy) {
  xml.open("policy_published");
  xml.element("domain", policy.domain);
  xml.optional("adkim", one_of(policy.adkim, kAlignments, ""));
  xml.optional("aspf", one_of(policy.aspf, kAlignments, ""));
  xml.optional("p", one_of(policy.p, kDispositions, ""));
  xml.optional("sp", one_of(policy.sp, kDispositions, ""));
  xml.optional("np", one_of(policy.np, kDispositions, ""));
  xml.optional("t", policy.t);
  xml.optional("fo", policy.fo);
  xml.optional("discovery_method", one_of(policy.discovery, kDiscoveries, ""));
  xml.close("policy_published");
}

void write_record(Xml& xml, const AggregateRecord& record) {
  xml.open("record");
  xml.open("row");
  xml.element("source_ip", full_address(record.source_ip));
  xml.element("count", fmt::to_string(record.count));
  xml.open("policy_evaluated");
  xml.element("disposition", one_of(record.disposition, kDispositions, "none"));
  xml.element("dkim", record.dkim ? "pass" : "fail");
  xml.element("spf", record.spf ? "pass" : "fail");
  for (const auto& reason : record.reasons) {
    xml.open("reason");
    xml.element("type", reason_word(reason.type));
    xml.optional("comment", reason.comment);
    xml.close("reason");
  }
  xml.close("policy_evaluated");
  xml.close("row");
  xml.open("identifiers");
  xml.optional("envelope_to", record.envelope_to);
  xml.element("envelope_from", record.envelope_from);
  xml.element("header_from", record.header_from);
  xml.close("identifiers");
  xml.open("auth_results");
  for (const auto& dkim : record.dkim_results) {
    xml.open("dkim");
    xml.element("domain", dkim.domain);
    xml.element("selector", dkim.selector);
    xml.element("result", one_of(dkim.result, kDkimResults, "neutral"));
    xml.optional("human_result", dkim.human);
    xml.close("dkim");
  }
  // At least one must be there.
  static const std::vector<JudgedSpf> kNone = {{.domain = "", .helo = false, .result = "none"}};
  for (const auto& spf : record.spf_results.empty() ? kNone : record.spf_results) {
    xml.open("spf");
    xml.element("domain", spf.domain);
    xml.element("scope", spf.helo ? "helo" : "mfrom");
    xml.element("result", one_of(spf.result, kSpfResults, "none"));
    xml.close("spf");
  }
  xml.close("auth_results");
  xml.close("record");
}

}  // namespace

std::string write_aggregate(const AggregateReport& report) {
  Xml xml;
  xml.open("feedback");
  xml.open("report_metadata");
  xml.element("org_name", report.org_name);
  xml.element("email", report.email);
  xml.optional("extra_contact_info", report.extra_contact_info);
  xml.element("report_id", report.report_id);
  xml.open("date_range");
  xml.element("begin", fmt::to_string(report.begin));
  xml.element("end", fmt::to_string(report.end));
  xml.close("date_range");
  for (const auto& error : report.errors) xml.element("error", error);
  xml.close("report_metadata");
  write_policy(xml, report.policy);
  for (const auto& record : report.records) write_record(xml, record);
  xml.close("feedback");
  return xml.take();
}

}  // namespace pabal::reports
