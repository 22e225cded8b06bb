// What an SMTP session needs from the rest of the house, as interfaces, so that a test can put a script in the place of
// each.
#pragma once
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "account/authenticator.hpp"
#include "account/directory.hpp"
#include "account/srs.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "delivery/mda.hpp"
#include "delivery/refusals.hpp"
#include "net/stream.hpp"
#include "server/smtp/judge.hpp"
#include "store/incoming.hpp"

namespace pabal::server::smtp {

/// Who is at home here, and who is who they say. Called from the threads of all sessions.
class Accounts {
 public:
  virtual ~Accounts() = default;
  [[nodiscard]] virtual Async<Result<account::Resolution>> resolve(EmailAddress recipient) = 0;
  /// The answer where memory has it, without a wait; else null, and resolve() is to be asked.
  [[nodiscard]] virtual std::shared_ptr<const account::Resolution> try_resolve(const EmailAddress& recipient) = 0;
  /// RCPT TO:<postmaster> without a domain.
  [[nodiscard]] virtual Async<Result<account::Resolution>> postmaster() = 0;
  [[nodiscard]] virtual Async<Result<bool>> may_send_as(AccountId account, EmailAddress sender) = 0;
  [[nodiscard]] virtual std::vector<std::string_view> mechanisms(const account::ClientFacts& facts) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<account::SaslExchange>> begin(std::string_view mechanism,
                                                                             account::ClientFacts facts) = 0;
};

/// The real ones, which must outlive it. With `srs` an address that it made leads to the author behind it.
class DirectoryAccounts final : public Accounts {
 public:
  DirectoryAccounts(account::Directory& directory, account::Authenticator& authenticator, const Clock& clock,
                    const account::Srs* srs)
      : directory_(&directory), authenticator_(&authenticator), clock_(&clock), srs_(srs) {}
  [[nodiscard]] Async<Result<account::Resolution>> resolve(EmailAddress recipient) override;
  [[nodiscard]] std::shared_ptr<const account::Resolution> try_resolve(const EmailAddress& recipient) override;
  [[nodiscard]] Async<Result<account::Resolution>> postmaster() override;
  [[nodiscard]] Async<Result<bool>> may_send_as(AccountId account, EmailAddress sender) override;
  [[nodiscard]] std::vector<std::string_view> mechanisms(const account::ClientFacts& facts) override;
  [[nodiscard]] Result<std::unique_ptr<account::SaslExchange>> begin(std::string_view mechanism,
                                                                     account::ClientFacts facts) override;

 private:
  [[nodiscard]] Async<Result<account::Resolution>> resolve_author(EmailAddress author);

  account::Directory* directory_;
  account::Authenticator* authenticator_;
  const Clock* clock_;
  const account::Srs* srs_;
};

/// All of them must outlive the server; calls come from every session's thread.
struct Services {
  Accounts* accounts = nullptr;
  delivery::Mda* mda = nullptr;
  Judges* judges = nullptr;  ///< null: no letter is judged
  /// Keeps the trace of a letter that was refused for its sender; nothing: there are none.
  std::function<Async<>(delivery::RefusedLetter)> note_refusal;
  /// A buffer for an arriving message; the argument is its size as announced, or 0 (store::Store::receive).
  std::function<store::Incoming(std::uint64_t)> receive;
  /// For STARTTLS; nothing or null: not offered.
  std::function<std::shared_ptr<const net::TlsContext>()> tls_context;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  Metrics* metrics = nullptr;
};

}  // namespace pabal::server::smtp
