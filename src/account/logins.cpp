#include "account/logins.hpp"

#include "base/wiped.hpp"

namespace pabal::account {

namespace {

class RealLogins final : public Logins {
 public:
  explicit RealLogins(Authenticator& authenticator) : authenticator_(&authenticator) {}
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

 private:
  Authenticator* authenticator_;
};

}  // namespace

std::unique_ptr<Logins> logins_of(Authenticator& authenticator) { return std::make_unique<RealLogins>(authenticator); }

}  // namespace pabal::account
