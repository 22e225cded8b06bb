// INPROGRESS (RFC 9585): ticks beside work that takes its time.
#include "server/imap/progress.hpp"

#include <gtest/gtest.h>

#include "net/test_support.hpp"
#include "server/imap/live_world.hpp"

namespace pabal::server::imap {
namespace {

using namespace std::chrono_literals;

Async<int> work_for(std::chrono::milliseconds time, bool fails) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(time);
  co_await timer.async_wait(use_async);
  if (fails) throw std::runtime_error("broken");
  co_return 7;
}

struct Heard {
  int ticks = 0;
  bool saying = false;
  bool hears = true;
};

Async<bool> tick(Heard* run) {
  run->saying = true;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(3ms);
  co_await timer.async_wait(use_async);
  run->saying = false;
  ++run->ticks;
  co_return run->hears;
}

TEST(ImapProgress, TicksWhileItTakesLong) {
  Heard slow;
  Heard fast;
  Heard deaf{.hears = false};
  net::run_to_end([](Heard* a, Heard* b, Heard* c) -> Async<> {
    const auto first = co_await with_progress(work_for(200ms, false), 10ms, [a] { return tick(a); });
    EXPECT_EQ(first, 7);
    EXPECT_FALSE(a->saying);
    const auto second = co_await with_progress(work_for(1ms, false), 10s, [b] { return tick(b); });
    EXPECT_EQ(second, 7);
    const auto third = co_await with_progress(work_for(100ms, false), 10ms, [c] { return tick(c); });
    EXPECT_EQ(third, 7);
  }(&slow, &fast, &deaf));
  EXPECT_GE(slow.ticks, 3);
  EXPECT_LE(slow.ticks, 16);
  EXPECT_EQ(fast.ticks, 0);
  EXPECT_EQ(deaf.ticks, 1);
}

TEST(ImapProgress, EndsWithWorkThatThrows) {
  Heard run;
  bool thrown = false;
  net::run_to_end([](Heard* ticks, bool* caught) -> Async<> {
    try {
      static_cast<void>(co_await with_progress(work_for(50ms, true), 10ms, [ticks] { return tick(ticks); }));
    } catch (const std::runtime_error&) {
      *caught = true;
    }
    EXPECT_FALSE(ticks->saying);
  }(&run, &thrown));
  EXPECT_TRUE(thrown);
}

// RFC 9585 §4: a session whose store takes its time says so, by the command's tag, and nothing behind its end.
TEST(ImapProgress, IsHeardInASession) {
  LiveWorld mail;
  mail.limits.progress_every = 1ms;
  mail.world.deliver("Subject: one\r\n\r\n");
  const auto a = mail.begin();
  for (const std::string_view command : {"COPY 1 Archive", "STORE 1 +FLAGS.SILENT (\\Deleted)", "EXPUNGE"}) {
    const auto held = mail.world.hold_writes();
    mail.send(a, fmt::format("c1 {}", command));
    const auto heard = mail.hear_until(a, "Still at it.\r\n");
    EXPECT_TRUE(heard.starts_with("* OK [INPROGRESS (\"c1\" NIL NIL)] Still at it.\r\n")) << heard;
    held->rollback();
    const auto rest = mail.say(a, "c2 NOOP");
    EXPECT_NE(("\r\n" + rest).find("\r\nc1 OK "), std::string::npos) << rest;
    EXPECT_EQ(rest.find("Still at it.", rest.find("c1 OK ")), std::string::npos) << rest;
  }
}

// RFC 9585 §4: what searches tells how many of the mailbox's messages it has looked at, once it knows which are open.
TEST(ImapProgress, IsHeardOfSearches) {
  LiveWorld mail;
  mail.limits.progress_every = 1ms;
  mail.world.deliver("Subject: one\r\n\r\n");
  mail.world.deliver("Subject: two\r\n\r\n");
  const auto a = mail.begin();
  for (const auto& [command, answer] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"UID SEARCH SENTBEFORE 1-Jan-2000", "* SEARCH\r\n"},
           {"SEARCH RETURN (COUNT) SENTSINCE 1-Jan-2000", "* ESEARCH (TAG \"c1\") COUNT 2\r\n"},
           {"SORT (REVERSE SUBJECT) UTF-8 ALL", "* SORT 2 1\r\n"},
           {"THREAD REFERENCES UTF-8 ALL", "* THREAD (1)(2)\r\n"}}) {
    auto first = mail.world.hold_pool();
    mail.send(a, fmt::format("c1 {}", command));
    const auto heard = mail.hear_until(a, "Still at it.\r\n");
    EXPECT_TRUE(heard.starts_with("* OK [INPROGRESS (\"c1\" NIL NIL)] Still at it.\r\n")) << command << ": " << heard;
    // One step further.
    const auto second = mail.world.hold_pool();
    first.reset();
    mail.hear(a, [](const std::string& out) { return out.ends_with("[INPROGRESS (\"c1\" 0 2)] Still at it.\r\n"); });
    second->set_value();
    const auto rest = mail.say(a, "c2 NOOP");
    EXPECT_NE(("\r\n" + rest).find(fmt::format("\r\n{}c1 OK ", answer)), std::string::npos) << rest;
    EXPECT_EQ(rest.find("Still at it.", rest.find("c1 OK ")), std::string::npos) << rest;
  }
}

TEST(ImapProgress, SaysHowMuchIsDone) {
  EXPECT_EQ(progress_code("a1", {}), "INPROGRESS (\"a1\" NIL NIL)");
  EXPECT_EQ(progress_code("a1", {.done = 0, .goal = 100}), "INPROGRESS (\"a1\" 0 100)");
  EXPECT_EQ(progress_code("a1", {.done = 99, .goal = 100}), "INPROGRESS (\"a1\" 99 100)");
  EXPECT_EQ(progress_code("a1", {.done = 100, .goal = 100}), "INPROGRESS (\"a1\" NIL NIL)");
  EXPECT_EQ(progress_code("a\"", {.done = 1, .goal = 2}), "INPROGRESS");
}

}  // namespace
}  // namespace pabal::server::imap
