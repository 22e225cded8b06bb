// What a session asks about who its user is: the part of Authenticator that the mail readers' protocols need, as an
// interface, so that tests, fuzzers and simulated worlds can stand in for it.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "account/authenticator.hpp"
#include "base/async.hpp"

namespace pabal::account {

/// The same contracts as Authenticator's.
class Logins {
 public:
  virtual ~Logins() = default;
  [[nodiscard]] virtual std::vector<std::string_view> mechanisms(const ClientFacts& facts) const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<SaslExchange>> begin(std::string_view mechanism, ClientFacts facts) = 0;
  [[nodiscard]] virtual Async<Result<Account>> login(std::string user, std::string password, ClientFacts facts) = 0;
  /// Who has this login name, or this id; nothing where nobody has. For what one user may know of another.
  [[nodiscard]] virtual Async<Result<std::optional<Account>>> find(std::string login) = 0;
  [[nodiscard]] virtual Async<Result<std::optional<Account>>> find(AccountId account) = 0;
  /// An administrator gave the account another quota of octets (RFC 9208, SETQUOTA).
  [[nodiscard]] virtual Async<Result<void>> note_quota(AccountId account, std::optional<std::uint64_t> bytes) = 0;
};

/// Over the real ones, which must outlive what is returned.
[[nodiscard]] std::unique_ptr<Logins> logins_of(Authenticator& authenticator, Directory& directory);

}  // namespace pabal::account
