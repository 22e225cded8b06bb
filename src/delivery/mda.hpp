// The MDA's face: a verdict on a whole message, from the servers' point of view. smtp, submission and lmtp hand their
// finished transactions to it; what comes back says what to answer.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "account/directory.hpp"
#include "address/email_address.hpp"
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "mailauth/arc.hpp"
#include "store/delivery.hpp"

namespace pabal::delivery {

/// A recipient that RCPT accepted, with what its address means here.
struct Recipient {
  EmailAddress address;
  /// Shared with the directory's memory: an alias may have a thousand targets, and a letter a thousand recipients.
  /// Null: the address is at another system, and the letter goes there.
  std::shared_ptr<const account::LocalRecipient> local;
  std::string notify;  ///< RFC 3461 NOTIFY value as given, kept for the queue; may be empty
  std::string orcpt;   ///< RFC 3461 ORCPT, decoded; may be empty
};

/// How the message reached us, for trace and policy.
struct Origin {
  std::string session;   ///< session id
  std::string protocol;  ///< "ESMTPSA", as in the Received field
  std::string client_address;
  std::string helo;
  std::string tls;  ///< "TLSv1.3 TLS_AES_256_GCM_SHA384", or empty
  std::optional<AccountId> authenticated;
};

/// What was found out about who sent a letter, for the seal of who sends it on (RFC 8617 §5.1).
struct Findings {
  std::string results;  ///< what our Authentication-Results field says, authserv-id first
  mailauth::ArcStatus chain = mailauth::ArcStatus::none;
  std::string author = {};  ///< the From field's domain, where SPF or a signature proved it; else empty
};

/// Whose letter it is that begins here.
enum class Writer : std::uint8_t {
  account,    ///< who logged in (Origin::authenticated)
  program,    ///< one of this machine: sendmail, the maildrop
  ourselves,  ///< a notice, a report
};

/// A key that signed.
struct SignedBy {
  std::string domain;
  std::string selector;
  std::string algorithm;  ///< "rsa-sha256"
};
/// What we put on a letter that begins here or is sent on, for its trace.
struct MarksTrace {
  std::vector<SignedBy> signed_by = {};
  std::string unsigned_because = {};  ///< a letter of ours without a signature; else empty
  std::optional<SignedBy> sealed_by = {};
  std::string unsealed_because = {};  ///< a letter that is sent on without a seal; else empty
};

/// A message whose data has arrived whole and whose 250 is not yet said.
struct Letter {
  std::string id;                      ///< queue id; also in our Received field
  std::optional<EmailAddress> sender;  ///< nothing: the null reverse-path
  std::string envid;                   ///< RFC 3461; may be empty
  std::string ret;                     ///< RFC 3461 RET; may be empty
  bool smtputf8 = false;
  bool require_tls = false;
  bool binary = false;         ///< announced as BODY=BINARYMIME
  store::OutgoingTerms terms;  ///< for recipients elsewhere; `form` and `account` are found out here
  std::vector<Recipient> recipients;
  store::Incoming content;  ///< our Received field and the message
  Origin origin;
  bool begins_here = false;               ///< a user, a program of this machine or we ourselves wrote it: it is signed
  Writer writer = Writer::account;        ///< of what begins here: what it is signed for depends on it
  std::optional<Findings> findings = {};  ///< of a letter that came from elsewhere
  json::object judged = {};               ///< the same for its trace; empty: it was not judged
  std::string success_untold = {};        ///< why word of success that was asked for isn't given, for its trace
  bool junk = false;                      ///< into the mailboxes for junk, with the keyword $Junk
  MarksTrace marks = {};                  ///< filled by the MDA
  bool answer_each = false;               ///< LMTP: one reply for each recipient, no local retry
};

/// What to say to the sender. With answer_each one Result for each recipient, else exactly one for all.
struct Answer {
  std::vector<Result<void>> results;
};

class Mda {
 public:
  virtual ~Mda() = default;
  /// When the coroutine goes on with success, the message is on stable storage for every recipient (promise 1). An
  /// error of kind quota is permanent for LMTP; temporary kinds tell the sender to try again.
  [[nodiscard]] virtual Async<Answer> deliver(Letter letter) = 0;
};

}  // namespace pabal::delivery
