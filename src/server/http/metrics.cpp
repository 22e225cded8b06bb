#include "server/http/metrics.hpp"

#include <boost/beast/http.hpp>
#include <fmt/format.h>

namespace pabal::server::http {
namespace {

namespace beast = boost::beast::http;

constexpr std::uint32_t most_head = 8 << 10;

std::string response(std::string_view status, std::string_view type, std::string_view body, bool with_body) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}", status,
                     type, body.size(), with_body ? body : std::string_view());
}

Async<> serve(std::shared_ptr<const MetricsPage> page, std::unique_ptr<net::Stream> stream, net::SessionFacts facts) {
  stream->set_timeout(page->timeout);
  const std::string octets = co_await answer(page, stream.get());
  if (!octets.empty()) {
    const Result<void> written = co_await stream->write(octets);
    if (!written) facts.log.debug("answer_not_taken", {{"error", written.error().log}});
  }
  co_await stream->close();
}

}  // namespace

Async<std::string> answer(std::shared_ptr<const MetricsPage> page, net::Stream* stream) {
  beast::request_parser<beast::empty_body> parser;
  parser.header_limit(most_head);
  while (!parser.is_header_done()) {
    if (stream->input().empty()) {
      const Result<bool> more = co_await stream->fill();
      if (!more || !*more) co_return std::string();
    }
    const std::string_view input = stream->input();
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::const_buffer(input.data(), input.size()), error);
    if (error == beast::error::need_more) {
      const std::size_t before = input.size();
      const Result<bool> more = co_await stream->fill();
      if (!more || !*more || stream->input().size() == before) co_return std::string();
      continue;
    }
    if (error) co_return response("400 Bad Request", "text/plain", "not a request\n", true);
    stream->consume(used);
  }
  const auto method = parser.get().method_string();
  const auto target = parser.get().target();
  co_return respond(*page, {method.data(), method.size()}, {target.data(), target.size()});
}

std::string respond(const MetricsPage& page, std::string_view method, std::string_view target) {
  const bool get = method == "GET";
  if (!get && method != "HEAD") return response("405 Method Not Allowed", "text/plain", "only GET and HEAD\n", true);
  target = target.substr(0, target.find('?'));
  if (target == "/metrics") return response("200 OK", "text/plain; version=0.0.4; charset=utf-8", page.text(), get);
  if (target == "/health") {
    return page.healthy() ? response("200 OK", "text/plain", "well\n", get)
                          : response("503 Service Unavailable", "text/plain", "a shard takes no more writes\n", get);
  }
  return response("404 Not Found", "text/plain", "look at /metrics or /health\n", get);
}

net::SessionHandler make_metrics_handler(MetricsPage page) {
  auto shared = std::make_shared<const MetricsPage>(std::move(page));
  return [shared](std::unique_ptr<net::Stream> stream, net::SessionFacts facts) {
    return serve(shared, std::move(stream), std::move(facts));
  };
}

}  // namespace pabal::server::http
