#include "pop3/octet_survey.hpp"

#include <string>

#include <gtest/gtest.h>

namespace pabal::pop3 {
namespace {

std::string survey(std::string_view octets, std::size_t step) {
  OctetSurvey survey;
  for (std::size_t at = 0; at < octets.size(); at += step) survey.take(octets.substr(at, step));
  return std::string(survey.line_oriented() ? "lines" : "binary") + (survey.ascii() ? "" : " high");
}

TEST(OctetSurvey, InPiecesOfAnySize) {
  using namespace std::string_view_literals;
  const std::string padding(700, 'x');
  const std::pair<std::string, std::string_view> cases[] = {
      {"", "lines"},
      {"a: b\r\n\r\nc\r\n", "lines"},
      {"no end", "lines"},
      {"\r\n\r\n\r\n", "lines"},
      {"a\nb\r\n", "binary"},
      {"a\rb\r\n", "binary"},
      {"\n\r", "binary"},
      {"\r", "binary"},
      {"\n", "binary"},
      {"\r\r\n", "binary"},
      {"\r\n\n", "binary"},
      {std::string("a\0b"sv), "binary"},
      {"안녕\r\n", "lines high"},
      {"\xFF\n", "binary high"},
      {"\x7F\r\n", "lines"},
  };
  for (const auto& [text, expected] : cases) {
    for (const auto& octets : {text, padding + text, text + padding, padding + text + padding}) {
      for (std::size_t step : {1UL, 2UL, 3UL, 254UL, 255UL, 256UL, 5000UL}) {
        EXPECT_EQ(survey(octets, step), expected) << text << " in steps of " << step;
      }
    }
  }
}

}  // namespace
}  // namespace pabal::pop3
