#include "app/sts_keeper.hpp"

#include <functional>

#include <gtest/gtest.h>

#include "base/memory_file.hpp"
#include "dns/scripted_resolver.hpp"

namespace pabal::app {
namespace {

using namespace std::chrono_literals;

class OnePolicy final : public net::HttpsClient {
 public:
  Async<Result<net::HttpsResponse>> get(net::HttpsRequest /*request*/) override {
    ++asked;
    if (!answers) co_return fail(ErrorKind::closed, "refused");
    co_return net::HttpsResponse{.status = 200,
                                 .media_type = "text/plain",
                                 .body = "version: STSv1\nmode: enforce\nmx: mx.a.test\nmax_age: 864000\n"};
  }
  int asked = 0;
  bool answers = true;
};

class StsKeeperTest : public testing::Test {
 protected:
  bool in_force(queue::StsPolicies& policies) {
    return run_blocking(policies.find(*Domain::parse("a.test"))).policy != nullptr;
  }
  std::unique_ptr<StsKeeper> keeper(queue::StsPolicies& policies, StsKeeperOptions options = {}) {
    return std::make_unique<StsKeeper>(policies, files, "sts", pool, Log::to_lines(log), options);
  }

  MemoryFileSystem files;
  dns::ScriptedResolver resolver{
      "a.test. MX 10 mx.a.test.\n_mta-sts.a.test. TXT \"v=STSv1; id=1\"\nmta-sts.a.test. A 192.0.2.1\n"};
  OnePolicy https;
  ManualClock clock{SystemTime(1'800'000'000s)};
  asio::io_context io{1};  ///< outlives the pool, whose last job may end after the test
  Pool pool{1, Log()};
  std::shared_ptr<std::vector<std::string>> log = std::make_shared<std::vector<std::string>>();
};

TEST_F(StsKeeperTest, PoliciesOutliveARestart) {
  {
    queue::StsPolicies policies(resolver, https, clock);
    const auto kept = keeper(policies);
    EXPECT_TRUE(in_force(policies));
  }
  // Now nobody can say that there is one; it stays in force, for its time.
  resolver.set_zone("a.test. MX 10 mx.a.test.\n");
  https.answers = false;
  clock.advance(24h);
  {
    queue::StsPolicies policies(resolver, https, clock);
    EXPECT_FALSE(in_force(policies));
    const auto kept = keeper(policies);
    EXPECT_TRUE(in_force(policies));
  }
  // A clock that is set back gives it no more than its time.
  clock.advance(-240h);
  {
    queue::StsPolicies policies(resolver, https, clock);
    const auto kept = keeper(policies);
    EXPECT_TRUE(in_force(policies));
    clock.advance(241h);
    EXPECT_FALSE(in_force(policies));
  }
  EXPECT_EQ(https.asked, 1);
  EXPECT_TRUE(log->empty()) << log->front();
}

TEST_F(StsKeeperTest, AFileThatCantBeReadIsNoObstacle) {
  ASSERT_TRUE(replace_file(files, "sts", "nonsense\n"));
  queue::StsPolicies policies(resolver, https, clock);
  const auto kept = keeper(policies);
  EXPECT_TRUE(in_force(policies));
  EXPECT_EQ(policies.counts().policies, 1U);
}

void run_until(asio::io_context& io, const std::function<bool()>& done) {
  for (int i = 0; i < 5000 && !done(); ++i) io.run_for(1ms);
  EXPECT_TRUE(done());
}

TEST_F(StsKeeperTest, WritesWhileItRuns) {
  queue::StsPolicies policies(resolver, https, clock);
  const auto kept = keeper(policies, {.look_every = 1ms, .write_every = 2ms});
  EXPECT_TRUE(in_force(policies));
  kept->start(io.get_executor());
  run_until(io, [&] { return *files.exists("sts"); });
}

TEST_F(StsKeeperTest, FetchesAnewWhileItRuns) {
  queue::StsPolicies policies(resolver, https, clock);
  const auto kept = keeper(policies, {.look_every = 1ms});
  EXPECT_TRUE(in_force(policies));
  kept->start(io.get_executor());
  EXPECT_EQ(https.asked, 1);
  clock.advance(25h);
  run_until(io, [&] { return https.asked == 2; });
  https.answers = false;
  clock.advance(25h);
  run_until(io, [&] { return !log->empty(); });
  EXPECT_TRUE(log->front().contains("mta_sts_refresh_failed") && log->front().contains("a.test")) << log->front();
  EXPECT_TRUE(in_force(policies));
}

}  // namespace
}  // namespace pabal::app
