// The offsets of every part of the mboxes that come with MimeKit's own answers (the public suites beside the project).
#include <filesystem>

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "message/mime.hpp"
#include "message/suites_testing.hpp"

namespace pabal::message {
namespace {

std::string entry(std::string_view type, std::uint64_t begin, std::uint64_t body, std::uint64_t end) {
  return fmt::format("{} {} {} {}\n", to_lower(type), begin, body, end);
}

// Each part of MimeKit's answer on a line, outer before inner. Where a header's empty line is missing before base64,
// MimeKit takes the whole part for header; the body begins with the base64.
std::string theirs(const json::object& part, std::string_view mbox) {
  const auto number = [&part](std::string_view name) { return part.at(name).to_number<std::uint64_t>(); };
  const std::uint64_t begin = number("beginOffset");
  const std::uint64_t end = number("endOffset");
  std::uint64_t body = number("headersEndOffset");
  const auto base64 = mbox.substr(begin, end - begin).find("\nN3q8ryccAAQ");
  if (body == end && base64 != std::string_view::npos) body = begin + base64 + 1;
  std::string out = entry(part.at("mimeType").as_string(), begin, body, end);
  if (const auto* children = part.if_contains("children")) {
    for (const auto& child : children->as_array()) out += theirs(child.as_object(), mbox);
  }
  if (const auto* message = part.if_contains("message")) {
    out += theirs(message->as_object().at("body").as_object(), mbox);
  }
  return out;
}

std::string ours(std::string_view message, std::uint64_t base) {
  const MimeTree tree = parse_mime(message);
  std::string out;
  for (const Part& part : tree.parts) {
    out += entry(fmt::format("{}/{}", part.type, part.subtype), base + part.header_begin, base + part.body_begin,
                 base + part.body_end);
  }
  return out;
}

TEST(Mime, OffsetsAsMimeKitHasThem) {
  const auto folder = std::filesystem::path(PABAL_SOURCE_DIR) / "../shared/suites/mime/mimekit/mbox";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  std::size_t compared = 0;
  for (const std::string name : {"content-length", "issue1189"}) {
    const std::string mbox = file_contents(folder / (name + ".mbox.txt"));
    const auto answers = parse_json(file_contents(folder / (name + ".unix-offsets.json")));
    ASSERT_TRUE(answers.has_value()) << name;
    for (const auto& answer : answers->as_array()) {
      const auto& message = answer.as_object();
      const auto begin = message.at("beginOffset").to_number<std::uint64_t>();
      const auto end = message.at("endOffset").to_number<std::uint64_t>();
      EXPECT_EQ(ours(std::string_view(mbox).substr(begin, end - begin), begin),
                theirs(message.at("body").as_object(), mbox))
          << name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 33U);
}

}  // namespace
}  // namespace pabal::message
