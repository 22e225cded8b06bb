#include "mailauth/signature_field.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "address/domain.hpp"
#include "base/text.hpp"
#include "mailauth/base64_value.hpp"
#include "mailauth/tag_list.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::size_t kMostInstances = 50;  // RFC 8617 §4.2.1
constexpr std::size_t kMostNames = 1000;
// RFC 6376 §3.5 lets t=, x= and l= have many digits; times beyond the year 9999 are nobody's.
constexpr std::uint64_t kMostSeconds = 253'402'300'799;

using Found = std::optional<std::string_view>;

// Reads one signature; the first fault ends it, but not before names are known that a reader wants to see.
class Reading {
 public:
  Reading(SignatureKind kind, std::string_view body) : body_(body) { signature_.kind = kind; }

  SignatureField run() {
    auto list = TagList::parse(body_);
    if (!list) {
      fault(DkimResult::neutral, list.error().peer);
      return std::move(signature_);
    }
    tags_ = std::move(*list);
    domain();
    selector();
    algorithm();
    instance();
    version();
    data();
    forms();
    names();
    identity();
    times();
    length();
    query();
    key_name();
    return std::move(signature_);
  }

 private:
  [[nodiscard]] bool is(SignatureKind kind) const noexcept { return signature_.kind == kind; }

  void fault(DkimResult result, std::string why) {
    if (!signature_.fault) signature_.fault = SignatureFault{.result = result, .why = std::move(why)};
  }
  void malformed(std::string why) { fault(DkimResult::neutral, std::move(why)); }

  // A tag that must be there, and have a value.
  Found needed(std::string_view name) {
    const auto value = tags_.find(name);
    if (value && !value->empty()) return value;
    malformed(fmt::format("the signature has no {}=", name));
    return std::nullopt;
  }

  void version() {
    if (!is(SignatureKind::dkim)) return;
    const auto value = needed("v");
    if (value && *value != "1") malformed("v=" + printable(*value, 20) + " is a version that isn't known");
  }

  void algorithm() {
    const auto value = needed("a");
    if (!value) return;
    signature_.facts.algorithm = printable(*value, 40);
    if (equal_ignoring_case(*value, "rsa-sha256")) {
      signature_.key_type = KeyType::rsa;
    } else if (equal_ignoring_case(*value, "ed25519-sha256")) {
      signature_.key_type = KeyType::ed25519;
    } else if (equal_ignoring_case(*value, "rsa-sha1")) {
      fault(DkimResult::fail, "rsa-sha1 proves nothing any more: such signatures can be forged (RFC 8301)");
    } else {
      malformed("the algorithm a=" + printable(*value, 40) + " isn't known");
    }
  }

  void data() {
    if (const auto value = needed("b")) {
      signature_.facts.signature = without_white_space(*value);
      auto octets = decode_base64_value(signature_.facts.signature);
      if (!octets || octets->empty()) {
        malformed("b= is no base64");
      } else {
        signature_.signature = std::move(*octets);
      }
    }
    if (is(SignatureKind::arc_seal)) return;
    if (const auto value = needed("bh")) {
      auto octets = decode_base64_value(without_white_space(*value));
      if (!octets) {
        malformed("bh= is no base64");
      } else if (octets->size() != 32) {
        malformed("bh= isn't as long as a SHA-256");
      } else {
        signature_.body_hash = std::move(*octets);
      }
    }
  }

  void domain() {
    const auto value = needed("d");
    if (!value) return;
    auto name = canonical_domain(*value);
    signature_.facts.domain = name ? *name : printable(*value);
    if (!name) malformed("d=" + printable(*value) + " is no domain");
  }

  void selector() {
    const auto value = needed("s");
    if (!value) return;
    auto name = canonical_domain(*value);
    signature_.facts.selector = name ? *name : printable(*value);
    if (!name) malformed("s=" + printable(*value) + " is no selector");
  }

  void forms() {
    if (is(SignatureKind::arc_seal)) {  // RFC 8617 §5.1.1: always relaxed
      signature_.facts.header_form = Canonicalization::relaxed;
      return;
    }
    const auto value = tags_.find("c");
    if (!value) return;
    signature_.form_given = true;
    const auto slash = value->find('/');
    const auto header = form(value->substr(0, slash));
    const auto body = slash == std::string_view::npos ? Canonicalization::simple : form(value->substr(slash + 1));
    if (!header || !body) {
      malformed("c=" + printable(*value, 40) + " is a form that isn't known");
      return;
    }
    signature_.facts.header_form = *header;
    signature_.facts.body_form = *body;
  }
  static std::optional<Canonicalization> form(std::string_view name) {
    if (equal_ignoring_case(name, "simple")) return Canonicalization::simple;
    if (equal_ignoring_case(name, "relaxed")) return Canonicalization::relaxed;
    return std::nullopt;
  }

  void names() {
    const auto value = tags_.find("h");
    if (is(SignatureKind::arc_seal)) {
      // RFC 8617 §4.1.3: what a seal covers is fixed; an h= makes the chain fail.
      if (value) malformed("a seal may not have h=");
      return;
    }
    if (!value || (value->empty() && is(SignatureKind::dkim))) {
      malformed("the signature has no h=");
      return;
    }
    if (std::ranges::count(*value, ':') >= static_cast<std::ptrdiff_t>(kMostNames)) {
      fault(DkimResult::policy, fmt::format("the signature covers more than {} fields", kMostNames));
      return;
    }
    for (const auto name : split_colons(*value)) {
      signature_.facts.signed_fields.emplace_back(name);
      signature_.names.push_back(to_lower(name));
    }
    // RFC 6376 §3.5 wants From signed. What an ARC sealer covers is its own affair, but never its seals: they come
    // after it (RFC 8617 §4.1.2).
    if (is(SignatureKind::dkim) && !signs("from")) {
      fault(DkimResult::permerror, "the signature doesn't cover From");
    }
    if (is(SignatureKind::arc_message) && signs("arc-seal")) {
      malformed("a message signature may not cover ARC-Seal");
    }
  }

  [[nodiscard]] bool signs(std::string_view name) const {
    return std::ranges::find(signature_.names, name) != signature_.names.end();
  }

  void identity() {
    if (!is(SignatureKind::dkim)) return;
    const auto value = tags_.find("i");
    if (!value) {
      signature_.facts.identity = "@" + signature_.facts.domain;
      signature_.identity_domain = signature_.facts.domain;
      return;
    }
    const auto bare = without_white_space(*value);
    signature_.facts.identity = printable(bare, 1000);
    const auto at = bare.rfind('@');
    auto name = at == std::string::npos ? std::nullopt : canonical_domain(std::string_view(bare).substr(at + 1));
    if (!name) {
      malformed("i= is no identity of a domain");
      return;
    }
    const auto& parent = signature_.facts.domain;
    if (*name != parent && !name->ends_with("." + parent)) {
      malformed(fmt::format("i= is of {}, which is neither {} nor below it", *name, parent));
      return;
    }
    signature_.identity_domain = std::move(*name);
  }

  std::optional<SecondsTime> time(std::string_view name) {
    const auto value = tags_.find(name);
    if (!value) return std::nullopt;
    // RFC 6376 §3.5: up to 12 digits at least; what doesn't fit is far away.
    const bool digits = !value->empty() && std::ranges::all_of(*value, is_digit);
    if (!digits) {
      malformed(fmt::format("{}= is no time", name));
      return std::nullopt;
    }
    return SecondsTime(std::chrono::seconds(parse_decimal(*value, kMostSeconds).value_or(kMostSeconds)));
  }

  void times() {
    signature_.facts.signed_at = time("t");
    if (is(SignatureKind::arc_seal)) return;
    signature_.facts.expires_at = time("x");
    if (signature_.facts.signed_at && signature_.facts.expires_at &&
        *signature_.facts.expires_at <= *signature_.facts.signed_at) {
      malformed("x= isn't after t=: the signature ended before it was made");
    }
  }

  void length() {
    const auto value = is(SignatureKind::arc_seal) ? std::nullopt : tags_.find("l");
    if (!value) return;
    if (value->empty() || value->size() > 76 || !std::ranges::all_of(*value, is_digit)) {
      malformed("l= is no length");
      return;
    }
    signature_.facts.signed_octets = parse_decimal(*value).value_or(UINT64_MAX);
  }

  void query() {
    const auto value = is(SignatureKind::arc_seal) ? std::nullopt : tags_.find("q");
    if (!value) return;
    const auto methods = split_colons(*value);
    // "dns" alone is how it was written before RFC 4871.
    const auto is_ours = [](std::string_view method) {
      return equal_ignoring_case(method, "dns/txt") || equal_ignoring_case(method, "dns");
    };
    if (std::ranges::none_of(methods, is_ours)) {
      malformed("q=" + printable(*value, 40) + " is a way to keys that isn't known");
    }
  }

  void instance() {
    if (is(SignatureKind::dkim)) return;
    const auto value = tags_.find("i").value_or("");
    signature_.instance = value.size() > 2 ? 0 : parse_decimal(value, kMostInstances).value_or(0);
    if (signature_.instance == 0) malformed("i= is no instance from 1 to 50");
    if (is(SignatureKind::arc_seal)) signature_.cv = to_lower(tags_.find("cv").value_or(""));
  }

  void key_name() {
    if (signature_.fault) return;
    auto name = dns::Name::parse(signature_.facts.selector + "._domainkey." + signature_.facts.domain);
    if (!name) {
      malformed("the key's name isn't one that the DNS could know");
      return;
    }
    signature_.facts.key_name = name->text();
    signature_.key_name = std::move(*name);
  }

  std::string_view body_;
  SignatureField signature_;
  TagList tags_;
};

}  // namespace

std::string_view field_name(SignatureKind kind) noexcept {
  switch (kind) {
    case SignatureKind::dkim:
      return "DKIM-Signature";
    case SignatureKind::arc_message:
      return "ARC-Message-Signature";
    case SignatureKind::arc_seal:
      return "ARC-Seal";
  }
  std::unreachable();
}

SignatureField read_signature(SignatureKind kind, std::string_view body) { return Reading(kind, body).run(); }

std::optional<std::string> canonical_domain(std::string_view text) {
  const auto plain = [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; };
  if (std::ranges::all_of(text, plain)) {
    if (text.starts_with('.') || text.ends_with('.') || text.contains("..")) return std::nullopt;
    auto name = dns::Name::parse(text);
    if (!name || name->is_root()) return std::nullopt;
    return to_lower(text);
  }
  auto domain = Domain::parse(text);
  if (!domain) return std::nullopt;
  return domain->ascii();
}

std::string without_signature(std::string_view field) {
  auto at = field.find(':');
  while (at != std::string_view::npos) {
    const auto begin = at + 1;
    at = field.find(';', begin);
    const auto tag = field.substr(begin, at == std::string_view::npos ? at : at - begin);
    const auto equals = tag.find('=');
    if (equals == std::string_view::npos || without_white_space(tag.substr(0, equals)) != "b") continue;
    std::string out(field.substr(0, begin + equals + 1));
    if (at != std::string_view::npos) out += field.substr(at);
    return out;
  }
  return std::string(field);
}

std::optional<ArcResultsField> read_arc_results(std::string_view body) {
  const auto semicolon = body.find(';');
  if (semicolon == std::string_view::npos) return std::nullopt;
  const auto bare = without_white_space(body.substr(0, semicolon));
  if (!bare.starts_with("i=") || bare.size() > 4) return std::nullopt;
  const auto instance = parse_decimal(std::string_view(bare).substr(2), kMostInstances).value_or(0);
  if (instance == 0) return std::nullopt;
  return ArcResultsField{.instance = instance, .results = body.substr(semicolon + 1)};
}

}  // namespace pabal::mailauth
