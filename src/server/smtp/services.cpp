#include "server/smtp/services.hpp"

namespace pabal::server::smtp {

Async<Result<account::Resolution>> DirectoryAccounts::resolve(EmailAddress recipient) {
  if (srs_ != nullptr && account::Srs::has_form(recipient)) {
    auto ours = co_await directory_->is_our_domain(*recipient.domain());
    if (!ours) co_return pass(ours);
    auto author =
        *ours ? srs_->reverse(recipient, clock_->now()) : Result<EmailAddress>(fail(ErrorKind::not_found, ""));
    if (author) co_return co_await resolve_author(*std::move(author));
  }
  co_return co_await directory_->resolve(std::move(recipient));
}

// Mostly elsewhere; one of ours where a letter of theirs came back to us on its way.
Async<Result<account::Resolution>> DirectoryAccounts::resolve_author(EmailAddress author) {
  auto resolved = co_await directory_->resolve(author);
  if (!resolved || !std::holds_alternative<account::NotOurDomain>(*resolved)) co_return resolved;
  account::LocalRecipient elsewhere;
  elsewhere.remote_targets.push_back(std::move(author));
  co_return elsewhere;
}

std::shared_ptr<const account::Resolution> DirectoryAccounts::try_resolve(const EmailAddress& recipient) {
  if (srs_ != nullptr && account::Srs::has_form(recipient)) return nullptr;
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
