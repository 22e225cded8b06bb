// Authentication-Results of any values: what is written reads as it was meant, by all methods and with any number of
// properties.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "mailauth/authentication_results.hpp"
#include "mailauth/hostile_zone_testing.hpp"
#include "message/fold.hpp"

namespace {

using namespace pabal;
using namespace pabal::mailauth;

void demand(bool holds) {
  if (!holds) std::abort();
}

constexpr std::array<std::string_view, 6> methods{"spf", "dkim", "dmarc", "arc", "iprev", "x-own_1"};
constexpr std::array<std::string_view, 7> outcomes{"pass",      "fail",      "softfail", "neutral",
                                                   "temperror", "permerror", "none"};
constexpr std::array<std::array<std::string_view, 2>, 6> names{{{"smtp", "mailfrom"},
                                                                {"smtp", "remote-ip"},
                                                                {"header", "oldest-pass"},
                                                                {"header", "b"},
                                                                {"policy", "iprev"},
                                                                {"body", "x_y"}}};

/// A line says which method and how many properties; the next ones are the values.
message::AuthenticationResult take_result(std::string_view& rest) {
  const auto head = take_line(rest);
  const auto octet = [&](std::size_t i) -> std::size_t {
    return i < head.size() ? static_cast<unsigned char>(head[i]) : 0;
  };
  message::AuthenticationResult one;
  one.method = methods.at(octet(0) % methods.size());
  one.result = outcomes.at(octet(1) % outcomes.size());
  if (octet(2) % 2 == 1) one.method_version = "1";
  one.comment = take_line(rest);
  one.reason = take_line(rest);
  for (auto count = octet(3) % 6; count > 0; --count) {
    const auto line = take_line(rest);
    const auto& [type, name] = names.at(line.empty() ? 0 : static_cast<unsigned char>(line.back()) % names.size());
    one.properties.push_back({.type = std::string(type), .name = std::string(name), .value = std::string(line)});
  }
  return one;
}

/// Of long text only a beginning is looked at, where what is no UTF-8 may be taken for something else.
bool reads_as_meant(std::string_view read, const std::string& value) {
  const auto meant = message::clean_text(value);
  return meant.size() > 256 || (value.size() > 4 * 256 && !is_utf8(value)) || read == meant;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<message::AuthenticationResult> results;
  while (!rest.empty() && results.size() < 20) results.push_back(take_result(rest));
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
      const auto& meant = results[i];
      demand(one.method == meant.method && one.result == meant.result && one.method_version == meant.method_version);
      demand(reads_as_meant(one.reason, meant.reason) && one.properties.size() == meant.properties.size());
      for (std::size_t n = 0; n < meant.properties.size(); ++n) {
        const auto& property = one.properties[n];
        demand(property.type == meant.properties[n].type && property.name == meant.properties[n].name);
        demand(reads_as_meant(property.value, meant.properties[n].value));
      }
    }
  }
  return 0;
}
