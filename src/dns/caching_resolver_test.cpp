#include "dns/caching_resolver.hpp"

#include <gtest/gtest.h>

#include "dns/scripted_resolver.hpp"

namespace pabal::dns {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view zone = R"(
example. SOA a. b. 1 2 3 4 100
a.example. 300 A 192.0.2.1
long.example. 999999 A 192.0.2.1
zero.example. 0 A 192.0.2.1
)";

class Cache : public testing::Test {
 protected:
  std::string ask(std::string_view name, Type type = Type::a) {
    return text_of(run_blocking(cache.resolve(*Name::parse(name), type)));
  }

  ScriptedResolver next{zone};
  ManualClock clock{SystemTime(1000s)};
  CachingResolver cache{next, clock};
};

TEST_F(Cache, RemembersForAsLongAsTheTtl) {
  EXPECT_EQ(ask("a.example"), "ok a.example 300s: 192.0.2.1");
  clock.advance(100s);
  EXPECT_EQ(ask("A.example."), "ok a.example 200s: 192.0.2.1");
  clock.advance(199500ms);
  EXPECT_EQ(ask("a.example"), "ok a.example 1s: 192.0.2.1");
  EXPECT_EQ(next.asked(), 1U);
  clock.advance(500ms);
  EXPECT_EQ(ask("a.example"), "ok a.example 300s: 192.0.2.1");
  EXPECT_EQ(next.asked(), 2U);
  EXPECT_EQ(cache.counts().hits, 2U);
  EXPECT_EQ(cache.counts().misses, 2U);
}

TEST_F(Cache, KeepsTypesApart) {
  EXPECT_EQ(ask("a.example", Type::a), "ok a.example 300s: 192.0.2.1");
  EXPECT_EQ(ask("a.example", Type::mx), "no such record a.example 100s");
  EXPECT_EQ(next.asked(), 2U);
}

TEST_F(Cache, RemembersThatThereIsNone) {
  EXPECT_EQ(ask("none.example"), "no such name none.example 100s");
  EXPECT_EQ(ask("a.example", Type::aaaa), "no such record a.example 100s");
  clock.advance(40s);
  EXPECT_EQ(ask("none.example"), "no such name none.example 60s");
  EXPECT_EQ(ask("a.example", Type::aaaa), "no such record a.example 60s");
  EXPECT_EQ(next.asked(), 2U);
  clock.advance(61s);
  EXPECT_EQ(ask("none.example"), "no such name none.example 100s");
  EXPECT_EQ(next.asked(), 3U);
}

TEST_F(Cache, RemembersFailuresForAMoment) {
  for (const auto status : {Status::failed, Status::timed_out, Status::bogus}) {
    next.fail("a.example", Type::a, status, "why");
    EXPECT_EQ(ask("a.example"), std::string(words_of(status)) + " a.example 5s (why)");
    const auto asked = next.asked();
    clock.advance(4s);
    EXPECT_EQ(ask("a.example"), std::string(words_of(status)) + " a.example 1s (why)");
    EXPECT_EQ(next.asked(), asked);
    clock.advance(1s);
  }
}

TEST_F(Cache, BelievesNothingForLongerThanADay) {
  EXPECT_EQ(ask("long.example"), "ok long.example 86400s: 192.0.2.1");
  EXPECT_EQ(ask("zero.example"), "ok zero.example 0s: 192.0.2.1");
  EXPECT_EQ(ask("zero.example"), "ok zero.example 0s: 192.0.2.1");
  EXPECT_EQ(next.asked("zero.example", Type::a), 2U);
}

TEST_F(Cache, Forgets) {
  EXPECT_EQ(ask("a.example"), "ok a.example 300s: 192.0.2.1");
  EXPECT_EQ(cache.counts().entries, 1U);
  cache.clear();
  EXPECT_EQ(cache.counts().entries, 0U);
  EXPECT_EQ(cache.counts().octets, 0U);
  EXPECT_EQ(ask("a.example"), "ok a.example 300s: 192.0.2.1");
  EXPECT_EQ(next.asked(), 2U);
}

TEST_F(Cache, IsBounded) {
  CachingResolver small(next, clock, {.max_octets = 64 << 10});
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(run_blocking(small.resolve(*Name::parse("n" + std::to_string(i) + ".example"), Type::a)).status,
              Status::no_name);
    EXPECT_LE(small.counts().octets, 64U << 10);
  }
  EXPECT_GT(small.counts().entries, 16U);
  // What is too big for it is told, and not kept.
  Answer big{.status = Status::ok, .name = *Name::parse("big.example"), .ttl = 60s};
  big.records.emplace_back(Txt{std::vector<std::string>(1000, std::string(255, 'x'))});
  next.answer("big.example", Type::txt, big);
  EXPECT_EQ(run_blocking(small.resolve(*Name::parse("big.example"), Type::txt)).records, big.records);
  EXPECT_LE(small.counts().octets, 64U << 10);
  small.clear();
  EXPECT_EQ(small.counts().octets, 0U);
}

Async<> ask_into(Resolver* resolver, std::vector<std::string>* answers) {
  auto answer = co_await resolver->resolve(*Name::parse("a.example"), Type::a);
  answers->push_back(text_of(answer));
}

TEST_F(Cache, AsksOnceForMany) {
  next.delay("a.example", Type::a, 5ms);
  asio::io_context io(1);
  std::vector<std::string> answers;
  for (int i = 0; i < 10; ++i)
    asio::co_spawn(io, ask_into(&cache, &answers), [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  io.run();
  EXPECT_EQ(answers, std::vector<std::string>(10, "ok a.example 300s: 192.0.2.1"));
  EXPECT_EQ(next.asked(), 1U);
  EXPECT_EQ(cache.counts().joined, 9U);
}

/// Fails the first question with an exception, as a bug would.
class ThrowingOnce final : public Resolver {
 public:
  Async<Answer> resolve(Name name, Type) override {
    co_await sleep_for(std::chrono::milliseconds(1));
    if (asked_++ == 0) throw std::runtime_error("a bug");
    co_return Answer{.status = Status::no_data, .name = std::move(name), .ttl = std::chrono::seconds(7)};
  }

 private:
  int asked_ = 0;
};

TEST_F(Cache, WhoWaitsForOneThatIsGoneAsksItself) {
  ThrowingOnce broken;
  CachingResolver over(broken, clock);
  asio::io_context io(1);
  std::vector<std::string> answers;
  int thrown = 0;
  for (int i = 0; i < 5; ++i) {
    asio::co_spawn(io, ask_into(&over, &answers), [&](const std::exception_ptr& error) { thrown += error ? 1 : 0; });
  }
  io.run();
  EXPECT_EQ(thrown, 1);
  EXPECT_EQ(answers, std::vector<std::string>(4, "no such record a.example 7s"));
}

TEST_F(Cache, MayEndBeforeThoseWhoAsk) {
  std::vector<std::string> answers;
  asio::io_context io(1);
  auto over = std::make_unique<CachingResolver>(next, clock);
  next.delay("a.example", Type::a, 1h);
  for (int i = 0; i < 3; ++i)
    asio::co_spawn(io, ask_into(over.get(), &answers), [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  while (over->counts().joined < 2) io.run_one();
  over.reset();
  EXPECT_TRUE(answers.empty());
}

TEST(ResolveAll, AsksAllAtOnceAndKeepsTheOrder) {
  ScriptedResolver resolver("a. A 192.0.2.1\nb. A 192.0.2.2\n");
  resolver.delay("a", Type::a, 3ms);
  const auto answers = run_blocking(resolve_all(
      resolver, {{*Name::parse("a"), Type::a}, {*Name::parse("b"), Type::a}, {*Name::parse("c"), Type::a}}));
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(text_of(answers[0]), "ok a 3600s: 192.0.2.1");
  EXPECT_EQ(text_of(answers[1]), "ok b 3600s: 192.0.2.2");
  EXPECT_EQ(text_of(answers[2]), "no such name c 3600s");
  EXPECT_TRUE(run_blocking(resolve_all(resolver, {})).empty());
}

TEST(ResolveAll, HandsExceptionsOn) {
  ThrowingOnce broken;
  EXPECT_THROW((void)run_blocking(resolve_all(broken, {{Name(), Type::a}, {Name(), Type::mx}})), std::runtime_error);
}

TEST(ScriptedResolver, AnswersByItsTables) {
  ScriptedResolver resolver("$ORIGIN x.\na A 192.0.2.1\nb CNAME a\nout CNAME a.y.\na.y. A 192.0.2.2\n");
  const auto ask = [&](std::string_view name) {
    return text_of(run_blocking(resolver.resolve(*Name::parse(name), Type::a)));
  };
  resolver.secure("x");
  EXPECT_EQ(ask("a.x"), "ok secure a.x 3600s: 192.0.2.1");
  EXPECT_EQ(ask("b.x"), "ok secure a.x 3600s: 192.0.2.1");
  EXPECT_EQ(ask("out.x"), "ok a.y 3600s: 192.0.2.2");
  EXPECT_EQ(ask("c.x"), "no such name secure c.x 60s");
  EXPECT_EQ(ask("z"), "no such name z 3600s");
  resolver.fail("a.x", Type::a, Status::timed_out, "slow");
  EXPECT_EQ(ask("a.x"), "timed out a.x 0s (slow)");
  resolver.answer_next("a.x", Type::a, {{.status = Status::no_data, .name = *Name::parse("a.x")}});
  EXPECT_EQ(ask("a.x"), "no such record a.x 0s");
  EXPECT_EQ(ask("a.x"), "timed out a.x 0s (slow)");
  EXPECT_EQ(resolver.asked("a.x", Type::a), 4U);
  EXPECT_EQ(resolver.questions().back(), "a.x A");
  EXPECT_THROW(ScriptedResolver("a. A x"), std::invalid_argument);
}

}  // namespace
}  // namespace pabal::dns
