#include "server/http/monitor.hpp"

#include <gtest/gtest.h>

#include "net/memory_stream.hpp"
#include "net/test_support.hpp"

namespace pabal::server::http {
namespace {

using net::MemoryStream;

/// Everything that the monitor answers to the input; the stream is its owner's no longer, so the peer's end collects.
struct Dialogue {
  Metrics metrics;
  HealthCheck health = [] { return Result<void>(); };
  MonitorLimits limits = {.timeout = std::chrono::milliseconds(20)};

  std::string run(std::vector<std::string> input, bool ends = true, std::size_t fail_at = 0) {
    const auto handler = make_monitor(metrics, health, limits);
    auto pair = MemoryStream::make_pair();
    for (auto& piece : input) pair.first->feed(std::move(piece));
    if (ends) pair.first->end();
    if (fail_at > 0) pair.first->fail_at(fail_at, ErrorKind::closed);
    net::run_to_end(handler(std::move(pair.first), net::SessionFacts()));
    std::string all;
    net::run_to_end([](MemoryStream* stream, std::string* out) -> Async<> {
      while ((co_await stream->fill()).value_or(false)) {
        out->append(stream->input());
        stream->consume(stream->input().size());
      }
    }(pair.second.get(), &all));
    return all;
  }
  /// The status line and the content of the first reply.
  std::string first(const std::string& input) {
    const auto all = run({input});
    const auto body = all.find("\r\n\r\n");
    return all.substr(0, all.find("\r\n")) + " | " + (body == std::string::npos ? "" : all.substr(body + 4));
  }
};

// What is shown is brought up to date first; for metrics alone.
TEST(Monitor, RefreshesBeforeItShows) {
  Metrics metrics;
  const auto gauge = metrics.gauge("pabal_times", "Refreshed.");
  int times = 0;
  const auto refresh = [&times, &gauge]() -> Async<> {
    return [](int* count, const Gauge* shown) -> Async<> {
      shown->set(++*count);
      co_return;
    }(&times, &gauge);
  };
  auto pair = MemoryStream::make_pair();
  for (const auto* path : {"/healthz", "/metrics", "/metrics"}) {
    pair.first->feed(fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", path));
  }
  pair.first->end();
  net::run_to_end(make_monitor(metrics, nullptr, {}, refresh)(std::move(pair.first), net::SessionFacts()));
  std::string all;
  net::run_to_end([](MemoryStream* stream, std::string* out) -> Async<> {
    while ((co_await stream->fill()).value_or(false)) {
      out->append(stream->input());
      stream->consume(stream->input().size());
    }
  }(pair.second.get(), &all));
  EXPECT_EQ(times, 2);
  EXPECT_TRUE(all.contains("pabal_times 1") && all.contains("pabal_times 2")) << all;
}

TEST(Monitor, Table) {
  Dialogue dialogue;
  const std::pair<std::string, std::string> cases[] = {
      {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK | ok\n"},
      {"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK | ok\n"},
      {"GET /healthz?verbose HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK | ok\n"},
      {"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK | "},
      {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found | not found\n"},
      {"HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found | "},
      {"DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 Method Not Allowed | only GET and HEAD\n"},
      {"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
       "HTTP/1.1 413 Payload Too Large | no content is taken here\n"},
      {"nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request | malformed request\n"},
      {"GET /healthz HTTP/9.9\r\n\r\n", "HTTP/1.1 400 Bad Request | malformed request\n"},
      {"GET /healthz HTTP/1.1\r\nA: " + std::string(9000, 'x') + "\r\n\r\n",
       "HTTP/1.1 431 Request Header Fields Too Large | header too long\n"},
      {"GET /" + std::string(20000, 'x'), "HTTP/1.1 431 Request Header Fields Too Large | header too long\n"},
      {"", " | "},
      {"GET /hea", " | "},
  };
  for (const auto& [input, expected] : cases) EXPECT_EQ(dialogue.first(input), expected) << input.substr(0, 100);
}

TEST(Monitor, ShowsMetrics) {
  Dialogue dialogue;
  dialogue.metrics.counter("pabal_test_total", "For the test.").add(3);
  const auto shown = dialogue.first("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(shown.find("\npabal_test_total 3\n"), std::string::npos) << shown;
}

TEST(Monitor, SaysWhatIsWrong) {
  Dialogue dialogue;
  dialogue.health = [] { return fail(ErrorKind::io, "the store takes no writes"); };
  EXPECT_EQ(dialogue.first("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
            "HTTP/1.1 503 Service Unavailable | the store takes no writes\n");
}

TEST(Monitor, KeepsTheConnectionAndPipelines) {
  Dialogue dialogue;
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto count = [](std::string_view all) {
    std::size_t found = 0;
    for (auto at = all.find("HTTP/1.1 200"); at != std::string_view::npos; at = all.find("HTTP/1.1 200", at + 1))
      ++found;
    return found;
  };
  EXPECT_EQ(count(dialogue.run({request + request, request})), 3U);
  EXPECT_EQ(count(dialogue.run({"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n" + request})), 1U);
  EXPECT_EQ(count(dialogue.run({"GET /healthz HTTP/1.0\r\n\r\n" + request})), 1U);
  dialogue.limits.requests = 2;
  EXPECT_EQ(count(dialogue.run({request + request + request})), 2U);
  // One octet at a time gives the same.
  std::vector<std::string> octets;
  for (const char c : request) octets.emplace_back(1, c);
  EXPECT_EQ(count(dialogue.run(octets)), 1U);
}

TEST(Monitor, SilenceEndsQuietlyBetweenRequestsAndIsToldWithin) {
  Dialogue dialogue;
  EXPECT_EQ(dialogue.run({}, false), "");
  EXPECT_TRUE(dialogue.run({"GET /hea"}, false).starts_with("HTTP/1.1 408 "));
}

TEST(Monitor, FailsAtEachOperation) {
  Dialogue dialogue;
  for (std::size_t n = 1; n <= 5; ++n) {
    EXPECT_LE(dialogue.run({"GET /healthz HTTP/1.1\r\n", "Host: x\r\n\r\n"}, true, n).size(), 300U);
  }
}

}  // namespace
}  // namespace pabal::server::http
