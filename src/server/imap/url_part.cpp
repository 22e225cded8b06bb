#include "server/imap/url_part.hpp"

#include "base/text.hpp"
#include "server/imap/fetch_letter.hpp"
#include "server/imap/mailboxes.hpp"
#include "server/imap/url_auth.hpp"

namespace pabal::server::imap {

namespace {

constexpr std::size_t kMostOfUrlInCode = 1'000;

std::unexpected<Error> nothing(std::string_view why) {
  return fail(ErrorKind::not_found, "The URL leads to nothing here.", fmt::format("url: {}", why));
}

bool fits(const std::optional<std::uint32_t>& asked, std::uint32_t validity) { return !asked || *asked == validity; }

}  // namespace

bool is_own_name(Session& session, std::string_view host) {
  if (equal_ignoring_case(host, session.shared().hostname)) return true;
  const auto& local = session.stream().local();
  return local.address && host == local.host();
}

Async<Result<std::string>> UrlPart::read(std::uint64_t offset, std::uint64_t count) const {
  const auto begin = place_.begin + offset;
  if (!letter_) co_return text_.substr(begin, count);
  std::string out;
  if (letter_->try_read(begin, count, out)) co_return out;
  co_return co_await letter_->read(begin, count);
}

std::string login_name_of(Session& session, const grammar::UrlServer& server) {
  if (server.user.empty() || server.user.contains('@') || is_own_name(session, server.host)) return server.user;
  return server.user + '@' + server.host;
}

// A host that is a mail domain leads to whoever has an account of that name here, and to nothing where nobody has.
bool is_here(Session& session, const grammar::Url& url) {
  if (!url.server || is_own_name(session, url.server->host)) return true;
  const auto name = login_name_of(session, *url.server);
  const auto at = name.rfind('@');
  return at != std::string::npos && equal_ignoring_case(std::string_view(name).substr(at + 1), url.server->host);
}

Async<Result<UrlLetter>> open_letter(Session* session, store::Place place, store::MailboxInfo mailbox,
                                     grammar::Url url) {
  if (!fits(url.uid_validity, mailbox.uid_validity)) co_return nothing("UIDVALIDITY");
  const auto snapshot = co_await session->store().snapshot(place, mailbox.id);
  if (!snapshot) co_return pass(snapshot);
  const auto at = url.uid ? (*snapshot)->find(*url.uid) : std::nullopt;
  if (!at) co_return nothing("UID");
  const auto email = (**snapshot)[*at].email;
  auto rows = co_await session->store().email_rows(place, {email});
  if (!rows) co_return pass(rows);
  auto letter = co_await session->store().open_email(place, email);
  if (!letter) co_return pass(letter);
  if (rows->empty()) co_return nothing("email");
  auto& row = rows->front();
  auto derived = co_await derived_of(session, &row, letter->get());
  if (!derived) co_return pass(derived);
  const auto found = grammar::find_octets(derived->parts, row.size - row.prefix_size, url.section);
  if (!found) co_return nothing("section");
  co_return UrlLetter{
      .octets = std::move(*letter), .row = std::move(row), .derived = std::move(*derived), .found = *found};
}

Async<Result<UrlPart>> part_of(Session* session, UrlLetter letter, grammar::Url url) {
  const auto span = place_of(letter.found, url.section, letter.row);
  if (!letter.found.filtered) {
    const auto part = grammar::part_of(span.size(), url.partial);
    co_return UrlPart(std::move(letter.octets), {.begin = span.begin + part.begin, .end = span.begin + part.end});
  }
  const UrlPart header(std::move(letter.octets), span);
  grammar::HeaderFieldsFilter filter(url.section);
  std::string fields;
  const std::uint64_t window = session->shared().limits.window_bytes;
  for (std::uint64_t begin = 0; begin < header.size(); begin += window) {
    const auto octets = co_await header.read(begin, std::min(window, header.size() - begin));
    if (!octets) co_return pass(octets);
    filter.write(*octets, fields);
  }
  filter.finish(fields);
  const auto part = grammar::part_of(fields.size(), url.partial);
  co_return UrlPart(std::move(fields), part);
}

Async<Result<UrlPart>> open_own_url(Session* session, std::string text) {
  auto url = grammar::Url::parse(text);
  if (!url) co_return pass(url);
  if (url->authorization) {
    auto letter = co_await open_authorized(session, &*url, &text);
    if (!letter) co_return pass(letter);
    co_return co_await part_of(session, std::move(*letter), std::move(*url));
  }
  if (!is_here(*session, *url) || !url->uid || url->search) co_return nothing("not a message here");
  const auto user = url->server ? login_name_of(*session, *url->server) : std::string();
  if (!user.empty() && !equal_ignoring_case(user, session->user().name)) {
    co_return nothing("another user's");
  }
  if (!url->mailbox && !session->selected()) co_return nothing("no mailbox is selected");
  const auto& path = url->mailbox ? url->mailbox->text() : session->selected()->path;
  auto mailbox = co_await find_mailbox(session, path, right::read);
  if (!mailbox) {
    if (mailbox.error().code == "UNAVAILABLE") co_return fail(ErrorKind::io, "local error", "url: the mailbox");
    co_return nothing("mailbox");
  }
  // The open one may have been renamed, and another have its name.
  if (!url->mailbox && mailbox->info.id != session->selected()->mailbox) co_return nothing("the mailbox was renamed");
  auto letter = co_await open_letter(session, mailbox->place, std::move(mailbox->info), *url);
  if (!letter) co_return pass(letter);
  co_return co_await part_of(session, std::move(*letter), std::move(*url));
}

std::string bad_url_code(std::string_view url) {
  std::string out = "BADURL \"";
  for (const char c : url.substr(0, kMostOfUrlInCode)) {
    if (c == ']' || c == '"' || c == '\\' || static_cast<unsigned char>(c) <= ' ' ||
        static_cast<unsigned char>(c) > '~') {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

}  // namespace pabal::server::imap
