// Mailboxes in memory for tests and fuzzers of POP3 sessions; nothing here is used by the server itself.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "account/scripted_logins.hpp"
#include "server/pop3/services.hpp"

namespace pabal::server::pop3 {

using account::ScriptedLogins;

/// One INBOX for everybody.
class ScriptedMailboxes final : public Mailboxes {
 public:
  struct Letter {
    std::int64_t uid;
    std::string content;
  };
  std::vector<Letter> letters;
  std::int64_t uid_next = 1;
  /// Called before each operation ("list", "open", "expunge", "read"); its error, if any, is the operation's.
  std::function<Result<void>(std::string_view operation)> before;
  bool in_memory = true;                ///< try_read works
  std::size_t damaged_from = SIZE_MAX;  ///< octets from there on can't be read
  std::size_t opened = 0;               ///< how many open calls there were
  std::size_t alive = 0;                ///< EmailOctets that somebody holds

  void add(std::string content) { letters.push_back({uid_next++, std::move(content)}); }

  Async<Result<store::MailboxListing>> list(store::Place /*place*/) override {
    if (auto allowed = ask("list"); !allowed) co_return pass(allowed);
    store::MailboxListing listing{
        .mailbox = MailboxId{3}, .uid_validity = 1700000001, .uid_next = uid_next, .entries = {}};
    for (const auto& letter : letters) {
      listing.entries.push_back({.uid = letter.uid, .email = EmailId{letter.uid + 100}, .size = letter.content.size()});
    }
    co_return listing;
  }

  Async<Result<std::vector<std::unique_ptr<store::EmailOctets>>>> open(store::Place /*place*/,
                                                                       std::vector<EmailId> emails) override {
    ++opened;
    if (auto allowed = ask("open"); !allowed) co_return pass(allowed);
    std::vector<std::unique_ptr<store::EmailOctets>> out;
    for (const auto email : emails) out.push_back(find(email.value - 100));
    co_return out;
  }

  Async<Result<ChangeNumber>> expunge(store::Place /*place*/, MailboxId /*mailbox*/,
                                      std::vector<std::int64_t> uids) override {
    if (auto allowed = ask("expunge"); !allowed) co_return pass(allowed);
    std::erase_if(letters, [&](const Letter& letter) { return std::ranges::find(uids, letter.uid) != uids.end(); });
    co_return ChangeNumber{1};
  }

 private:
  class Octets final : public store::EmailOctets {
   public:
    Octets(ScriptedMailboxes& owner, std::string content) : owner_(&owner), content_(std::move(content)) {
      ++owner_->alive;
    }
    ~Octets() override { --owner_->alive; }
    std::uint64_t size() const noexcept override { return content_.size(); }
    bool try_read(std::uint64_t offset, std::size_t count, std::string& out) override {
      if (!owner_->in_memory || offset + count > owner_->damaged_from) return false;
      out.append(content_, static_cast<std::size_t>(offset), count);
      return true;
    }
    Async<Result<std::string>> read(std::uint64_t offset, std::size_t count) override {
      if (auto allowed = owner_->ask("read"); !allowed) co_return pass(allowed);
      if (offset + count > owner_->damaged_from) co_return fail(ErrorKind::io, "damaged");
      co_return content_.substr(static_cast<std::size_t>(offset), count);
    }

   private:
    ScriptedMailboxes* owner_;
    std::string content_;
  };

  [[nodiscard]] Result<void> ask(std::string_view operation) const {
    return before ? before(operation) : Result<void>();
  }
  [[nodiscard]] std::unique_ptr<store::EmailOctets> find(std::int64_t uid) {
    for (const auto& letter : letters) {
      if (letter.uid == uid) return std::make_unique<Octets>(*this, letter.content);
    }
    return nullptr;
  }
};

}  // namespace pabal::server::pop3
