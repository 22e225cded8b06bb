// The records that a domain needs in the DNS, and whether they are there; and what follows from that for its keys.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "admin/domain_records.hpp"
#include "admin/key_pairs.hpp"
#include "admin/request.hpp"
#include "admin/state.hpp"
#include "base/text.hpp"
#include "base/wiped.hpp"

namespace pabal::admin {
namespace {

json::array texts(const std::vector<std::string>& all) {
  json::array out;
  for (const auto& one : all) out.push_back(json::string(one));
  return out;
}

// What others wrote into the DNS is any octets, and goes to a terminal.
json::array printable_texts(const std::vector<std::string>& all) {
  constexpr std::size_t most = 4000;
  json::array out;
  for (const auto& one : all) out.push_back(json::string(printable(one, most)));
  return out;
}

Facts facts_now(ServiceState& state) {
  Facts facts = state.facts;
  facts.report_mailboxes = *state.report_mailboxes.lock();
  return facts;
}

json::object to_json(const WantedRecord& wanted) {
  json::object out{{"name", wanted.name},
                   {"ttl", 3600},
                   {"type", dns::name_of(dns::type_of(wanted.record))},
                   {"data", dns::text_of(wanted.record)},
                   {"purpose", name_of(wanted.purpose)}};
  if (!wanted.comment.empty()) out["comment"] = wanted.comment;
  if (wanted.key) {
    out["selector"] = wanted.key->selector;
    out["state"] = account::name_of(wanted.key->state());
  }
  return out;
}

// All questions at once.
Result<std::vector<RecordCheck>> check_all(ServiceState& state, const std::vector<WantedRecord>& records) {
  std::vector<dns::Question> questions;
  questions.reserve(records.size());
  for (const auto& wanted : records) {
    auto name = dns::Name::parse(wanted.name);
    if (!name) return pass(name);
    questions.push_back({*std::move(name), dns::type_of(wanted.record)});
  }
  const auto answers = state.ask_dns(std::move(questions));
  if (!answers) return pass(answers);
  std::vector<RecordCheck> checks;
  checks.reserve(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) checks.push_back(check_record(records[i], (*answers)[i]));
  return checks;
}

json::object step_to_json(const Domain& domain, std::string_view did, std::string_view selector) {
  return {{"domain", domain.ascii()}, {"selector", selector}, {"did", did}};
}

// What of the keys was seen for the first time.
Result<void> note_seen(ServiceState& state, const std::vector<WantedRecord>& records,
                       const std::vector<RecordCheck>& checks, json::array& done) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto& key = records[i].key;
    if (!key || key->published || checks[i].found != RecordFound::there) continue;
    if (auto noted = state.keys->note_published(key->domain, key->selector); !noted) return noted;
    done.push_back(step_to_json(key->domain, "seen in the DNS", key->selector));
  }
  return {};
}

Result<void> take_step(ServiceState& state, const Domain& domain, const account::RotationStep& step,
                       json::array& done) {
  using Kind = account::RotationStep::Kind;
  if (step.kind == Kind::use) {
    if (auto used = state.keys->use(domain, step.selector, false); !used) return used;
    done.push_back(step_to_json(domain, "used from now on", step.selector));
    return {};
  }
  if (step.kind == Kind::withdraw) {
    if (auto withdrawn = state.keys->withdraw(domain, step.selector); !withdrawn) return withdrawn;
    done.push_back(step_to_json(domain, "withdrawn", step.selector));
    return {};
  }
  auto pair = make_key_pair(step.algorithm);
  if (!pair) return pass(pair);
  const WipeAtEnd wiped(pair->private_pem);
  const auto added = state.keys->add(domain, *pair, std::nullopt);
  if (!added) return pass(added);
  done.push_back(step_to_json(domain, "made", added->selector));
  return {};
}

// `there`: the selectors whose records are in the DNS now.
Result<void> advance(ServiceState& state, const Domain& domain, const std::set<std::string>& there, json::array& done) {
  const auto keys = state.keys->list(domain);
  if (!keys) return pass(keys);
  for (const auto& step : account::due_steps(*keys, state.facts.rotation, state.keys->now(), there)) {
    if (auto taken = take_step(state, domain, step, done); !taken) return taken;
  }
  return {};
}

Result<json::value> show_records(const Facts& facts, const Domain& domain, const std::vector<account::DomainKey>& keys,
                                 const std::vector<WantedRecord>& records,
                                 const std::optional<std::vector<RecordCheck>>& checks) {
  json::array shown;
  for (std::size_t i = 0; i < records.size(); ++i) {
    json::object record = to_json(records[i]);
    if (checks) {
      const RecordCheck& check = (*checks)[i];
      record["check"] = name_of(check.found);
      if (!check.others.empty()) record["found"] = printable_texts(check.others);
      if (!check.why.empty()) record["why"] = printable(check.why, 1000);
    }
    shown.push_back(std::move(record));
  }
  return json::object{
      {"domain", domain.ascii()}, {"records", std::move(shown)}, {"notes", texts(record_notes(facts, domain, keys))}};
}

}  // namespace

// The way in (MX, addresses), who may send (SPF, DKIM, DMARC), how encryption goes (TLS-RPT), and where mail programs
// find the server (SRV, RFC 6186 and RFC 8314 §5.1).
Result<json::value> Handlers::domain_dns(State& state, const json::object& request) {
  const auto domain = domain_member(request, "domain");
  if (!domain) return pass(domain);
  const auto check = flag_member(request, "check");
  if (!check) return pass(check);
  auto keys = state.keys->list(*domain);
  if (!keys) return pass(keys);
  const auto facts = facts_now(state);
  auto records = wanted_records(facts, *domain, *keys);
  if (!*check) return show_records(facts, *domain, *keys, records, std::nullopt);
  auto checks = check_all(state, records);
  if (!checks) return pass(checks);
  json::array done;
  if (auto noted = note_seen(state, records, *checks, done); !noted) return pass(noted);
  std::set<std::string> there;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].key && (*checks)[i].found == RecordFound::there) there.insert(records[i].key->selector);
  }
  if (auto advanced = advance(state, *domain, there, done); !advanced) return pass(advanced);
  if (!done.empty()) {
    // As the keys are now; the answers are still good.
    keys = state.keys->list(*domain);
    if (!keys) return pass(keys);
    std::vector<RecordCheck> kept;
    auto now = wanted_records(facts, *domain, *keys);
    for (const auto& record : now) {
      const auto before = std::ranges::find_if(
          records, [&](const WantedRecord& old) { return old.name == record.name && old.record == record.record; });
      kept.push_back(before == records.end() ? RecordCheck{.found = RecordFound::missing}
                                             : (*checks)[static_cast<std::size_t>(before - records.begin())]);
    }
    records = std::move(now);
    *checks = std::move(kept);
  }
  auto shown = show_records(facts, *domain, *keys, records, *checks);
  if (shown && !done.empty()) shown->as_object()["done"] = std::move(done);
  return shown;
}

// Looks in the DNS for the keys' records, and does what is due then.
Result<json::value> Handlers::dkim_update(State& state, const json::object& request) {
  const auto only = optional_domain(request, "domain");
  if (!only) return pass(only);
  const auto keys = state.keys->list(*only);
  if (!keys) return pass(keys);
  std::vector<WantedRecord> records;
  std::vector<Domain> domains;
  for (const auto& key : *keys) {
    if (domains.empty() || domains.back() != key.domain) domains.push_back(key.domain);
    if (!account::wants_record(key)) continue;
    for (auto& wanted : wanted_records({}, key.domain, {key})) {
      if (wanted.purpose == RecordPurpose::dkim) records.push_back(std::move(wanted));
    }
  }
  json::array done;
  json::array missing;
  std::map<std::string, std::set<std::string>> there;  // by domain
  // Some at a time: letters that go out want to ask, too.
  constexpr std::size_t at_once = 100;
  for (std::size_t from = 0; from < records.size(); from += at_once) {
    const auto begin = records.begin() + static_cast<std::ptrdiff_t>(from);
    const std::vector<WantedRecord> some(begin,
                                         begin + static_cast<std::ptrdiff_t>(std::min(at_once, records.size() - from)));
    const auto checks = check_all(state, some);
    if (!checks) return pass(checks);
    if (auto noted = note_seen(state, some, *checks, done); !noted) return pass(noted);
    for (std::size_t i = 0; i < some.size(); ++i) {
      if ((*checks)[i].found == RecordFound::unknown) continue;
      if ((*checks)[i].found == RecordFound::there) {
        there[some[i].key->domain.ascii()].insert(some[i].key->selector);
        continue;
      }
      missing.push_back(json::object{{"name", some[i].name},
                                     {"state", account::name_of(some[i].key->state())},
                                     {"check", name_of((*checks)[i].found)}});
    }
  }
  // What is wrong with one domain's keys stops no other's.
  json::array failed;
  for (const auto& domain : domains) {
    const auto advanced = advance(state, domain, there[domain.ascii()], done);
    if (advanced) continue;
    if (domains.size() == 1) return pass(advanced);
    failed.push_back(json::object{{"domain", domain.ascii()}, {"why", printable(advanced.error().log, 300)}});
  }
  json::object result{{"done", std::move(done)}, {"missing", std::move(missing)}};
  if (!failed.empty()) result["failed"] = std::move(failed);
  return result;
}

}  // namespace pabal::admin
