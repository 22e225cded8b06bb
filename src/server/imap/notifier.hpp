// What a client wants to hear of unasked (NOTIFY, RFC 5465), and what it was told last of mailboxes that it hasn't
// open. A commit in an account that matters leaves a hint; the session looks then for what has changed there, which
// costs what has changed and not how many mailboxes there are.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/guarded.hpp"
#include "server/imap/mailbox_filter.hpp"

namespace pabal::server::imap {

/// Accounts in which something has happened since somebody looked; 0 stands for rights that were given or taken
/// anywhere. Any thread.
class Hints {
 public:
  void add(AccountId account) { accounts_.lock()->insert(account); }
  [[nodiscard]] std::set<AccountId> take() { return std::exchange(*accounts_.lock(), {}); }
  [[nodiscard]] bool any() { return !accounts_.lock()->empty(); }

 private:
  Guarded<std::set<AccountId>> accounts_;  // no more than are watched
};

/// Home thread. The session outlives it.
class Notifier {
 public:
  /// Between two looks: what happens meanwhile is told together.
  static constexpr std::chrono::milliseconds kBetweenLooks{100};

  Notifier(Session& session, grammar::Notify asked);

  /// Reads how things stand. `limit`: there are too many mailboxes.
  [[nodiscard]] Async<Result<void>> begin();
  /// With the STATUS of each mailbox whose messages matter, if that was asked for, and with what can't be told (§3.1).
  [[nodiscard]] Async<bool> tell_beginning();

  /// Of the messages of the open mailbox.
  [[nodiscard]] const grammar::NotifyEvents& selected() const noexcept { return selected_; }
  /// Removals there wait for a command that may tell them (§6.1.2).
  [[nodiscard]] bool delays_removals() const noexcept { return delayed_; }
  [[nodiscard]] bool has_hints() const { return hints_->any(); }
  [[nodiscard]] SteadyTime next_look() const noexcept { return next_look_; }
  /// Tells what has changed in the accounts that there are hints of. False: the connection is lost. `limit` as before.
  [[nodiscard]] Async<Result<bool>> look();

 private:
  using Key = std::pair<AccountId, MailboxId>;
  /// What the client was told last.
  struct Told {
    std::string name;
    std::uint32_t uid_validity = 0;
    std::uint32_t uid_next = 0;
    std::uint64_t emails = 0;
    ChangeNumber change;
    Rights rights = 0;
    bool subscribed = false;
    const grammar::NotifyEvents* events = nullptr;
  };
  struct Owner {
    store::Place place;
    std::string name;  ///< of another
    std::optional<ChangeNumber> seen;
    store::Watch watch;
  };
  /// A mailbox as it is now.
  struct Now {
    KnownMailbox known;
    bool has_children = false;
    std::vector<std::string> entries;  ///< annotations that have changed
    bool no_access = false;            ///< its messages matter, and may not be read
  };

  [[nodiscard]] const grammar::NotifyEvents* events_for(const KnownMailbox& mailbox) const;
  [[nodiscard]] bool is_open(const Key& key) const;
  [[nodiscard]] store::Watch watch(AccountId account);
  [[nodiscard]] Async<Result<void>> find_owners(bool silent);
  [[nodiscard]] Async<Result<void>> look_at(AccountId account, bool silent);
  [[nodiscard]] Async<Result<void>> look_at_own_names(bool silent);
  [[nodiscard]] Result<void> take(const Owner& owner, const store::MailboxesChanged& changes, bool silent);
  [[nodiscard]] Result<void> take_one(const Owner& owner, Now now, bool silent);
  [[nodiscard]] Async<Result<void>> hide_children(const Owner* owner, store::MailboxesChanged* changes);
  void take_missing(const Owner& owner, const store::MailboxesChanged& changes);
  void take_gone(const Key& key);
  void tell_name(const Now& now, const std::string& old_name);
  void tell_gone(const std::string& name, bool subscribed);
  void tell_status(const Now& now, const Told& told, const grammar::NotifyEvents& events);

  Session* session_;
  grammar::Notify asked_;
  grammar::NotifyEvents selected_;
  bool delayed_ = false;
  bool others_ = false;         ///< mailboxes of others may matter
  bool subscriptions_ = false;  ///< subscribed names matter
  bool servers_entries_ = false;
  std::shared_ptr<Hints> hints_ = std::make_shared<Hints>();
  store::Watch rights_watch_;
  std::map<AccountId, Owner> owners_;
  std::map<Key, Told> told_;
  std::set<std::string, std::less<>> subscribed_;  ///< names without a mailbox of one's own
  SteadyTime next_look_{};
};

}  // namespace pabal::server::imap
