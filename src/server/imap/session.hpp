// One IMAP connection. The session has what its phase needs; commands look at it, change its phase, and give back what
// is to be said. Only the loop in session.cpp writes.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "codec/collation.hpp"
#include "imap/capability.hpp"
#include "imap/command.hpp"
#include "imap/command_reader.hpp"
#include "imap/line.hpp"
#include "imap/mailbox_view.hpp"
#include "imap/response.hpp"
#include "imap/rules.hpp"
#include "net/give_way.hpp"
#include "server/common/connection.hpp"
#include "server/imap/append_memory.hpp"
#include "server/imap/big_letters.hpp"
#include "server/imap/language.hpp"
#include "server/imap/progress.hpp"
#include "server/imap/recents.hpp"
#include "server/imap/rights.hpp"
#include "server/imap/server.hpp"
#include "server/imap/url_keys.hpp"

namespace pabal::server::imap {

namespace grammar = pabal::imap;
using grammar::Command;
using grammar::Verb;

/// What the sessions of a server share.
struct Shared : common::Shared {
  Shared(account::Logins& who, store::Store& where, const Clock& time, Metrics& metrics, Limits settings,
         std::string own_name);

  account::Logins* logins;
  store::Store* store;
  Limits limits;
  Recents recents;
  UrlKeyResets url_keys;
  AppendMemory append_memory;
  BigLetters big_letters;
  SystemRandom random;
  std::string hostname;  ///< under which URLs name this server
  Pool workers;          ///< for what takes long in memory: decoding, deriving
};

/// What a command gives back for its tagged response.
struct Answer {
  enum class Status : std::uint8_t { ok, no, bad };
  enum class Then : std::uint8_t {
    go_on,
    begin_tls,
    begin_compression,
    idle,  ///< nothing is said now: IDLE goes on
    end,
    cut,  ///< what was said is torn, or nobody hears it: not a word more
  };
  Status status = Status::ok;
  std::string code = {};  ///< without brackets; empty: none
  std::string text = {};
  Then then = Then::go_on;
};
[[nodiscard]] Answer ok(ClientText text, std::string code = {});
[[nodiscard]] Answer no(ClientText text, std::string code = {});
[[nodiscard]] Answer bad(ClientText text, std::string code = {});
/// The connection is lost, or an answer was torn.
[[nodiscard]] Answer lost();
/// The connection ends, and why was said already.
[[nodiscard]] Answer ended();
/// NO with the code that RFC 5530 has for this kind of error.
[[nodiscard]] Answer refused(const Error& error);

/// Words that come from the store's watchers on any thread to the session at home.
class News {
 public:
  News(Executor home, net::Stream& stream) : home_(std::move(home)), stream_(&stream) {}
  /// Any thread.
  static void tell(const std::shared_ptr<News>& news);
  // Home thread.
  /// Whether something came since the last time.
  [[nodiscard]] bool take() noexcept { return pending_.exchange(false); }
  [[nodiscard]] bool pending() const noexcept { return pending_.load(); }
  /// From now on (or no more) who waits for input is woken by news.
  void wake(bool on) noexcept { waking_ = on; }
  void end() noexcept { stream_ = nullptr; }

 private:
  Executor home_;
  net::Stream* stream_;
  bool waking_ = false;
  std::atomic<bool> pending_{false};
};

/// Who is logged in.
struct User {
  store::Place place;
  std::string name;
  std::string identifier;  ///< in access control lists: the canonical login name
  store::Watch watch;
};

using View = grammar::MailboxView<store::MailboxSnapshot>;
class Contexts;

/// The mailbox that is selected.
struct Selected {
  store::Place place;  ///< of the account whose it is
  MailboxId mailbox;
  std::string path;  ///< as the user knows it
  Rights rights = right::all;
  bool examined = false;
  bool read_only = false;  ///< by EXAMINE, or for want of rights
  ChangeNumber synced;     ///< no removal up to it is untold (RFC 7162 §3.2)
  /// By name, the keywords that FLAGS has told of. None goes before the mailbox is opened anew: the client may know a
  /// message that has it.
  std::vector<std::string> keywords;
  View view;
  grammar::NumberSet saved_search;  ///< "$" (RFC 5182): UIDs
  store::Watch watch;               ///< of another's account
  /// Where changes of its entries are told: up to this one they were.
  std::optional<ChangeNumber> metadata{};
  std::uint64_t key_resets = 0;          ///< up to this one the client has heard of new keys for URLs (RFC 4467)
  std::shared_ptr<Contexts> contexts{};  ///< results that are kept up to date (contexts.hpp); null: none
};

/// An APPEND or REPLACE whose messages are coming in.
struct Appending {
  Command command;
  store::Place place;
  std::string path;                  ///< in that account
  std::optional<MailboxId> mailbox;  ///< nothing: what has the name when all has come
  store::FlagScope scope;
  SteadyTime looked_up;
  bool remembered = false;              ///< from the command before
  std::optional<std::uint64_t> room{};  ///< octets that the account has left; nothing: no limit
  std::vector<store::AppendedLetter> letters;
  std::optional<store::Replaced> replaced = {};  ///< by REPLACE
  bool catenate = false;                         ///< the present one is put together of parts
  bool may_hold_nuls = false;                    ///< … came as a literal8, or may have parts that did
  bool holds_nuls = false;                       ///< … and so it is
  std::uint64_t octets = 0;                      ///< of the messages that lie in memory
  std::size_t files = 0;                         ///< of the messages that don't
  std::unique_ptr<AppendShare> memory = nullptr;
};

/// What was switched on by ENABLE, or by a command that implies it.
struct Enabled {
  bool rev2 = false;
  bool utf8 = false;
  bool condstore = false;
  bool qresync = false;
  bool uid_only = false;
  bool metadata = false;  ///< RFC 5464 §4.4.2: changes of entries are told unasked
};

class Notifier;

class Session : public common::Connection {
 public:
  /// `stream` must outlive the session.
  Session(Shared& shared, net::Stream& stream, net::SessionFacts facts, Policy policy);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] Async<> run();

  // For the commands.
  [[nodiscard]] Shared& shared() noexcept { return *shared_; }
  [[nodiscard]] const Limits& limits() const noexcept { return shared_->limits; }
  [[nodiscard]] store::Store& store() noexcept { return *shared_->store; }
  [[nodiscard]] grammar::SessionFacts facts() const;
  [[nodiscard]] Enabled& enabled() noexcept { return enabled_; }
  /// By which texts are compared (RFC 5255 §4).
  [[nodiscard]] codec::Collation& collation() noexcept { return collation_; }
  [[nodiscard]] bool logged_in() const noexcept { return user_.has_value(); }
  /// Only after the login, which the rules see to.
  [[nodiscard]] User& user() noexcept { return *user_; }
  [[nodiscard]] std::optional<Selected>& selected() noexcept { return selected_; }
  [[nodiscard]] grammar::ImapForm form() const noexcept {
    return {.rev2 = enabled_.rev2, .utf8 = enabled_.rev2 || enabled_.utf8};
  }
  /// After a change of enabled().
  void changed_rules() { set_reader(); }
  /// Back to the state before the login (RFC 8437).
  void log_out();
  /// Writes what is gathered if it is much, which who appends many lines to out() calls. False: the connection is lost.
  [[nodiscard]] Async<bool> drain();
  /// The end of a login. `account` is who it was, or why not.
  [[nodiscard]] Answer log_in(Result<account::Account> account);
  /// From now on people are told in this language (RFC 5255).
  void set_language(Language language) noexcept { language_ = language; }
  /// `* OK [code] text` and its like, in the client's language.
  void say(grammar::Condition condition, std::string_view code, ClientText text);
  /// `* BYE text`.
  void say_bye(ClientText text, std::string_view code = {});
  /// BYE where the selected mailbox can't be had any more: what the client knows of it is worth nothing.
  void say_mailbox_lost(const Error& error);
  /// Awaits work of the store; where it takes long the client hears that it goes on (RFC 9585).
  template <class T>
  [[nodiscard]] Async<T> patiently(std::string tag, Async<T> work) {
    work_ = {};
    return with_progress(std::move(work), limits().progress_every,
                         [this, tag = std::move(tag)] { return say_progress(tag); });
  }
  /// Of the work that is awaited patiently, where it can tell.
  [[nodiscard]] WorkDone& work() noexcept { return work_; }
  /// Sends "+ text" and waits for the client's line. Nothing: the connection is at its end, or the line was too long.
  [[nodiscard]] Async<std::optional<std::string>> ask(std::string text);
  /// Looks what has changed in the selected mailbox and takes it into the view. Kind `not_found`: it is gone; `state`:
  /// its UIDs mean other messages now.
  [[nodiscard]] Async<Result<void>> refresh();
  /// In another's mailbox: looks what may still be done there (RFC 4314 §5.1.1). An Error: it may not be read any more.
  [[nodiscard]] Async<Result<void>> renew_rights();
  /// What of the selected mailbox is told: no removals where numbers have to stay; `uid`: with UIDs, as the answer to a
  /// command with UID.
  struct Telling {
    bool keep_numbers = false;
    bool uid = false;
    bool own = false;  ///< what the command itself has done is told, whatever NOTIFY says
  };
  [[nodiscard]] Async<bool> tell_changes(Telling telling);
  /// From now on what changes is told at once, until the client says DONE, which is answered with this tag.
  void begin_idle(std::string tag);
  /// From now on NOTIFY says what is told unasked; never null.
  void notify_by(std::unique_ptr<Notifier> notifier);
  [[nodiscard]] bool notifies() const noexcept { return notifier_ != nullptr; }
  /// Tells what NOTIFY asks for and is due; only where that is on. False: the connection has to end.
  [[nodiscard]] Async<bool> tell_notified(bool keep_numbers);
  /// How long to wait for the client before something is to be told.
  [[nodiscard]] std::chrono::milliseconds patience() const;
  /// `* n FETCH (`, or `* uid UIDFETCH (` once the client knows no numbers (RFC 9586 §3.3).
  void begin_fetch(std::uint32_t number, std::uint32_t uid);
  /// `* n FETCH (…` up to and with the flags, and MODSEQ where the client knows it.
  void tell_new_keywords();
  void append_flags_of(std::uint32_t number, const store::MessageRow& row, bool uid);
  void append_modseq_of(std::uint32_t number, const store::MessageRow& row, bool uid);
  /// What to do after a wait(): false where the connection is at its end, with a word about it where it waited too
  /// long.
  [[nodiscard]] bool goes_on(Waited waited);
  [[nodiscard]] bool is_recent(std::uint32_t uid) const noexcept {
    return !enabled_.rev2 && selected_->view.is_recent(uid);
  }
  /// The selected mailbox, as Recents knows it; or another one of this user's.
  [[nodiscard]] Recents::Mailbox recents_key(MailboxId mailbox) const noexcept {
    return {user_->place.account, mailbox};
  }
  [[nodiscard]] News& news() noexcept { return *news_; }
  [[nodiscard]] const std::shared_ptr<News>& news_of_watch() const noexcept { return news_; }
  /// The messages that a set names.
  struct Named {
    grammar::NumberSet uids;     ///< of those that the client knows and that are there; no other UID is in it
    bool some_are_gone = false;  ///< one named by its number isn't there any more
  };
  /// An Answer where it names numbers that the client doesn't know.
  [[nodiscard]] std::expected<Named, Answer> named_by(const grammar::SequenceSet& set, bool uid);

 private:
  [[nodiscard]] Async<bool> say_progress(std::string tag);
  [[nodiscard]] Async<bool> tell_view(Telling telling);
  void tell_key_reset();
  void tell_held_removals();
  [[nodiscard]] Async<bool> serve(std::unique_ptr<Command> owned);
  [[nodiscard]] Async<void> look_at_metadata();
  [[nodiscard]] Async<bool> respond(std::string tag, Answer answer, Telling telling);
  [[nodiscard]] Async<bool> take_news();
  [[nodiscard]] Async<bool> reject(grammar::BadCommand why);
  [[nodiscard]] Async<bool> take(grammar::ReaderEvent event);
  [[nodiscard]] static Async<bool> going_on() { co_return true; }
  /// What the reader says next, and the work that it asks for, which hasn't begun.
  struct Step {
    enum class What : std::uint8_t { need_input, data, event };
    What what = What::need_input;
    std::size_t used = 0;  ///< octets of the input, which `data` looks at until the work is over
    Async<bool> work;
  };
  [[nodiscard]] Step next_step();
  // idle.cpp
  [[nodiscard]] Step next_idle_step();
  [[nodiscard]] Async<bool> tell_while_idle();
  [[nodiscard]] Async<bool> end_idle(Answer answer);
  // append.cpp
  [[nodiscard]] Async<bool> take_append(grammar::ReaderEvent event);
  [[nodiscard]] Async<bool> begin_append(Command command);
  [[nodiscard]] std::expected<store::Replaced, Answer> replaced_by(const Command& command);
  [[nodiscard]] Async<bool> begin_letter(grammar::AppendMessage message);
  [[nodiscard]] Async<bool> begin_text(grammar::AppendText text);
  [[nodiscard]] Async<bool> end_letter();
  [[nodiscard]] Async<bool> take_data(std::string_view octets);
  [[nodiscard]] Async<bool> take_url(std::string url);
  [[nodiscard]] Async<bool> give_up_append(Answer answer);
  [[nodiscard]] Async<bool> end_append();
  [[nodiscard]] Async<bool> has_room(std::uint64_t octets);
  [[nodiscard]] bool remember_target(const std::string& name);
  [[nodiscard]] Async<bool> begin_tls();
  void set_reader();

  Shared* shared_;
  grammar::CommandReader reader_;
  std::shared_ptr<News> news_;
  std::optional<User> user_;
  std::optional<Selected> selected_;
  std::unique_ptr<Appending> appending_;
  /// Of the user's own, where one APPEND follows another.
  struct KnownTarget {
    std::string name;
    store::Place place;
    std::string path;
    store::FlagScope scope;
    SteadyTime looked_up;
    std::optional<std::uint64_t> room;
  };
  std::unique_ptr<KnownTarget> known_target_;
  std::unique_ptr<Notifier> notifier_;
  /// An IDLE that goes on. The loop waits in it, not a handler below it: the frames between them would count for each
  /// connection.
  struct Idling {
    std::string tag;
    grammar::LineReader lines{};
    /// What had to wait while numbers stayed (RFC 9051 §7.5.1) is told at once; nothing else may ever call it forth.
    bool untold = true;
  };
  std::unique_ptr<Idling> idling_;
  Enabled enabled_;
  WorkDone work_;
  codec::Collation collation_ = codec::Collation::unicode_casemap;
  Language language_ = Language::english;
  net::Turns turns_{net::kCommandsATurn};
};

}  // namespace pabal::server::imap
