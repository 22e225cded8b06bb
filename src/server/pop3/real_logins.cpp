#include "server/pop3/services.hpp"

namespace pabal::server::pop3 {

namespace {

class RealLogins final : public Logins {
 public:
  explicit RealLogins(account::Authenticator& authenticator) : authenticator_(&authenticator) {}
  std::vector<std::string_view> mechanisms(const account::ClientFacts& facts) const override {
    return authenticator_->mechanisms(facts);
  }
  Result<std::unique_ptr<account::SaslExchange>> begin(std::string_view mechanism,
                                                       account::ClientFacts facts) override {
    return authenticator_->begin(mechanism, std::move(facts));
  }
  Async<Result<account::Account>> login(std::string user, std::string password, account::ClientFacts facts) override {
    return authenticator_->login(std::move(user), std::move(password), std::move(facts));
  }

 private:
  account::Authenticator* authenticator_;
};

}  // namespace

std::unique_ptr<Logins> logins_of(account::Authenticator& authenticator) {
  return std::make_unique<RealLogins>(authenticator);
}

}  // namespace pabal::server::pop3
