#include "app/demo_way.hpp"

#include <chrono>
#include <string_view>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/clock.hpp"

namespace pabal::app {
namespace {

std::string text(const json::value& object, std::string_view name) {
  const auto* members = object.if_object();
  const auto* value = members != nullptr ? members->if_contains(name) : nullptr;
  if (value == nullptr) return {};
  const auto* word = value->if_string();
  return word != nullptr ? std::string(word->data(), word->size()) : json::serialize(*value);
}

const json::array& list(const json::value& object, std::string_view name) {
  static const json::array none;
  const auto* members = object.if_object();
  const auto* value = members != nullptr ? members->if_contains(name) : nullptr;
  const auto* items = value != nullptr ? value->if_array() : nullptr;
  return items != nullptr ? *items : none;
}

// 21:04:07 of 2026-11-22T21:04:07.123Z
std::string clock_time(const std::string& timestamp) {
  const auto at = timestamp.find('T');
  return at == std::string::npos ? std::string("        ") : timestamp.substr(at + 1, 8);
}

void add_dialogue(const json::array& steps, std::vector<std::string>& out) {
  for (const auto& step : steps) {
    const auto time = clock_time(text(step, "time"));
    if (const auto said = text(step, "client"); !said.empty()) out.push_back(fmt::format("    {}  > {}", time, said));
    if (const auto said = text(step, "server"); !said.empty()) out.push_back(fmt::format("    {}  < {}", time, said));
  }
}

std::string words_for(const std::string& fate) {
  if (fate == "lasting") return "refused for good";
  if (fate == "passing") return "not now";
  if (fate == "in_doubt") return "nobody knows, so it is tried again";
  return fate;
}

void add_attempt(const json::value& attempt, std::vector<std::string>& out) {
  const auto began = clock_time(text(attempt, "began"));
  out.push_back(fmt::format("  {}  It is taken out of the queue for a try.", began));
  for (const auto& line : list(attempt, "route")) {
    const auto* word = line.if_string();
    if (word != nullptr) out.push_back(fmt::format("    DNS: {}", std::string_view(word->data(), word->size())));
  }
  for (const auto& failed : list(attempt, "not_connected")) {
    add_dialogue(list(failed, "said"), out);
    out.push_back(fmt::format("    {} can't be had: {}", text(failed, "host"), text(failed, "why")));
  }
  if (const auto host = text(attempt, "host"); !host.empty()) {
    out.push_back(fmt::format("    Connected to {} at {}{}", host, text(attempt, "address"),
                              text(attempt, "tls").empty() ? "" : ", encrypted: " + text(attempt, "tls")));
  }
  add_dialogue(list(attempt, "opening"), out);
  add_dialogue(list(attempt, "said"), out);
  for (const auto& recipient : list(attempt, "recipients")) {
    const auto reply = text(recipient, "reply").empty() ? text(recipient, "why") : text(recipient, "reply");
    out.push_back(fmt::format("  {}  {}: {}{}", clock_time(text(attempt, "ended")), text(recipient, "address"),
                              words_for(text(recipient, "fate")), reply.empty() ? "" : ": " + reply));
  }
}

}  // namespace

std::vector<std::string> way_out(const json::value& traces, bool waits) {
  std::vector<std::string> out;
  for (const auto& trace : list(traces, "traces")) {
    for (const auto& attempt : list(trace, "attempts")) add_attempt(attempt, out);
    for (const auto& waiting : list(trace, "queued")) {
      if (!waits || text(waiting, "attempts") == "0") continue;
      const auto* next = waiting.as_object().if_contains("next_attempt");
      const auto seconds = next != nullptr && next->is_int64() ? next->get_int64() : 0;
      const auto time = std::chrono::sys_seconds(std::chrono::seconds(seconds));
      out.push_back(fmt::format("  It stays in the queue and is tried again at {:%H:%M:%S}.", time));
    }
  }
  return out;
}

namespace {

// Who really sent it, as the receiving server found out.
void add_judgement(const json::value& trace, std::vector<std::string>& out) {
  const auto* members = trace.if_object();
  const auto* judged = members != nullptr ? members->if_contains("authentication") : nullptr;
  const auto* found = judged != nullptr ? judged->if_object() : nullptr;
  if (found == nullptr) return;
  out.emplace_back("  The receiving server asks the DNS who really sent it:");
  if (const auto* spf = found->if_contains("spf")) {
    out.push_back(
        fmt::format("    SPF: {}: may this address send for {}?", text(*spf, "result"), text(*spf, "domain")));
  }
  for (const auto& one : list(*judged, "dkim")) {
    out.push_back(fmt::format("    DKIM: {}: did {} sign just this?", text(one, "result"), text(one, "domain")));
  }
  if (const auto* dmarc = found->if_contains("dmarc")) {
    out.push_back(fmt::format("    DMARC: {}: is it from {}, as the From field says?", text(*dmarc, "result"),
                              text(*dmarc, "domain")));
  }
}

}  // namespace

std::vector<std::string> signatures(const json::value& traces) {
  std::vector<std::string> out;
  for (const auto& trace : list(traces, "traces")) {
    for (const auto& key : list(trace, "signed")) {
      out.push_back(
          fmt::format("  It is signed ({}); whoever gets it finds the public key in the DNS, at {}._domainkey.{}.",
                      text(key, "algorithm"), text(key, "selector"), text(key, "domain")));
    }
    if (const auto why = text(trace, "unsigned"); !why.empty()) out.push_back("  It is not signed: " + why + ".");
  }
  return out;
}

std::vector<std::string> way_in(const json::value& traces) {
  std::vector<std::string> out;
  for (const auto& trace : list(traces, "traces")) {
    add_judgement(trace, out);
    for (const auto& mailbox : list(trace, "mailboxes")) {
      out.push_back(fmt::format("  It is in {}, as message {}: on the disk, and only then was its server told 250.",
                                text(mailbox, "mailbox"), text(mailbox, "uid")));
    }
  }
  return out;
}

bool has_ended(const json::value& traces) {
  const auto& all = list(traces, "traces");
  if (all.empty()) return false;
  for (const auto& trace : all) {
    if (!list(trace, "queued").empty()) return false;
  }
  return true;
}

}  // namespace pabal::app
