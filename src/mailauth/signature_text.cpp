// The outcomes of DKIM and ARC for programs (JSON) and for people.
#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/timestamp.hpp"
#include "mailauth/arc.hpp"
#include "mailauth/dkim.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::size_t kShown = 2000;

// What came from strangers, as well-formed UTF-8.
std::string shown(std::string_view octets) { return printable(octets, octets.size()); }

void add_times(const DkimOutcome& outcome, json::object& object) {
  if (outcome.signed_at) object["signed_at"] = outcome.signed_at->time_since_epoch().count();
  if (outcome.expires_at) object["expires_at"] = outcome.expires_at->time_since_epoch().count();
}

std::string line(std::string_view name, std::string_view text) { return fmt::format("  {:<10}{}\n", name, text); }

std::string teach_one(const DkimOutcome& outcome, std::string_view what) {
  auto out = fmt::format("{}: {}\n", what, name_of(outcome.result));
  if (!outcome.domain.empty()) {
    out += line("by", fmt::format("{} (i= {}), with {}", shown(outcome.domain),
                                  outcome.identity.empty() ? "isn't given" : shown(outcome.identity),
                                  outcome.algorithm.empty() ? "no algorithm" : shown(outcome.algorithm)));
  }
  if (!outcome.signed_fields.empty()) {
    out += line("covers",
                fmt::format("the body{}, and {} (as {}/{})",
                            outcome.signed_octets ? fmt::format("'s first {} octets of {}", *outcome.signed_octets,
                                                                *outcome.signed_octets + outcome.open_octets)
                                                  : std::string(),
                            printable(fmt::format("{}", fmt::join(outcome.signed_fields, ", ")), kShown),
                            name_of(outcome.header_form), name_of(outcome.body_form)));
  }
  if (outcome.signed_at) out += line("made", codec::format_timestamp(SystemTime(*outcome.signed_at)));
  if (outcome.expires_at) out += line("ends", codec::format_timestamp(SystemTime(*outcome.expires_at)));
  if (!outcome.key_name.empty()) {
    out += line("DNS", fmt::format("{} TXT{}: {}", shown(outcome.key_name), outcome.key_secure ? " (by DNSSEC)" : "",
                                   outcome.key_answer.empty() ? "the key didn't matter any more"
                                                              : printable(outcome.key_answer, kShown)));
  }
  out += line("so", shown(outcome.reason));
  return out;
}

}  // namespace

json::object to_json(const DkimOutcome& outcome) {
  json::object object{
      {"result", name_of(outcome.result)},
      {"domain", shown(outcome.domain)},
      {"selector", shown(outcome.selector)},
      {"reason", shown(outcome.reason)},
      {"algorithm", shown(outcome.algorithm)},
      {"identity", shown(outcome.identity)},
      {"canonicalization", fmt::format("{}/{}", name_of(outcome.header_form), name_of(outcome.body_form))},
      {"signature", shown(outcome.signature)},
      {"key", json::object{{"name", shown(outcome.key_name)},
                           {"answer", shown(outcome.key_answer)},
                           {"bits", outcome.bits},
                           {"secure", outcome.key_secure},
                           {"testing", outcome.testing}}}};
  json::array fields;
  for (const auto& name : outcome.signed_fields) fields.emplace_back(shown(name));
  object["headers"] = std::move(fields);
  if (outcome.signed_octets) {
    object["signed_octets"] = *outcome.signed_octets;
    object["open_octets"] = outcome.open_octets;
  }
  add_times(outcome, object);
  return object;
}

json::object to_json(const ArcOutcome& outcome) {
  json::array sets;
  for (const auto& set : outcome.sets) {
    json::array methods;
    for (const auto& method : set.methods) {
      json::object properties;
      for (const auto& [name, value] : method.properties) properties[shown(name)] = shown(value);
      json::object one{{"method", shown(method.method)}, {"result", shown(method.result)}};
      if (!method.reason.empty()) one["reason"] = shown(method.reason);
      if (!properties.empty()) one["properties"] = std::move(properties);
      methods.push_back(std::move(one));
    }
    sets.push_back(json::object{{"instance", set.instance},
                                {"cv", shown(set.claimed)},
                                {"domain", shown(set.seal.domain)},
                                {"seal", to_json(set.seal)},
                                {"message_signature", to_json(set.message_signature)},
                                {"authserv_id", shown(set.authserv_id)},
                                {"results", shown(set.results)},
                                {"methods", std::move(methods)}});
  }
  return {{"cv", name_of(outcome.cv)},          {"reason", shown(outcome.reason)}, {"failed_at", outcome.failed_at},
          {"oldest_pass", outcome.oldest_pass}, {"temporary", outcome.temporary},  {"sets", std::move(sets)}};
}

std::string teach(const std::vector<DkimOutcome>& outcomes) {
  if (outcomes.empty()) return "DKIM: none\n  so        the letter carries no DKIM-Signature\n";
  std::string out;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    out += teach_one(outcomes[i], fmt::format("DKIM signature {} of {}", i + 1, outcomes.size()));
  }
  return out;
}

std::string teach(const ArcOutcome& outcome) {
  auto out = fmt::format("ARC: {}\n", name_of(outcome.cv));
  for (const auto& set : outcome.sets) {
    out += line(fmt::format("set {}", set.instance),
                fmt::format("sealed by {} with cv={}: {}", shown(set.seal.domain), shown(set.claimed),
                            set.seal.result == DkimResult::none ? "not looked at" : name_of(set.seal.result)));
    out += line("", fmt::format("its message signature: {}", set.message_signature.result == DkimResult::none
                                                                 ? "not looked at"
                                                                 : name_of(set.message_signature.result)));
    out += line("", fmt::format("it found: {}", printable(set.results, kShown)));
  }
  out += line("so", shown(outcome.reason));
  return out;
}

}  // namespace pabal::mailauth
