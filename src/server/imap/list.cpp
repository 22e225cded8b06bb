// LIST, LSUB and STATUS (RFC 9051 §6.3.9, §6.3.11; RFC 3501 §6.3.9; RFC 5258, 5819, 6154, 8438, 8474).
#include <algorithm>
#include <map>
#include <set>

#include "imap/response.hpp"
#include "net/give_way.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/mailboxes.hpp"
#include "server/imap/metadata.hpp"

namespace pabal::server::imap {

namespace {

using grammar::MailboxPattern;

constexpr std::size_t kMostPatterns = 100;
constexpr std::size_t kMostPatternOctets = 8'000;  // of all together
constexpr std::size_t kPatternStepsATurn = 2'000'000;

// A name that may be listed: a mailbox, or one that stands above a mailbox or is subscribed without being there.
struct Name {
  const store::MailboxInfo* mailbox = nullptr;
  store::Place place = {};
  Rights rights = right::all;
  bool shared = false;  ///< another's
  std::vector<store::Annotation> entries = {};
  bool subscribed = false;
  bool has_children = false;
  bool has_subscribed_below = false;
  bool special_use_below = false;
  /// Of those below that RECURSIVEMATCH looks for, one is not listed itself (RFC 5258 §3.5).
  bool unlisted_below = false;
};

std::map<std::string, Name> names_of(const store::AccountMailboxes& all, const std::vector<SharedByName>& shared) {
  std::map<std::string, Name> names;
  for (const auto& one : shared) {
    auto& name = names[one.name];
    name.mailbox = &one.info;
    name.rights = one.rights;
    name.shared = true;
    name.place = one.place;
  }
  for (const auto& mailbox : all.mailboxes) {
    auto& name = names[mailbox.path];
    name.mailbox = &mailbox;
    name.subscribed = mailbox.subscribed;
  }
  for (const auto& path : all.subscribed_names) names[path].subscribed = true;
  std::vector<std::string> paths;
  paths.reserve(names.size());
  for (const auto& [path, name] : names) paths.push_back(path);
  for (const auto& path : paths) {
    const auto below = names[path];
    for (auto slash = path.rfind('/'); slash != std::string::npos && slash > 0; slash = path.rfind('/', slash - 1)) {
      auto& above = names[path.substr(0, slash)];
      above.has_children = above.has_children || below.mailbox != nullptr;
      above.has_subscribed_below = above.has_subscribed_below || below.subscribed;
      above.special_use_below = above.special_use_below || (below.mailbox != nullptr && !below.mailbox->role.empty() &&
                                                            below.mailbox->role != "inbox");
    }
  }
  return names;
}

class Lister {
 public:
  Lister(Session& session, const grammar::List& arguments, bool lsub)
      : session_(&session), arguments_(&arguments), lsub_(lsub) {
    const bool utf8 = session.form().utf8;
    for (const auto& pattern : arguments.patterns) {
      if (auto made = MailboxPattern::from_client(arguments.reference, pattern, utf8)) patterns_.push_back(*made);
    }
    for (const auto& pattern : patterns_) octets_ += pattern.text().size() + 1;
  }

  /// What a pattern costs grows with its length times that of a name, so many long ones are refused.
  [[nodiscard]] bool too_much() const noexcept { return octets_ > kMostPatternOctets; }

  /// Whether a name below this one may be meant.
  [[nodiscard]] bool may_mean(std::string_view above) const {
    return std::ranges::any_of(patterns_, [above](const auto& pattern) {
      const auto fixed = std::string_view(pattern.text()).substr(0, pattern.text().find_first_of("*%"));
      return fixed.starts_with(above) || above.starts_with(fixed);
    });
  }

  Async<bool> list(std::map<std::string, Name>* names) {
    if (arguments_->select_recursive) co_await look_below(names);
    for (const auto& [path, name] : *names) {
      if (turns_.step((path.size() + 1) * octets_)) {
        co_await net::give_way();
      }
      if (!matches(path)) continue;
      if (lsub_) {
        lsub(path, name);
      } else {
        one(path, name);
      }
      if (!co_await session_->drain()) co_return false;
    }
    co_return true;
  }

 private:
  [[nodiscard]] bool matches(const std::string& path) const {
    return std::ranges::any_of(patterns_, [&](const auto& pattern) { return pattern.matches(path); });
  }
  // What another uses his mailboxes for is not what this user does.
  [[nodiscard]] static bool has_use(const Name& name) {
    return name.mailbox != nullptr && !name.shared && !store::special_use_of(name.mailbox->role).empty();
  }
  /// By the selection options, whatever stands below it.
  [[nodiscard]] bool is_selected(const Name& name) const {
    return (!arguments_->select_subscribed || name.subscribed) && (!arguments_->select_special_use || has_use(name));
  }

  Async<> look_below(std::map<std::string, Name>* names) {
    for (auto& [path, name] : *names) {
      if (turns_.step((path.size() + 1) * octets_)) co_await net::give_way();
      if (!is_selected(name) || matches(path)) continue;
      for (auto slash = path.rfind('/'); slash != std::string::npos && slash > 0; slash = path.rfind('/', slash - 1)) {
        names->at(path.substr(0, slash)).unlisted_below = true;
      }
    }
  }

  // RFC 3501 §6.3.9: one that isn't subscribed is listed as \Noselect where a "%" hides subscribed ones below it.
  void lsub(const std::string& path, const Name& name) {
    const bool hidden =
        !name.subscribed && name.has_subscribed_below &&
        std::ranges::any_of(patterns_, [](const auto& pattern) { return pattern.text().ends_with('%'); });
    if (!name.subscribed && !hidden) return;
    grammar::append_list(session_->out(), "LSUB", name.subscribed ? "" : "\\Noselect", path, "", session_->form());
  }

  void one(const std::string& path, const Name& name) {
    const auto& want = *arguments_;
    const bool special = has_use(name);
    bool selected = name.mailbox != nullptr || name.has_children;
    std::string extended;
    if (want.select_subscribed || want.select_special_use) {
      const bool itself = is_selected(name);
      // RFC 5258 §3.5: one that is listed for those below it alone only where they don't say it themselves.
      const bool below = want.select_recursive && (itself || name.unlisted_below) &&
                         ((want.select_subscribed && name.has_subscribed_below) ||
                          (want.select_special_use && name.special_use_below));
      selected = itself || below;
      if (below) {
        const bool subscribed = want.select_subscribed && name.has_subscribed_below;
        extended = subscribed ? R"( ("CHILDINFO" ("SUBSCRIBED")))" : R"( ("CHILDINFO" ("SPECIAL-USE")))";
      }
    }
    if (!selected) return;
    std::vector<std::string> attributes;
    if (name.mailbox == nullptr && !name.has_children) {
      attributes.emplace_back("\\NonExistent");
    } else if (name.mailbox == nullptr) {
      attributes.emplace_back(want.extended || session_->enabled().rev2 ? "\\NonExistent" : "\\Noselect");
    }
    attributes.emplace_back(name.has_children ? "\\HasChildren" : "\\HasNoChildren");
    if (name.subscribed && (want.return_subscribed || want.select_subscribed)) attributes.emplace_back("\\Subscribed");
    if (special) attributes.push_back(store::special_use_of(name.mailbox->role));
    grammar::append_list(session_->out(), "LIST", fmt::format("{}", fmt::join(attributes, " ")), path, extended,
                         session_->form());
    if (name.mailbox == nullptr) return;
    // RFC 9590 §3.
    if (!want.return_metadata.empty() && (name.rights & kForMetadata) != 0) {
      append_metadata(*session_, path, want.return_metadata, name.entries);
    }
    if (want.return_my_rights) append_my_rights(*session_, path, name.rights);
    // RFC 5819 §2: nothing is said of one that STATUS would be refused for.
    if (want.return_status != 0 && (name.rights & right::read) != 0) {
      const auto parsed = grammar::MailboxName::parse(path);
      if (parsed) {
        grammar::append_status(session_->out(), *parsed,
                               status_items(*session_, name.place, *name.mailbox, want.return_status),
                               session_->form());
      }
    }
  }

  Session* session_;
  const grammar::List* arguments_;
  bool lsub_;
  std::vector<MailboxPattern> patterns_;
  std::size_t octets_ = 1;  ///< of all patterns
  net::Turns turns_{kPatternStepsATurn};
};

// RFC 9590: the entries that are wanted, of all mailboxes at once.
Async<Result<void>> add_metadata(Session* session, const grammar::List* arguments, std::map<std::string, Name>* names) {
  const auto& wanted = arguments->return_metadata;
  if (wanted.empty()) co_return Result<void>();
  std::set<std::pair<AccountId, ShardId>> accounts;
  for (const auto& [path, name] : *names) {
    if (name.mailbox != nullptr) accounts.emplace(name.place.account, name.place.shard);
  }
  for (const auto& [account, shard] : accounts) {
    auto entries =
        co_await session->store().annotations_of_all({account, shard}, session->user().place.account, wanted);
    if (!entries) co_return pass(entries);
    std::map<MailboxId, std::vector<store::Annotation>> of_mailbox;
    for (auto& [mailbox, entry] : *entries) of_mailbox[mailbox].push_back(std::move(entry));
    for (auto& [path, name] : *names) {
      if (name.mailbox == nullptr || name.place.account != account) continue;
      const auto found = of_mailbox.find(name.mailbox->id);
      if (found != of_mailbox.end()) name.entries = std::move(found->second);
    }
  }
  co_return Result<void>();
}

// What the user may do with his own mailboxes, where their lists leave him less than everything; asked for seldom.
Async<Result<std::map<std::string, Rights>>> own_rights(Session* session, const grammar::List* arguments,
                                                        const store::AccountMailboxes& all) {
  std::map<std::string, Rights> rights;
  if (!arguments->return_my_rights && arguments->return_status == 0 && arguments->return_metadata.empty()) {
    co_return rights;
  }
  const auto lists = co_await session->store().access_lists(session->user().place);
  if (!lists) co_return pass(lists);
  std::map<MailboxId, std::vector<store::AccessEntry>> of_mailbox;
  for (const auto& [mailbox, entry] : *lists) of_mailbox[mailbox].push_back(entry);
  for (const auto& mailbox : all.mailboxes) {
    const auto found = of_mailbox.find(mailbox.id);
    if (found != of_mailbox.end()) rights[mailbox.path] = rights_by(found->second, session->user().identifier, true);
  }
  co_return rights;
}

}  // namespace

std::string status_items(Session& session, const store::Place& place, const store::MailboxInfo& mailbox,
                         grammar::StatusItems items) {
  std::string out;
  const auto put = [&](grammar::StatusItems item, std::string_view name, std::uint64_t value) {
    if ((items & item) != 0) fmt::format_to(std::back_inserter(out), "{}{} {}", out.empty() ? "" : " ", name, value);
  };
  put(grammar::kStatusMessages, "MESSAGES", mailbox.emails);
  // Messages are recent to their owner alone.
  const auto recent_from =
      place.reader ? mailbox.uid_next
                   : session.shared().recents.first_unclaimed({place.account, mailbox.id}, mailbox.first_recent_uid);
  put(grammar::kStatusRecent, "RECENT",
      mailbox.uid_next > recent_from ? std::min<std::uint64_t>(mailbox.emails, mailbox.uid_next - recent_from) : 0);
  put(grammar::kStatusUidNext, "UIDNEXT", mailbox.uid_next);
  put(grammar::kStatusUidValidity, "UIDVALIDITY", mailbox.uid_validity);
  put(grammar::kStatusUnseen, "UNSEEN", mailbox.unseen);
  put(grammar::kStatusDeleted, "DELETED", mailbox.deleted);
  put(grammar::kStatusSize, "SIZE", mailbox.bytes);
  put(grammar::kStatusHighestModseq, "HIGHESTMODSEQ", static_cast<std::uint64_t>(mailbox.change.value));
  put(grammar::kStatusAppendLimit, "APPENDLIMIT", session.shared().limits.max_message_bytes);
  put(grammar::kStatusDeletedStorage, "DELETED-STORAGE", (mailbox.deleted_bytes + 1023) / 1024);
  if ((items & grammar::kStatusMailboxId) != 0) {
    fmt::format_to(std::back_inserter(out), "{}MAILBOXID (F{})", out.empty() ? "" : " ", mailbox.id.value);
  }
  return out;
}

Async<Answer> list(Session* session, Command command) {
  const auto& arguments = std::get<grammar::List>(command.arguments);
  const bool lsub = command.verb == Verb::lsub;
  if (arguments.patterns.size() > kMostPatterns) co_return no("Too many patterns.", "LIMIT");
  // RFC 3501 §6.3.8: an empty pattern asks for the delimiter.
  if (!lsub && !arguments.extended && arguments.patterns.size() == 1 && arguments.patterns.front().empty()) {
    grammar::append_list(session->out(), "LIST", "\\Noselect", "", "", session->form());
    co_return ok("Done.");
  }
  const auto all = co_await session->store().mailboxes(session->user().place);
  if (!all) co_return refused(all.error());
  if ((arguments.return_status & grammar::kStatusHighestModseq) != 0) session->enabled().condstore = true;
  Lister lister(*session, arguments, lsub);
  if (lister.too_much()) co_return no("Too many patterns.", "LIMIT");
  auto names_and_rights = co_await own_rights(session, &arguments, *all);
  if (!names_and_rights) co_return refused(names_and_rights.error());
  std::vector<SharedByName> shared;
  if (lister.may_mean(kOtherUsers)) {
    auto found = co_await shared_mailboxes(session);
    if (!found) co_return refused(found.error());
    shared = std::move(*found);
  }
  if ((arguments.return_status & grammar::kStatusUnseen) != 0) {
    for (auto& one : shared) {
      auto info = co_await session->store().find_mailbox(one.place, one.info.path);
      // One that has gone meanwhile is told as it was.
      if (info) one.info = std::move(*info);
    }
  }
  auto names = names_of(*all, shared);
  for (auto& [path, name] : names) {
    if (!name.shared) name.place = session->user().place;
  }
  for (const auto& [path, rights] : *names_and_rights) names[path].rights = rights;
  if (auto looked = co_await add_metadata(session, &arguments, &names); !looked) co_return refused(looked.error());
  if (!co_await lister.list(&names)) co_return lost();
  co_return ok("Done.");
}

Async<Answer> status(Session* session, Command command) {
  const auto& arguments = std::get<grammar::Status>(command.arguments);
  auto found = co_await find_mailbox(session, arguments.mailbox.text(), right::read);
  if (!found) co_return found.error();
  if (found->place.reader && (arguments.items & grammar::kStatusUnseen) != 0) {
    auto as_read = co_await session->store().find_mailbox(found->place, found->info.path);
    if (!as_read) co_return refused(as_read.error());
    found->info = std::move(*as_read);
  }
  if ((arguments.items & grammar::kStatusHighestModseq) != 0) session->enabled().condstore = true;
  grammar::append_status(session->out(), arguments.mailbox,
                         status_items(*session, found->place, found->info, arguments.items), session->form());
  co_return ok("Done.");
}

}  // namespace pabal::server::imap
