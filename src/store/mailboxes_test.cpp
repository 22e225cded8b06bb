// Mailboxes: the tree, what stands in them, flags, copies, and what their watchers hear; for each engine.
#include "store/compact.hpp"
#include "store/mailboxes_case.hpp"

namespace pabal::store {
namespace {

class Mailboxes : public MailboxesTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Mailboxes, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);

constexpr const char* kFirstTree = "Archive*+ Drafts*+ INBOX*+ Junk*+ Sent*+ Trash*+";

TEST_P(Mailboxes, AreMadeWithThoseAbove) {
  EXPECT_EQ(tree(), kFirstTree);
  EXPECT_EQ(create("일/이/삼"), "");
  EXPECT_EQ(create("Work", "some"), "");
  EXPECT_EQ(tree(), std::string(kFirstTree) + " Work* 일 일/이 일/이/삼");
  EXPECT_EQ(create("일/이"), "exists");
  EXPECT_EQ(create("inbox"), "exists");
  EXPECT_EQ(create("a//b"), "policy");
  EXPECT_EQ(create(""), "policy");
  EXPECT_EQ(create("iNbOx/below"), "");
  EXPECT_EQ(info("INBOX/below").path, "INBOX/below");
  EXPECT_EQ(kind(store.run(store->create_mailbox(TestStore::place(99), "x", {}))), "not_found");
  EXPECT_EQ(kind(store.run(store->mailboxes(TestStore::place(99)))), "not_found");
  EXPECT_EQ(kind(store.run(store->find_mailbox(place, "nowhere"))), "not_found");
}

TEST_P(Mailboxes, AreDeletedWithTheirMessages) {
  ASSERT_EQ(create("a/b"), "");
  fill("a/b", 3);
  EXPECT_EQ(remove("a"), "state") << "there is one below";
  EXPECT_EQ(remove("INBOX"), "policy");
  EXPECT_EQ(remove("c"), "not_found");
  const auto old = info("a/b");
  auto change = store.run(store->delete_mailbox(place, "a/b"));
  ASSERT_TRUE(change);
  EXPECT_GT(change->value, old.change.value);
  EXPECT_EQ(kind(store.run(store->snapshot(place, old.id))), "not_found");
  auto quota = store.run(store->quota(place));
  ASSERT_TRUE(quota);
  EXPECT_EQ(quota->bytes, 0);
  EXPECT_EQ(quota->emails, 0);
  // The same name again is another mailbox, also within one second.
  ASSERT_EQ(create("a/b"), "");
  EXPECT_GT(info("a/b").uid_validity, old.uid_validity);
  EXPECT_NE(info("a/b").id, old.id);
  EXPECT_EQ(show("a/b"), "");
}

TEST_P(Mailboxes, AreRenamedWithThoseBelow) {
  ASSERT_EQ(create("a/b/c"), "");
  ASSERT_EQ(create("ab"), "");
  fill("a/b", 2);
  const auto old = info("a/b");
  EXPECT_EQ(rename("a", "x/y"), "");
  EXPECT_EQ(tree(), std::string(kFirstTree) + " ab x x/y x/y/b x/y/b/c");
  EXPECT_EQ(info("x/y/b").id, old.id);
  EXPECT_EQ(info("x/y/b").uid_validity, old.uid_validity);
  EXPECT_EQ(show("x/y/b"), "1 2");
  EXPECT_EQ(rename("x", "ab"), "exists");
  EXPECT_EQ(rename("x", "x/z"), "policy");
  EXPECT_EQ(rename("q", "r"), "not_found");
  EXPECT_EQ(rename("x", "a//b"), "policy");
  std::string deep = "d";
  for (int i = 0; i < 18; ++i) deep += "/d";
  EXPECT_EQ(rename("x", deep), "policy") << "those below would be too deep";
  EXPECT_EQ(tree(), std::string(kFirstTree) + " ab x x/y x/y/b x/y/b/c");
  EXPECT_EQ(rename("Sent", "Gesendet"), "");
  EXPECT_EQ(info("Gesendet").role, "sent");
}

// RFC 8621 §2: an account has a role once; it is free again when its mailbox goes, and not while it has another name.
TEST_P(Mailboxes, ARoleIsGivenOnce) {
  EXPECT_EQ(create("Mine", "drafts"), "state");
  EXPECT_EQ(create("Drafts", "drafts"), "exists");
  EXPECT_EQ(rename("Drafts", "Entwürfe"), "");
  EXPECT_EQ(create("Mine/own", "drafts"), "state");
  EXPECT_EQ(kind(store.run(store->find_mailbox(place, "Mine"))), "not_found") << "nor are those above it made";
  EXPECT_EQ(remove("Entwürfe"), "");
  EXPECT_EQ(create("Mine", "drafts"), "");
  EXPECT_EQ(info("Mine").role, "drafts");
  EXPECT_EQ(create("plain"), "");
  EXPECT_EQ(create("plain too"), "");
}

TEST_P(Mailboxes, InboxStaysWhenItIsRenamed) {
  fill("INBOX", 3);
  ASSERT_EQ(create("INBOX/below"), "");
  ASSERT_TRUE(flags("INBOX", {.uids = {{2, 2}}, .flags = {flag::seen, {"own"}}}));
  const auto old = info("INBOX");
  EXPECT_EQ(rename("inbox", "old/mail"), "");
  EXPECT_EQ(info("INBOX").id, old.id);
  EXPECT_EQ(info("INBOX").uid_validity, old.uid_validity);
  EXPECT_EQ(show("INBOX"), "");
  EXPECT_EQ(show("old/mail"), "1 2:$seen,own 3");
  EXPECT_EQ(info("old/mail").role, "");
  EXPECT_EQ(info("INBOX/below").path, "INBOX/below");
  auto changes = store.run(store->changes_since(place, old.id, old.change));
  ASSERT_TRUE(changes);
  EXPECT_EQ(numbers(changes->removed), "1 2 3");
}

TEST_P(Mailboxes, SubscribedNamesOutliveMailboxes) {
  ASSERT_EQ(create("a"), "");
  EXPECT_EQ(subscribe("a", true), "");
  EXPECT_EQ(subscribe("a", true), "");
  EXPECT_EQ(subscribe("nowhere", true), "");
  EXPECT_EQ(subscribe("nowhere", true), "");
  EXPECT_EQ(subscribe("a//b", true), "policy");
  EXPECT_EQ(subscribe("elsewhere", false), "");
  EXPECT_EQ(tree(), std::string(kFirstTree) + " a+ (nowhere)");
  ASSERT_EQ(remove("a"), "");
  EXPECT_EQ(tree(), std::string(kFirstTree) + " (a) (nowhere)");
  ASSERT_EQ(create("a"), "");
  ASSERT_EQ(rename("a", "nowhere"), "");
  EXPECT_EQ(tree(), std::string(kFirstTree) + " nowhere+");
  EXPECT_EQ(subscribe("nowhere", false), "");
  ASSERT_EQ(remove("nowhere"), "");
  EXPECT_EQ(tree(), kFirstTree);
}

TEST_P(Mailboxes, LettersAreAppendedAllOrNone) {
  const auto when = from_database(1'600'000'000'000'000);
  std::vector<AppendedLetter> letters(3);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto text = letter_text(i, 2000 + i * 20'000);
    letters[i].content = store->receive(0);
    letters[i].content.append(text);
  }
  letters[0].received = when;
  letters[0].flags = {flag::seen | flag::deleted, {"$Flagged", "NonJunk"}};
  auto appended = store.run(store->append(place, {"inbox"}, std::move(letters)));
  ASSERT_TRUE(appended) << appended.error().log;
  EXPECT_EQ(numbers(appended->uids), "1 2 3");
  EXPECT_EQ(appended->uid_validity, info("INBOX").uid_validity);
  EXPECT_EQ(show("INBOX"), "1:$seen,$flagged,deleted,NonJunk 2 3");
  auto rows = store.run(store->email_rows(place, appended->emails));
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 3);
  EXPECT_EQ(rows->at(0).received, when);
  EXPECT_EQ(rows->at(1).received, store.clock.now());
  EXPECT_EQ(rows->at(0).prefix_size, 0);
  EXPECT_EQ(rows->at(2).size, 42'000);
  auto saved = store.run(store->saved_dates(place, id("INBOX"), {UidRange{}}));
  ASSERT_TRUE(saved);
  ASSERT_EQ(saved->size(), 3);
  EXPECT_EQ(saved->at(0).saved, store.clock.now());
  EXPECT_EQ(saved->at(1).saved, store.clock.now());
  auto read = store.read(1);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->at(3), letter_text(2, 42'000));
  EXPECT_EQ(read->size(), 2) << "one is \\Deleted";
  EXPECT_EQ(info("INBOX").deleted, 1);
  EXPECT_EQ(info("INBOX").deleted_bytes, 2000);
  EXPECT_EQ(info("INBOX").unseen, 2);

  EXPECT_EQ(kind(append("nowhere", {"x"})), "not_found");
  EXPECT_EQ(kind(append("INBOX", {"x"}, {0, {"a b"}})), "policy");
  ASSERT_TRUE(store->set_quota(place, 70'000));
  EXPECT_EQ(kind(append("INBOX", {letter_text(1, 3000), letter_text(2, 3000)})), "quota");
  EXPECT_EQ(kind(append("INBOX", {letter_text(1, 3000)})), "");
  auto quota = store.run(store->quota(place));
  ASSERT_TRUE(quota);
  EXPECT_EQ(quota->bytes, 69'000);
  EXPECT_EQ(quota->emails, 4);
  EXPECT_EQ(quota->bytes_limit, 70'000);
  EXPECT_EQ(quota->mailboxes, 6);
  maintain();
  EXPECT_EQ(store.read(1)->at(3), letter_text(2, 42'000));
}

TEST_P(Mailboxes, FlagsChangeUnderOneNumber) {
  fill("INBOX", 6);
  const auto before = info("INBOX");
  auto changed = flags("INBOX", {.uids = {{4, 5}, {1, 2}, {2, 2}, {9, 99}}, .flags = {flag::seen, {"Own", "$JUNK"}}});
  ASSERT_TRUE(changed) << changed.error().log;
  EXPECT_EQ(changed->change.value, before.change.value + 1);
  EXPECT_EQ(changed->changed.size(), 4);
  EXPECT_EQ(show("INBOX"), "1:$seen,$junk,Own 2:$seen,$junk,Own 3 4:$seen,$junk,Own 5:$seen,$junk,Own 6");
  EXPECT_EQ(info("INBOX").unseen, 2);
  EXPECT_EQ(info("INBOX").change, changed->change);
  // What is as it should be doesn't change.
  auto again = flags("INBOX", {.uids = {{1, 3}}, .flags = {flag::seen, {"oWN"}}});
  ASSERT_TRUE(again);
  ASSERT_EQ(again->changed.size(), 1);
  EXPECT_EQ(again->changed[0].uid, 3);
  EXPECT_EQ(again->changed[0].change, again->change);
  EXPECT_EQ(flag_text(again->changed[0].flags(), again->keywords[again->changed[0].keywords]), "$seen,Own");
  auto none = flags("INBOX", {.uids = {{1, 3}}, .flags = {flag::seen, {"own"}}});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->changed.empty());
  EXPECT_EQ(none->change, again->change);
  auto less =
      flags("INBOX", {.uids = {{1, 1}, {6, 6}}, .how = FlagsHow::remove, .flags = {flag::seen, {"own", "unknown"}}});
  ASSERT_TRUE(less);
  EXPECT_EQ(less->changed.size(), 1);
  ASSERT_TRUE(flags("INBOX", {.uids = {{2, 2}}, .how = FlagsHow::replace, .flags = {flag::deleted | flag::draft, {}}}));
  EXPECT_EQ(show("INBOX"), "1:$junk 2:$draft,deleted 3:$seen,Own 4:$seen,$junk,Own 5:$seen,$junk,Own 6");
  EXPECT_EQ(info("INBOX").deleted, 1);
  EXPECT_EQ(info("INBOX").unseen, 3);
  EXPECT_EQ(kind(flags("INBOX", {.uids = {{1, 1}}, .flags = {0, {"a*"}}})), "policy");
  EXPECT_EQ(kind(store.run(store->change_flags(place, MailboxId{77}, {}))), "not_found");
}

TEST_P(Mailboxes, FlagsOfWhatHasChangedSinceStay) {
  fill("INBOX", 4);
  const auto base = info("INBOX").change;
  ASSERT_TRUE(flags("INBOX", {.uids = {{2, 3}}, .flags = {flag::seen, {}}}));
  auto changed = flags("INBOX", {.uids = {{1, 3}}, .flags = {flag::flagged, {}}, .unchanged_since = base});
  ASSERT_TRUE(changed);
  EXPECT_EQ(numbers(changed->modified), "2 3");
  EXPECT_EQ(changed->changed.size(), 1);
  EXPECT_EQ(show("INBOX"), "1:$flagged 2:$seen 3:$seen 4");
}

TEST_P(Mailboxes, KeywordsAreLimited) {
  fill("INBOX", 1);
  FlagSet many;
  for (std::size_t i = 0; i < kMostKeywords; ++i) many.keywords.push_back(fmt::format("k{}", i));
  ASSERT_TRUE(flags("INBOX", {.uids = {{1, 1}}, .flags = many}));
  EXPECT_EQ(kind(flags("INBOX", {.uids = {{1, 1}}, .flags = {0, {"more"}}})), "limit");
  EXPECT_EQ(snapshot("INBOX")->keyword_names().size(), kMostKeywords);
  // A delivery comes all the same.
  auto target = TestStore::target(1);
  target.keywords = {"more", "K7", "$seen", "no keyword"};
  ASSERT_EQ(first_error(store.deliver("d", "text", {target})), "");
  const auto now = snapshot("INBOX");
  EXPECT_EQ(flag_text((*now)[1].flags(), now->keywords((*now)[1])), "$seen,k7");
}

TEST_P(Mailboxes, ManyFlagsInAnyPattern) {
  fill("INBOX", 300);
  std::vector<std::string> expected(301);
  const auto set = [&](UidRanges uids, FlagsHow how, const std::string& name) {
    for (const auto& range : uids) {
      for (auto uid = range.first; uid <= range.last; ++uid) expected[uid] = how == FlagsHow::remove ? "" : name;
    }
    ASSERT_TRUE(flags("INBOX", {.uids = std::move(uids), .how = how, .flags = {0, {name}}}));
  };
  UidRanges odd;
  for (std::uint32_t uid = 1; uid <= 299; uid += 2) odd.push_back({uid, uid});
  set(odd, FlagsHow::replace, "a");
  set({{1, 100}, {150, 150}, {200, 216}}, FlagsHow::replace, "b");
  set({{90, 210}}, FlagsHow::replace, "c");
  set({{95, 96}, {98, 130}}, FlagsHow::remove, "c");
  std::string text;
  for (std::uint32_t uid = 1; uid <= 300; ++uid) {
    text += fmt::format("{}{}{}{}", uid == 1 ? "" : " ", uid, expected[uid].empty() ? "" : ":", expected[uid]);
  }
  EXPECT_EQ(show("INBOX"), text);
}

TEST_P(Mailboxes, SnapshotsAreSharedAndBroughtUpToDate) {
  fill("INBOX", 5000);
  const auto first = snapshot("INBOX");
  EXPECT_EQ(snapshot("INBOX"), first);
  EXPECT_EQ(first->size(), 5000);
  EXPECT_EQ(first->unseen(), 5000);
  ASSERT_TRUE(flags("INBOX", {.uids = {{17, 17}, {4999, 4999}}, .flags = {flag::seen, {"x"}}}));
  ASSERT_TRUE(store.run(store->expunge(place, id("INBOX"), {1, 2, 3000})));
  fill("INBOX", 3);
  const auto second = snapshot("INBOX");
  EXPECT_EQ(first->size(), 5000) << "the old one is as it was";
  EXPECT_EQ(second->size(), 5000);
  EXPECT_EQ(second->unseen(), 4998);
  EXPECT_EQ(second->head().uid_next, 5004);
  EXPECT_EQ(second->head().change, info("INBOX").change);
  const auto text = text_of(*second);
  reopen();
  EXPECT_EQ(text_of(*snapshot("INBOX")), text) << "the same as one that is read anew";
  EXPECT_EQ(second->find(17), 14);
  EXPECT_EQ(second->find(3000), std::nullopt);
  EXPECT_EQ(second->lower_bound(3000), second->find(3001));
  EXPECT_EQ(second->lower_bound(6000), second->size());
  std::size_t counted = 0;
  for (std::size_t at = 0; at < second->size(); at += second->run(at).size()) counted += second->run(at).size();
  EXPECT_EQ(counted, second->size());
  EXPECT_TRUE(second->run(5000).empty());
}

TEST_P(Mailboxes, ChangesAreToldSinceAnyMoment) {
  fill("INBOX", 4);
  const auto start = info("INBOX").change;
  ASSERT_TRUE(flags("INBOX", {.uids = {{2, 2}}, .flags = {flag::seen, {}}}));
  const auto middle = info("INBOX").change;
  ASSERT_EQ(first_error(store.deliver("d1", "text", {TestStore::target(1)})), "");
  ASSERT_TRUE(store.run(store->expunge(place, id("INBOX"), {1})));
  ASSERT_EQ(create("Other"), "");
  fill("Other", 2);
  ASSERT_TRUE(store.run(store->move(place, id("Other"), {{2, 2}}, place, "INBOX")));
  const auto uids_since = [&](ChangeNumber change) {
    auto changes = store.run(store->changes_since(place, id("INBOX"), change));
    if (!changes) return changes.error().log;
    std::vector<std::uint32_t> uids;
    for (const auto& row : changes->rows) uids.push_back(row.uid);
    return numbers(uids) + " -" + numbers(changes->removed);
  };
  EXPECT_EQ(uids_since({}), "2 3 4 5 6 -1");
  EXPECT_EQ(uids_since(start), "2 5 6 -1");
  EXPECT_EQ(uids_since(middle), "5 6 -1");
  EXPECT_EQ(uids_since(info("INBOX").change), " -");
  EXPECT_EQ(uids_since(ChangeNumber{info("INBOX").change.value - 1}), "6 -");
  // Deliveries' changes are their emails' ids: they stay out of the index.
  const auto now = snapshot("INBOX");
  EXPECT_EQ((*now)[3].change.value, (*now)[3].email.value);
  EXPECT_NE((*now)[4].change.value, (*now)[4].email.value) << "a moved one";
}

TEST_P(Mailboxes, CopiesAreNewEmailsOfTheSameContent) {
  const auto text = letter_text(1, 40'000);
  ASSERT_EQ(first_error(store.deliver("d1", text, {TestStore::target(1)})), "");
  fill("INBOX", 2);
  ASSERT_TRUE(flags("INBOX", {.uids = {{1, 1}}, .flags = {flag::seen | flag::deleted, {"own"}}}));
  store.clock.advance(std::chrono::hours(1));
  auto copied = store.run(store->copy(place, id("INBOX"), {{1, 2}, {7, 9}}, place, "Archive"));
  EXPECT_EQ(pairs(copied), "1>1 2>2");
  EXPECT_EQ(copied->uid_validity, info("Archive").uid_validity);
  EXPECT_EQ(show("Archive"), "1:$seen,deleted,own 2");
  EXPECT_EQ(info("Archive").change, copied->change);
  expect_files(1);
  const auto from = snapshot("INBOX");
  const auto to = snapshot("Archive");
  EXPECT_NE((*from)[0].email, (*to)[0].email);
  EXPECT_EQ((*to)[0].change.value, (*to)[0].email.value);
  auto rows = store.run(store->email_rows(place, {(*to)[0].email, (*from)[0].email, EmailId{999}, (*to)[0].email}));
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 3);
  EXPECT_EQ(rows->at(0).thread, rows->at(1).thread);
  EXPECT_EQ(rows->at(0).received, rows->at(1).received);
  EXPECT_EQ(rows->at(0).prefix_size, std::string("Delivered-To: user1@example.org\r\n").size());
  auto saved = store.run(store->saved_dates(place, id("Archive"), {{1, 1}}));
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->at(0).saved, store.clock.now());
  EXPECT_EQ(pairs(store.run(store->copy(place, id("INBOX"), {{3, 3}}, place, "INBOX"))), "3>4");
  EXPECT_EQ(pairs(store.run(store->copy(place, id("INBOX"), {{9, 9}}, place, "INBOX"))), "");
  EXPECT_EQ(pairs(store.run(store->copy(place, id("INBOX"), {{1, 1}}, place, "nowhere"))), "not_found");
  EXPECT_EQ(pairs(store.run(store->copy(place, MailboxId{99}, {{1, 1}}, place, "INBOX"))), "not_found");
  ASSERT_TRUE(store->set_quota(place, 90'000));
  EXPECT_EQ(pairs(store.run(store->copy(place, id("INBOX"), {{1, 3}}, place, "Archive"))), "quota");
  EXPECT_EQ(show("Archive"), "1:$seen,deleted,own 2");
  // The content stays until the last is gone.
  ASSERT_TRUE(store.run(store->expunge_deleted(place, id("INBOX"), {UidRange{}})));
  maintain();
  expect_files(1);
  ASSERT_TRUE(store.run(store->expunge_deleted(place, id("Archive"), {UidRange{}})));
  maintain();
  expect_files(0);
}

TEST_P(Mailboxes, CopiesAndMovesGoToOtherAccounts) {
  fill("INBOX", 2);
  ASSERT_TRUE(flags("INBOX", {.uids = {{1, 2}}, .flags = {0, {"first", "second"}}}));
  ASSERT_TRUE(flags("INBOX", {.uids = {{1, 1}}, .how = FlagsHow::replace, .flags = {flag::seen, {"second"}}}));
  EXPECT_EQ(pairs(store.run(store->copy(place, id("INBOX"), {UidRange{}}, other, "INBOX"))), "1>1 2>2");
  EXPECT_EQ(show("INBOX", other), "1:$seen,second 2:second,first");
  auto moved = store.run(store->move(place, id("INBOX"), {{2, 2}}, other, "Archive"));
  EXPECT_EQ(pairs(moved), "2>1");
  EXPECT_EQ(show("INBOX"), "1:$seen,second");
  EXPECT_EQ(moved->source_change, info("INBOX").change);
  EXPECT_EQ(moved->change, info("Archive", other).change);
}

TEST_P(Mailboxes, MovesKeepEmails) {
  fill("INBOX", 5);
  ASSERT_TRUE(flags("INBOX", {.uids = {{2, 4}}, .flags = {flag::seen, {"own"}}}));
  const auto before = snapshot("INBOX");
  const auto change = info("INBOX").change;
  auto moved = store.run(store->move(place, id("INBOX"), {{4, 5}, {2, 2}}, place, "Archive"));
  EXPECT_EQ(pairs(moved), "2>1 4>2 5>3");
  EXPECT_EQ(moved->change.value, change.value + 1) << "one change for all";
  EXPECT_EQ(moved->source_change, moved->change);
  EXPECT_EQ(show("INBOX"), "1 3:$seen,own");
  EXPECT_EQ(show("Archive"), "1:$seen,own 2:$seen,own 3");
  EXPECT_EQ((*snapshot("Archive"))[0].email, (*before)[1].email);
  EXPECT_EQ(info("Archive").unseen, 1);
  EXPECT_EQ(info("INBOX").emails, 2);
  EXPECT_EQ(pairs(store.run(store->move(place, id("INBOX"), {{1, 1}}, place, "INBOX"))), "1>6");
  EXPECT_EQ(show("INBOX"), "3:$seen,own 6");
  EXPECT_EQ(pairs(store.run(store->move(place, id("INBOX"), {{3, 3}}, place, "nowhere"))), "not_found");
  EXPECT_EQ(store.read(1, "Archive")->size(), 3);
}

// What JMAP will do: the email of INBOX's uid 1 stands in Archive and Sent too.
TEST_P(Mailboxes, AnEmailInSeveralMailboxesHasItsKeywordsInAll) {
  fill("INBOX", 2);
  stand_also_in({"Archive", "Sent"});
  ASSERT_EQ(store.check(), "");
  auto changed = flags("INBOX", {.uids = {{1, 2}}, .flags = {flag::seen | flag::deleted, {"own"}}});
  ASSERT_TRUE(changed) << changed.error().log;
  EXPECT_EQ(show("INBOX"), "1:$seen,deleted,own 2:$seen,deleted,own");
  EXPECT_EQ(show("Archive"), "1:$seen,own") << "\\Deleted is each place's own";
  EXPECT_EQ(show("Sent"), "1:$seen,own");
  EXPECT_EQ(info("Archive").unseen, 0);
  EXPECT_EQ(info("Archive").change, changed->change);
  ASSERT_EQ(store.check(), "");
  // It moves to where it is already, and to where it isn't.
  EXPECT_EQ(pairs(store.run(store->move(place, id("INBOX"), {{1, 1}}, place, "Archive"))), "1>1");
  ASSERT_EQ(store.check(), "");
  EXPECT_EQ(pairs(store.run(store->move(place, id("Sent"), {{1, 1}}, place, "Trash"))), "1>1");
  EXPECT_EQ(show("Trash"), "1:$seen,own");
  ASSERT_EQ(store.check(), "");
  ASSERT_TRUE(store.run(store->expunge(place, id("Archive"), {1})));
  EXPECT_EQ(show("Trash"), "1:$seen,own");
  ASSERT_EQ(store.check(), "");
  EXPECT_EQ(pairs(store.run(store->move(place, id("Trash"), {{1, 1}}, place, "Archive"))), "1>3");
  EXPECT_EQ(store.read(1, "Archive")->size(), 1);
}

TEST_P(Mailboxes, ExpungeTakesWhatIsDeleted) {
  fill("INBOX", 5);
  ASSERT_TRUE(flags("INBOX", {.uids = {{2, 4}}, .flags = {flag::deleted, {}}}));
  auto gone = store.run(store->expunge_deleted(place, id("INBOX"), {{1, 2}, {4, 4}}));
  ASSERT_TRUE(gone);
  EXPECT_EQ(numbers(gone->uids), "2 4");
  EXPECT_EQ(gone->change, info("INBOX").change);
  EXPECT_EQ(show("INBOX"), "1 3:deleted 5");
  auto none = store.run(store->expunge_deleted(place, id("INBOX"), {{1, 2}}));
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->uids.empty());
  EXPECT_EQ(none->change, gone->change);
  EXPECT_EQ(numbers(store.run(store->expunge_deleted(place, id("INBOX"), {UidRange{}}))->uids), "3");
  EXPECT_EQ(info("INBOX").deleted, 0);
  EXPECT_EQ(kind(store.run(store->expunge_deleted(place, MailboxId{99}, {UidRange{}}))), "not_found");
}

TEST_P(Mailboxes, RecentMessagesAreTakenOnce) {
  EXPECT_EQ(store.run(store->take_recent(place, id("INBOX"))), 1);
  fill("INBOX", 3);
  EXPECT_EQ(store.run(store->take_recent(place, id("INBOX"))), 1);
  EXPECT_EQ(store.run(store->take_recent(place, id("INBOX"))), 4);
  fill("INBOX", 1);
  EXPECT_EQ(info("INBOX").first_recent_uid, 4);
  EXPECT_EQ(store.run(store->take_recent(place, id("INBOX"))), 4);
  EXPECT_EQ(kind(store.run(store->take_recent(place, MailboxId{99}))), "not_found");
}

TEST_P(Mailboxes, AnnotationsThatChanged) {
  const auto inbox = id("INBOX");
  const auto set = [&](std::int64_t reader, Annotation entry) {
    EXPECT_TRUE(store.run(store->set_annotations(place, inbox, AccountId{reader}, {std::move(entry)})));
    return info("INBOX").change;
  };
  const auto changed = [&](ChangeNumber since, ChangeNumber until) {
    auto names = store.run(store->changed_annotations(place, inbox, place.account, since, until));
    EXPECT_TRUE(names);
    return names ? fmt::format("{}", fmt::join(*names, " ")) : "";
  };
  const auto first = set(1, {"/private/comment", "a"});
  const auto second = set(1, {"/shared/comment", "b"});
  const auto third = set(2, {"/private/theirs", "c"});
  const auto fourth = set(1, {"/private/comment", std::nullopt});
  EXPECT_EQ(changed({}, second), "/shared/comment") << "the other one has changed again";
  EXPECT_EQ(changed({}, fourth), "/private/comment /shared/comment");
  EXPECT_EQ(changed(first, third), "/shared/comment");
  EXPECT_EQ(changed(second, third), "");
  EXPECT_EQ(changed(third, fourth), "/private/comment");
}

TEST_P(Mailboxes, AKeywordThatCantBeOneStaysBehind) {
  fill("INBOX", 1);
  ASSERT_TRUE(flags("INBOX", {.uids = {{}}, .flags = {flag::flagged, {"good", "odd"}}}));
  auto connection = store.database().connect();
  ASSERT_TRUE(connection);
  ASSERT_TRUE((*connection)->run("UPDATE keyword SET name = 'o d', shown = 'o d' WHERE name = 'odd'"));
  ASSERT_TRUE(store.run(store->copy(place, id("INBOX"), {{}}, other, "Archive")));
  EXPECT_EQ(show("Archive", other), "1:$flagged,good");
}

TEST_P(Mailboxes, WhatReadersHaveSeenGoesAlongWithInbox) {
  fill("INBOX", 3);
  const Place reader{place.account, place.shard, other.account};
  ASSERT_TRUE(store.run(store->change_flags(reader, id("INBOX"), {.uids = {{2, 3}}, .flags = {flag::seen, {}}})));
  ASSERT_EQ(rename("INBOX", "Before"), "");
  EXPECT_EQ(store.run(store->find_mailbox(reader, "Before"))->unseen, 1U);
  EXPECT_EQ(info("Before").unseen, 3U);
}

TEST_P(Mailboxes, AnnotationsArePrivateOrShared) {
  const auto inbox = id("INBOX");
  const auto set = [&](MailboxId mailbox, std::int64_t reader, std::vector<Annotation> entries) {
    return kind(store.run(store->set_annotations(place, mailbox, AccountId{reader}, std::move(entries))));
  };
  const auto get = [&](MailboxId mailbox, std::int64_t reader) {
    auto entries = store.run(store->annotations(place, mailbox, AccountId{reader}));
    if (!entries) return std::string(name_of(entries.error().kind));
    std::string text;
    for (const auto& one : *entries) text += fmt::format("{}={} ", one.name, *one.value);
    return text;
  };
  EXPECT_EQ(set(inbox, 1, {{"/private/Comment", "mine"}, {"/shared/comment", "ours"}}), "");
  EXPECT_EQ(set(inbox, 2, {{"/private/comment", "theirs"}}), "");
  EXPECT_EQ(set({}, 1, {{"/shared/admin", std::string("a\0b", 3)}}), "");
  EXPECT_EQ(get(inbox, 1), "/private/comment=mine /shared/comment=ours ");
  EXPECT_EQ(get(inbox, 2), "/private/comment=theirs /shared/comment=ours ");
  EXPECT_EQ(get({}, 2), std::string("/shared/admin=a\0b ", 18));
  EXPECT_EQ(set(inbox, 1, {{"/private/comment", std::nullopt}, {"/shared/x/", "y"}}), "policy");
  EXPECT_EQ(set(inbox, 1, {{"/shared/*", "y"}}), "policy");
  EXPECT_EQ(get(inbox, 1), "/private/comment=mine /shared/comment=ours ") << "all or none";
  EXPECT_EQ(set(inbox, 1, {{"/private/comment", std::nullopt}}), "");
  EXPECT_EQ(get(inbox, 1), "/shared/comment=ours ");
  EXPECT_EQ(set(inbox, 1, {{"/shared/long", std::string(kMostAnnotationOctets + 1, 'x')}}), "limit");
  std::vector<Annotation> many;
  for (std::size_t i = 0; i <= kMostAnnotations; ++i) many.push_back({fmt::format("/shared/{}", i), "x"});
  EXPECT_EQ(set(inbox, 1, many), "quota");
  EXPECT_EQ(set(MailboxId{99}, 1, {}), "not_found");
  EXPECT_EQ(get(MailboxId{99}, 1), "not_found");
  ASSERT_EQ(create("gone"), "");
  EXPECT_EQ(set(id("gone"), 1, {{"/shared/x", "y"}}), "");
  EXPECT_EQ(remove("gone"), "");
}

TEST_P(Mailboxes, AccessIsListedAndFoundByIdentifier) {
  const auto grant = [&](const std::string& path, const std::string& who, const std::string& rights) {
    return kind(store.run(store->set_access(place, id(path), {{who, rights}})));
  };
  EXPECT_EQ(grant("INBOX", "bob@example.org", "srl"), "");
  EXPECT_EQ(grant("INBOX", "anyone", "l"), "");
  EXPECT_EQ(grant("INBOX", "-bob@example.org", "wl"), "");
  EXPECT_EQ(grant("Sent", "bob@example.org", "rr"), "");
  EXPECT_EQ(grant("Sent", "bob@example.org", "lr"), "") << "in the place of the other";
  EXPECT_EQ(grant("Sent", "", "lr"), "policy");
  EXPECT_EQ(grant("Sent", "bob", "L*"), "policy");
  EXPECT_EQ(kind(store.run(store->set_access(place, MailboxId{99}, {{"bob", "l"}}))), "not_found");
  auto list = store.run(store->access_list(place, id("INBOX")));
  ASSERT_TRUE(list);
  std::string text;
  for (const auto& one : *list) text += one.identifier + " " + one.rights + ", ";
  EXPECT_EQ(text, "-bob@example.org lw, anyone l, bob@example.org lrs, ");
  auto shared = store.run(store->shared_with({"bob@example.org", "anyone"}));
  ASSERT_TRUE(shared);
  text.clear();
  for (const auto& one : *shared)
    text += fmt::format("{} {} {}, ", one.info.path, one.entry.identifier, one.entry.rights);
  EXPECT_EQ(text, "INBOX bob@example.org lrs, INBOX anyone l, Sent bob@example.org lr, ");
  EXPECT_EQ(grant("INBOX", "anyone", ""), "");
  ASSERT_EQ(rename("Sent", "Old"), "");
  ASSERT_EQ(remove("Old"), "");
  EXPECT_EQ(store.run(store->shared_with({"bob@example.org", "anyone"}))->size(), 1);
}

TEST_P(Mailboxes, WatchersHearOfEachChange) {
  std::mutex mutex;
  std::int64_t last = 0;
  int hints = 0;
  auto watch = store->watch(place.account, [&](AccountId account, ChangeNumber change) {
    const std::scoped_lock lock(mutex);
    EXPECT_EQ(account.value, 1);
    last = std::max(last, change.value);
    ++hints;
  });
  const auto expect = [&](const char* what) {
    const auto now = store.run(store->mailboxes(place))->change.value;
    const std::scoped_lock lock(mutex);
    EXPECT_EQ(last, now) << what;
  };
  ASSERT_EQ(first_error(store.deliver("d1", "text", {TestStore::target(1), TestStore::target(2)})), "");
  expect("delivery");
  fill("INBOX", 2);
  expect("append");
  ASSERT_TRUE(flags("INBOX", {.uids = {{1, 1}}, .flags = {flag::seen | flag::deleted, {}}}));
  expect("flags");
  ASSERT_TRUE(store.run(store->copy(other, id("INBOX", other), {{1, 1}}, place, "Archive")));
  expect("copy from elsewhere");
  ASSERT_TRUE(store.run(store->move(place, id("Archive"), {{1, 1}}, other, "Archive")));
  expect("move to elsewhere");
  ASSERT_TRUE(store.run(store->expunge_deleted(place, id("INBOX"), {UidRange{}})));
  expect("expunge");
  ASSERT_EQ(create("a/b"), "");
  expect("create");
  ASSERT_EQ(rename("a", "c"), "");
  expect("rename");
  ASSERT_EQ(subscribe("c", true), "");
  expect("subscribe");
  ASSERT_EQ(remove("c/b"), "");
  expect("delete");
  const int before = hints;
  ASSERT_TRUE(flags("INBOX", {.uids = {{9, 9}}, .flags = {flag::seen, {}}}));
  ASSERT_EQ(first_error(store.deliver("d2", "text", {TestStore::target(2)})), "");
  EXPECT_EQ(hints, before) << "nothing has changed here";
  watch = Watch();
  fill("INBOX", 1);
  EXPECT_EQ(hints, before);
}

}  // namespace
}  // namespace pabal::store
