// FILTERS (RFC 5466): searches that are kept by name as annotations of the account.
#pragma once
#include "server/imap/session.hpp"

namespace pabal::server::imap {

/// Filters refer to filters, so many inside one another at most.
inline constexpr std::size_t kDeepestFilter = 10;

/// The program with the filters that it names put in their place; an Answer where one isn't there or is no program.
[[nodiscard]] Async<std::expected<grammar::SearchKey, Answer>> with_filters(Session* session, grammar::SearchKey key);

}  // namespace pabal::server::imap
