#include "server/http/metrics.hpp"

#include <gtest/gtest.h>

#include "net/memory_stream.hpp"
#include "net/test_support.hpp"

namespace pabal::server::http {
namespace {

MetricsPage page(bool healthy = true) {
  return {.text = [] { return std::string("pabal_x 1\n"); },
          .healthy = [healthy] { return healthy; },
          .timeout = std::chrono::seconds(5)};
}

TEST(Metrics, Responses) {
  const auto first_line_and_body = [](const std::string& response) {
    return response.substr(0, response.find('\r')) + " | " + response.substr(response.find("\r\n\r\n") + 4);
  };
  EXPECT_EQ(first_line_and_body(respond(page(), "GET", "/metrics")), "HTTP/1.1 200 OK | pabal_x 1\n");
  EXPECT_EQ(first_line_and_body(respond(page(), "GET", "/metrics?x=y")), "HTTP/1.1 200 OK | pabal_x 1\n");
  EXPECT_EQ(first_line_and_body(respond(page(), "HEAD", "/metrics")), "HTTP/1.1 200 OK | ");
  EXPECT_EQ(first_line_and_body(respond(page(), "GET", "/health")), "HTTP/1.1 200 OK | well\n");
  EXPECT_EQ(first_line_and_body(respond(page(false), "GET", "/health")),
            "HTTP/1.1 503 Service Unavailable | a shard takes no more writes\n");
  EXPECT_EQ(first_line_and_body(respond(page(), "GET", "/")), "HTTP/1.1 404 Not Found | look at /metrics or /health\n");
  EXPECT_EQ(first_line_and_body(respond(page(), "POST", "/metrics")),
            "HTTP/1.1 405 Method Not Allowed | only GET and HEAD\n");
}

std::string first_line(std::string octets, std::size_t piece_limit) {
  net::MemoryStreamOptions options;
  options.input = {std::move(octets)};
  options.piece_limit = piece_limit;
  net::MemoryStream stream(std::move(options));
  const std::string answered = net::run_to_end(answer(std::make_shared<const MetricsPage>(page()), &stream));
  return answered.substr(0, answered.find('\r'));
}

TEST(Metrics, RequestsInPiecesOfAllSizes) {
  const std::pair<std::string, std::string> cases[] = {
      {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"},
      {"GET /nothing HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found"},
      {"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 405 Method Not Allowed"},
      {"EHLO example.org\r\n\r\n", "HTTP/1.1 400 Bad Request"},
      {"GET /metrics HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n", "HTTP/1.1 400 Bad Request"},
      {"GET /metrics HTTP/1.1\r\nHost:", ""},
      {"", ""},
  };
  for (const auto& [request, expected] : cases) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::string::npos}) {
      EXPECT_EQ(first_line(request, piece), expected) << request.substr(0, 60) << " in pieces of " << piece;
    }
  }
}

}  // namespace
}  // namespace pabal::server::http
