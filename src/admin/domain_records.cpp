#include "admin/domain_records.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/date.hpp"
#include "mailauth/tag_list.hpp"

namespace pabal::admin {

namespace {

constexpr std::size_t longest_string = 255;  // RFC 1035 §3.3: a character-string's octets

dns::Txt txt(std::string_view text) {
  dns::Txt record;
  do {
    record.strings.emplace_back(text.substr(0, longest_string));
    text.remove_prefix(std::min(text.size(), longest_string));
  } while (!text.empty());
  return record;
}

dns::Name host_name(std::string_view host) { return dns::Name::parse(host).value_or(dns::Name()); }

std::string comment_of(const account::DomainKey& key) {
  using account::KeyState;
  const auto since = [](const std::optional<SystemTime>& time) {
    return time ? codec::format_date(*time) : std::string();
  };
  std::string comment = fmt::format("DKIM, {}: ", account::name_of(key.algorithm));
  switch (key.state()) {
    case KeyState::made:
      return comment + "publish it; letters are not signed with this key before it was seen in the DNS";
    case KeyState::published:
      return comment + "seen on " + since(key.published) + ", used soon";
    case KeyState::used:
      return comment + "in use since " + since(key.used);
    case KeyState::retired:
      return comment + "not used any more since " + since(key.retired) + "; keep it for letters that are on their way";
    case KeyState::withdrawn:
      break;
  }
  return comment;
}

// How a policy's record begins; empty for what has no such beginning.
std::string_view version_of(RecordPurpose purpose) noexcept {
  switch (purpose) {
    case RecordPurpose::spf:
      return "v=spf1";
    case RecordPurpose::dmarc:
      return "v=DMARC1";
    case RecordPurpose::tls_rpt:
      return "v=TLSRPTv1";
    default:
      return {};
  }
}

bool begins_with_version(std::string_view text, std::string_view version) {
  if (!starts_with_ignoring_case(text, version)) return false;
  const auto rest = text.substr(version.size());
  return rest.empty() || rest.front() == ' ' || rest.front() == ';' || rest.front() == '\t';
}

// RFC 7208 §4.5, RFC 7489 §6.6.3, RFC 8460 §3: others at the name don't count, and two of the kind are none.
RecordCheck check_policy(const WantedRecord& wanted, const dns::Answer& answer) {
  const std::string text = std::get<dns::Txt>(wanted.record).joined();
  RecordCheck check{.found = RecordFound::missing};
  for (const auto& record : answer.all<dns::Txt>()) {
    if (auto found = record.joined(); begins_with_version(found, version_of(wanted.purpose))) {
      check.others.push_back(std::move(found));
    }
  }
  if (check.others.empty()) return check;
  if (check.others.size() > 1) {
    check.found = RecordFound::differs;
    check.why = "there are several, which counts as none";
    return check;
  }
  if (check.others.front() == text) return {.found = RecordFound::there};
  // What the owner asks for by DMARC and TLS-RPT is his to say; who may send by SPF must have this server in it.
  const bool own_choice = wanted.purpose != RecordPurpose::spf;
  check.found = own_choice ? RecordFound::there : RecordFound::differs;
  if (!own_choice) check.why = "make sure that it allows this server";
  return check;
}

struct KeyFacts {
  std::string type;
  std::string key;
};
std::optional<KeyFacts> key_facts(const std::string& record) {
  const auto tags = mailauth::TagList::parse(record);
  if (!tags || !tags->has("p")) return std::nullopt;
  return KeyFacts{std::string(tags->find("k").value_or("rsa")), mailauth::without_white_space(*tags->find("p"))};
}

RecordCheck check_key(const WantedRecord& wanted, const dns::Answer& answer) {
  RecordCheck check{.found = RecordFound::missing};
  const auto mine = key_facts(std::get<dns::Txt>(wanted.record).joined());
  for (const auto& record : answer.all<dns::Txt>()) {
    auto text = record.joined();
    const auto found = key_facts(text);
    if (found && mine && found->type == mine->type && found->key == mine->key) {
      check.found = RecordFound::there;
      continue;
    }
    check.others.push_back(std::move(text));
  }
  if (check.others.empty()) return check;
  if (check.found == RecordFound::there) check.why = "there are several: which one is taken is undefined";
  check.found = RecordFound::differs;
  return check;
}

RecordCheck check_plain(const WantedRecord& wanted, const dns::Answer& answer) {
  RecordCheck check{.found = RecordFound::missing};
  for (const auto& record : answer.records) {
    // Preference and order are the owner's.
    const auto* mx = std::get_if<dns::Mx>(&record);
    const bool same =
        mx != nullptr ? mx->exchange == std::get<dns::Mx>(wanted.record).exchange : record == wanted.record;
    if (same) return {.found = RecordFound::there};
    check.others.push_back(dns::text_of(record));
  }
  if (!check.others.empty()) check.found = RecordFound::differs;
  return check;
}

}  // namespace

std::string_view name_of(RecordPurpose purpose) noexcept {
  switch (purpose) {
    case RecordPurpose::mx:
      return "MX";
    case RecordPurpose::spf:
      return "SPF";
    case RecordPurpose::dkim:
      return "DKIM";
    case RecordPurpose::dmarc:
      return "DMARC";
    case RecordPurpose::tls_rpt:
      return "TLS-RPT";
    case RecordPurpose::service:
      return "SRV";
    case RecordPurpose::address:
      return "address";
  }
  return {};
}

std::string_view name_of(RecordFound found) noexcept {
  switch (found) {
    case RecordFound::there:
      return "there";
    case RecordFound::missing:
      return "missing";
    case RecordFound::differs:
      return "differs";
    case RecordFound::unknown:
      return "unknown";
  }
  return {};
}

std::vector<WantedRecord> wanted_records(const Facts& facts, const Domain& domain,
                                         const std::vector<account::DomainKey>& keys) {
  std::vector<WantedRecord> out;
  const std::string& name = domain.ascii();
  const auto add = [&](RecordPurpose purpose, std::string owner, dns::Record record, std::string comment = {}) {
    out.push_back({.purpose = purpose,
                   .name = std::move(owner) + ".",
                   .record = std::move(record),
                   .comment = std::move(comment)});
  };
  const auto host = host_name(facts.hostname);
  add(RecordPurpose::mx, name, dns::Mx{10, host});
  add(RecordPurpose::spf, name, txt("v=spf1 mx -all"));
  for (const auto& key : keys) {
    if (key.state() == account::KeyState::withdrawn) continue;
    add(RecordPurpose::dkim, key.record_name(), txt(key.record), comment_of(key));
    out.back().key = key;
  }
  add(RecordPurpose::dmarc, "_dmarc." + name, txt(fmt::format("v=DMARC1; p=none; rua=mailto:postmaster@{}", name)),
      "DMARC: asks for reports; make it p=quarantine or p=reject when they show that all your mail passes");
  add(RecordPurpose::tls_rpt, "_smtp._tls." + name, txt(fmt::format("v=TLSRPTv1; rua=mailto:postmaster@{}", name)),
      "TLS-RPT: others tell how encrypted delivery to you goes");
  for (const auto& service : facts.services) {
    add(RecordPurpose::service, fmt::format("_{}._tcp.{}", service.name, name),
        dns::Srv{.priority = 0, .weight = 1, .port = service.port, .target = host});
  }
  for (const auto& address : facts.addresses) {
    if (const auto v4 = dns::parse_a(address)) add(RecordPurpose::address, facts.hostname, *v4);
    if (const auto v6 = dns::parse_aaaa(address)) add(RecordPurpose::address, facts.hostname, *v6);
  }
  return out;
}

std::vector<std::string> record_notes(const Facts& facts, const Domain&, const std::vector<account::DomainKey>& keys) {
  std::vector<std::string> notes;
  if (facts.addresses.empty()) {
    notes.push_back(
        fmt::format("{}. also needs an A (and AAAA) record with this server's public address, and that "
                    "address a PTR record back to {}.",
                    facts.hostname, facts.hostname));
  } else {
    notes.push_back(fmt::format("The address needs a PTR record back to {}.", facts.hostname));
  }
  for (const auto& key : keys) {
    if (key.state() != account::KeyState::withdrawn) continue;
    notes.push_back(fmt::format("{}. was withdrawn on {}: remove its record.", key.record_name(),
                                codec::format_date(*key.withdrawn)));
  }
  const bool signs =
      std::ranges::any_of(keys, [](const account::DomainKey& key) { return key.state() == account::KeyState::used; });
  if (!signs) notes.emplace_back("Letters from this domain are not signed: it has no DKIM key in use.");
  return notes;
}

RecordCheck check_record(const WantedRecord& wanted, const dns::Answer& answer) {
  if (!answer.is_definite()) {
    return {.found = RecordFound::unknown,
            .why = answer.why.empty() ? std::string(dns::words_of(answer.status)) : answer.why};
  }
  switch (wanted.purpose) {
    case RecordPurpose::spf:
    case RecordPurpose::dmarc:
    case RecordPurpose::tls_rpt:
      return check_policy(wanted, answer);
    case RecordPurpose::dkim:
      return check_key(wanted, answer);
    case RecordPurpose::mx:
    case RecordPurpose::service:
    case RecordPurpose::address:
      break;
  }
  return check_plain(wanted, answer);
}

}  // namespace pabal::admin
