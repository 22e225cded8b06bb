#include "reports/aggregate.hpp"

namespace pabal::reports {
namespace {

void put(json::object& object, std::string_view name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}

}  // namespace

json::object to_json(const PublishedPolicy& policy) {
  json::object out{{"domain", policy.domain}};
  put(out, "p", policy.p);
  put(out, "sp", policy.sp);
  put(out, "np", policy.np);
  put(out, "adkim", policy.adkim);
  put(out, "aspf", policy.aspf);
  put(out, "pct", policy.pct);
  put(out, "t", policy.t);
  put(out, "fo", policy.fo);
  put(out, "discovery_method", policy.discovery);
  return out;
}

json::object to_json(const AggregateRecord& record) {
  json::array reasons;
  for (const auto& reason : record.reasons) {
    reasons.push_back(json::object{{"type", reason.type}, {"comment", reason.comment}});
  }
  json::array dkim;
  for (const auto& one : record.dkim_results) {
    json::object result{{"domain", one.domain}, {"selector", one.selector}, {"result", one.result}};
    put(result, "human_result", one.human);
    dkim.push_back(std::move(result));
  }
  json::array spf;
  for (const auto& one : record.spf_results) {
    spf.push_back(json::object{{"domain", one.domain}, {"scope", one.helo ? "helo" : "mfrom"}, {"result", one.result}});
  }
  json::object out{{"source_ip", record.source_ip},        {"count", record.count},
                   {"disposition", record.disposition},    {"dkim", record.dkim ? "pass" : "fail"},
                   {"spf", record.spf ? "pass" : "fail"},  {"header_from", record.header_from},
                   {"envelope_from", record.envelope_from}};
  put(out, "envelope_to", record.envelope_to);
  if (!reasons.empty()) out["reasons"] = std::move(reasons);
  out["auth_results"] = json::object{{"dkim", std::move(dkim)}, {"spf", std::move(spf)}};
  return out;
}

json::object to_json(const AggregateReport& report) {
  json::array records;
  for (const auto& record : report.records) records.push_back(to_json(record));
  json::object out{{"kind", "dmarc"},
                   {"org_name", report.org_name},
                   {"email", report.email},
                   {"report_id", report.report_id},
                   {"begin", report.begin},
                   {"end", report.end},
                   {"policy", to_json(report.policy)},
                   {"records", std::move(records)}};
  put(out, "extra_contact_info", report.extra_contact_info);
  put(out, "version", report.version);
  if (!report.errors.empty()) {
    json::array errors;
    for (const auto& error : report.errors) errors.push_back(json::string(error));
    out["errors"] = std::move(errors);
  }
  return out;
}

}  // namespace pabal::reports
