#include "mailauth/spf.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "address/domain.hpp"
#include "base/text.hpp"
#include "mailauth/spf_evaluation.hpp"

namespace pabal::mailauth {
namespace {

/// In A-labels, without a final dot; what is no domain stays as it is.
std::string domain_text(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (!is_ascii(text)) {
    if (const auto domain = Domain::parse(text)) return domain->ascii();
  }
  return std::string(text);
}

/// The local part without its quotes: `"a b"` is the mailbox `a b` (RFC 5321 §4.1.2).
std::string unquoted(std::string_view local) {
  if (local.size() < 2 || !local.starts_with('"') || !local.ends_with('"')) return std::string(local);
  local = local.substr(1, local.size() - 2);
  std::string plain;
  for (std::size_t i = 0; i < local.size(); ++i) {
    if (local[i] == '\\' && i + 1 < local.size()) ++i;
    plain += local[i];
  }
  return plain;
}

/// RFC 7208 §4.3: the local part that stands for one that is missing.
constexpr std::string_view postmaster = "postmaster";

SpfSender sender_of(std::string_view address, std::string_view helo) {
  SpfSender sender;
  sender.helo = domain_text(helo);
  const auto at = address.rfind('@');
  sender.local_part = at == std::string_view::npos ? std::string() : unquoted(address.substr(0, at));
  if (sender.local_part.empty()) sender.local_part = postmaster;
  sender.domain = domain_text(at == std::string_view::npos ? address : address.substr(at + 1));
  return sender;
}

/// §4.3: a domain that isn't one, or a literal, or a single label, has no policy.
bool is_checkable(const std::string& domain) {
  const auto name = spf_name(domain);
  return name && !domain.starts_with('[') && name->labels().size() > 1;
}

// The frame owns the query; the evaluation refers to it.
Async<SpfOutcome> check_identity(dns::Resolver* resolver, SpfQuery query, SpfIdentity identity) {
  SpfOutcome outcome;
  outcome.identity = identity;
  const auto sender = sender_of(identity == SpfIdentity::helo ? query.helo : query.mail_from, query.helo);
  outcome.domain = sender.domain;
  outcome.sender = fmt::format("{}@{}", sender.local_part, sender.domain);
  outcome.check.domain = sender.domain;
  if (!is_checkable(sender.domain)) {
    outcome.check.why = fmt::format("\"{}\" is no domain that could have a record", printable(sender.domain, 120));
    co_return outcome;
  }
  SpfEvaluation evaluation(*resolver, query, sender);
  outcome.check = co_await evaluation.check(sender.domain, false);
  outcome.result = outcome.check.result;
  outcome.mechanism = evaluation.mechanism();
  outcome.explanation = evaluation.explanation();
  outcome.lookups = evaluation.lookups();
  outcome.void_lookups = evaluation.void_lookups();
  if (outcome.result == SpfResult::temperror || outcome.result == SpfResult::permerror) {
    outcome.problem = outcome.check.why;
  }
  co_return outcome;
}

}  // namespace

std::string_view name_of(SpfResult result) noexcept {
  switch (result) {
    case SpfResult::none:
      return "none";
    case SpfResult::neutral:
      return "neutral";
    case SpfResult::pass:
      return "pass";
    case SpfResult::fail:
      return "fail";
    case SpfResult::softfail:
      return "softfail";
    case SpfResult::temperror:
      return "temperror";
    case SpfResult::permerror:
      return "permerror";
  }
  return "none";
}

std::string_view name_of(SpfIdentity identity) noexcept { return identity == SpfIdentity::helo ? "helo" : "mailfrom"; }

std::string_view name_of(SpfMatch match) noexcept {
  switch (match) {
    case SpfMatch::no:
      return "no";
    case SpfMatch::yes:
      return "yes";
    case SpfMatch::failed:
      return "failed";
    case SpfMatch::not_reached:
      return "not reached";
    case SpfMatch::modifier:
      return "modifier";
  }
  return "no";
}

Async<SpfOutcome> check_spf(dns::Resolver& resolver, SpfQuery query) {
  // §2.4: the null reverse-path is checked as the HELO name's postmaster.
  const auto identity = query.mail_from.empty() ? SpfIdentity::helo : SpfIdentity::mailfrom;
  return check_identity(&resolver, std::move(query), identity);
}

Async<SpfOutcome> check_spf_helo(dns::Resolver& resolver, SpfQuery query) {
  return check_identity(&resolver, std::move(query), SpfIdentity::helo);
}

}  // namespace pabal::mailauth
