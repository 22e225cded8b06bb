#include "queue/label_places.hpp"

#include <gtest/gtest.h>

namespace pabal::queue {
namespace {

using namespace std::chrono_literals;

TEST(LabelPlaces, WhoIsQuietGivesHisUp) {
  LabelPlaces places(2, 4);
  SteadyTime now{std::chrono::hours(10)};
  EXPECT_TRUE(places.has("a", now));
  EXPECT_TRUE(places.has("b", now));
  EXPECT_FALSE(places.has("c", now + 59min));
  EXPECT_TRUE(places.has("b", now + 59min));
  EXPECT_TRUE(places.has("c", now + 60min)) << "a was quiet";
  EXPECT_FALSE(places.has("a", now + 60min));
  // It may come back.
  EXPECT_TRUE(places.has("a", now + 120min));
  EXPECT_TRUE(places.has("d", now + 240min));
  EXPECT_FALSE(places.has("e", now + 480min)) << "four ever";
  EXPECT_TRUE(places.has("a", now + 480min));
}

TEST(LabelPlaces, NoPlacesAtAll) {
  LabelPlaces places(0, 10);
  EXPECT_FALSE(places.has("a", SteadyTime{}));
}

}  // namespace
}  // namespace pabal::queue
