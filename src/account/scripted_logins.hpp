// Logins in memory for tests and fuzzers of sessions; nothing here is used by the servers themselves.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "account/logins.hpp"
#include "base/text.hpp"

namespace pabal::account {

/// Two accounts with password "demo": alice@seoul.example by password, PLAIN, LOGIN, and a mechanism TEST-FINAL that
/// asks "who?", takes "alice" and succeeds with "proof"; and bob@seoul.example by password. On encrypted connections
/// all of them, else TEST-FINAL alone.
class ScriptedLogins final : public Logins {
 public:
  /// Makes every login fail for a passing reason.
  bool unavailable = false;
  std::vector<std::pair<AccountId, std::optional<std::uint64_t>>> noted_quotas;
  /// As the last login told it.
  ClientFacts client;

  [[nodiscard]] static Account alice() {
    return {.id = AccountId{7},
            .address = *EmailAddress::parse("alice@seoul.example"),
            .shard = ShardId{1},
            .enabled = true,
            .quota_bytes = std::nullopt,
            .credential_generation = 1};
  }

  [[nodiscard]] static Account bob() {
    auto account = alice();
    account.id = AccountId{8};
    account.address = *EmailAddress::parse("bob@seoul.example");
    return account;
  }

  std::vector<std::string_view> mechanisms(const ClientFacts& facts) const override {
    if (!facts.encrypted) return {"TEST-FINAL"};
    return {"TEST-FINAL", "PLAIN", "LOGIN"};
  }

  Result<std::unique_ptr<SaslExchange>> begin(std::string_view mechanism, ClientFacts facts) override {
    client = facts;
    for (const auto name : mechanisms(facts)) {
      if (name == mechanism) return std::make_unique<Exchange>(*this, mechanism);
    }
    return fail(ErrorKind::unsupported, "mechanism not available");
  }

  Async<Result<Account>> login(std::string user, std::string password, ClientFacts facts) override {
    client = std::move(facts);
    co_return judge(user, password);
  }

  Async<Result<std::optional<Account>>> find(std::string login) override {
    login = to_lower(login);
    if (login == "alice" || login == "alice@seoul.example") co_return alice();
    if (login == "bob" || login == "bob@seoul.example") co_return bob();
    co_return std::nullopt;
  }
  Async<Result<std::optional<Account>>> find(AccountId account) override {
    if (account == alice().id) co_return alice();
    if (account == bob().id) co_return bob();
    co_return std::nullopt;
  }
  Async<Result<void>> note_quota(AccountId account, std::optional<std::uint64_t> bytes) override {
    noted_quotas.emplace_back(account, bytes);
    co_return Result<void>();
  }

 private:
  [[nodiscard]] Result<Account> judge(std::string_view user, std::string_view password) const {
    if (unavailable) return fail(ErrorKind::busy, "try later");
    if (user == "alice@seoul.example" && password == "demo") return alice();
    if (user == "bob@seoul.example" && password == "demo") return bob();
    return fail(ErrorKind::auth, "wrong name or password");
  }

  class Exchange final : public SaslExchange {
   public:
    Exchange(const ScriptedLogins& logins, std::string_view mechanism) : logins_(&logins), mechanism_(mechanism) {}
    Async<Result<Step>> step(std::optional<std::string> response) override { co_return next(std::move(response)); }

   private:
    Result<Step> next(std::optional<std::string> response) {
      if (mechanism_ == "PLAIN") {
        if (!response) return Step(Challenge{});
        const auto first = response->find('\0');
        const auto second = first == std::string::npos ? first : response->find('\0', first + 1);
        if (second == std::string::npos) return fail(ErrorKind::syntax, "malformed response");
        return end(std::string_view(*response).substr(first + 1, second - first - 1), response->substr(second + 1), {});
      }
      if (mechanism_ == "LOGIN") {
        if (!response) return Step(Challenge{"Username:"});
        if (!user_) {
          user_ = std::move(*response);
          return Step(Challenge{"Password:"});
        }
        return end(*user_, *response, {});
      }
      if (!response) return Step(Challenge{"who?"});
      return end("alice@seoul.example", *response == "alice" ? "demo" : "", "proof");
    }

    Result<Step> end(std::string_view user, std::string_view password, std::string final_octets) const {
      auto account = logins_->judge(user, password);
      if (!account) return pass(account);
      return Step(Success{std::move(*account), std::move(final_octets)});
    }

    const ScriptedLogins* logins_;
    std::string mechanism_;
    std::optional<std::string> user_;
  };
};

}  // namespace pabal::account
