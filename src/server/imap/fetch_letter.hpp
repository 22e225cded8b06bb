// The items of FETCH that need a letter's octets, or what was derived of them.
#pragma once
#include "imap/body_section.hpp"
#include "imap/fetch_items.hpp"
#include "message/derived.hpp"
#include "server/imap/session.hpp"

namespace pabal::server::imap {

/// BODY[] and what means the same: its octets are the letter's, whatever is known of it.
[[nodiscard]] bool is_whole_letter(const grammar::FetchItem& item) noexcept;

/// Where a section lies in what the store has: the private prefix stands before all that was derived, and belongs to
/// the header section of the whole.
[[nodiscard]] grammar::Span place_of(const grammar::SectionOctets& found, const grammar::Section& section,
                                     const store::EmailRow& row);

/// A text as a literal, or the part of it that was asked for; NULs are hidden in it (RFC 9051 §4.3).
void append_literal(std::string& out, std::string& text, const std::optional<grammar::Partial>& partial);

/// What stands beside the row, whole; where it doesn't, the letter is opened (and `octets` may be null).
[[nodiscard]] Async<Result<message::Derived>> derived_of(Session* session, const store::EmailRow* row,
                                                         store::EmailOctets* octets);

/// BINARY or BINARY.SIZE of a part whose transfer encoding nobody knows: it can't be given (RFC 3516 §4.3).
[[nodiscard]] bool is_undecodable(const grammar::FetchItem& item, const message::Derived& derived);

/// `BODY[1]<0> {…}` and its like, in windows. False: the connection is lost. Of a kind that has octets. For a
/// whole letter `row` and `derived` may be null.
[[nodiscard]] Async<Result<bool>> tell_octets(Session* session, const grammar::FetchItem* item,
                                              const store::EmailRow* row, const message::Derived* derived,
                                              store::EmailOctets* octets);

}  // namespace pabal::server::imap
