#include "net/https_client.hpp"

#include <algorithm>
#include <utility>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>

#include "base/text.hpp"
#include "net/socket_stream.hpp"
#include "net/stream.hpp"

namespace pabal::net {
namespace {

namespace http = boost::beast::http;
using std::chrono::milliseconds;

constexpr std::uint32_t most_header_octets = 16 << 10;

/// What is left of the time for all.
class Budget {
 public:
  explicit Budget(milliseconds time) : until_(std::chrono::steady_clock::now() + time) {}
  [[nodiscard]] milliseconds left() const {
    const auto left = std::chrono::ceil<milliseconds>(until_ - std::chrono::steady_clock::now());
    return std::max(left, milliseconds(0));
  }
  [[nodiscard]] bool over() const { return left() == milliseconds(0); }

 private:
  std::chrono::steady_clock::time_point until_;
};

std::unexpected<Error> too_late() { return fail(ErrorKind::timeout, "no whole answer in time"); }

std::string media_type_of(std::string_view field) { return to_lower(trim(field.substr(0, field.find(';')))); }

Error error_of(const boost::system::error_code& code) {
  const bool long_one = code == http::error::body_limit || code == http::error::header_limit;
  return {.kind = long_one ? ErrorKind::limit : ErrorKind::syntax,
          .peer = long_one ? "the answer is too long" : "the answer isn't HTTP",
          .log = fmt::format("HTTP: {}", code.message())};
}

/// Reads one response to its end.
Async<Result<HttpsResponse>> read_response(Stream* stream, std::size_t most_octets, const Budget* budget) {
  http::response_parser<http::string_body> parser;
  parser.eager(true);
  parser.header_limit(most_header_octets);
  parser.body_limit(most_octets);
  while (!parser.is_done()) {
    if (budget->over()) co_return too_late();
    stream->set_timeout(budget->left());
    const auto more = co_await stream->fill();
    if (!more) co_return pass(more);
    boost::system::error_code code;
    if (!*more) {
      if (parser.got_some()) parser.put_eof(code);
      if (code || !parser.is_done()) co_return fail(ErrorKind::closed, "the answer breaks off");
      break;
    }
    const auto input = stream->input();
    const std::size_t taken = parser.put(asio::const_buffer(input.data(), input.size()), code);
    if (code && code != http::error::need_more) co_return std::unexpected(error_of(code));
    stream->consume(taken);
  }
  const auto& message = parser.get();
  HttpsResponse response;
  response.status = static_cast<int>(message.result_int());
  const auto type = message[http::field::content_type];
  response.media_type = media_type_of({type.data(), type.size()});
  response.body = message.body();
  co_return response;
}

std::string words_of(const HttpsRequest& request, const std::optional<HttpsDocument>& document) {
  if (!document) {
    return fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: Pabal\r\nAccept: text/plain\r\nConnection: close\r\n\r\n",
        request.path, request.host);
  }
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: Pabal\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: "
      "close\r\n\r\n{}",
      request.path, request.host, document->media_type, document->octets.size(), document->octets);
}

/// From the handshake on. `written`: something may have reached the server.
Async<Result<HttpsResponse>> ask(Stream* stream, std::shared_ptr<const TlsClientContext> tls,
                                 const HttpsRequest* request, const std::optional<HttpsDocument>* document,
                                 const Budget* budget, bool* written) {
  stream->set_timeout(budget->left());
  const auto secured = co_await stream->start_tls_client(std::move(tls), request->host);
  if (!secured) co_return pass(secured);
  if (budget->over()) co_return too_late();
  stream->set_timeout(budget->left());
  const auto words = words_of(*request, *document);
  *written = true;
  const auto sent = co_await stream->write(words);
  if (!sent) co_return pass(sent);
  co_return co_await read_response(stream, request->most_octets, budget);
}

}  // namespace

Async<Result<HttpsResponse>> TlsHttpsClient::get(HttpsRequest request) {
  return talk(std::move(request), std::nullopt);
}

Async<Result<HttpsResponse>> TlsHttpsClient::post(HttpsRequest request, HttpsDocument document) {
  return talk(std::move(request), std::move(document));
}

Async<Result<HttpsResponse>> TlsHttpsClient::talk(HttpsRequest request, std::optional<HttpsDocument> document) {
  const Budget budget(request.time);
  Result<HttpsResponse> last = fail(ErrorKind::closed, "the host has no address");
  for (std::size_t i = 0; i < request.addresses.size(); ++i) {
    if (budget.over()) co_return too_late();
    // One address that doesn't answer leaves time for the others.
    const auto share = budget.left() / static_cast<milliseconds::rep>(request.addresses.size() - i);
    auto stream = co_await connect(request.addresses[i], std::max(share, milliseconds(1)));
    if (!stream) {
      last = pass(stream);
      continue;
    }
    bool written = false;
    last = co_await ask(stream->get(), tls_, &request, &document, &budget, &written);
    if (!last && written && document) co_return last;
    if (last) {
      (*stream)->set_timeout(milliseconds(1000));
      co_await (*stream)->close();
      co_return last;
    }
  }
  co_return last;
}

}  // namespace pabal::net
