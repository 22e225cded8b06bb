// The ARC suite (../shared/suites/arc): what is sealed is as it says, octet for octet, and chains stand as it says.
#include <gtest/gtest.h>

#include "mailauth/arc_sealer.hpp"
#include "mailauth/results_reader.hpp"
#include "mailauth/suites_testing.hpp"
#include "mailauth/verifying_testing.hpp"
#include "message/header.hpp"

namespace pabal::mailauth {
namespace {

using testing::Records;
using testing::suite_folder;
using testing::YamlNode;
using testing::YamlReader;

std::vector<YamlNode> documents(const char* name) {
  return YamlReader(message::file_contents(suite_folder("arc") / name)).documents();
}

Records records_of(const YamlNode& document) {
  Records records;
  const auto* all = document.find("txt-records");
  if (all == nullptr) return records;
  for (const auto& record : all->children) records.emplace(record.key, record.text);
  return records;
}

// Without folds: a field as its relaxed form has it.
std::string flat(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool white = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!white) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

// b= may be folded anywhere.
std::string flat_signature(std::string_view text) {
  auto out = flat(text);
  const auto begin = out.find("b=");
  const auto end = out.find(';', begin);
  if (begin == std::string::npos || end == std::string::npos) return out;
  auto value = out.substr(begin, end - begin);
  std::erase(value, ' ');
  return out.replace(begin, end - begin, value);
}

TEST(ArcSuite, chainsStandAsItSays) {
  if (!std::filesystem::exists(suite_folder("arc"))) GTEST_SKIP() << "no suites";
  std::size_t cases = 0;
  for (const auto& document : documents("arc-validation-subset.yml")) {
    const auto records = records_of(document);
    const auto* tests = document.find("tests");
    if (tests == nullptr) continue;
    for (const auto& test : tests->children) {
      const auto& name = test.key;
      ++cases;
      for (const std::size_t piece : {SIZE_MAX, std::size_t{1}}) {
        const auto outcomes = testing::verify(test.at("message"), records, testing::noon, piece);
        EXPECT_EQ(name_of(outcomes.arc.cv), to_lower(test.at("cv"))) << name << ": " << outcomes.arc.reason;
        EXPECT_FALSE(outcomes.arc.reason.empty()) << name;
      }
    }
  }
  EXPECT_EQ(cases, 16U);
}

TEST(ArcSuite, sealsAreAsItSays) {
  if (!std::filesystem::exists(suite_folder("arc"))) GTEST_SKIP() << "no suites";
  std::size_t cases = 0;
  for (const auto& document : documents("arc-draft-sign-tests.yml")) {
    const auto records = records_of(document);
    const auto key = DkimSigningKey::from_pem(document.at("privatekey"));
    ASSERT_TRUE(key);
    for (const auto& test : document.find("tests")->children) {
      const auto& name = test.key;
      ++cases;
      const auto letter = testing::with_crlf(test.at("message"));
      // What its own Authentication-Results say is what the new set says.
      message::HeaderFields fields(letter);
      std::string results = test.at("srv-id");
      for (const auto* field : fields.every("Authentication-Results")) {
        auto parts = split_results(field->body);
        if (parts.front() != test.at("srv-id")) continue;
        for (std::size_t i = 1; i < parts.size(); ++i) results += "; " + parts[i];
      }
      const auto outcomes = testing::verify(letter, records);
      ArcSealing sealing{.identity = {.key = *key, .domain = document.at("domain"), .selector = document.at("sel")}};
      for (const auto header : split(test.at("sig-headers"), ':')) sealing.fields.emplace_back(header);
      sealing.now = SystemTime(std::chrono::seconds(std::stoll(test.at("t"))));
      ArcSealer sealer(std::move(sealing));
      sealer.take(letter);
      const auto set = sealer.finish(results, outcomes.arc.cv);
      if (flat(test.at("AS")).empty()) {
        EXPECT_FALSE(set) << name;
        continue;
      }
      ASSERT_TRUE(set) << name << ": " << set.error().peer;
      message::HeaderFields made(*set);
      ASSERT_EQ(made.all().size(), 3U) << name;
      EXPECT_EQ(flat(made.body("ARC-Authentication-Results")), flat(test.at("AAR"))) << name;
      EXPECT_EQ(flat_signature(made.body("ARC-Message-Signature")), flat_signature(test.at("AMS"))) << name;
      EXPECT_EQ(flat_signature(made.body("ARC-Seal")), flat_signature(test.at("AS"))) << name;
    }
  }
  EXPECT_EQ(cases, 17U);
}

}  // namespace
}  // namespace pabal::mailauth
