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

TEST(Show, Outlines) {
  EXPECT_EQ(shown("trace", R"({"traces":[{"id":"x","to":["a","b"],"none":null,"empty":[]}]})"),
            "traces:\n  -\n    id: x\n    to:\n      - a\n      - b\n    none: -\n    empty: []\n");
  EXPECT_EQ(shown("account show", R"({"address":"a\nb"})"), "address: a\\x0ab\n");
}

}  // namespace
}  // namespace pabal::app
