#include "server/control/control.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::server::control {
namespace {

/// The next line without its end; empty at the peer's end.
Async<Result<std::string>> read_line(net::Stream* stream, std::size_t most) {
  std::string line;
  while (true) {
    const std::string_view input = stream->input();
    const std::size_t end = input.find('\n');
    line.append(input.substr(0, end));
    stream->consume(end == std::string_view::npos ? input.size() : end + 1);
    if (line.size() > most) co_return fail(ErrorKind::limit, fmt::format("the request is longer than {} octets", most));
    if (end != std::string_view::npos) co_return line;
    const Result<bool> more = co_await stream->fill();
    if (!more) co_return pass(more);
    if (!*more) co_return line;
  }
}

Async<Result<std::string>> read_body(net::Stream* stream, std::size_t size) {
  std::string body;
  while (body.size() < size) {
    const std::string_view input = stream->input().substr(0, size - body.size());
    body.append(input);
    stream->consume(input.size());
    if (body.size() == size) break;
    const Result<bool> more = co_await stream->fill();
    if (!more) co_return pass(more);
    if (!*more) co_return fail(ErrorKind::closed, "the body ends early");
  }
  co_return body;
}

/// The size of the body that follows; 0 where there is none.
Result<std::size_t> body_size(const json::object& request, std::size_t most) {
  const json::value* body = request.if_contains("body");
  if (body == nullptr) return 0;
  json::error_code error;
  const auto size = body->to_number<std::uint64_t>(error);
  if (error) return fail(ErrorKind::syntax, "body: expected a number of octets");
  if (size > most) return fail(ErrorKind::limit, fmt::format("body: at most {} octets are taken", most));
  return static_cast<std::size_t>(size);
}

/// What an operator does with letters is in the log, too; with which, as the answer says.
void tell_verb(const Log& log, const std::string& command, const json::value& result) {
  for (const std::string_view verb : {"queue retry", "queue hold", "queue release", "queue drop"}) {
    if (command == verb)
      log.info("operator", {{"command", command}, {"done", printable(json::serialize(result), 2000)}});
  }
}

/// One request, from its line to its answer. `keep` becomes false where the stream can't be followed any further;
/// `command` becomes its name.
Async<Result<json::value>> carry_out(std::shared_ptr<const Service> shared, net::Stream* stream, std::string line,
                                     bool* keep, std::string* command) {
  Result<json::value> parsed = parse_json(line);
  if (!parsed) co_return pass(parsed);
  if (!parsed->is_object()) co_return fail(ErrorKind::syntax, "expected a JSON object");
  json::object request = std::move(parsed->get_object());
  if (const auto* name = request.if_contains("command"); name != nullptr && name->is_string()) {
    *command = name->get_string();
  }
  const Result<std::size_t> size = body_size(request, shared->options.max_body);
  if (!size) {
    *keep = false;
    co_return pass(size);
  }
  if (request.contains("body")) {
    Result<std::string> body = co_await read_body(stream, *size);
    if (!body) {
      *keep = false;
      co_return pass(body);
    }
    co_return co_await shared->execute_with_body(std::move(request), std::move(*body));
  }
  co_return co_await shared->pool->run([shared, request = std::move(request)]() -> Result<json::value> {
    return run_caught("the command", [&] { return shared->execute(request); });
  });
}

Async<> serve_owned(std::shared_ptr<const Service> service, std::unique_ptr<net::Stream> stream,
                    net::SessionFacts facts) {
  co_await serve(std::move(service), stream.get(), facts.log);
  co_await stream->close();
}

}  // namespace

std::string answer_line(const Result<json::value>& result) {
  if (result) return json::serialize(json::object{{"ok", true}, {"result", *result}});
  const Error& error = result.error();
  return json::serialize(json::object{{"ok", false},
                                      {"kind", std::string(name_of(error.kind))},
                                      {"reason", printable(error.log.empty() ? error.peer : error.log, 2000)}});
}

Async<> serve(std::shared_ptr<const Service> shared, net::Stream* stream, Log log) {
  stream->set_timeout(shared->options.timeout);
  bool keep = true;
  while (keep) {
    Result<std::string> line = co_await read_line(stream, shared->options.max_request);
    if (line && trim(*line).empty()) break;
    Result<json::value> result = fail(ErrorKind::syntax, "");
    std::string command;
    if (line) {
      result = co_await carry_out(shared, stream, std::move(*line), &keep, &command);
    } else if (line.error().kind == ErrorKind::limit) {
      result = pass(line);
      keep = false;
    } else {
      break;
    }
    if (!result) log.info("control_refused", {{"reason", result.error().log}});
    if (result) tell_verb(log, command, *result);
    const std::string answer = answer_line(result) + "\n";
    const Result<void> written = co_await stream->write(answer);
    if (!written) break;
  }
}

net::SessionHandler make_handler(Service service) {
  auto shared = std::make_shared<const Service>(std::move(service));
  return [shared](std::unique_ptr<net::Stream> stream, net::SessionFacts facts) {
    return serve_owned(shared, std::move(stream), std::move(facts));
  };
}

}  // namespace pabal::server::control
