// What a POP3 session asks of the floors below: who is it, and what is in the mailbox. Interfaces, so that tests,
// fuzzers and simulated worlds can stand in for accounts and store.
#pragma once
#include <memory>
#include <vector>

#include "account/logins.hpp"
#include "base/async.hpp"
#include "store/store.hpp"

namespace pabal::server::pop3 {

using account::Logins;

/// The part of store::Store that a session needs; the same contracts.
class Mailboxes {
 public:
  virtual ~Mailboxes() = default;
  /// INBOX as it is now.
  [[nodiscard]] virtual Async<Result<store::MailboxListing>> list(store::Place place) = 0;
  [[nodiscard]] virtual Async<Result<std::vector<std::unique_ptr<store::EmailOctets>>>> open(
      store::Place place, std::vector<EmailId> emails) = 0;
  [[nodiscard]] virtual Async<Result<ChangeNumber>> expunge(store::Place place, MailboxId mailbox,
                                                            std::vector<std::int64_t> uids) = 0;
};

/// Over the real one, which must outlive what is returned.
[[nodiscard]] std::unique_ptr<Mailboxes> mailboxes_of(store::Store& store);

}  // namespace pabal::server::pop3
