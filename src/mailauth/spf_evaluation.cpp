#include "mailauth/spf_evaluation.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::mailauth {
namespace {

using Kind = SpfDirective::Kind;

/// Whether the octets agree in so many bits.
bool agree(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b, unsigned bits) {
  const std::size_t whole = bits / 8;
  if (!std::ranges::equal(a.first(whole), b.first(whole))) return false;
  return bits % 8 == 0 || ((a[whole] ^ b[whole]) >> (8 - bits % 8)) == 0;
}

std::string in_quotes(std::string_view text) { return fmt::format("\"{}\"", printable(text, 120)); }

}  // namespace

std::optional<dns::Name> spf_name(std::string_view text) {
  if (text.empty() || text.size() > 254 || !is_ascii(text)) return std::nullopt;
  auto name = dns::Name::of_labels(split(text, '.'));
  if (!name) return std::nullopt;
  return std::move(*name);
}

Async<dns::Answer> SpfEvaluation::ask(dns::Name name, dns::Type type, Lookups& lookups) {
  auto answer = co_await resolver_.resolve(name, type);
  lookups.push_back(lookup_of(name, type, answer));
  co_return answer;
}

Async<std::vector<dns::Answer>> SpfEvaluation::ask_addresses(std::vector<dns::Name> names, Lookups& lookups) {
  std::vector<dns::Answer> answers;
  if (names.size() == 1) {
    answers.push_back(co_await ask(names.front(), address_type(), lookups));
    co_return answers;
  }
  std::vector<dns::Question> questions;
  questions.reserve(names.size());
  for (const auto& name : names) questions.push_back({.name = name, .type = address_type()});
  answers = co_await dns::resolve_all(resolver_, std::move(questions));
  for (std::size_t i = 0; i < names.size(); ++i) lookups.push_back(lookup_of(names[i], address_type(), answers[i]));
  co_return answers;
}

bool SpfEvaluation::holds_client(const dns::Answer& answer, const SpfDirective& term) const {
  return std::ranges::any_of(answer.records, [&](const dns::Record& record) {
    if (const auto* v4 = std::get_if<dns::A>(&record)) {
      return !query_.address.is_v6() && agree(v4->octets, query_.address.octets(), term.bits4);
    }
    const auto* v6 = std::get_if<dns::Aaaa>(&record);
    return v6 != nullptr && query_.address.is_v6() && agree(v6->octets, query_.address.octets(), term.bits6);
  });
}

SpfEvaluation::Verdict SpfEvaluation::after_void(SpfTerm& told) {
  if (++void_lookups_ <= spf_most_void_lookups) return Verdict::no;
  told.why +=
      fmt::format("; that is more than {} questions without an answer (RFC 7208 §4.6.4)", spf_most_void_lookups);
  return Verdict::permerror;
}

MacroValues SpfEvaluation::values(const std::string& domain) const {
  return {.local_part = sender_.local_part,
          .sender_domain = sender_.domain,
          .domain = domain,
          .address = query_.address,
          .validated = validated_text_,
          .helo = sender_.helo,
          .receiver = query_.receiver,
          .now = query_.now};
}

Async<std::string> SpfEvaluation::target_of(std::string_view text, const std::string& domain, Lookups& lookups) {
  if (text.empty()) co_return domain;
  if (wants_validated_name(text)) {
    co_await validate_names(lookups);
    validated_text_ = validated_name(domain);
  }
  co_return expand_domain_spec(text, values(domain));
}

std::string SpfEvaluation::validated_name(const std::string& domain) const {
  if (!validated_ || validated_->names.empty()) return "unknown";
  const auto& names = validated_->names;
  const auto wanted = spf_name(domain);
  auto chosen = std::ranges::end(names);
  if (wanted) {
    chosen = std::ranges::find(names, *wanted);
    if (chosen == names.end()) {
      chosen = std::ranges::find_if(names, [&](const dns::Name& name) { return name.is_within(*wanted); });
    }
  }
  return (chosen == names.end() ? names.front() : *chosen).text();
}

Async<> SpfEvaluation::validate_names(Lookups& lookups) {
  if (validated_) co_return;
  validated_.emplace();
  const auto answer = co_await ask(query_.address.reverse_name(), dns::Type::ptr, lookups);
  validated_->status = answer.status;
  std::vector<dns::Name> names;
  for (const auto& pointer : answer.all<dns::Ptr>()) {
    if (names.size() == spf_most_ptr_names) break;
    if (!pointer.target.is_root()) names.push_back(pointer.target);
  }
  if (names.empty()) co_return;
  const auto answers = co_await ask_addresses(names, lookups);
  const SpfDirective exactly;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (holds_client(answers[i], exactly)) validated_->names.push_back(names[i]);
  }
}

SpfEvaluation::Verdict SpfEvaluation::by_network(const SpfDirective& term, SpfTerm& told) const {
  const bool v6 = term.kind == Kind::ip6;
  if (v6 != query_.address.is_v6()) {
    told.why = fmt::format("{} is no {} address", query_.address.text(), v6 ? "IPv6" : "IPv4");
    return Verdict::no;
  }
  const bool holds = agree(std::span(term.network).first(query_.address.octets().size()), query_.address.octets(),
                           v6 ? term.bits6 : term.bits4);
  told.why = fmt::format("{} is {} that network", query_.address.text(), holds ? "in" : "not in");
  return holds ? Verdict::yes : Verdict::no;
}

namespace {

// Why another domain's check came to an error: the innermost cause, which is what is to be mended.
std::string cause_in(const SpfCheck& check) {
  if (check.why.starts_with("in ")) return check.why;  // a redirect's
  const auto failed = std::ranges::find(check.terms, SpfMatch::failed, &SpfTerm::match);
  if (failed != check.terms.end() && !failed->check.empty() && failed->check.front().result == check.result) {
    return cause_in(failed->check.front());
  }
  return fmt::format("in {}: {}", printable(check.domain), check.why);
}

}  // namespace

Async<SpfEvaluation::Verdict> SpfEvaluation::include(SpfTerm& told) {
  told.check.push_back(co_await check(told.target, true));
  switch (const auto result = told.check.front().result) {
    case SpfResult::pass:
      told.why = fmt::format("{} lets the client pass", printable(told.target));
      co_return Verdict::yes;
    case SpfResult::fail:
    case SpfResult::softfail:
    case SpfResult::neutral:
      told.why = fmt::format("{} comes to {}, and only pass would match", printable(told.target), name_of(result));
      co_return Verdict::no;
    case SpfResult::temperror:
      told.why = cause_in(told.check.front());
      co_return Verdict::temperror;
    case SpfResult::none:
      told.why = fmt::format("{} has no SPF record, which an include must have", printable(told.target));
      co_return Verdict::permerror;
    case SpfResult::permerror:
      break;
  }
  told.why = cause_in(told.check.front());
  co_return Verdict::permerror;
}

Async<SpfEvaluation::Verdict> SpfEvaluation::addresses(const SpfDirective& term, dns::Name name, SpfTerm& told) {
  const auto answer = co_await ask(name, address_type(), told.lookups);
  if (!answer.is_definite()) {
    told.why = fmt::format("the addresses of {} can't be looked up now", name.text());
    co_return Verdict::temperror;
  }
  if (answer.status != dns::Status::ok) {
    told.why = fmt::format("{} has no {} address", name.text(), query_.address.is_v6() ? "IPv6" : "IPv4");
    co_return after_void(told);
  }
  const bool holds = holds_client(answer, term);
  told.why = fmt::format("{} is {} of {}", query_.address.text(), holds ? "an address" : "no address", name.text());
  co_return holds ? Verdict::yes : Verdict::no;
}

Async<SpfEvaluation::Verdict> SpfEvaluation::exchanges(const SpfDirective& term, dns::Name name, SpfTerm& told) {
  const auto answer = co_await ask(name, dns::Type::mx, told.lookups);
  if (!answer.is_definite()) {
    told.why = fmt::format("the MX records of {} can't be looked up now", name.text());
    co_return Verdict::temperror;
  }
  if (answer.status != dns::Status::ok) {
    // §5.4: an implicit MX counts for nothing here.
    told.why = fmt::format("{} has no MX record", name.text());
    co_return after_void(told);
  }
  auto exchanges = answer.all<dns::Mx>();
  if (exchanges.size() > spf_most_mx_names) {
    told.why = fmt::format("{} has {} MX records, and more than {} are an error (RFC 7208 §4.6.4)", name.text(),
                           exchanges.size(), spf_most_mx_names);
    co_return Verdict::permerror;
  }
  std::ranges::sort(exchanges);
  std::vector<dns::Name> hosts;
  for (const auto& exchange : exchanges) {
    if (!exchange.exchange.is_root()) hosts.push_back(exchange.exchange);  // the null MX (RFC 7505) is no host
  }
  if (hosts.empty()) {
    told.why = fmt::format("{} takes no mail (null MX)", name.text());
    co_return Verdict::no;
  }
  const auto answers = co_await ask_addresses(hosts, told.lookups);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (!answers[i].is_definite()) {
      told.why = fmt::format("the addresses of {} can't be looked up now", hosts[i].text());
      co_return Verdict::temperror;
    }
    if (!holds_client(answers[i], term)) continue;
    told.why = fmt::format("{} is an address of {}, which takes mail for {}", query_.address.text(), hosts[i].text(),
                           name.text());
    co_return Verdict::yes;
  }
  told.why = fmt::format("{} belongs to no host that takes mail for {}", query_.address.text(), name.text());
  co_return Verdict::no;
}

Async<SpfEvaluation::Verdict> SpfEvaluation::exists(dns::Name name, SpfTerm& told) {
  // §5.7: A records, also for a client with IPv6.
  const auto answer = co_await ask(name, dns::Type::a, told.lookups);
  if (!answer.is_definite()) {
    told.why = fmt::format("{} can't be looked up now", name.text());
    co_return Verdict::temperror;
  }
  if (answer.status == dns::Status::ok) {
    told.why = fmt::format("{} exists", name.text());
    co_return Verdict::yes;
  }
  told.why = fmt::format("{} doesn't exist", name.text());
  co_return after_void(told);
}

Async<SpfEvaluation::Verdict> SpfEvaluation::pointers(dns::Name name, SpfTerm& told) {
  co_await validate_names(told.lookups);
  const auto client = query_.address.text();
  if (validated_->status == dns::Status::no_data || validated_->status == dns::Status::no_name) {
    told.why = fmt::format("{} has no name in the DNS", client);
    co_return after_void(told);
  }
  if (validated_->status != dns::Status::ok) {
    // §5.5: a failure here is no match, since the client's own network could cause it.
    told.why = fmt::format("the names of {} can't be looked up now, which counts as no match", client);
    co_return Verdict::no;
  }
  for (const auto& one : validated_->names) {
    if (!one.is_within(name)) continue;
    told.why = fmt::format("{} is called {}, and that name leads back to it", client, one.text());
    co_return Verdict::yes;
  }
  told.why = fmt::format("no name of {} that leads back to it is within {}", client, name.text());
  co_return Verdict::no;
}

Async<SpfEvaluation::Verdict> SpfEvaluation::by_target(const SpfDirective& term, const std::string& domain,
                                                       SpfTerm& told) {
  told.target = co_await target_of(term.domain, domain, told.lookups);
  if (term.kind == Kind::include) co_return co_await include(told);
  const auto name = spf_name(told.target);
  if (!name) {
    // §4.8 leaves open what a name that can't exist means: nothing is there. RFC 8616 §4: a local part that isn't
    // ASCII makes no name either.
    told.why = fmt::format("{} is no name that the DNS can have, so nothing matches", in_quotes(told.target));
    co_return Verdict::no;
  }
  switch (term.kind) {
    case Kind::a:
      co_return co_await addresses(term, *name, told);
    case Kind::mx:
      co_return co_await exchanges(term, *name, told);
    case Kind::ptr:
      co_return co_await pointers(*name, told);
    default:
      co_return co_await exists(*name, told);
  }
}

Async<SpfEvaluation::Verdict> SpfEvaluation::evaluate(const SpfDirective& term, const std::string& domain,
                                                      SpfTerm& told) {
  if (term.asks()) {
    if (lookups_ == spf_most_lookups) {
      told.why = fmt::format("more than {} terms ask the DNS (RFC 7208 §4.6.4)", spf_most_lookups);
      co_return Verdict::permerror;
    }
    ++lookups_;
    co_return co_await by_target(term, domain, told);
  }
  if (term.kind == Kind::all) {
    told.why = "it matches every client";
    co_return Verdict::yes;
  }
  co_return by_network(term, told);
}

Async<SpfResult> SpfEvaluation::redirect(const SpfDirective& term, const std::string& domain, SpfTerm& told,
                                         bool included) {
  if (lookups_ == spf_most_lookups) {
    told.match = SpfMatch::failed;
    told.why = fmt::format("more than {} terms ask the DNS (RFC 7208 §4.6.4)", spf_most_lookups);
    co_return SpfResult::permerror;
  }
  ++lookups_;
  told.target = co_await target_of(term.domain, domain, told.lookups);
  told.check.push_back(co_await check(told.target, included));
  const auto result = told.check.front().result;
  told.why = result == SpfResult::permerror || result == SpfResult::temperror
                 ? cause_in(told.check.front())
                 : fmt::format("nothing matched, so the record of {} counts instead", printable(told.target));
  if (result != SpfResult::none) co_return result;
  told.match = SpfMatch::failed;
  told.why = fmt::format("{} has no SPF record, which a redirect must have", printable(told.target));
  co_return SpfResult::permerror;
}

Async<> SpfEvaluation::explain(const SpfDirective& term, const std::string& domain, SpfTerm& told) {
  told.why = "the domain's explanation can't be used";
  told.target = co_await target_of(term.domain, domain, told.lookups);
  const auto name = spf_name(told.target);
  if (!name) co_return;
  const auto answer = co_await ask(*name, dns::Type::txt, told.lookups);
  const auto texts = answer.all<dns::Txt>();
  if (texts.size() != 1) co_return;
  const auto text = texts.front().joined();
  if (!check_macros(text, MacroUse::explanation)) co_return;
  if (wants_validated_name(text)) {
    co_await validate_names(told.lookups);
    validated_text_ = validated_name(domain);
  }
  auto explanation = expand_explanation(text, values(domain));
  // What the client said may stand in it now.
  if (!explanation || !std::ranges::all_of(*explanation, [](char c) { return c >= ' ' && c < 0x7f; })) co_return;
  told.why = "the domain explains the failure";
  explanation_ = std::move(*explanation);
}

Async<> SpfEvaluation::read_record(SpfCheck& check, std::string& text) {
  const auto name = spf_name(check.domain);
  if (!name) {
    check.why = fmt::format("{} is no name that the DNS can have", in_quotes(check.domain));
    co_return;
  }
  const auto answer = co_await ask(*name, dns::Type::txt, check.lookups);
  if (!answer.is_definite()) {
    check.result = SpfResult::temperror;
    check.why = fmt::format("the record of {} can't be looked up now", name->text());
    co_return;
  }
  std::size_t count = 0;
  for (const auto& record : answer.records) {
    const auto* strings = std::get_if<dns::Txt>(&record);
    if (strings == nullptr) continue;
    auto joined = strings->joined();
    if (!SpfRecord::is_one(joined)) continue;
    ++count;
    text = std::move(joined);
  }
  if (count == 1) {
    check.record = text.substr(0, spf_most_record_octets);
    co_return;
  }
  text.clear();
  if (count > 1) check.result = SpfResult::permerror;
  check.why = count == 0 ? fmt::format("{} has no SPF record", name->text())
                         : fmt::format("{} has {} SPF records, and only one may stand there", name->text(), count);
}

Async<SpfCheck> SpfEvaluation::check(std::string domain, bool included) {
  SpfCheck check;
  check.domain = domain;
  std::string text;
  co_await read_record(check, text);
  if (text.empty()) co_return check;
  const auto record = SpfRecord::parse(text);
  if (!record) {
    check.result = SpfResult::permerror;
    check.why = record.error().peer;
    co_return check;
  }
  const auto& terms = record->terms;
  check.terms.resize(std::min(terms.size(), spf_most_told_terms));
  check.untold = terms.size() - check.terms.size();
  for (std::size_t i = 0; i < check.terms.size(); ++i) {
    check.terms[i].text = terms[i].text;
    if (terms[i].is_modifier()) check.terms[i].match = SpfMatch::modifier;
  }
  SpfTerm beyond;  // for those that are not told
  const auto told = [&](std::size_t i) -> SpfTerm& { return i < check.terms.size() ? check.terms[i] : beyond; };

  for (std::size_t i = 0; i < terms.size(); ++i) {
    if (terms[i].is_modifier()) continue;
    auto& term = told(i);
    const auto verdict = co_await evaluate(terms[i], domain, term);
    if (verdict == Verdict::no) {
      term.match = SpfMatch::no;
      if (&term == &beyond) beyond = SpfTerm();
      continue;
    }
    term.match = verdict == Verdict::yes ? SpfMatch::yes : SpfMatch::failed;
    check.result = verdict == Verdict::yes         ? terms[i].result
                   : verdict == Verdict::temperror ? SpfResult::temperror
                                                   : SpfResult::permerror;
    check.why = fmt::format("{}: {}", printable(terms[i].text, 120), term.why);
    if (included) co_return check;
    mechanism_ = terms[i].text;
    if (check.result == SpfResult::fail && verdict == Verdict::yes && record->exp) {
      co_await explain(terms[*record->exp], domain, told(*record->exp));
    }
    co_return check;
  }
  if (record->redirect) {
    auto& term = told(*record->redirect);
    check.result = co_await redirect(terms[*record->redirect], domain, term, included);
    check.why = term.why;
    co_return check;
  }
  check.result = SpfResult::neutral;
  check.why = "nothing matched, and a record that says no more is neutral (RFC 7208 §4.7)";
  if (!included) mechanism_ = "default";
  co_return check;
}

}  // namespace pabal::mailauth
