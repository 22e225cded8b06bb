// pabal dmarc, tlsrpt: reports of others about us, what ours are made of, and report files.
#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli.hpp"
#include "app/show.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "reports/report_file.hpp"

namespace pabal::app {
namespace {

constexpr std::size_t kMostFileOctets = std::size_t{64} << 20;

std::string plain(const json::value& value) {
  if (value.is_string()) return printable({value.get_string().data(), value.get_string().size()}, 200);
  return json::serialize(value);
}

std::string percent(const json::value& part, const json::value& whole) {
  const auto all = whole.to_number<double>();
  return all == 0 ? "-" : fmt::format("{:.1f}%", 100 * part.to_number<double>() / all);
}

/// A list of the summary as a table, with a bar for how much of it passed.
std::string part(const json::object& summary, std::string_view list, std::string_view member, std::string_view heading,
                 std::string_view unit, std::string_view empty) {
  const auto* found = summary.if_contains(list);
  if (found == nullptr || !found->is_array() || found->get_array().empty()) return {};
  std::vector<std::vector<std::string>> rows;
  for (const auto& line : found->get_array()) {
    const auto& one = line.get_object();
    auto name = plain(one.at(member));
    if (name.empty()) name = empty;
    rows.push_back(
        {name, plain(one.at("messages")), plain(one.at("passed")), percent(one.at("passed"), one.at("messages"))});
  }
  return "\n" + table({std::string(heading), std::string(unit), "PASSED", ""}, rows);
}

std::string for_people(const json::object& summary) {
  const bool tls = plain(summary.at("kind")) == "tls";
  const bool seen = plain(summary.at("view")) == "seen";
  const std::string_view things = tls ? "sessions" : "letters";
  const std::string unit = tls ? "SESSIONS" : "LETTERS";
  std::string out;
  if (seen) {
    out = tls ? fmt::format("How TLS went in sessions with other domains' mail hosts since {}: ",
                            plain(summary.at("since")))
              : fmt::format("What letters that came in since {} said of their From domains' policies: ",
                            plain(summary.at("since")));
  } else {
    out = fmt::format("What others report since {} ({} reports): ", plain(summary.at("since")),
                      plain(summary.at("reports")));
  }
  out += fmt::format("{} {}, {} passed.\n", plain(summary.at("messages")), things,
                     percent(summary.at("passed"), summary.at("messages")));
  out += part(summary, "domains", "domain", "DOMAIN", unit, "-");
  out += part(summary, "sources", "source", tls ? "MAIL HOST" : "SENT FROM", unit, tls ? "(all that went well)" : "-");
  out += part(summary, "results", "result", tls ? "FAILURE" : "ALIGNED AND PASSED", unit, tls ? "(none)" : "-");
  out += part(summary, "reporters", "organization", "REPORTER", unit, "-");
  out += part(summary, "senders", "sender", "PROVEN SENDER", unit, "(nobody)");
  out += part(summary, "trend", "day", "DAY", unit, "-");
  if (const auto* days = summary.if_contains("days"); days != nullptr && !days->get_array().empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& day : days->get_array()) {
      rows.push_back({plain(day.at("day")), plain(day.at("domain")), plain(day.at("state")), plain(day.at("words"))});
    }
    out += "\n" + table({"DAY", "OUR REPORT TO", "STATE", "HOW"}, rows);
  }
  return out;
}

std::string for_people(const reports::AggregateReport& report) {
  std::string out = fmt::format("DMARC report of {} about {}: {} to {}\n", printable(report.org_name),
                                printable(report.policy.domain), report.begin, report.end);
  out += fmt::format("policy p={} sp={} adkim={} aspf={}\n", printable(report.policy.p), printable(report.policy.sp),
                     printable(report.policy.adkim), printable(report.policy.aspf));
  for (const auto& error : report.errors) out += fmt::format("error: {}\n", printable(error));
  std::vector<std::vector<std::string>> rows;
  for (const auto& record : report.records) {
    std::string why;
    for (const auto& reason : record.reasons) why += (why.empty() ? "" : ", ") + printable(reason.type);
    rows.push_back({printable(record.source_ip), fmt::to_string(record.count), printable(record.disposition),
                    record.dkim ? "pass" : "fail", record.spf ? "pass" : "fail", printable(record.header_from), why});
  }
  return out + table({"SENT FROM", "LETTERS", "DONE", "DKIM", "SPF", "FROM", "WHY"}, rows);
}

std::string for_people(const reports::TlsReport& report) {
  std::string out = fmt::format("TLS report of {}\n", printable(report.organization));
  std::vector<std::vector<std::string>> rows;
  for (const auto& policy : report.policies) {
    rows.push_back({printable(policy.domain), printable(policy.type), fmt::to_string(policy.successes), "passed", ""});
    for (const auto& detail : policy.details) {
      rows.push_back({printable(policy.domain), printable(policy.type), fmt::to_string(detail.sessions),
                      printable(detail.result_type), printable(detail.receiving_host)});
    }
  }
  return out + table({"DOMAIN", "POLICY", "SESSIONS", "RESULT", "MAIL HOST"}, rows);
}

int show_files(const Invocation& invocation) {
  RealFileSystem files;
  json::array all;
  bool good = true;
  std::string text;
  for (const auto& path : invocation.list) {
    const auto octets = read_file(files, path, kMostFileOctets);
    if (!octets) return refuse(octets.error());
    const auto file = reports::read_report_file(*octets);
    if (!file) return refuse({file.error().kind, fmt::format("{}: {}", path, file.error().peer), {}});
    for (const auto& why : file->refused) {
      good = false;
      refuse({ErrorKind::syntax, fmt::format("{}: {}", path, why), {}});
    }
    for (const auto& report : file->reports) {
      if (!text.empty()) text += '\n';
      if (const auto* aggregate = std::get_if<reports::AggregateReport>(&report)) {
        all.push_back(reports::to_json(*aggregate));
        text += for_people(*aggregate);
      } else {
        auto object = reports::to_json(std::get<reports::TlsReport>(report));
        object["kind"] = "tls";
        all.push_back(std::move(object));
        text += for_people(std::get<reports::TlsReport>(report));
      }
    }
  }
  std::cout << (invocation.json ? json::serialize(all) + "\n" : text);
  return good ? exit_done : exit_refused;
}

int show_reports(const Invocation& invocation, const std::string& command) {
  if (!invocation.list.empty()) return show_files(invocation);
  if (invocation.text.contains("send")) {
    const auto sent = result_of(invocation, {{"command", "reports send"}});
    if (!sent) return exit_refused;
    if (invocation.json) {
      std::cout << json::serialize(*sent) << '\n';
      return exit_done;
    }
    if (plain(sent->at("over")) != "true") {
      std::cout << "Reports are being sent; what becomes of them is shown with --seen.\n";
      return exit_done;
    }
    for (const auto& day : sent->at("days").get_array()) std::cout << plain(day) << '\n';
    std::cout << fmt::format("{} sent, {} with nobody to tell, {} to be tried again\n", plain(sent->at("sent")),
                             plain(sent->at("nothing")), plain(sent->at("postponed")));
    return exit_done;
  }
  json::object request{{"command", command}, {"seen", invocation.text.contains("seen")}};
  if (const auto domain = invocation.text.find("domain"); domain != invocation.text.end()) {
    request["domain"] = domain->second;
  }
  if (const auto days = invocation.text.find("days"); days != invocation.text.end()) {
    request["days"] = static_cast<std::int64_t>(parse_decimal(days->second, 1'000'000).value_or(0));
  }
  const auto result = result_of(invocation, request);
  if (!result) return exit_refused;
  std::cout << (invocation.json ? json::serialize(*result) + "\n" : for_people(result->get_object()));
  return exit_done;
}

void add_report_command(CLI::App& parent, Invocation& invocation, const std::string& command, const char* help,
                        const char* seen_help) {
  auto* report = data_command(parent, invocation, "report", help, true);
  report->add_option("FILE", invocation.list,
                     "report files to show instead: XML, JSON, packed or not, or letters that carry them");
  const auto option = [&](const char* flag, const char* name, const char* words) {
    return report->add_option_function<std::string>(
        flag, [&invocation, name](const std::string& value) { invocation.text[name] = value; }, words);
  };
  option("--domain", "domain", "of this domain alone");
  option("--days", "days", "of the last so many days; default 30")->check(CLI::PositiveNumber);
  report->add_flag_callback("--seen", [&invocation] { invocation.text["seen"] = ""; }, seen_help);
  report->add_flag_callback(
      "--send-now", [&invocation] { invocation.text["send"] = ""; },
      "send our own reports of both kinds now, of all that was not told yet; a server must run");
  report->footer("Exit status 1 where a file, or something in it, is no report that can be read.");
  report->callback([&invocation, command] {
    invocation.action = [&invocation, command] { return show_reports(invocation, command); };
  });
}

}  // namespace

void add_report_commands(CLI::App& root, Invocation& invocation) {
  auto* dmarc = root.add_subcommand("dmarc", "what becomes of mail that has our domains in its From field")
                    ->require_subcommand(1);
  add_report_command(*dmarc, invocation, "dmarc report",
                     "what others report of mail with our domains (DMARC aggregate reports, RFC 7489)",
                     "what letters that came in here said of other domains' policies, and our reports of it");
  auto* tls = root.add_subcommand("tlsrpt", "how TLS goes between mail hosts")->require_subcommand(1);
  add_report_command(*tls, invocation, "tlsrpt report",
                     "what others report of TLS with our mail hosts (TLS reports, RFC 8460)",
                     "how TLS went in our sessions with other domains' hosts, and our reports of it");
}

}  // namespace pabal::app
