#include "queue/attempt_trace.hpp"

#include <map>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/timestamp.hpp"

namespace pabal::queue {

namespace {

constexpr std::size_t kMostSteps = 60;
constexpr std::size_t kMostText = 500;
constexpr std::size_t kMostRecipients = 100;  ///< that are told one by one
constexpr std::size_t kMostFates = 100;       ///< of more recipients
constexpr std::size_t kMostNamed = 10;        ///< of those that fared alike

std::string text(std::string_view value) {
  return is_utf8(value) && value.size() <= kMostText ? std::string(value) : printable(value, kMostText);
}

json::array steps(const std::vector<Said>& said) {
  json::array all;
  for (const auto& step : said) {
    if (all.size() == kMostSteps) {
      all.push_back(json::object{{"left_out", said.size() - kMostSteps}});
      break;
    }
    json::object one{{"time", codec::format_timestamp(step.time)}};
    if (!step.command.empty()) one["client"] = text(step.command);
    if (!step.reply.empty()) one["server"] = text(step.reply);
    all.push_back(std::move(one));
  }
  return all;
}

json::object ending_of(const Ending& ending) {
  json::object one{{"fate", name_of(ending.fate)}};
  if (!ending.status.empty()) one["status"] = ending.status;
  if (!ending.words.empty()) one[ending.smtp ? "reply" : "why"] = text(ending.words);
  return one;
}

json::array one_by_one(const store::OutgoingLetter& letter, const std::vector<Ending>& endings) {
  json::array all;
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    json::object one{{"address", text(letter.recipients[i].address)}};
    for (auto& member : ending_of(endings[i])) one.insert(std::move(member));
    all.push_back(std::move(one));
  }
  return all;
}

// Very many recipients: those that fared alike together, with their number; and how many fared otherwise, where there
// are very many ways to fare. All are counted.
json::array by_fate(const store::OutgoingLetter& letter, const std::vector<Ending>& endings) {
  struct Alike {
    json::object ending;
    json::array others;
    std::string first;
    std::size_t count = 0;
  };
  std::vector<Alike> fates;
  std::map<std::string, std::size_t> known;
  std::map<std::string_view, std::size_t> left_out;
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    auto ending = ending_of(endings[i]);
    const auto found = known.find(json::serialize(ending));
    if (found == known.end() && fates.size() == kMostFates) {
      ++left_out[name_of(endings[i].fate)];
      continue;
    }
    auto address = text(letter.recipients[i].address);
    if (found == known.end()) {
      known.emplace(json::serialize(ending), fates.size());
      fates.push_back({.ending = std::move(ending), .others = {}, .first = std::move(address), .count = 1});
      continue;
    }
    auto& alike = fates[found->second];
    if (++alike.count <= kMostNamed) alike.others.push_back(json::string(std::move(address)));
  }
  json::array all;
  for (auto& alike : fates) {
    json::object one{{"address", std::move(alike.first)}};
    for (auto& member : alike.ending) one.insert(std::move(member));
    if (alike.count > 1) {
      one["count"] = alike.count;
      one["others"] = std::move(alike.others);
    }
    all.push_back(std::move(one));
  }
  for (const auto& [fate, count] : left_out) all.push_back(json::object{{"fate", fate}, {"left_out", count}});
  return all;
}

}  // namespace

void AttemptTrace::begin(SystemTime now) {
  way_ = json::object{{"began", codec::format_timestamp(now)}};
  told_ = false;
}

void AttemptTrace::looked_up(const std::vector<std::string>& how) {
  json::array lines;
  for (const auto& line : how) {
    if (lines.size() == kMostSteps) {
      lines.push_back(json::string(fmt::format("({} lines more)", how.size() - kMostSteps)));
      break;
    }
    lines.push_back(json::string(text(line)));
  }
  way_["route"] = std::move(lines);
}

void AttemptTrace::failed(const NextHop& hop, const NoPeer& no) {
  json::object one{{"host", text(hop.host)}, {"at", no.at}, {"why", text(no.words)}};
  if (!no.status.empty()) one["status"] = no.status;
  if (no.reply) one["reply"] = text(no.reply->line());
  if (!no.said.empty()) one["said"] = steps(no.said);
  if (!way_.contains("not_connected")) way_["not_connected"] = json::array();
  way_["not_connected"].as_array().push_back(std::move(one));
}

void AttemptTrace::connected(const PeerFacts& facts) {
  way_["host"] = text(facts.host);
  way_["address"] = facts.address.text();
  if (facts.tls) {
    way_["tls"] = facts.tls->version + " " + facts.tls->cipher;
    if (!facts.tls->verified.empty()) way_["verified"] = text(facts.tls->verified);
  }
  if (!facts.tls_failure.empty()) way_["tls_failure"] = text(facts.tls_failure);
  way_["opening"] = steps(facts.said);
}

void AttemptTrace::taken_over(const PeerFacts& facts, const std::string& destination) {
  connected(facts);
  way_.erase("opening");
  way_["connection"] = "used again, made for letters to " + text(destination);
}

std::string AttemptTrace::of(const store::OutgoingLetter& letter, const std::vector<Ending>& endings,
                             const std::vector<Said>& said, SystemTime now, const std::string& before) {
  json::object trace = way_;
  const bool told_before = std::exchange(told_, true);
  if (told_before && !trace.contains("host")) {
    // Each letter's trace says why there was no way; the dialogues are with the first.
    if (auto* others = trace.if_contains("not_connected")) {
      for (auto& one : others->as_array()) one.as_object().erase("said");
    }
  } else if (told_before) {
    for (const auto* part : {"route", "not_connected", "opening"}) trace.erase(part);
    trace["connection"] = "used again";
    trace["began"] = codec::format_timestamp(said.empty() ? now : said.front().time);
  }
  trace["ended"] = codec::format_timestamp(now);
  trace["destination"] = text(letter.destination);
  if (letter.sender != letter.author) trace["sender"] = text(letter.sender);
  trace["recipients"] =
      letter.recipients.size() > kMostRecipients ? by_fate(letter, endings) : one_by_one(letter, endings);
  if (!said.empty()) trace["said"] = steps(said);
  if (!before.empty()) {
    if (auto earlier = parse_json(before)) trace["before"] = std::move(*earlier);
  }
  return json::serialize(trace);
}

}  // namespace pabal::queue
