#include "account/logins.hpp"

#include "base/wiped.hpp"

namespace pabal::account {

namespace {

class RealLogins final : public Logins {
 public:
  RealLogins(Authenticator& authenticator, Directory& directory)
      : authenticator_(&authenticator), directory_(&directory) {}
  std::vector<std::string_view> mechanisms(const ClientFacts& facts) const override {
    return authenticator_->mechanisms(facts);
  }
  Result<std::unique_ptr<SaslExchange>> begin(std::string_view mechanism, ClientFacts facts) override {
    return authenticator_->begin(mechanism, std::move(facts));
  }
  Async<Result<Account>> login(std::string user, std::string password, ClientFacts facts) override {
    const WipeAtEnd wiped(password);
    return authenticator_->login(std::move(user), std::move(password), std::move(facts));
  }
  Async<Result<std::optional<Account>>> find(std::string login) override {
    return directory_->by_login(std::move(login));
  }
  Async<Result<std::optional<Account>>> find(AccountId account) override { return directory_->by_id(account); }
  Async<Result<void>> note_quota(AccountId account, std::optional<std::uint64_t> bytes) override {
    return directory_->note_quota(account, bytes);
  }

 private:
  Authenticator* authenticator_;
  Directory* directory_;
};

}  // namespace

std::unique_ptr<Logins> logins_of(Authenticator& authenticator, Directory& directory) {
  return std::make_unique<RealLogins>(authenticator, directory);
}

}  // namespace pabal::account
