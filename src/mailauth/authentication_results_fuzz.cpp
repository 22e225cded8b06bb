// Authentication-Results of any values: what is written reads as it was meant.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "mailauth/authentication_results.hpp"
#include "mailauth/hostile_zone_testing.hpp"
#include "message/fold.hpp"

namespace {
void demand(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal;
  using namespace pabal::mailauth;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<message::AuthenticationResult> results;
  while (!rest.empty() && results.size() < 20) {
    message::AuthenticationResult one;
    one.method = "spf";
    one.result = "pass";
    one.comment = take_line(rest);
    one.reason = take_line(rest);
    one.properties.push_back({.type = "smtp", .name = "mailfrom", .value = std::string(take_line(rest))});
    one.properties.push_back({.type = "header", .name = "d", .value = "end.example"});
    results.push_back(std::move(one));
  }
  const auto field = authentication_results_field("mx.example", results);
  demand(field.starts_with("Authentication-Results: mx.example;") && field.ends_with("\r\n"));
  for (std::size_t at = field.find("\r\n"); at + 2 < field.size(); at = field.find("\r\n", at + 2)) {
    demand(field[at + 2] == ' ' || field[at + 2] == '\t');
  }
  const auto text = authentication_results_text("mx.example", results);
  demand(text.find_first_of("\r\n") == text.npos);
  for (const auto& body : {field.substr(field.find(':') + 1), "i=1; " + text}) {
    const auto read = message::parse_authentication_results(body);
    demand(read.authserv_id == "mx.example" && read.results.size() == results.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto& one = read.results[i];
      demand(one.method == "spf" && one.result == "pass" && one.properties.size() == 2);
      demand(one.property("header", "d") == "end.example");
      // Of long text only a beginning is looked at, where what is no UTF-8 may be taken for something else.
      const auto& value = results[i].properties[0].value;
      const auto meant = message::clean_text(value);
      const bool exact = meant.size() <= 256 && (value.size() <= 4 * 256 || is_utf8(value));
      demand(!exact || one.property("smtp", "mailfrom") == meant);
    }
  }
  return 0;
}
