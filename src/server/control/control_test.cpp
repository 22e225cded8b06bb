#include "server/control/control.hpp"

#include <gtest/gtest.h>

#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "server/control/client.hpp"

namespace pabal::server::control {
namespace {

TEST(Control, AnswersThereAndBack) {
  const auto round = [](const Result<json::value>& result) -> std::string {
    const std::string line = answer_line(result);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto back = read_answer(line);
    return back ? json::serialize(*back) : std::string(name_of(back.error().kind)) + ": " + back.error().log;
  };
  EXPECT_EQ(round(json::value(json::object{{"a", 1}})), R"({"a":1})");
  EXPECT_EQ(round(fail(ErrorKind::not_found, "no such account")), "not_found: no such account");
  EXPECT_EQ(round(fail(ErrorKind::io, "local error", "disk full")), "io: disk full");
  EXPECT_EQ(round(fail(ErrorKind::unsupported, "a\nb")), "unsupported: a\\x0ab");
  EXPECT_EQ(read_answer("{}").error().peer, "the server's answer can't be understood");
  EXPECT_FALSE(read_answer("").has_value());
}

TEST(Control, NobodyThereIsNoError) {
  const auto client = Client::connect("/nowhere/control.sock");
  ASSERT_TRUE(client.has_value());
  EXPECT_FALSE(client->has_value());
  EXPECT_FALSE(Client::connect(std::string(200, 'x')).has_value());
}

/// A service that says its requests back, with what came with them.
std::string talk(const std::string& input, std::size_t piece_limit) {
  Pool pool(1, Log());
  Service service;
  service.execute = [](const json::object& request) -> Result<json::value> {
    if (request.contains("bug")) throw std::runtime_error("a bug");
    if (request.contains("refuse")) return fail(ErrorKind::policy, "refused");
    return json::value(request);
  };
  service.execute_with_body = [](json::object request, std::string body) -> Async<Result<json::value>> {
    request["body"] = body;
    co_return json::value(std::move(request));
  };
  service.pool = &pool;
  service.options = {.max_request = 60, .max_body = 10};
  net::MemoryStreamOptions options;
  options.input = {input};
  options.piece_limit = piece_limit;
  net::MemoryStream stream(std::move(options));
  net::run_to_end(serve(std::make_shared<const Service>(std::move(service)), &stream, Log()));
  return stream.written();
}

TEST(Control, RequestsInPiecesOfAllSizes) {
  const std::pair<std::string, std::string> cases[] = {
      {"{\"a\":1}\n{\"b\":2}\n", "{\"ok\":true,\"result\":{\"a\":1}}\n{\"ok\":true,\"result\":{\"b\":2}}\n"},
      {"{\"refuse\":1}\n", "{\"ok\":false,\"kind\":\"policy\",\"reason\":\"refused\"}\n"},
      {"{\"bug\":1}\n{}\n",
       "{\"ok\":false,\"kind\":\"io\",\"reason\":\"the command threw: a bug\"}\n{\"ok\":true,\"result\":{}}\n"},
      {"{\"body\":5}\nhe\nlo{}\n", "{\"ok\":true,\"result\":{\"body\":\"he\\nlo\"}}\n{\"ok\":true,\"result\":{}}\n"},
      {"{\"body\":11}\n", "{\"ok\":false,\"kind\":\"limit\",\"reason\":\"body: at most 10 octets are taken\"}\n"},
      {"{\"body\":-1}\n", "{\"ok\":false,\"kind\":\"syntax\",\"reason\":\"body: expected a number of octets\"}\n"},
      {"{\"body\":5}\nhe", "{\"ok\":false,\"kind\":\"closed\",\"reason\":\"the body ends early\"}\n"},
      {"[1]\n", "{\"ok\":false,\"kind\":\"syntax\",\"reason\":\"expected a JSON object\"}\n"},
      {"{\"a\":\"" + std::string(60, 'x') + "\"}\n{}\n",
       "{\"ok\":false,\"kind\":\"limit\",\"reason\":\"the request is longer than 60 octets\"}\n"},
      {"", ""},
  };
  for (const auto& [input, expected] : cases) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::string::npos}) {
      EXPECT_EQ(talk(input, piece), expected) << input << " in pieces of " << piece;
    }
  }
}

}  // namespace
}  // namespace pabal::server::control
