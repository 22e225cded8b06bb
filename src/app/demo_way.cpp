#include "app/demo_way.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "message/content.hpp"
#include "message/encoded_word.hpp"
#include "message/header.hpp"
#include "message/mime.hpp"

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

// "connected to 127.0.0.3:10025" of "(connected to 127.0.0.3:10025)".
std::string_view without_brackets(std::string_view note) {
  return note.starts_with('(') && note.ends_with(')') ? note.substr(1, note.size() - 2) : note;
}

// Steps in brackets are what the client did, not what it said.
void add_dialogue(const json::array& steps, std::string_view tls, std::vector<std::string>& out) {
  for (const auto& step : steps) {
    const auto time = clock_time(text(step, "time"));
    const auto ours = text(step, "client");
    const auto theirs = text(step, "server");
    if (ours.starts_with('(')) {
      const std::string_view more = without_brackets(theirs);
      const std::string_view between = more.empty() ? "" : more.starts_with("from ") ? " " : ": ";
      out.push_back(fmt::format("    {}    {}{}{}", time, without_brackets(ours), between, more));
      continue;
    }
    if (!ours.empty()) out.push_back(fmt::format("    {}  > {}", time, ours));
    if (!theirs.empty()) out.push_back(fmt::format("    {}  < {}", time, theirs));
    if (ours == "STARTTLS" && theirs.starts_with("220") && !tls.empty()) {
      out.push_back(fmt::format("    {}    from here on encrypted: {}", time, tls));
    }
    if (const auto more = text(step, "left_out"); !more.empty())
      out.push_back(fmt::format("    ({} more steps)", more));
  }
}

// "MX a.example: ok a.example 60s: 10 mx.a.example." is how traces put it.
std::string looked_up(std::string_view line) {
  constexpr std::string_view kFound = ": ok ";
  const auto found = line.find(kFound);
  if (line.starts_with("MX ") && found != std::string_view::npos) {
    const auto answer = line.substr(found + kFound.size());
    const auto records = answer.find("s: ");
    const auto seconds = answer.substr(0, records).rfind(' ');
    if (records != std::string_view::npos && seconds != std::string_view::npos) {
      return fmt::format("    DNS: who takes mail for {} (MX)? {} (to be remembered for {} s)",
                         line.substr(3, found - 3), answer.substr(records + 3),
                         answer.substr(seconds + 1, records - seconds - 1));
    }
  }
  return fmt::format("    DNS: {}", line);
}

std::string words_for(const std::string& fate) {
  if (fate == "lasting") return "refused for good";
  if (fate == "passing") return "not now";
  if (fate == "in_doubt") return "nobody knows, so it is tried again";
  return fate;
}

void add_connection(const json::value& attempt, std::vector<std::string>& out) {
  const auto host = text(attempt, "host");
  if (host.empty()) return;
  const auto tls = text(attempt, "tls");
  if (text(attempt, "connection") == "used again") {
    out.push_back(
        fmt::format("    The connection to {} at {} is open still, from the letter before, and is used again{}:", host,
                    text(attempt, "address"), tls.empty() ? "" : ", encrypted as it is"));
    out.emplace_back("    nobody is looked up, and nobody says hello.");
    return;
  }
  out.push_back(fmt::format("    To {} at {}:", host, text(attempt, "address")));
  add_dialogue(list(attempt, "opening"), tls, out);
}

// When the letter's turn came. A connection that is used again began before the letter was there.
std::string began(const json::value& attempt) {
  const auto& said = list(attempt, "said");
  const bool again = text(attempt, "connection") == "used again";
  return clock_time(again && !said.empty() ? text(said.front(), "time") : text(attempt, "began"));
}

void add_attempt(const json::value& attempt, std::vector<std::string>& out) {
  out.push_back(fmt::format("  {}  Its turn in the queue: a try begins. Its row stays there until that is over.",
                            began(attempt)));
  for (const auto& line : list(attempt, "route")) {
    const auto* word = line.if_string();
    if (word != nullptr) out.push_back(looked_up(std::string_view(word->data(), word->size())));
  }
  for (const auto& failed : list(attempt, "not_connected")) {
    add_dialogue(list(failed, "said"), "", out);
    out.push_back(fmt::format("    {} can't be had: {}", text(failed, "host"), text(failed, "why")));
  }
  add_connection(attempt, out);
  add_dialogue(list(attempt, "said"), "", out);
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
  out.emplace_back("  Before it said that 250, the receiving server had asked the DNS who really sent the letter:");
  if (const auto* spf = found->if_contains("spf")) {
    out.push_back(fmt::format("    SPF: may the address that it came from send for {}? {}", text(*spf, "domain"),
                              text(*spf, "result")));
  }
  for (const auto& one : list(*judged, "dkim")) {
    out.push_back(fmt::format("    DKIM: did {} sign just this (key {})? {}", text(one, "domain"),
                              text(one, "selector"), text(one, "result")));
  }
  if (const auto* dmarc = found->if_contains("dmarc")) {
    out.push_back(fmt::format("    DMARC: does that prove {}, the domain of the From field? {}", text(*dmarc, "domain"),
                              text(*dmarc, "result")));
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
      out.push_back(fmt::format("  It is in {}, as message {}: on the disk before that 250 was said.",
                                text(mailbox, "mailbox"), text(mailbox, "uid")));
    }
  }
  return out;
}

std::string bounce_about(const json::value& traces, std::string_view letter) {
  for (const auto& trace : list(traces, "traces")) {
    if (text(trace, "event") == "notice" && text(trace, "about") == letter) return text(trace, "action");
  }
  return {};
}

std::optional<EmailId> email_of(const json::value& traces) {
  for (const auto& trace : list(traces, "traces")) {
    for (const auto& mailbox : list(trace, "mailboxes")) {
      if (const auto id = parse_decimal(text(mailbox, "email"), INT64_MAX)) {
        return EmailId{static_cast<std::int64_t>(*id)};
      }
    }
  }
  return std::nullopt;
}

std::vector<std::string> words_of(std::string_view message) {
  std::vector<std::string> out;
  const message::HeaderFields fields(message);
  for (const auto* name : {"From", "To", "Subject"}) {
    if (const auto body = fields.body(name); !body.empty()) {
      out.push_back(fmt::format("    | {}: {}", name, message::decode_text(body)));
    }
  }
  out.emplace_back("    |");
  const auto tree = message::parse_mime(message);
  const auto found = std::ranges::find_if(tree.parts, [](const message::Part& part) {
    return part.kind == message::PartKind::leaf && equal_ignoring_case(part.type, "text");
  });
  if (found == tree.parts.end()) return out;
  const auto words = message::text_of(message, *found);
  for (const auto line : split(words.utf8, '\n')) {
    out.push_back(line.empty() ? "    |" : fmt::format("    | {}", line));
  }
  while (!out.empty() && out.back() == "    |") out.pop_back();
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
