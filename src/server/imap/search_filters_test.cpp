// FILTER (RFC 5466).
#include <gtest/gtest.h>

#include "server/imap/search_case.hpp"

namespace pabal::server::imap {
namespace {

TEST(ImapFilters, StandForTheirPrograms) {
  SearchCase mail;
  mail.letter("Subject: apple", "one");
  mail.letter("Subject: pear", "two");
  mail.letter("Subject: plum", "two");
  const auto set = [&](std::string name, std::string value) {
    const auto place = store::StoreWorld::alice();
    std::vector<store::Annotation> entries;
    entries.push_back({.name = std::move(name), .value = std::move(value)});
    const auto done =
        run_blocking(mail.world.store->set_annotations(place, MailboxId{}, place.account, std::move(entries)));
    EXPECT_TRUE(done.has_value());
  };
  set("/private/filters/values/two", "BODY two");
  set("/shared/filters/values/two", "BODY one");
  set("/shared/filters/values/pear", "SUBJECT \"pear\" FILTER two");
  set("/private/filters/values/round", "OR ALL FILTER round");
  set("/private/filters/values/odd", "NONSENSE");
  set("/private/filters/values/odder", "RETURN (COUNT) ALL");
  EXPECT_EQ(mail.ask("SEARCH FILTER two"), "SEARCH 2 3");
  EXPECT_EQ(mail.ask("SEARCH NOT FILTER TWO"), "SEARCH 1");
  EXPECT_EQ(mail.ask("SEARCH FILTER pear"), "SEARCH 2");
  EXPECT_EQ(mail.ask("SORT (REVERSE SUBJECT) UTF-8 FILTER two"), "SORT 3 2");
  EXPECT_EQ(mail.ask("THREAD ORDEREDSUBJECT UTF-8 FILTER pear"), "THREAD (2)");
  for (const std::string_view name : {"nothing", "round", "odd", "odder"}) {
    const auto out = mail.say(fmt::format("a SEARCH FILTER {}\r\n", name));
    EXPECT_TRUE(out.starts_with(fmt::format("a NO [UNDEFINED-FILTER {}] ", name))) << out;
  }
}

}  // namespace
}  // namespace pabal::server::imap
