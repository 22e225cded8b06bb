// Mailboxes by the names that a user knows them by: his own as they are, those of others below "Other Users/ADDRESS/"
// (RFC 2342 §5), with what he may do there.
#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "server/imap/rights.hpp"
#include "server/imap/session.hpp"

namespace pabal::server::imap {

inline constexpr std::string_view kOtherUsers = "Other Users";

/// Where a name leads, whether a mailbox is there or not.
struct Located {
  store::Place place;  ///< with the user as reader where it is another's
  std::string path;    ///< in that account
};
/// `not_found` for a name that can't lead anywhere ("Other Users", or nobody's address).
[[nodiscard]] Async<Result<Located>> locate(Session* session, std::string name);

/// A mailbox and what the user may do with it.
struct Found {
  store::Place place;
  store::MailboxInfo info;  ///< its path is that in its account
  std::vector<store::AccessEntry> access;
  Rights rights = 0;
  std::optional<std::uint64_t> room = {};  ///< octets that its account has left; nothing: no limit
};
/// NONEXISTENT where it isn't there, or the user may not even know of it.
[[nodiscard]] Async<std::expected<Found, Answer>> find_mailbox(Session* session, std::string name);
/// The same with NOPERM where none of `needed` is his; without the right to look it up that is NONEXISTENT, too (RFC
/// 4314 §6).
[[nodiscard]] Async<std::expected<Found, Answer>> find_mailbox(Session* session, std::string name, Rights needed);
/// The place of a new mailbox: the nearest one above it that is there must allow it (RFC 4314 §4, CREATE).
[[nodiscard]] Async<std::expected<Located, Answer>> find_room(Session* session, std::string name);

/// What another's mailbox is called here.
[[nodiscard]] std::string name_of_shared(std::string_view owner, std::string_view path);
/// Mailboxes of others that the user may look up, each once, by name.
struct SharedByName {
  std::string name;
  store::Place place;  ///< with the reader
  store::MailboxInfo info;
  Rights rights = 0;
};
[[nodiscard]] Async<Result<std::vector<SharedByName>>> shared_mailboxes(Session* session);

[[nodiscard]] Answer nonexistent();
[[nodiscard]] Answer not_permitted();

}  // namespace pabal::server::imap
