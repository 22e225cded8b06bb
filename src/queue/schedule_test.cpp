#include "queue/schedule.hpp"

#include <gtest/gtest.h>

namespace pabal::queue {
namespace {

using namespace std::chrono_literals;
const SystemTime kNow{std::chrono::seconds(1'800'000'000)};

TEST(Schedule, WaitsGrowToTheLongestWithJitter) {
  SeededRandom random(7);
  const ScheduleOptions options;
  struct Case {
    std::int64_t attempts;
    bool greylisted;
    double minutes;
  };
  for (const auto& one : {Case{1, false, 30}, Case{2, false, 45}, Case{3, false, 67.5}, Case{6, false, 227.8},
                          Case{7, false, 240}, Case{100'000, false, 240}, Case{1, true, 5}, Case{2, true, 45}}) {
    double least = 1e9;
    double most = 0;
    for (int i = 0; i < 200; ++i) {
      const auto wait = next_attempt(one.attempts, one.greylisted, kNow, options, random) - kNow;
      const auto minutes = std::chrono::duration<double, std::ratio<60>>(wait).count();
      least = std::min(least, minutes);
      most = std::max(most, minutes);
    }
    EXPECT_GE(least, one.minutes * 0.899);
    EXPECT_LE(most, one.minutes * 1.101);
    EXPECT_GT(most - least, one.minutes * 0.1);
  }
}

TEST(Schedule, Greylisting) {
  struct Case {
    int code;
    const char* status;
    const char* words;
    bool is;
  };
  for (const auto& one :
       {Case{450, "4.2.0", "4.2.0 <b@x>: Recipient address rejected: Greylisted", true},
        Case{451, "4.7.1", "4.7.1 please try again later", true}, Case{451, "", "try again later", true},
        Case{450, "4.2.2", "4.2.2 mailbox full", false}, Case{452, "4.7.1", "greylisted", false},
        Case{421, "4.7.0", "busy", false}, Case{451, "4.3.0", "Graylisting in action", true},
        Case{550, "5.7.1", "greylist", false}, Case{451, "4.3.2", "try later", false}}) {
    EXPECT_EQ(is_greylisting(one.code, one.status, one.words), one.is) << one.words;
  }
}

TEST(Schedule, PatienceEnds) {
  const ScheduleOptions options;
  store::OutgoingLetter letter;
  letter.begins = kNow;
  store::OutgoingRecipient fresh;
  store::OutgoingRecipient warned;
  warned.warned = true;
  EXPECT_EQ(patience(letter, fresh, kNow + 1h, options), Patience::wait);
  EXPECT_EQ(patience(letter, fresh, kNow + 4h, options), Patience::warn);
  EXPECT_EQ(patience(letter, warned, kNow + 4h, options), Patience::wait);
  EXPECT_EQ(patience(letter, fresh, kNow + 120h, options), Patience::give_up);
  letter.deliver_by = {kNow + 10min, false, false};
  EXPECT_EQ(patience(letter, fresh, kNow + 9min, options), Patience::wait);
  EXPECT_EQ(patience(letter, fresh, kNow + 10min, options), Patience::warn);
  EXPECT_EQ(patience(letter, warned, kNow + 10min, options), Patience::warn) << "whatever he was told before";
  warned.told_late = true;
  EXPECT_EQ(patience(letter, warned, kNow + 5h, options), Patience::wait);
  letter.deliver_by->returns = true;
  EXPECT_EQ(patience(letter, warned, kNow + 10min, options), Patience::give_up);
}

TEST(Schedule, Notify) {
  const auto text = [](std::string_view value) {
    const auto notify = notify_of(value);
    return fmt::format("{:d}{:d}{:d}", notify.success, notify.failure, notify.delay);
  };
  EXPECT_EQ(text(""), "011");
  EXPECT_EQ(text("NEVER"), "000");
  EXPECT_EQ(text("SUCCESS"), "100");
  EXPECT_EQ(text("success,Failure,DELAY"), "111");
  EXPECT_EQ(text("FAILURE"), "010");
}

}  // namespace
}  // namespace pabal::queue
