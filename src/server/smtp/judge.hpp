// Who judges letters by who really sent them, as a session sees it: SPF, DKIM, ARC, DMARC and what follows from them.
// The real one is letter_judges.hpp; a test puts a script in its place.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/json.hpp"
#include "delivery/mda.hpp"
#include "net/endpoint.hpp"
#include "smtp/reply.hpp"

namespace pabal::server::smtp {

/// What was found out, and what is to be done.
struct Judgement {
  std::optional<pabal::smtp::Reply> refusal;  ///< the letter isn't taken
  bool junk = false;                          ///< it goes where each recipient has the junk
  bool sender_is_known = false;               ///< SPF says that its reverse-path's domain sends from there
  std::string fields;  ///< header fields that say it, with their CRLFs, to stand before all others
  delivery::Findings findings;
  json::object trace;      ///< what was found out
  std::string message_id;  ///< as in the header field; of a letter that is refused
  std::string summary;     ///< "spf=pass dkim=pass arc=none dmarc=pass"
  std::string why;         ///< of what is done
};

struct JudgedClient {
  net::Endpoint peer;
  std::string helo;
  std::string mail_from;  ///< without brackets; empty: the null reverse-path
};

/// One letter that is being judged. All calls at the session's home.
class Judge {
 public:
  virtual ~Judge() = default;
  /// What needs no letter begins: at the first recipient. Once, before all else.
  virtual void begin(const Executor& home) = 0;
  /// The letter as it was sent, in any pieces.
  virtual void take(std::string_view octets) = 0;
  /// The letter is whole, and goes to these. Once, and last.
  [[nodiscard]] virtual Async<Judgement> finish(std::vector<std::string> recipients) = 0;
};

/// Any thread.
class Judges {
 public:
  virtual ~Judges() = default;
  /// For a letter of this client; null: it isn't judged.
  [[nodiscard]] virtual std::unique_ptr<Judge> judge(JudgedClient client) = 0;
  /// Whether this client is one of ours, whose reverse-paths are believed.
  [[nodiscard]] virtual bool trusts(const net::Endpoint& peer) const = 0;
};

}  // namespace pabal::server::smtp
