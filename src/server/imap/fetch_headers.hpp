// Responses that tell of their letters no more than the header: what clients ask of a whole mailbox when they see it
// first. They are printed away from the thread of all sessions, as soon as the letters are open.
#pragma once
#include <string>

#include "server/imap/fetch_print.hpp"
#include "store/mailbox_api.hpp"

namespace pabal::server::imap {

/// Whether all that needs a letter is of its own header section, and nothing else needs what was derived.
[[nodiscard]] bool tells_headers_alone(const grammar::FetchItems& items);

/// Octets of one response; what is longer is told piece by piece.
inline constexpr std::size_t most_printed_headers = 1U << 20;

/// A whole response into `out`, which is empty, where such items are asked for. False, and nothing stands there: the
/// header doesn't lie in memory, is bigger than `most`, its place isn't known, or the response would be too long.
[[nodiscard]] bool print_headers(std::string& out, const FetchPrinter& printer, const Wanted& wanted,
                                 const store::EmailRow& row, const SystemTime* saved, store::EmailOctets& letter,
                                 std::uint64_t most);

}  // namespace pabal::server::imap
