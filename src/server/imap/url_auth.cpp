// GENURLAUTH, RESETKEY and URLFETCH (RFC 4467; the extended URLFETCH, RFC 5524).
#include "server/imap/url_auth.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "codec/hex.hpp"
#include "codec/transfer.hpp"
#include "imap/response.hpp"
#include "message/imap_forms.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/fetch_letter.hpp"
#include "server/imap/url_token.hpp"

namespace pabal::server::imap {

namespace {

using Access = grammar::UrlAuthorization::Access;

constexpr std::string_view kInternal = "INTERNAL";

// The keys by which a mailbox's URLs are vouched for (§2.2) are annotations that no reader has: nobody gets to see
// them, and they go with the mailbox. There is one, or a few where sessions made the first at once; each is as good.
constexpr AccountId kNobody{-1};
constexpr std::string_view kKeys = "/private/urlauth/";
using Keys = std::vector<store::Annotation>;

std::unexpected<Error> not_authorized(std::string_view why) {
  return fail(ErrorKind::not_found, "The URL leads to nothing here.", fmt::format("url: {}", why));
}

// The account that a URL's user is; nothing where nobody is.
Async<Result<std::optional<account::Account>>> user_of(Session* session, std::string name) {
  auto found = co_await session->shared().logins->find(std::move(name));
  if (found && *found && !(*found)->enabled) co_return std::nullopt;
  co_return found;
}

// RFC 4467 §3: the session is one of those whom the URL is for.
Async<Result<bool>> is_meant(Session* session, const grammar::UrlAuthorization* authorization) {
  switch (authorization->access) {
    case Access::anonymous:
    case Access::authuser:
      co_return true;
    case Access::user: {
      const auto user = co_await user_of(session, authorization->user);
      if (!user) co_return pass(user);
      co_return *user && (*user)->id == session->user().place.account;
    }
    case Access::submit: {
      const auto& submitters = session->limits().url_submitters;
      co_return std::ranges::any_of(
          submitters, [&](const std::string& name) { return equal_ignoring_case(name, session->user().name); });
    }
  }
  co_return false;
}

Async<Result<Keys>> keys_of(Session* session, store::Place place, MailboxId mailbox) {
  auto entries = co_await session->store().annotations(place, mailbox, kNobody);
  // Those that are shared are everybody's.
  if (entries)
    std::erase_if(*entries, [](const auto& entry) { return !entry.name.starts_with(kKeys) || !entry.value; });
  co_return entries;
}

store::Annotation fresh_key(Session& session) {
  auto& random = session.shared().random;
  return {.name = std::string(kKeys) + codec::hex(random.octets(8)), .value = random.octets(kUrlKeyOctets)};
}

// Another key in the place of those that there are, or none.
Async<Result<void>> replace_keys(Session* session, store::Place place, MailboxId mailbox, bool by_another) {
  auto keys = co_await keys_of(session, place, mailbox);
  if (!keys) co_return pass(keys);
  for (auto& key : *keys) key.value.reset();
  if (by_another) keys->push_back(fresh_key(*session));
  if (keys->empty()) co_return Result<void>();
  co_return co_await session->store().set_annotations(place, mailbox, kNobody, std::move(*keys));
}

// Takes as long for any token.
bool vouches(const Keys& keys, std::string_view rump, std::string_view token) {
  bool good = false;
  for (const auto& key : keys) good = is_url_token(*key.value, rump, token) || good;
  return good;
}

// The URL of one GENURLAUTH, authorized; an Answer where it can't be.
Async<std::expected<std::string, Answer>> authorized(Session* session, std::string text, std::string mechanism) {
  const auto url = grammar::Url::parse(text);
  if (!url || !url->authorization || !url->authorization->mechanism.empty() || !url->mailbox) {
    co_return std::unexpected(bad("That is no URL to be authorized."));
  }
  if (mechanism != kInternal) co_return std::unexpected(bad("No such mechanism here."));
  // §7: the user whose key it is, which only he uses; the server is this one.
  if (!is_here(*session, *url)) co_return std::unexpected(bad("That is another server's URL."));
  const auto owner = co_await user_of(session, login_name_of(*session, *url->server));
  if (!owner) co_return std::unexpected(refused(owner.error()));
  if (!*owner && !is_own_name(*session, url->server->host)) {
    co_return std::unexpected(bad("That is another server's URL."));
  }
  if (!*owner || (*owner)->id != session->user().place.account) {
    co_return std::unexpected(bad("That is another user's URL."));
  }
  const store::Place place{.account = (*owner)->id, .shard = (*owner)->shard};
  const auto mailbox = co_await session->store().find_mailbox(place, url->mailbox->text());
  if (!mailbox) {
    const bool nothing = mailbox.error().kind == ErrorKind::not_found;
    co_return std::unexpected(nothing ? bad("The URL leads to nothing here.") : refused(mailbox.error()));
  }
  auto keys = co_await keys_of(session, place, mailbox->id);
  if (!keys) co_return std::unexpected(refused(keys.error()));
  if (keys->empty()) {
    keys->push_back(fresh_key(*session));
    const auto set = co_await session->store().set_annotations(place, mailbox->id, kNobody, *keys);
    if (!set) co_return std::unexpected(refused(set.error()));
  }
  co_return fmt::format("{}:{}:{}", text, to_lower(mechanism), url_token(*keys->front().value, text));
}

// A part as it is sent by BINARY; nothing where its encoding is not known.
Async<Result<std::optional<std::string>>> decoded(Session* session, const UrlLetter* letter, const grammar::Url* url) {
  const auto& found = letter->found;
  const auto place = place_of(found, url->section, letter->row);
  const auto turn = co_await session->shared().big_letters.enter(place.size());
  auto octets = co_await letter->octets->read(place.begin, place.size());
  if (!octets) co_return pass(octets);
  if (!found.part || url->section.part.empty()) co_return std::move(*octets);
  const auto encoding = codec::transfer_encoding(letter->derived.parts[*found.part].encoding);
  if (encoding == codec::TransferEncoding::unknown) co_return std::nullopt;
  const bool plain =
      encoding != codec::TransferEncoding::base64 && encoding != codec::TransferEncoding::quoted_printable;
  if (plain) co_return std::move(*octets);
  auto decode = [encoding, text = std::move(*octets)] { return codec::decode_body(encoding, text).octets; };
  co_return co_await session->shared().workers.run(std::move(decode));
}

// The transfer encoding that these octets have as they are (RFC 2045 §2.7 to §2.9).
std::string_view encoding_of(std::string_view octets) {
  constexpr std::size_t longest = 998;
  bool high = false;
  std::size_t line = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const char c = octets[i];
    if (c == '\r' && i + 1 < octets.size() && octets[i + 1] == '\n') {
      line = 0;
      ++i;
      continue;
    }
    if (c == '\0' || c == '\r' || c == '\n' || ++line > longest) return "BINARY";
    high = high || static_cast<unsigned char>(c) >= 0x80;
  }
  return high ? "8BIT" : "7BIT";
}

// RFC 5524 §3.2: of BINARY (`sent`) the structure is of what is sent. Who may have a header, or some of its fields, is
// told nothing of what else there is.
std::string structure(Session& session, const message::Derived& derived, const grammar::Url& url,
                      const std::string* sent) {
  if (url.section.text != grammar::Section::Text::none) return "NIL";
  const auto at = grammar::find_part(derived.parts, url.section.part).value_or(0);
  auto parts = derived.parts;
  auto& part = parts[at];
  const auto encoding = codec::transfer_encoding(part.encoding);
  const bool encoded =
      encoding == codec::TransferEncoding::base64 || encoding == codec::TransferEncoding::quoted_printable;
  if (sent != nullptr && encoded && part.kind == message::PartKind::leaf) {
    part.encoding = encoding_of(*sent);
    part.body_end = part.body_begin + sent->size();
    // They are counted in the encoded form (RFC 9051 §7.5.2), which isn't sent; Dovecot says 0, too.
    part.lines = 0;
  }
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(at));
  return message::imap_body_structure(parts, true, session.form());
}

// A literal of as many octets as it says. An Error: it was torn.
Async<Result<bool>> tell_part(Session* session, UrlPart part) {
  grammar::append_literal_size(session->out(), part.size());
  const std::uint64_t window = session->limits().window_bytes;
  for (std::uint64_t at = 0; at < part.size(); at += window) {
    const auto count = std::min(window, part.size() - at);
    auto octets = co_await part.read(at, count);
    if (!octets) co_return pass(octets);
    if (octets->size() != count) co_return fail(ErrorKind::io, "local error", "a letter is shorter than its row says");
    // RFC 9051 §4.3.
    std::ranges::replace(*octets, '\0', '\x80');
    session->out().append(*octets);
    if (!co_await session->drain()) co_return false;
  }
  co_return true;
}

// What is said of a URL, ready to be said.
struct UrlData {
  std::string structure;                             ///< of BODYPARTSTRUCTURE
  std::optional<std::optional<std::string>> binary;  ///< of BINARY; within: nothing that can be decoded
  std::optional<UrlPart> part;                       ///< of BODY, and where no data was named
};

Async<Result<UrlData>> data_of(Session* session, const grammar::UrlFetch::Url* wanted) {
  const auto url = grammar::Url::parse(wanted->url);
  if (!url) co_return pass(url);
  if (!url->authorization) co_return not_authorized("no authorization");
  auto letter = co_await open_authorized(session, &*url, &wanted->url);
  if (!letter) co_return pass(letter);
  UrlData data;
  const bool decodes = wanted->binary && !letter->found.filtered;
  if (wanted->body_part_structure && !decodes) {
    data.structure = structure(*session, letter->derived, *url, nullptr);
  }
  if (wanted->binary && letter->found.filtered) {
    // Chosen header fields have no transfer encoding.
    auto part = co_await part_of(session, std::move(*letter), *url);
    if (!part) co_return pass(part);
    auto text = co_await part->read(0, part->size());
    if (!text) co_return pass(text);
    data.binary = std::optional<std::string>(std::move(*text));
  } else if (wanted->binary) {
    auto text = co_await decoded(session, &*letter, &*url);
    if (!text) co_return pass(text);
    if (wanted->body_part_structure) {
      data.structure = structure(*session, letter->derived, *url, *text ? &**text : nullptr);
    }
    if (*text) {
      const auto span = grammar::part_of((*text)->size(), url->partial);
      *text = (*text)->substr(span.begin, span.size());
    }
    data.binary = std::move(*text);
  } else if (wanted->body || !wanted->body_part_structure) {
    auto part = co_await part_of(session, std::move(*letter), *url);
    if (!part) co_return pass(part);
    data.part = std::move(*part);
  }
  co_return data;
}

// One URL's data, or NIL where it leads to none for whatever reason. An Error: what was said is torn.
Async<Result<bool>> tell_url(Session* session, const grammar::UrlFetch::Url* wanted) {
  auto data = co_await data_of(session, wanted);
  session->out().append("* URLFETCH ");
  grammar::append_string(session->out(), wanted->url, session->form());
  if (!data) {
    if (data.error().temporary()) session->log().warning("url_not_fetched", {{"why", data.error().log}});
    session->out().append(" NIL\r\n");
    co_return co_await session->drain();
  }
  if (!data->structure.empty()) session->out().append(" (BODYPARTSTRUCTURE ").append(data->structure).append(")");
  if (data->binary) {
    session->out().append(" (BINARY ");
    const auto& text = *data->binary;
    if (text) {
      grammar::append_literal_size(session->out(), text->size(), text->find('\0') != std::string::npos);
      session->out().append(*text);
    } else {
      session->out().append("NIL");
    }
    session->out().append(")");
  }
  if (data->part) {
    session->out().append(wanted->body ? " (BODY " : " ");
    const auto told = co_await tell_part(session, std::move(*data->part));
    if (!told || !*told) co_return told;
    if (wanted->body) session->out().append(")");
  }
  session->out().append("\r\n");
  co_return co_await session->drain();
}

}  // namespace

Async<Result<UrlLetter>> open_authorized(Session* session, const grammar::Url* url, const std::string* text) {
  const auto& authorization = *url->authorization;
  if (authorization.mechanism != kInternal) co_return not_authorized("mechanism");
  if (!is_here(*session, *url) || !url->mailbox) co_return not_authorized("another server's");
  if (authorization.expires && *authorization.expires <= session->shared().clock->now()) {
    co_return not_authorized("expired");
  }
  const auto meant = co_await is_meant(session, &authorization);
  if (!meant) co_return pass(meant);
  if (!*meant) co_return not_authorized("for others");
  const auto owner = co_await user_of(session, login_name_of(*session, *url->server));
  if (!owner) co_return pass(owner);
  if (!*owner) co_return not_authorized("nobody's");
  const store::Place place{.account = (*owner)->id, .shard = (*owner)->shard};
  auto mailbox = co_await session->store().find_mailbox(place, url->mailbox->text());
  if (!mailbox) co_return pass(mailbox);
  const auto keys = co_await keys_of(session, place, mailbox->id);
  if (!keys) co_return pass(keys);
  const auto rump = std::string_view(*text).substr(0, authorization.rump);
  if (!vouches(*keys, rump, authorization.token)) co_return not_authorized("token");
  co_return co_await open_letter(session, place, std::move(*mailbox), *url);
}

Async<Answer> gen_url_auth(Session* session, Command command) {
  std::string line = "* GENURLAUTH";
  for (const auto& [text, mechanism] : std::get<grammar::GenUrlAuth>(command.arguments).urls) {
    const auto url = co_await authorized(session, text, mechanism);
    if (!url) co_return url.error();
    line.push_back(' ');
    grammar::append_string(line, *url, session->form());
  }
  session->out().append(line).append("\r\n");
  co_return ok("Done.");
}

Async<Answer> reset_key(Session* session, Command command) {
  const auto& arguments = std::get<grammar::ResetKey>(command.arguments);
  const auto place = session->user().place;
  std::vector<MailboxId> mailboxes;
  if (arguments.mailbox) {
    const auto found = co_await session->store().find_mailbox(place, arguments.mailbox->text());
    if (!found) co_return refused(found.error());
    mailboxes.push_back(found->id);
  } else {
    const auto all = co_await session->store().mailboxes(place);
    if (!all) co_return refused(all.error());
    for (const auto& one : all->mailboxes) mailboxes.push_back(one.id);
  }
  auto& selected = session->selected();
  auto& resets = session->shared().url_keys;
  for (const auto mailbox : mailboxes) {
    // What sessions look at before the store tells them to look.
    resets.add(place.account, mailbox);
    if (selected && selected->mailbox == mailbox) selected->key_resets = resets.now();
    const auto done = co_await replace_keys(session, place, mailbox, arguments.mailbox.has_value());
    if (!done) co_return refused(done.error());
  }
  co_return ok("Done.", arguments.mailbox ? std::string(kUrlMechanisms) : std::string());
}

Async<Answer> url_fetch(Session* session, Command command) {
  const auto& urls = std::get<grammar::UrlFetch>(command.arguments).urls;
  if (std::ranges::any_of(urls, [](const auto& one) { return one.binary && one.body; })) {
    co_return bad("BINARY and BODY exclude each other.");
  }
  net::Turns turns(net::kCommandsATurn);
  for (const auto& url : urls) {
    const auto told = co_await tell_url(session, &url);
    if (!told) {
      session->log().error("url_fetch_failed", {{"why", told.error().log}});
      co_return lost();
    }
    if (!*told) co_return lost();
    if (turns.step()) co_await net::give_way();
  }
  co_return ok("Done.");
}

}  // namespace pabal::server::imap
