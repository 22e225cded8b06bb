#include "mailauth/canonical.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "mailauth/letter_reading.hpp"
#include "mailauth/suites_testing.hpp"

namespace pabal::mailauth {
namespace {

std::string body_of(Canonicalization form, std::string_view octets, std::size_t piece = SIZE_MAX) {
  std::string out;
  CanonicalBody body(form, [&out](std::string_view part) { out += part; });
  for (auto rest = octets; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) {
    body.take(rest.substr(0, piece));
  }
  body.end();
  return out;
}

std::string field_of(Canonicalization form, std::string_view field) {
  std::string out;
  canonical_field(form, field, out);
  return out;
}

struct BodyCase {
  std::string_view octets;
  std::string_view simple;
  std::string_view relaxed;
};

const BodyCase kBodies[] = {
    {"", "\r\n", ""},
    {"\r\n", "\r\n", ""},
    {"\r\n\r\n\r\n", "\r\n", ""},
    {" \r\n", " \r\n", ""},
    {"\t\r\n \r\n", "\t\r\n \r\n", ""},
    {"a", "a\r\n", "a\r\n"},
    {"a\r\n", "a\r\n", "a\r\n"},
    {"a\r\n\r\n\r\n", "a\r\n", "a\r\n"},
    {"a\r\n\r\nb", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n"},
    {"a\nb\n\n", "a\r\nb\r\n", "a\r\nb\r\n"},
    {" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},  // RFC 6376 §3.4.5
    {"a  b\t\tc \t d\r\n", "a  b\t\tc \t d\r\n", "a b c d\r\n"},
    {"\ta\r\n", "\ta\r\n", " a\r\n"},
    {"a\t\r\n", "a\t\r\n", "a\r\n"},
    {"a \r\n \r\n\r\nb\r\n \r\n", "a \r\n \r\n\r\nb\r\n \r\n", "a\r\n\r\n\r\nb\r\n"},
    {"a\rb\r\n", "a\rb\r\n", "a\rb\r\n"},
    {"a \rb\r\r\n", "a \rb\r\r\n", "a \rb\r\r\n"},
    {"\r\r\n", "\r\r\n", "\r\r\n"},
    {" ", " \r\n", " \r\n"},
    {"\r\na \t", "\r\na \t\r\n", "\r\na \r\n"},
    {"a\r", "a\r\r\n", "a\r\r\n"},
    {"\r", "\r\r\n", "\r\r\n"},
    {"a\v\f b\r\n", "a\v\f b\r\n", "a\v\f b\r\n"},
    {"\xED\x95\x9C\xC2\xA0 \r\n", "\xED\x95\x9C\xC2\xA0 \r\n", "\xED\x95\x9C\xC2\xA0\r\n"},
};

TEST(CanonicalBody, bothForms) {
  for (const auto& one : kBodies) {
    EXPECT_EQ(body_of(Canonicalization::simple, one.octets), one.simple);
    EXPECT_EQ(body_of(Canonicalization::relaxed, one.octets), one.relaxed);
  }
}

TEST(CanonicalBody, piecesDoNotMatter) {
  for (const auto& one : kBodies) {
    for (std::size_t piece = 1; piece < 6; ++piece) {
      EXPECT_EQ(body_of(Canonicalization::simple, one.octets, piece), one.simple) << piece;
      EXPECT_EQ(body_of(Canonicalization::relaxed, one.octets, piece), one.relaxed) << piece;
    }
  }
}

TEST(CanonicalBody, randomBodiesInAnyPieces) {
  SeededRandom random(7);
  constexpr std::string_view alphabet = " \t\r\n\n\rab";
  for (int round = 0; round < 300; ++round) {
    std::string octets;
    for (const char c : random.octets(static_cast<std::size_t>(round))) {
      octets += alphabet[static_cast<unsigned char>(c) % alphabet.size()];
    }
    for (const auto form : {Canonicalization::simple, Canonicalization::relaxed}) {
      const auto whole = body_of(form, octets);
      EXPECT_EQ(body_of(form, octets, 1), whole);
      EXPECT_EQ(body_of(form, octets, 7), whole);
      const bool open = octets.ends_with(' ') || octets.ends_with('\t');
      if (!open) EXPECT_EQ(body_of(form, whole), whole) << "canonical is canonical";
    }
  }
}

TEST(CanonicalBody, longLinesAndManyEmptyOnes) {
  const std::string word(20'000, 'x');
  const std::string empty(3'000, '\n');
  EXPECT_EQ(body_of(Canonicalization::relaxed, word + "  " + word + empty), word + " " + word + "\r\n");
  std::string lines;
  for (int i = 0; i < 3'000; ++i) lines += "\r\n";
  EXPECT_EQ(body_of(Canonicalization::simple, word + empty + "a"), word + lines + "a\r\n");
}

TEST(CanonicalField, bothForms) {
  using enum Canonicalization;
  EXPECT_EQ(field_of(relaxed, "A: X\r\n"), "a:X\r\n");
  EXPECT_EQ(field_of(relaxed, "B : Y\t\r\n\tZ  \r\n"), "b:Y Z\r\n");
  EXPECT_EQ(field_of(simple, "B : Y\t\r\n\tZ  \r\n"), "B : Y\t\r\n\tZ  \r\n");
  EXPECT_EQ(field_of(relaxed, "Subject:\r\n \r\n"), "subject:\r\n");
  EXPECT_EQ(field_of(relaxed, "Subject:"), "subject:\r\n");
  EXPECT_EQ(field_of(simple, "Subject:"), "Subject:\r\n");
  EXPECT_EQ(field_of(relaxed, "X:a\rb\r\n"), "x:a\rb\r\n");
  EXPECT_EQ(field_of(relaxed, "X: \xED\x95\x9C  \xEA\xB8\x80\r\n"), "x:\xED\x95\x9C \xEA\xB8\x80\r\n");
}

// ../shared/suites/dkim/canon: letters as files, and both forms of them.
class CanonSuite : public ::testing::TestWithParam<Canonicalization> {};
TEST_P(CanonSuite, eachLetter) {
  const auto folder = testing::suite_folder("dkim/canon");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  std::size_t letters = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (!file.path().filename().string().starts_with("email.")) continue;
    ++letters;
    const auto number = file.path().extension().string();
    const auto wanted = message::file_contents(folder / (std::string(name_of(GetParam())) + ".expected" + number));
    const auto octets = message::file_contents(file.path());
    std::string header;
    std::string body;
    CanonicalBody canonical(GetParam(), [&body](std::string_view part) { body += part; });
    LetterReading letter(1 << 20, [] {}, [&canonical](std::string_view part) { canonical.take(part); });
    for (const char c : octets) letter.take({&c, 1});
    letter.end();
    canonical.end();
    for (const auto& field : letter.fields()) canonical_field(GetParam(), letter.text_of(field), header);
    EXPECT_EQ(header + "\r\n" + body, wanted) << file.path();
  }
  EXPECT_EQ(letters, 21U);
}
INSTANTIATE_TEST_SUITE_P(forms, CanonSuite, ::testing::Values(Canonicalization::simple, Canonicalization::relaxed),
                         [](const auto& form) { return std::string(name_of(form.param)); });

}  // namespace
}  // namespace pabal::mailauth
