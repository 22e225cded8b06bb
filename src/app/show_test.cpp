#include "app/show.hpp"

#include <gtest/gtest.h>

namespace pabal::app {
namespace {

std::string shown(std::string_view command, std::string_view result) { return show(command, *parse_json(result)); }

TEST(Show, Tables) {
  EXPECT_EQ(table({"A", "LONG"}, {{"xyz", "1"}, {"파발", "2"}}), "A     LONG\nxyz   1\n파발  2\n");
  EXPECT_EQ(shown("domain list", R"({"domains":[{"domain":"a.example","accounts":2,"catch_all":null}]})"),
            "DOMAIN     ACCOUNTS  CATCH-ALL\na.example  2         -\n");
  EXPECT_EQ(shown("account list", R"({"accounts":[{"address":"a@b","enabled":false,"quota":1048576,"shard":1}]})"),
            "ADDRESS  STATE     QUOTA  SHARD\na@b      disabled  1M     1\n");
  EXPECT_EQ(shown("alias list", R"({"aliases":[{"address":"a@b","targets":["c@d","e@f"]}]})"),
            "ADDRESS  TARGETS\na@b      c@d e@f\n");
  EXPECT_EQ(shown("queue list", R"({"letters":[]})"), "The queue is empty.\n");
  EXPECT_EQ(shown("store check", R"({"findings":[]})"), "All is well.\n");
  EXPECT_EQ(shown("store check", R"({"findings":[{"where":"w","what":"x"}]})"), "WHERE  WHAT\nw      x\n");
  EXPECT_EQ(shown("domain dns", R"({"notes":["n"],"records":[{"name":"a.","ttl":60,"type":"MX","data":"10 b."}]})"),
            "; n\na.                                       60 IN MX    10 b.\n");
}

TEST(Show, TheQueuePageByPage) {
  const auto letter = [](const char* id) {
    return json::object{{"id", id},          {"state", "waiting"}, {"sender", "a@b"},   {"recipient", "c@d"},
                        {"next_attempt", 0}, {"attempts", 1},      {"last_error", "no"}};
  };
  const json::value first = {{"letters", json::array{letter("x1")}}, {"next", "x1/0"}};
  const json::value second = {{"letters", json::array{letter("y22")}}, {"next", "y22/0"}};
  const json::value end = {{"letters", json::array{letter("z")}}};
  QueuePages table(false);
  EXPECT_TRUE(table.add(first, false).starts_with("ID  STATE    FROM  TO   NEXT"));
  EXPECT_TRUE(table.add(second, false).starts_with("y22  waiting  a@b   c@d"));
  EXPECT_TRUE(table.add(end, true).starts_with("z   waiting"));
  QueuePages cut(false);
  EXPECT_TRUE(cut.add(first, true).ends_with("  no\nThere are more: --after x1/0\n"));
  QueuePages all(true);
  const auto text = all.add(first, false) + all.add(second, false) + all.add(end, true);
  EXPECT_EQ(parse_json(text)->at("letters").as_array().size(), 3);
  EXPECT_TRUE(text.ends_with("}]}\n")) << text;
  QueuePages none(true);
  EXPECT_EQ(none.add({{"letters", json::array{}}}, true), "{\"letters\":[]}\n");
  QueuePages part(true);
  EXPECT_TRUE(part.add(first, true).ends_with("}],\"next\":\"x1/0\"}\n"));
}

TEST(Show, KeysAndRecords) {
  EXPECT_EQ(shown("domain dns", R"({"notes":[],"records":[{"name":"a.","ttl":60,"type":"TXT","data":"\"x\"",)"
                                R"("comment":"why","check":"differs","found":["y","z"],"why":"hm"},)"
                                R"({"name":"b.","ttl":60,"type":"A","data":"1.2.3.4","check":"missing"}],)"
                                R"("done":[{"domain":"d","selector":"s","did":"used from now on"}]})"),
            "; s of d: used from now on\n; why\n; IT DIFFERS: hm\n;   found: y\n;   found: z\n"
            "a.                                       60 IN TXT   \"x\"\n; IT IS MISSING\n"
            "b.                                       60 IN A     1.2.3.4\n");
  EXPECT_EQ(shown("dkim list", R"({"keys":[{"domain":"a.example","selector":"s","algorithm":"ed25519",)"
                               R"("state":"in use","made":0,"used":86400}],"sealed":false})"),
            "DOMAIN     SELECTOR  ALGORITHM  STATE   SINCE\n"
            "a.example  s         ed25519    in use  Fri, 02 Jan 1970 00:00:00 +0000\n");
  const std::string record = "v=DKIM1; p=" + std::string(300, 'A');
  const json::value key = {
      {"algorithm", "rsa-2048"}, {"state", "made"}, {"name", "s._domainkey.a."}, {"record", record}};
  EXPECT_EQ(show("dkim keygen", key),
            "; rsa-2048 made: publish this record; the key is used once it was seen\ns._domainkey.a. 3600 IN TXT \"" +
                record.substr(0, 255) + "\" \"" + record.substr(255) + "\"\n");
  EXPECT_EQ(shown("dkim update", R"({"done":[],"missing":[]})"), "All is as it should be.\n");
  EXPECT_EQ(shown("dkim update", R"({"done":[],"missing":[{"name":"n.","state":"made","check":"missing"}]})"),
            "; n. (made): missing in the DNS\n");
}

TEST(Show, Outlines) {
  EXPECT_EQ(shown("trace", R"({"traces":[{"id":"x","to":["a","b"],"none":null,"empty":[]}]})"),
            "traces:\n  -\n    id: x\n    to:\n      - a\n      - b\n    none: -\n    empty: []\n");
  EXPECT_EQ(shown("account show", R"({"address":"a\nb"})"), "address: a\\x0ab\n");
}

}  // namespace
}  // namespace pabal::app
