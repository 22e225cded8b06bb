#include "net/memory_stream.hpp"

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include "net/test_support.hpp"

namespace pabal::net {
namespace {

using namespace std::chrono_literals;

/// Answers every line with its length until the input ends, then "bye". Says what ended it.
Async<std::string> count_lines(MemoryStream* stream) {
  while (true) {
    const auto input = stream->input();
    const auto end = input.find("\r\n");
    if (end == std::string_view::npos) {
      const auto more = co_await stream->fill();
      if (!more) co_return std::string(name_of(more.error().kind));
      if (!*more) break;
      continue;
    }
    const auto reply = std::to_string(end) + "\n";
    if (input.substr(0, end) == "STARTTLS") {
      const auto started = co_await stream->start_tls(nullptr);
      if (!started) co_return std::string(name_of(started.error().kind));
      continue;
    }
    stream->consume(end + 2);
    if (const auto wrote = co_await stream->write(reply); !wrote) co_return std::string(name_of(wrote.error().kind));
  }
  const std::string_view goodbye[] = {"b", "ye"};
  const auto wrote = co_await stream->write_pieces(goodbye);
  co_await stream->close();
  co_return wrote ? "end" : std::string(name_of(wrote.error().kind));
}

TEST(MemoryStream, ReadsTheScriptAndRecordsTheReplies) {
  for (const std::size_t limit : {SIZE_MAX, 1UL, 3UL}) {
    MemoryStream stream({.input = {"one\r\nthree\r", "\n\r\n"}, .piece_limit = limit});
    EXPECT_EQ(run_to_end(count_lines(&stream)), "end");
    EXPECT_EQ(stream.written(), "3\n5\n0\nbye");
    EXPECT_TRUE(stream.is_closed());
  }
}

TEST(MemoryStream, FailsAtEachOperation) {
  for (const auto kind : {ErrorKind::timeout, ErrorKind::closed, ErrorKind::io}) {
    for (std::size_t n = 1; n <= 5; ++n) {
      MemoryStream stream({.input = {"one\r\n", "two\r\n"}});
      stream.fail_at(n, kind);
      EXPECT_EQ(run_to_end(count_lines(&stream)), name_of(kind)) << n;
      EXPECT_GE(stream.operations(), n);
    }
  }
  MemoryStream stream({.input = {"one\r\n", "two\r\n"}});
  EXPECT_EQ(run_to_end(count_lines(&stream)), "end");
  EXPECT_EQ(stream.operations(), 6U);
}

namespace {
Async<std::string> write_and_read(MemoryStream* stream) {
  std::string said;
  for (const auto* text : {"abc", "def", "ghi"}) {
    const auto wrote = co_await stream->write(text);
    said += wrote ? "ok " : std::string(name_of(wrote.error().kind)) + " ";
  }
  while (true) {
    const auto more = co_await stream->fill();
    if (more && *more) continue;
    said += more ? "end" : name_of(more.error().kind);
    co_return said;
  }
}
}  // namespace

TEST(MemoryStream, WritesFailWithinTheirOctets) {
  const std::pair<std::size_t, std::string_view> cases[] = {
      {0, "closed closed closed timeout"}, {2, "closed closed closed timeout"}, {3, "closed closed closed timeout"},
      {4, "ok closed closed timeout"},     {9, "ok ok closed timeout"},         {10, "ok ok ok end"},
  };
  for (const auto& [octets, said] : cases) {
    MemoryStream stream({.input = {"still read"}, .ends = octets == 10});
    stream.fail_writes_after(octets, ErrorKind::closed);
    EXPECT_EQ(run_to_end(write_and_read(&stream)), said) << octets;
    EXPECT_EQ(stream.written(), std::string("abcdefghi").substr(0, octets));
  }
}

// A piece that is there for who waits, and not yet for who only looks.
TEST(MemoryStream, WhatComesToWhoWaits) {
  const auto look_and_wait = [](MemoryStream* stream) -> Async<std::string> {
    stream->wake();
    const auto looked = co_await stream->fill();
    const auto waited = co_await stream->fill();
    co_return fmt::format("{} {}", looked ? "there" : name_of(looked.error().kind), waited ? "there" : "");
  };
  MemoryStream there({.input = {"a", "b"}});
  EXPECT_EQ(run_to_end(look_and_wait(&there)), "there there");
  MemoryStream coming({.input = {"a"}, .comes_to_who_waits = true});
  EXPECT_EQ(run_to_end(look_and_wait(&coming)), "timeout there");
}

TEST(MemoryStream, AHandshakeFailsAsTheTestAsks) {
  MemoryStream stream({.input = {"STARTTLS\r\n", "x\r\n"}});
  stream.fail_tls(ErrorKind::policy);
  EXPECT_EQ(run_to_end(count_lines(&stream)), "policy");
  EXPECT_EQ(stream.tls(), nullptr);
}

TEST(MemoryStream, StartTlsThrowsAwayWhatWasInjected) {
  for (const std::size_t limit : {SIZE_MAX, 1UL, 12UL}) {
    MemoryStream stream({.input = {"a\r\nSTARTTLS\r\ninjected\r\n", "four\r\n"}, .piece_limit = limit});
    EXPECT_EQ(stream.tls(), nullptr);
    EXPECT_EQ(run_to_end(count_lines(&stream)), "end");
    EXPECT_EQ(stream.written(), "1\n4\nbye");
    EXPECT_EQ(stream.tls()->version, "TLSv1.3");
  }
}

TEST(MemoryStream, WaitsForWhatIsFedLater) {
  MemoryStream stream({.ends = false});
  const auto feeding = [](MemoryStream* fed) -> Async<> {
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor> timer(
        co_await asio::this_coro::executor, 1ms);
    co_await timer.async_wait(use_async);
    fed->feed("abc\r\n");
    timer.expires_after(1ms);
    co_await timer.async_wait(use_async);
    EXPECT_EQ(fed->take_written(), "3\n");
    fed->end();
  };
  const auto both = [](MemoryStream* used, Async<> test) -> Async<std::string> {
    asio::co_spawn(co_await asio::this_coro::executor, std::move(test), [](const std::exception_ptr&) {});
    co_return co_await count_lines(used);
  };
  EXPECT_EQ(run_to_end(both(&stream, feeding(&stream))), "end");
  EXPECT_EQ(stream.written(), "bye");
}

TEST(MemoryStream, TimesOutAndIsInterrupted) {
  MemoryStream slow({.ends = false});
  slow.set_timeout(2ms);
  EXPECT_EQ(run_to_end(count_lines(&slow)), "timeout");

  MemoryStream interrupted({.input = {"x\r\ny"}, .ends = false});
  const auto stop = [](MemoryStream* used) -> Async<std::string> {
    asio::post(co_await asio::this_coro::executor, [used] { used->interrupt(); });
    const auto ended = co_await count_lines(used);
    EXPECT_EQ(used->input(), "y");
    EXPECT_TRUE((co_await used->write("421 bye")).has_value());
    co_return ended;
  };
  EXPECT_EQ(run_to_end(stop(&interrupted)), "closed");
  EXPECT_TRUE(interrupted.interrupted());
  EXPECT_EQ(interrupted.written(), "1\n421 bye");
}

TEST(MemoryStream, IsWokenFromWaiting) {
  MemoryStream stream({.ends = false});
  run_to_end([](MemoryStream* used) -> Async<> {
    asio::post(co_await asio::this_coro::executor, [used] { used->wake(); });
    EXPECT_EQ((co_await used->fill()).error().kind, ErrorKind::timeout);
    used->wake();
    used->wake();
    EXPECT_EQ((co_await used->fill()).error().kind, ErrorKind::timeout);
    used->feed("x");
    EXPECT_TRUE((co_await used->fill()).value());
    EXPECT_EQ(used->input(), "x");
  }(&stream));
}

TEST(MemoryStream, APairTalks) {
  auto pair = MemoryStream::make_pair();
  EXPECT_EQ(pair.second->peer(), pair.first->local());
  const auto talk = [](MemoryStream::Pair* both) -> Async<> {
    asio::co_spawn(co_await asio::this_coro::executor, count_lines(both->first.get()),
                   [](const std::exception_ptr&, const std::string& ended) { EXPECT_EQ(ended, "end"); });
    auto& client = *both->second;
    EXPECT_TRUE((co_await client.write("hello\r\n")).has_value());
    EXPECT_TRUE((co_await client.fill()).value_or(false));
    EXPECT_EQ(client.input(), "5\n");
    both->first->end();
    EXPECT_TRUE((co_await client.fill()).value_or(false));
    EXPECT_EQ(client.input(), "5\nbye");
    EXPECT_FALSE((co_await client.fill()).value_or(true));
    EXPECT_FALSE((co_await client.write("more")).has_value());
  };
  run_to_end(talk(&pair));
}

TEST(MemoryStream, HoldsNoMoreThanItsLimit) {
  MemoryStream stream({.input = {std::string(300UL * 1024, 'x')}});
  const auto fill = [](MemoryStream* used) -> Async<> {
    EXPECT_TRUE((co_await used->fill()).value_or(false));
    EXPECT_EQ(used->input().size(), 256UL * 1024);
    const auto more = co_await used->fill();
    EXPECT_FALSE(more.has_value());
    EXPECT_EQ(more.error().kind, ErrorKind::limit);
  };
  run_to_end(fill(&stream));
}

}  // namespace
}  // namespace pabal::net
