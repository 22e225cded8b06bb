// What an IMAP URL leads to in this server's store (RFC 5092), for CATENATE and URLFETCH.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "imap/body_section.hpp"
#include "imap/url.hpp"
#include "message/derived.hpp"
#include "server/imap/session.hpp"

namespace pabal::server::imap {

/// A message or a part of it, opened. Its octets are read in windows.
class UrlPart {
 public:
  UrlPart(std::unique_ptr<store::EmailOctets> letter, grammar::Span place)
      : letter_(std::move(letter)), place_(place) {}
  /// Header fields that were picked out, and so stand in memory.
  UrlPart(std::string text, grammar::Span place) : text_(std::move(text)), place_(place) {}

  [[nodiscard]] std::uint64_t size() const noexcept { return place_.size(); }
  /// `count` octets from `offset`; both within size(). It must outlive the call.
  [[nodiscard]] Async<Result<std::string>> read(std::uint64_t offset, std::uint64_t count) const;

 private:
  std::unique_ptr<store::EmailOctets> letter_;  ///< null: `text_` is it
  std::string text_;
  grammar::Span place_;
};

/// The server is this one, under a name that it knows, or none is named. `alice@seoul.example` or `alice` at the host
/// seoul.example is a user of that mail domain, who may have an account here.
[[nodiscard]] bool is_here(Session& session, const grammar::Url& url);
/// The host is this server by name or address, not a mail domain.
[[nodiscard]] bool is_own_name(Session& session, std::string_view host);
/// The login name that a URL's user has; empty where none is named.
[[nodiscard]] std::string login_name_of(Session& session, const grammar::UrlServer& server);

/// The message that a URL names, and where in it the section is that it names.
struct UrlLetter {
  std::unique_ptr<store::EmailOctets> octets;
  store::EmailRow row;
  message::Derived derived;
  grammar::SectionOctets found;
};
/// What `url` names in this account's mailbox. Kind `not_found`: nothing, or not any more.
[[nodiscard]] Async<Result<UrlLetter>> open_letter(Session* session, store::Place place, store::MailboxInfo mailbox,
                                                   grammar::Url url);
/// The octets of the section, or the part of them that the URL names.
[[nodiscard]] Async<Result<UrlPart>> part_of(Session* session, UrlLetter letter, grammar::Url url);

/// A URL of the user's own, absolute, or relative to the selected mailbox (RFC 4469 §3), or one that carries its
/// authorization (RFC 4467). Kinds `syntax` and
/// `not_found`: it leads to nothing that this user could read here.
[[nodiscard]] Async<Result<UrlPart>> open_own_url(Session* session, std::string text);

/// `BADURL "…"`, with what can't stand in a code escaped.
[[nodiscard]] std::string bad_url_code(std::string_view url);

}  // namespace pabal::server::imap
