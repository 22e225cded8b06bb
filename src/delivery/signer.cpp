#include "delivery/signer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "base/wiped.hpp"
#include "mailauth/arc_sealer.hpp"
#include "mailauth/tag_list.hpp"
#include "message/header.hpp"
#include "message/mailboxes.hpp"

namespace pabal::delivery {

namespace {

constexpr std::size_t piece_octets = 256UL << 10;
constexpr std::size_t most_header = 1UL << 20;  // as DkimSigner has it
constexpr std::size_t most_domains = 4;         // that one letter is signed for
constexpr std::size_t most_parsed = 20'000;

std::unexpected<Error> not_signed(const Error& why) {
  return fail(ErrorKind::busy, "the letter can't be signed now, try again later", why.log);
}

SignedBy signed_by(const mailauth::DkimIdentity& identity) {
  return {.domain = identity.domain,
          .selector = identity.selector,
          .algorithm = std::string(mailauth::algorithm_of(identity.key.type()))};
}

std::optional<Domain> parent_of(const Domain& domain) {
  const std::string& name = domain.ascii();
  const auto dot = name.find('.');
  // A name of one label is a top-level domain or this host's own; neither is above others.
  if (dot == std::string::npos || name.find('.', dot + 1) == std::string::npos) return std::nullopt;
  auto parent = Domain::parse(name.substr(dot + 1));
  if (!parent) return std::nullopt;
  return *std::move(parent);
}

constexpr std::size_t most_authors = 20;  // of a field, that are looked at

bool is_at_or_below(std::string_view name, std::string_view domain) {
  return name == domain ||
         (name.size() > domain.size() && name.ends_with(domain) && name[name.size() - domain.size() - 1] == '.');
}

void add_domain(const EmailAddress& address, std::vector<Domain>& out) {
  const Domain* domain = address.domain();
  if (domain == nullptr || out.size() == most_domains) return;
  if (std::ranges::find(out, *domain) == out.end()) out.push_back(*domain);
}

std::string_view header_of(std::string_view letter) {
  return letter.substr(0, message::header_size(letter).value_or(letter.size()));
}

// The signatures on top of a letter: ours, since a letter that comes in gets our Received field on top.
struct OwnSignatures {
  std::size_t octets = 0;  // that they take
  std::vector<std::string> domains = {};
  bool expire = false;
};
OwnSignatures own_signatures(std::string_view letter) {
  OwnSignatures found;
  message::HeaderReader reader(header_of(letter));
  while (const auto field = reader.next()) {
    if (!equal_ignoring_case(field->name, "DKIM-Signature")) break;
    const auto tags = mailauth::TagList::parse(field->body);
    const auto domain = tags ? tags->find("d") : std::nullopt;
    if (!domain) break;
    found.octets = field->end;
    found.expire = found.expire || tags->has("x");
    if (std::ranges::find(found.domains, *domain) == found.domains.end()) found.domains.emplace_back(*domain);
  }
  return found;
}

}  // namespace

// Addresses of From and of Sender.
struct Signer::Authors {
  std::vector<EmailAddress> from;
  std::vector<EmailAddress> sender;

  [[nodiscard]] static Authors of(std::string_view header) {
    Authors authors;
    message::HeaderReader reader(header);
    while (const auto field = reader.next()) {
      const bool from = equal_ignoring_case(field->name, "From");
      if (!from && !equal_ignoring_case(field->name, "Sender")) continue;
      auto addresses = message::addresses_in(field->body);
      if (!addresses) continue;
      auto& out = from ? authors.from : authors.sender;
      for (auto& address : *addresses) {
        if (out.size() < most_authors) out.push_back(std::move(address));
      }
    }
    return authors;
  }
};

// A letter wherever it lies.
struct Signer::Octets {
  const store::Incoming* incoming = nullptr;
  std::string_view text = {};

  // All of it, piece by piece.
  template <class Take>
  [[nodiscard]] Result<void> read(Take take) const {
    if (incoming == nullptr) {
      take(text);
      return {};
    }
    std::string buffer;
    for (std::uint64_t at = 0; at < incoming->size();) {
      const auto piece = incoming->part(at, piece_octets, buffer);
      if (!piece) return pass(piece);
      if (piece->empty()) return fail(ErrorKind::io, "local error in processing", "an arrived letter ends early");
      take(*piece);
      at += piece->size();
    }
    return {};
  }

  [[nodiscard]] Result<std::string> header() const {
    if (incoming == nullptr) return std::string(header_of(text));
    std::string out;
    std::string buffer;
    std::size_t looked_at = 0;
    while (out.size() < most_header) {
      const auto piece = incoming->part(out.size(), piece_octets, buffer);
      if (!piece) return pass(piece);
      if (piece->empty()) break;
      out.append(*piece);
      if (const auto size = message::header_size(out, looked_at)) {
        out.resize(*size);
        break;
      }
      looked_at = out.size() < 3 ? 0 : out.size() - 3;
    }
    return out;
  }
};

Signer::Signer(account::DomainKeys& keys, account::Directory& directory, Pool& pool, const Clock& clock,
               SignerOptions options)
    : keys_(&keys), directory_(&directory), pool_(&pool), clock_(&clock), options_(std::move(options)) {}
Signer::~Signer() = default;

namespace {
Signer::Marks switched_off() { return {.fields = {}, .trace = {.unsigned_because = "signing is switched off"}}; }
}  // namespace

void Signer::change(SignerOptions options) { *options_.lock() = std::move(options); }

Result<Signer::Identities> Signer::identities_of(const std::string& domain) {
  const auto version = keys_->version();
  {
    auto parsed = parsed_.lock();
    if (parsed->version != version || parsed->of.size() > most_parsed) *parsed = {.version = version, .of = {}};
    if (const auto found = parsed->of.find(domain); found != parsed->of.end()) return found->second;
  }
  auto keys = keys_->signing_keys(domain);
  if (!keys) return pass(keys);
  const WipeAtEnd wiped(*keys);  // those behind one that can't be read, too
  std::vector<mailauth::DkimIdentity> identities;
  for (auto& key : *keys) {
    auto parsed = mailauth::DkimSigningKey::from_pem(key.private_pem);
    if (!parsed) {
      return fail(ErrorKind::damaged, "local error in processing",
                  fmt::format("the private key of {}._domainkey.{} can't be read: {}", key.selector, domain,
                              parsed.error().log));
    }
    identities.push_back({.key = *std::move(parsed), .domain = domain, .selector = std::move(key.selector)});
  }
  auto shared = std::make_shared<const std::vector<mailauth::DkimIdentity>>(std::move(identities));
  // What was read before a change must not be kept under the number after it.
  if (auto parsed = parsed_.lock(); parsed->version == version) parsed->of.insert_or_assign(domain, shared);
  return shared;
}

Result<Signer::Identities> Signer::nearest_identities(const Domain& domain) {
  std::optional<Domain> at = domain;
  while (true) {
    auto found = identities_of(at->ascii());
    if (!found || !(*found)->empty()) return found;
    at = parent_of(*at);
    if (!at) return found;
  }
}

// Whether a program of this machine may write for it.
bool Signer::may_write(const Domain& domain) {
  auto options = options_.lock();
  return is_at_or_below(options->hostname, domain.ascii()) ||
         std::ranges::any_of(options->programs,
                             [&](const std::string& one) { return one == "*" || one == domain.ascii(); });
}

Async<Result<bool>> Signer::may_write(SignedFor who, EmailAddress author) {
  if (author.domain() == nullptr) co_return false;
  if (who.writer == Writer::ourselves) co_return true;
  if (who.writer == Writer::program) co_return may_write(*author.domain());
  if (!who.account) co_return false;
  if (const auto known = directory_->try_may_send_as(*who.account, author)) co_return *known;
  co_return co_await directory_->may_send_as(*who.account, std::move(author));
}

Async<Result<Signer::Chosen>> Signer::choose(Authors authors, SignedFor who) {
  Chosen chosen;
  const EmailAddress* refused = nullptr;
  for (auto* const field : {&authors.from, &authors.sender}) {
    auto& domains = field == &authors.from ? chosen.from : chosen.sender;
    for (const auto& author : *field) {
      const auto may = co_await may_write(who, author);
      if (!may) co_return pass(may);
      if (*may) {
        add_domain(author, domains);
      } else if (refused == nullptr && author.domain() != nullptr) {
        refused = &author;
      }
    }
  }
  if (who.writer == Writer::ourselves) chosen.expires_after = options_.lock()->own_expire_after;
  if (refused != nullptr && who.writer == Writer::program) {
    chosen.why_none =
        fmt::format("programs of this machine don't write for {} ([dkim] programs)", refused->domain()->ascii());
  } else if (refused != nullptr) {
    chosen.why_none = fmt::format("its account may not send as {}", refused->text());
  } else if (chosen.from.empty()) {
    chosen.why_none = "its From field names no domain";
  } else {
    chosen.why_none = fmt::format("{} has no key in use here", chosen.from.front().ascii());
  }
  co_return chosen;
}

// Whether memory says that none of the domains has a key: then there is nothing to be done on the pool.
bool Signer::surely_unsigned(const Chosen& chosen) {
  auto parsed = parsed_.lock();
  if (parsed->version != keys_->version()) return chosen.from.empty() && chosen.sender.empty();
  for (const auto* domains : {&chosen.from, &chosen.sender}) {
    for (const auto& domain : *domains) {
      for (std::optional<Domain> at = domain; at; at = parent_of(*at)) {
        const auto found = parsed->of.find(at->ascii());
        if (found == parsed->of.end() || !found->second->empty()) return false;
      }
    }
  }
  return true;
}

Result<Signer::Identities> Signer::signing_for(const Chosen& chosen) {
  std::vector<mailauth::DkimIdentity> all;
  for (const auto* domains : {&chosen.from, &chosen.sender}) {
    if (!all.empty()) break;
    for (const auto& domain : *domains) {
      const auto found = nearest_identities(domain);
      if (!found) return pass(found);
      for (const auto& identity : **found) {
        const bool known = std::ranges::any_of(all, [&](const mailauth::DkimIdentity& other) {
          return other.domain == identity.domain && other.selector == identity.selector;
        });
        if (!known) all.push_back(identity);
      }
    }
  }
  return std::make_shared<const std::vector<mailauth::DkimIdentity>>(std::move(all));
}

Result<Signer::Marks> Signer::sign_now(const Octets& letter, const Chosen& chosen) {
  Marks marks;
  const auto identities = signing_for(chosen);
  if (!identities) return not_signed(identities.error());
  if ((*identities)->empty()) {
    marks.trace.unsigned_because = chosen.why_none;
    return marks;
  }
  mailauth::DkimSigner signer({.identities = **identities,
                               .fields = {},
                               .now = clock_->now(),
                               .expires_after = chosen.expires_after,
                               .identity = {}});
  if (auto read = letter.read([&](std::string_view piece) { signer.take(piece); }); !read) {
    return not_signed(read.error());
  }
  auto fields = signer.finish();
  if (!fields && fields.error().kind == ErrorKind::syntax) {
    // It will not be better later: a header that can't be signed.
    marks.trace.unsigned_because = fields.error().peer;
    return marks;
  }
  if (!fields) return not_signed(fields.error());
  marks.fields = *std::move(fields);
  for (const auto& identity : **identities) marks.trace.signed_by.push_back(signed_by(identity));
  return marks;
}

Result<Signer::Marks> Signer::seal_now(const Octets& letter, const EmailAddress& address, const Findings& findings) {
  Marks marks;
  Identities identities;
  if (address.domain() != nullptr) {
    auto found = nearest_identities(*address.domain());
    if (!found) return not_signed(found.error());
    identities = *std::move(found);
  }
  if (!identities || identities->empty()) {
    const auto other = Domain::parse(options_.lock()->seal_domain);
    if (other) {
      auto found = nearest_identities(*other);
      if (!found) return not_signed(found.error());
      identities = *std::move(found);
    }
  }
  if (!identities || identities->empty()) {
    marks.trace.unsealed_because = "there is no key in use to seal with";
    return marks;
  }
  // RFC 8617 §4.1.3 knows one signature a field, and Ed25519 isn't understood widely: RSA, which stands first.
  const auto& identity = identities->front();
  mailauth::ArcSealer sealer({.identity = identity, .fields = {}, .now = clock_->now()});
  if (auto read = letter.read([&](std::string_view piece) { sealer.take(piece); }); !read) {
    return not_signed(read.error());
  }
  auto fields = sealer.finish(findings.results, findings.chain);
  if (!fields && (fields.error().kind == ErrorKind::syntax || fields.error().kind == ErrorKind::exists)) {
    marks.trace.unsealed_because = fields.error().peer;
    return marks;
  }
  if (!fields) return not_signed(fields.error());
  marks.fields = *std::move(fields);
  marks.trace.sealed_by = signed_by(identity);
  return marks;
}

Async<Result<Signer::Marks>> Signer::sign(const store::Incoming* letter, SignedFor who) {
  if (!options_.lock()->sign) co_return switched_off();
  Authors authors;
  if (letter->has_file()) {
    auto header = co_await pool_->run([letter] { return Octets{.incoming = letter}.header(); });
    if (!header) co_return not_signed(header.error());
    authors = Authors::of(*header);
  } else {
    authors = Authors::of(header_of(letter->memory()));
  }
  auto chosen = co_await choose(std::move(authors), who);
  if (!chosen) co_return not_signed(chosen.error());
  if (surely_unsigned(*chosen)) co_return Marks{.fields = {}, .trace = {.unsigned_because = chosen->why_none}};
  co_return co_await pool_->run(
      [this, letter, chosen = *std::move(chosen)] { return sign_now({.incoming = letter}, chosen); });
}

Async<Result<Signer::Marks>> Signer::sign(std::string letter) {
  if (!options_.lock()->sign) co_return switched_off();
  auto chosen = co_await choose(Authors::of(header_of(letter)), {.writer = Writer::ourselves});
  if (!chosen) co_return not_signed(chosen.error());
  co_return co_await pool_->run(
      [this, letter = std::move(letter), chosen = *std::move(chosen)] { return sign_now({.text = letter}, chosen); });
}

Async<Result<std::string>> Signer::sign_again(std::string letter) {
  if (own_signatures(letter).octets == 0) co_return letter;
  co_return co_await pool_->run(
      [this, letter = std::move(letter)]() mutable { return sign_again_now(std::move(letter)); });
}

Result<std::string> Signer::sign_again_now(std::string letter) {
  const auto own = own_signatures(letter);
  Chosen chosen;
  for (const auto& name : own.domains) {
    if (auto domain = Domain::parse(name)) chosen.from.push_back(*std::move(domain));
  }
  if (own.expire) chosen.expires_after = options_.lock()->own_expire_after;
  letter.erase(0, own.octets);
  auto marks = sign_now({.text = letter}, chosen);
  if (!marks) return pass(marks);
  return marks->fields + letter;
}

Async<Result<bool>> Signer::can_sign(Domain domain) {
  if (!options_.lock()->sign) co_return false;
  co_return co_await pool_->run([this, domain = std::move(domain)]() -> Result<bool> {
    const auto found = nearest_identities(domain);
    if (!found) return pass(found);
    return !(*found)->empty();
  });
}

Async<Result<Signer::Marks>> Signer::seal(const store::Incoming* letter, EmailAddress address, Findings findings) {
  if (!options_.lock()->seal) co_return Marks();
  co_return co_await pool_->run([this, letter, address = std::move(address), findings = std::move(findings)] {
    return seal_now({.incoming = letter}, address, findings);
  });
}

}  // namespace pabal::delivery
