// What the tests of the store's mailbox calls share: the calls without coroutines, and mailboxes as one line of text.
#pragma once
#include "store/compact.hpp"
#include "store/store_case.hpp"

namespace pabal::store {

class MailboxesTest : public StoreTest {
 protected:
  static constexpr Place place{AccountId{1}, ShardId{1}};
  static constexpr Place other{AccountId{2}, ShardId{1}};

  // Each works on account 1 unless another place is given.
  MailboxInfo info(const std::string& path, Place where = place) {
    auto found = store.run(store->find_mailbox(where, path));
    EXPECT_TRUE(found) << path << ": " << found.error().log;
    return found ? *found : MailboxInfo{};
  }
  MailboxId id(const std::string& path, Place where = place) { return info(path, where).id; }
  std::string create(const std::string& path, const std::string& role = {}) {
    return kind(store.run(store->create_mailbox(place, path, role)));
  }
  std::string remove(const std::string& path) { return kind(store.run(store->delete_mailbox(place, path))); }
  std::string rename(const std::string& from, const std::string& to) {
    return kind(store.run(store->rename_mailbox(place, from, to)));
  }
  std::string subscribe(const std::string& path, bool subscribed) {
    return kind(store.run(store->subscribe(place, path, subscribed)));
  }
  Result<Appended> append(const std::string& path, std::vector<std::string> texts, FlagSet flags = {},
                          Place where = place) {
    std::vector<AppendedLetter> letters;
    for (const auto& text : texts) {
      AppendedLetter letter;
      letter.content = store->receive(text.size());
      letter.content.append(text);
      letter.flags = flags;
      letters.push_back(std::move(letter));
    }
    return store.run(store->append(where, {path}, std::move(letters)));
  }
  // So many small letters.
  void fill(const std::string& path, int count, Place where = place) {
    std::vector<std::string> texts;
    texts.reserve(static_cast<std::size_t>(count));
    for (int i = 1; i <= count; ++i) texts.push_back(fmt::format("Subject: letter {}\r\n\r\ntext\r\n", i));
    auto appended = append(path, std::move(texts), {}, where);
    ASSERT_TRUE(appended) << appended.error().log;
  }
  Result<FlagsChanged> flags(const std::string& path, FlagChange change, Place where = place) {
    return store.run(store->change_flags(where, id(path, where), std::move(change)));
  }
  std::shared_ptr<const MailboxSnapshot> snapshot(const std::string& path, Place where = place) {
    auto made = store.run(store->snapshot(where, id(path, where)));
    EXPECT_TRUE(made) << made.error().log;
    return made ? *made : nullptr;
  }

  static std::string flag_text(Flags flags, const std::vector<std::string>& keywords) {
    std::string text;
    for (auto rest = flags & ~flag::deleted; rest != 0; rest &= rest - 1) {
      text += std::string(keyword_of_flag(rest & ~(rest - 1))) + ",";
    }
    if ((flags & flag::deleted) != 0) text += "deleted,";
    for (const auto& name : keywords) text += name + ",";
    if (!text.empty()) text.pop_back();
    return text;
  }
  // "1 2:$seen,own 3" and UIDNEXT and HIGHESTMODSEQ are looked at by themselves.
  static std::string text_of(const MailboxSnapshot& snapshot) {
    std::string text;
    for (std::size_t i = 0; i < snapshot.size(); ++i) {
      const auto& row = snapshot[i];
      const auto names = flag_text(row.flags(), snapshot.keywords(row));
      text += fmt::format("{}{}{}{}", text.empty() ? "" : " ", row.uid, names.empty() ? "" : ":", names);
    }
    return text;
  }
  std::string show(const std::string& path, Place where = place) {
    const auto made = snapshot(path, where);
    return made ? text_of(*made) : "";
  }
  // Paths; "*" at one with a role, "+" at one that is subscribed; then the names without mailbox.
  std::string tree(Place where = place) {
    auto all = store.run(store->mailboxes(where));
    if (!all) return all.error().log;
    std::string text;
    for (const auto& one : all->mailboxes) {
      text += fmt::format("{}{}{} ", one.path, one.role.empty() ? "" : "*", one.subscribed ? "+" : "");
    }
    for (const auto& name : all->subscribed_names) text += fmt::format("({}) ", name);
    if (!text.empty()) text.pop_back();
    return text;
  }
  // What JMAP will do: the email of INBOX's uid 1 stands in these, which are empty, too.
  void stand_also_in(const std::vector<std::string>& paths) {
    const auto email = (*snapshot("INBOX"))[0].email;
    const auto change = info("INBOX").change.value + 1;
    std::vector<Standing> standings{{id("INBOX"), 1}};
    for (const auto& path : paths) standings.push_back({id(path), 1});
    auto connection = store.database().connect();
    ASSERT_TRUE(connection);
    auto& rows = **connection;
    ASSERT_TRUE(rows.begin(true));
    ASSERT_TRUE(rows.run("UPDATE account SET change = $1 WHERE account_id = 1", {change}));
    ASSERT_TRUE(rows.run("UPDATE email SET standings = $1, modified = $2 WHERE account_id = 1 AND email_id = $3",
                         {db::Octets{encode_standings(standings)}, change, email.value}));
    ASSERT_TRUE(rows.run("UPDATE membership SET shared = 1 WHERE account_id = 1 AND email_id = $1", {email.value}));
    for (std::size_t i = 1; i < standings.size(); ++i) {
      ASSERT_TRUE(
          rows.run("INSERT INTO membership (account_id, mailbox_id, uid, email_id, size, keywords, deleted, "
                   "change, shared) SELECT 1, $1, 1, email_id, size, keywords, 0, $2, 1 FROM membership WHERE "
                   "account_id = 1 AND mailbox_id = $3 AND uid = 1",
                   {standings[i].mailbox.value, change, standings[0].mailbox.value}));
      ASSERT_TRUE(
          rows.run("UPDATE mailbox SET uid_next = 2, emails = 1, unseen = 1, bytes = (SELECT size FROM email "
                   "WHERE account_id = 1 AND email_id = $3), change = $2 WHERE account_id = 1 AND mailbox_id "
                   "= $1",
                   {standings[i].mailbox.value, change, email.value}));
    }
    ASSERT_TRUE(rows.commit());
  }
  template <class T>
  static std::string kind(const Result<T>& result) {
    return result ? "" : std::string(name_of(result.error().kind));
  }
  static std::string pairs(const Result<Copied>& copied) {
    if (!copied) return std::string(name_of(copied.error().kind));
    std::string text;
    for (const auto& one : copied->uids) text += fmt::format("{}{}>{}", text.empty() ? "" : " ", one.from, one.to);
    return text;
  }
  static std::string numbers(const std::vector<std::uint32_t>& uids) { return fmt::format("{}", fmt::join(uids, " ")); }
};

}  // namespace pabal::store
