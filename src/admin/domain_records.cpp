#include "admin/domain_records.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/date.hpp"
#include "mailauth/dmarc_record.hpp"
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
    case RecordPurpose::dmarc_consent:
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

void say(RecordCheck& check, std::string_view words) {
  if (!check.why.empty()) check.why += "; ";
  check.why += words;
}

// By both standards: who reads it may keep to either.
void check_dmarc(RecordCheck& check) {
  std::vector<std::string> said;
  for (const auto standard : {mailauth::DmarcStandard::rfc7489, mailauth::DmarcStandard::tree_walk}) {
    const auto record = mailauth::DmarcRecord::parse(check.others.front(), standard);
    if (!record) {
      check.found = RecordFound::differs;
      check.why = "nobody obeys it: " + record.error().peer;
      return;
    }
    for (const auto& fault : record->faults) {
      if (std::ranges::find(said, fault) == said.end()) said.push_back(fault);
    }
  }
  for (const auto& fault : said) say(check, fault);
}

// RFC 8460 §3: the version, and an rua= of mailto: and https: URIs.
void check_tls_rpt(RecordCheck& check) {
  const auto tags = mailauth::TagList::parse(check.others.front());
  const auto refuse = [&](std::string_view why) {
    check.found = RecordFound::differs;
    check.why = fmt::format("nobody obeys it: {}", why);
  };
  if (!tags) return refuse(tags.error().peer);
  if (tags->all().front().name != "v" || tags->all().front().value != "TLSRPTv1") {
    return refuse("it doesn't begin with v=TLSRPTv1");
  }
  const auto places = tags->find("rua");
  if (!places) return refuse("it has no rua= that says where reports go");
  std::size_t good = 0;
  for (const auto one : split(*places, ',')) {
    const auto place = trim(one);
    const bool mail = starts_with_ignoring_case(place, "mailto:") && place.contains('@');
    const bool web = starts_with_ignoring_case(place, "https://") && place.size() > 8;
    const bool plain = std::ranges::all_of(place, [](char c) { return c > ' ' && c < 0x7f; });
    if (plain && (mail || web)) {
      ++good;
    } else {
      say(check, "rua=: one of its places is neither a mailto: nor an https: URI");
    }
  }
  if (good == 0) refuse("rua= names no place that reports could go to");
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
  // What the owner asks for by DMARC and TLS-RPT is his to say, if he says it; who may send by SPF must have this
  // server in it.
  check.found = RecordFound::there;
  if (wanted.purpose == RecordPurpose::spf) {
    check.found = RecordFound::differs;
    check.why = "make sure that it allows this server";
  } else if (wanted.purpose == RecordPurpose::dmarc) {
    check_dmarc(check);
  } else if (wanted.purpose == RecordPurpose::tls_rpt) {
    check_tls_rpt(check);
  }
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
    case RecordPurpose::dmarc_consent:
      return "DMARC consent";
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

namespace {

bool is_within(std::string_view name, std::string_view domain) {
  return name == domain ||
         (name.size() > domain.size() && name.ends_with(domain) && name[name.size() - domain.size() - 1] == '.');
}

/// Where reports about a domain of ours are to go.
struct ReportPlace {
  std::string uri;
  std::string domain;  ///< A-labels
};

// RFC 3986 §2.1, RFC 6068 §2: ASCII; what separates places and sizes (RFC 7489 §6.2) is written in percent codes, too.
std::string mailto(const EmailAddress& address) {
  const auto text = address.text();
  std::string out = "mailto:";
  for (const char c : std::string_view(text).substr(0, text.rfind('@'))) {
    const bool plain = is_alpha(c) || is_digit(c) || std::string_view("-._~+=").contains(c);
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out + "@" + address.domain()->ascii();
}

// A mailbox whose letters are read for reports: one of the domain's own before others.
ReportPlace report_place(const Facts& facts, const std::string& domain) {
  std::optional<EmailAddress> chosen;
  for (const auto& mailbox : facts.report_mailboxes) {
    auto address = EmailAddress::parse(mailbox);
    if (!address || address->domain() == nullptr) continue;
    const bool own = address->domain()->ascii() == domain;
    if (own || !chosen) chosen = *std::move(address);
    if (own) break;
  }
  if (!chosen) return {.uri = "mailto:postmaster@" + domain, .domain = domain};
  return {.uri = mailto(*chosen), .domain = chosen->domain()->ascii()};
}

}  // namespace

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
  const auto place = report_place(facts, name);
  add(RecordPurpose::dmarc, "_dmarc." + name, txt(fmt::format("v=DMARC1; p=none; rua={}", place.uri)),
      "DMARC: asks for reports; make it p=quarantine or p=reject when they show that all your mail passes");
  // RFC 7489 §7.1: who has reports sent to another domain needs its word.
  if (!is_within(name, place.domain) && !is_within(place.domain, name)) {
    add(RecordPurpose::dmarc_consent, fmt::format("{}._report._dmarc.{}", name, place.domain), txt("v=DMARC1"),
        fmt::format("DMARC: says that reports about {} may go to {}; it stands in that domain", name, place.domain));
  }
  add(RecordPurpose::tls_rpt, "_smtp._tls." + name, txt(fmt::format("v=TLSRPTv1; rua={}", place.uri)),
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

std::vector<std::string> record_notes(const Facts& facts, const Domain& domain,
                                      const std::vector<account::DomainKey>& keys) {
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
  if (facts.report_mailboxes.empty()) {
    notes.push_back(
        fmt::format("Reports of others go to postmaster@{}, where they are only delivered: [reports] mailboxes says "
                    "where they are read, too.",
                    domain.ascii()));
  }
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
    case RecordPurpose::dmarc_consent:
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
