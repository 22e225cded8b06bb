// Letters that begin on this machine: pabal sendmail, and the demo's welcome. They go the same way as those from
// outside: through the MDA, into the mailboxes, and the answer comes after the commit.
#pragma once
#include <string>

#include "account/directory.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/random.hpp"
#include "delivery/acceptable.hpp"
#include "delivery/mda.hpp"
#include "server/smtp/settings.hpp"

namespace pabal::app {

/// What a letter may be at most, and may not say: as for those that come by SMTP.
struct LetterLimits {
  std::uint64_t message_size;
  std::size_t header_size;
  std::size_t recipients;
  std::size_t received_hops;
  // Fields that bear these names claim to be our findings, and are taken out.
  std::string authserv_id;
  std::string hostname;

  LetterLimits() : LetterLimits(server::smtp::Settings{}) {}
  LetterLimits(const server::smtp::Settings& settings)  // NOLINT(google-explicit-constructor)
      : message_size(settings.max_message_size),
        header_size(settings.max_header_size),
        recipients(settings.max_recipients),
        received_hops(settings.max_received_hops),
        authserv_id(settings.own_id()),
        hostname(settings.hostname) {}
};

/// What it takes; all must outlive the letter.
struct LocalPost {
  account::Directory* directory = nullptr;
  delivery::Mda* mda = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  std::string hostname;
  LetterLimits limits;
  std::string id = {};  ///< the letter's, where it has one already
  delivery::WaysOut ways = {};
  std::string submitter = {};  ///< who handed it in, for its Received field: "uid 1000"; may be empty
  delivery::Writer writer = delivery::Writer::program;
};

/// Delivers `message` (CRLF lines) as `request` says: {"sender":"a@b" or "","recipients":["c@d"…]}, with
/// "smtputf8":true where its header needs that though its addresses don't (RFC 6531). All recipients must be such that
/// a letter reaches them (delivery/acceptable.hpp), or nothing is delivered. Errors: syntax, limit, and what the
/// recipients or the delivery have. The result is
/// {"id":…}.
[[nodiscard]] Async<Result<json::value>> post_letter(LocalPost post, json::object request, std::string message);

}  // namespace pabal::app
