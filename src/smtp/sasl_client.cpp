#include "smtp/sasl_client.hpp"

namespace pabal::smtp {

namespace {

class PlainClient final : public SaslClient {
 public:
  PlainClient(std::string user, std::string password) : user_(std::move(user)), password_(std::move(password)) {}
  [[nodiscard]] std::string_view mechanism() const noexcept override { return "PLAIN"; }
  [[nodiscard]] bool shows_password() const noexcept override { return true; }
  [[nodiscard]] bool speaks_first() const noexcept override { return true; }
  [[nodiscard]] Result<std::string> answer(std::string_view /*challenge*/) override {
    if (said_) return fail(ErrorKind::syntax, "the server asks for more than PLAIN has");
    said_ = true;
    std::string out(1, '\0');
    return out.append(user_).append(1, '\0').append(password_);
  }
  [[nodiscard]] bool may_succeed() const noexcept override { return said_; }

 private:
  std::string user_;
  std::string password_;
  bool said_ = false;
};

class LoginClient final : public SaslClient {
 public:
  LoginClient(std::string user, std::string password) : user_(std::move(user)), password_(std::move(password)) {}
  [[nodiscard]] std::string_view mechanism() const noexcept override { return "LOGIN"; }
  [[nodiscard]] bool shows_password() const noexcept override { return true; }
  [[nodiscard]] bool speaks_first() const noexcept override { return false; }
  [[nodiscard]] Result<std::string> answer(std::string_view /*challenge*/) override {
    // The challenges are "Username:" and "Password:", or anything else: their order is what counts.
    ++answered_;
    if (answered_ > 2) return fail(ErrorKind::syntax, "the server asks for more than LOGIN has");
    return answered_ == 1 ? user_ : password_;
  }
  [[nodiscard]] bool may_succeed() const noexcept override { return answered_ == 2; }

 private:
  std::string user_;
  std::string password_;
  int answered_ = 0;
};

}  // namespace

std::unique_ptr<SaslClient> sasl_plain(std::string user, std::string password) {
  return std::make_unique<PlainClient>(std::move(user), std::move(password));
}

std::unique_ptr<SaslClient> sasl_login(std::string user, std::string password) {
  return std::make_unique<LoginClient>(std::move(user), std::move(password));
}

}  // namespace pabal::smtp
