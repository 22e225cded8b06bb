// The suites of dkimpy and chasquid (../shared/suites/dkim): letters that others signed, and keys that are broken.
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "mailauth/suites_testing.hpp"
#include "mailauth/verifying_testing.hpp"

namespace pabal::mailauth {
namespace {

using message::file_contents;
using testing::Records;
using testing::suite_folder;
using testing::verify;

// 2024, when none of these had ended.
constexpr SystemTime kThen = SystemTime(std::chrono::seconds(1'710'000'000));

// A file that stands for a link has the other's name in it.
std::string contents(const std::filesystem::path& file) {
  auto text = file_contents(file);
  const auto name = std::string(trim(std::string_view(text).substr(0, text.find('\n'))));
  const auto other = file.parent_path() / name;
  return !name.empty() && name.size() < 100 && std::filesystem::is_regular_file(other) ? contents(other) : text;
}

// `name: text`, with `\` at the ends of lines that go on.
Records chasquid_records(const std::filesystem::path& file) {
  auto text = contents(file);
  for (auto at = text.find("\\\n"); at != std::string::npos; at = text.find("\\\n")) text.replace(at, 2, " ");
  Records records;
  for (const auto line : split(text, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto value = trim(line.substr(colon + 1));
    if (value == "PERMERROR") continue;  // no such name
    records.emplace(trim(line.substr(0, colon)), value);
  }
  return records;
}

TEST(ChasquidSuite, eachCase) {
  const auto folder = suite_folder("dkim/chasquid/testdata");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  const std::pair<std::string_view, DkimResult> states[] = {{"SUCCESS", DkimResult::pass},
                                                            {"TEMPFAIL", DkimResult::temperror}};
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto& file = entry.path();
    if (file.extension() != ".msg") continue;
    ++cases;
    const auto beside = [&file](const char* extension) {
      return std::filesystem::path(file).replace_extension(extension);
    };
    const auto outcomes = verify(testing::with_crlf(contents(file)), chasquid_records(beside(".dns")), kThen);
    if (!std::filesystem::exists(beside(".result"))) {
      EXPECT_TRUE(outcomes.dkim.empty()) << file;
      continue;
    }
    const auto wanted = parse_json(contents(beside(".result")));
    ASSERT_TRUE(wanted) << file;
    const auto& results = wanted->at("Results").as_array();
    ASSERT_EQ(outcomes.dkim.size(), results.size()) << file;
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto state = std::string(results[i].at("State").as_string());
      const auto& outcome = outcomes.dkim[i];
      bool settled = false;
      for (const auto& [name, result] : states) {
        EXPECT_EQ(state == name, outcome.result == result) << file << " " << i << ": " << outcome.reason;
        settled |= state == name;
      }
      EXPECT_EQ(state == "PERMFAIL", !settled) << file;
      const auto domain = std::string(results[i].at("Domain").as_string());
      if (!domain.empty()) EXPECT_EQ(outcome.domain, domain) << file;
    }
  }
  EXPECT_EQ(cases, 11U);
}

class DkimpySuite : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(folder_)) GTEST_SKIP() << "no " << folder_;
  }
  std::string file(const char* name) const { return file_contents(folder_ / name); }
  std::filesystem::path folder_ = suite_folder("dkim/dkimpy/data");
};

TEST_F(DkimpySuite, keysGoodAndBroken) {
  const auto key = DkimSigningKey::from_pem(file("test.private"));
  ASSERT_TRUE(key);
  const auto letter = testing::with_crlf(file("test.message"));
  DkimSigner signer({.identities = {{.key = *key, .domain = "example.com", .selector = "test"}}, .now = kThen});
  signer.take(letter);
  const auto field = signer.finish();
  ASSERT_TRUE(field);
  const std::pair<const char*, const char*> table[] = {
      {"test.txt", "pass"},          {"test2.txt", "pass"},
      {"badk.txt", "permerror"},     {"badversion.txt", "permerror"},
      {"test_bad.txt", "permerror"}, {"test_tlsrpt.txt", "permerror"},
  };
  for (const auto& [name, wanted] : table) {
    const auto outcomes = verify(*field + letter, {{"test._domainkey.example.com", file(name)}}, kThen);
    EXPECT_EQ(testing::lines_of(outcomes), std::string(wanted) + " example.com")
        << name << ": " << outcomes.dkim[0].reason;
  }
}

TEST_F(DkimpySuite, aLetterWithoutFromIsNotSigned) {
  const auto key = DkimSigningKey::from_pem(file("test.private"));
  ASSERT_TRUE(key);
  DkimSigner signer({.identities = {{.key = *key, .domain = "example.com", .selector = "test"}}, .now = kThen});
  signer.take(file("test_nofrom.message"));
  EXPECT_FALSE(signer.finish());
}

TEST_F(DkimpySuite, rfc8463sLetter) {
  const auto rsa = DkimSigningKey::from_pem(file("test.private"));
  const auto ed = DkimSigningKey::from_pem(file("rfc8032_7_1.key"));
  ASSERT_TRUE(rsa && ed);
  const Records records = {{"brisbane._domainkey.football.example.com", ed->record()},
                           {"test._domainkey.football.example.com", file("test.txt")}};
  EXPECT_EQ(ed->record(), "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
  const auto outcomes = verify(file("rfc6376.signed.msg"), records, kThen);
  EXPECT_EQ(testing::lines_of(outcomes), "pass football.example.com\npass football.example.com")
      << outcomes.dkim[0].reason;
}

TEST_F(DkimpySuite, eximsLetter) {
  const auto outcomes = verify(file("ed25519test2.msg"), {{"sed._domainkey.test.ex", file("eximtest.dns")}}, kThen);
  EXPECT_EQ(testing::lines_of(outcomes), "pass test.ex") << outcomes.dkim[0].reason;
}

TEST_F(DkimpySuite, oddFolding) {
  // Its key is long gone; the body can be looked at all the same, and the field is read.
  const auto outcomes = verify(file("test2.message"), {}, kThen);
  ASSERT_EQ(outcomes.dkim.size(), 1U);
  EXPECT_EQ(outcomes.dkim[0].result, DkimResult::permerror) << outcomes.dkim[0].reason;
  EXPECT_EQ(outcomes.dkim[0].key_name, "20120113._domainkey.gmail.com");
}

TEST_F(DkimpySuite, everyOtherLetterIsReadWithoutHarm) {
  for (const auto* name : {"message.mbox", "ed25519test.msg", "rfc6376.msg", "test_extra.message", "test.message"}) {
    for (const auto& outcome : verify(file(name), {}, kThen).dkim) EXPECT_NE(outcome.result, DkimResult::pass) << name;
  }
}

}  // namespace
}  // namespace pabal::mailauth
