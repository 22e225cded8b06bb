#include "server/smtp/services.hpp"

namespace pabal::server::smtp {

Async<Result<account::Resolution>> DirectoryAccounts::resolve(EmailAddress recipient) {
  return directory_->resolve(std::move(recipient));
}

std::shared_ptr<const account::Resolution> DirectoryAccounts::try_resolve(const EmailAddress& recipient) {
  return directory_->try_resolve(recipient);
}

Async<Result<account::Resolution>> DirectoryAccounts::postmaster() { return directory_->postmaster(); }

Async<Result<bool>> DirectoryAccounts::may_send_as(AccountId account, EmailAddress sender) {
  return directory_->may_send_as(account, std::move(sender));
}

std::vector<std::string_view> DirectoryAccounts::mechanisms(const account::ClientFacts& facts) {
  return authenticator_->mechanisms(facts);
}

Result<std::unique_ptr<account::SaslExchange>> DirectoryAccounts::begin(std::string_view mechanism,
                                                                        account::ClientFacts facts) {
  return authenticator_->begin(mechanism, std::move(facts));
}

}  // namespace pabal::server::smtp
