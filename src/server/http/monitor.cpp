#include "server/http/monitor.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <fmt/format.h>

namespace pabal::server::http {

namespace {

namespace beast = boost::beast::http;

struct Answer {
  beast::status status = beast::status::ok;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
  std::string more_fields;  ///< whole lines
};

struct Request {
  beast::verb method;
  std::string path;  ///< without the query
  bool keep_alive;
};

/// What all sessions of one listener share.
struct Monitor {
  const Metrics* metrics;
  HealthCheck health;
  MonitorLimits limits;
  Refresh refresh;
};

Answer plain(beast::status status, std::string body) {
  return {.status = status, .body = std::move(body) + "\n", .more_fields = {}};
}

Answer answer(const Monitor& monitor, const Request& request) {
  const bool metrics = request.path == "/metrics";
  const bool health = request.path == "/healthz" || request.path == "/health";
  if (!metrics && !health) return plain(beast::status::not_found, "not found");
  if (request.method != beast::verb::get && request.method != beast::verb::head) {
    auto refusal = plain(beast::status::method_not_allowed, "only GET and HEAD");
    refusal.more_fields = "Allow: GET, HEAD\r\n";  // RFC 9110 §15.5.6
    return refusal;
  }
  if (metrics) {
    return {.status = beast::status::ok,
            .type = "text/plain; version=0.0.4; charset=utf-8",
            .body = monitor.metrics->text(),
            .more_fields = {}};
  }
  const auto well = monitor.health ? monitor.health() : Result<void>();
  return well ? plain(beast::status::ok, "ok") : plain(beast::status::service_unavailable, well.error().peer);
}

/// RFC 9110 §9.3.2: HEAD gets the same fields as GET, and no content.
Async<Result<void>> send(net::Stream* stream, Answer reply, bool head_alone, bool keep_alive) {
  const auto head = fmt::format(
      "HTTP/1.1 {} {}\r\nServer: Pabal\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n{}"
      "Connection: {}\r\n\r\n",
      static_cast<unsigned>(reply.status), std::string_view(beast::obsolete_reason(reply.status)), reply.type,
      reply.body.size(), reply.more_fields, keep_alive ? "keep-alive" : "close");
  const std::string_view pieces[] = {head, head_alone ? std::string_view() : reply.body};
  co_return co_await stream->write_pieces(pieces);
}

/// What a request that can't be read gets; nothing where the connection is gone.
std::optional<Answer> refusal_for(const Error& error) {
  switch (error.kind) {
    case ErrorKind::syntax:
      return plain(beast::status::bad_request, error.peer);
    case ErrorKind::limit:
      return plain(beast::status::request_header_fields_too_large, error.peer);
    case ErrorKind::unsupported:
      return plain(beast::status::payload_too_large, error.peer);
    case ErrorKind::timeout:
      return plain(beast::status::request_timeout, error.peer);
    default:
      return std::nullopt;
  }
}

std::unexpected<Error> parse_failure(const boost::system::error_code& failed) {
  if (failed == beast::error::header_limit) return fail(ErrorKind::limit, "header too long");
  if (failed == beast::error::unexpected_body || failed == beast::error::body_limit) {
    return fail(ErrorKind::unsupported, "no content is taken here");
  }
  return fail(ErrorKind::syntax, "malformed request", failed.message());
}

/// Reads one request. Error `closed` with no words: the peer has ended between two requests, or is silent there.
Async<Result<Request>> receive(net::Stream* stream, std::size_t header_octets) {
  beast::request_parser<beast::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(header_octets));
  bool begun = false;
  while (!parser.is_done()) {
    const auto input = stream->input();
    if (!input.empty()) {
      boost::system::error_code failed;
      const auto used = parser.put(boost::asio::buffer(input.data(), input.size()), failed);
      stream->consume(used);
      begun = true;
      if (failed && failed != beast::error::need_more) co_return parse_failure(failed);
      // The parser takes whole lines; a line that never ends must not fill the stream's buffer.
      if (failed == beast::error::need_more && stream->input().size() > header_octets) {
        co_return fail(ErrorKind::limit, "header too long");
      }
      if (parser.is_done()) break;
      if (parser.is_header_done()) co_return fail(ErrorKind::unsupported, "no content is taken here");
    }
    const auto more = co_await stream->fill();
    if (!more && !begun) co_return fail(ErrorKind::closed, "", more.error().log);
    if (!more) co_return pass(more);
    if (!*more) co_return fail(ErrorKind::closed, "connection closed");
  }
  const auto& message = parser.get();
  const std::string target(message.target());
  co_return Request{
      .method = message.method(), .path = target.substr(0, target.find('?')), .keep_alive = parser.keep_alive()};
}

Async<> serve(std::unique_ptr<net::Stream> stream, net::SessionFacts facts, std::shared_ptr<const Monitor> monitor) {
  stream->set_timeout(monitor->limits.timeout);
  for (std::size_t count = 1;; ++count) {
    const auto request = co_await receive(stream.get(), monitor->limits.header_octets);
    if (!request) {
      auto refusal = refusal_for(request.error());
      if (!refusal) break;
      facts.log.debug("request refused", {{"reason", request.error().log}});
      const auto sent = co_await send(stream.get(), std::move(*refusal), false, false);
      if (!sent) facts.log.debug("reply not sent", {{"reason", sent.error().log}});
      break;
    }
    if (request->path == "/metrics" && monitor->refresh) co_await monitor->refresh();
    const bool last = !request->keep_alive || count >= monitor->limits.requests || stream->interrupted();
    const auto sent =
        co_await send(stream.get(), answer(*monitor, *request), request->method == beast::verb::head, !last);
    if (!sent) facts.log.debug("reply not sent", {{"reason", sent.error().log}});
    if (!sent || last) break;
  }
  co_await stream->close();
}

}  // namespace

net::SessionHandler make_monitor(const Metrics& metrics, HealthCheck health, MonitorLimits limits, Refresh refresh) {
  auto monitor = std::make_shared<const Monitor>(&metrics, std::move(health), limits, std::move(refresh));
  return [monitor = std::move(monitor)](std::unique_ptr<net::Stream> stream, net::SessionFacts facts) {
    return serve(std::move(stream), std::move(facts), monitor);
  };
}

}  // namespace pabal::server::http
