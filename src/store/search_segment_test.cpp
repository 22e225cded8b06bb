// The search index's segments against a search that looks at each text.
#include "store/search_segment.hpp"

#include <map>
#include <random>

#include <gtest/gtest.h>

#include "codec/collation.hpp"
#include "store/search_words.hpp"

namespace pabal::store {
namespace {

// Parts in memory.
class MemorySegment final : public SegmentSource {
 public:
  std::map<SearchPart, std::string> parts;

  [[nodiscard]] SearchSink sink() {
    return [this](SearchPart part, std::string_view octets) -> Result<void> {
      parts[part] += octets;
      return {};
    };
  }
  Result<std::shared_ptr<const std::string>> part(SearchPart part) override {
    return std::make_shared<const std::string>(parts[part]);
  }
  Result<void> entries(std::uint64_t begin, std::size_t size, std::string& out) override {
    const auto& all = parts[SearchPart::entries];
    if (begin > all.size() || size > all.size() - begin) return fail(ErrorKind::damaged, "x");
    out.append(all, static_cast<std::size_t>(begin), size);
    return {};
  }
};

std::string folded(std::string_view text) { return codec::key_of(codec::Collation::unicode_casemap, text); }

TEST(SearchWords, Table) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {"HELLO, ALICE!", "HELLO|ALICE"},
      {"MAIL BOB@BUSAN.EXAMPLE. YES", "MAIL|BOB@BUSAN.EXAMPLE|YES"},
      {"A--B -C- D_E .F", "A|B|C|D_E|F"},
      {"\xED\x8C\x8C \xEB\xB0\x9C", "\xED\x8C\x8C|\xEB\xB0\x9C"},
  };
  for (const auto& [text, words] : cases) {
    std::string found;
    for_each_word(text, [&](std::string_view word) { found.append(found.empty() ? "" : "|").append(word); });
    EXPECT_EQ(found, words);
  }
  EXPECT_TRUE(sought_words("SEOUL.EXA").exact);
  EXPECT_FALSE(sought_words(".EXA").exact);
  EXPECT_FALSE(sought_words("A B").exact);
  EXPECT_FALSE(sought_words(std::string(49, 'A')).exact);
  EXPECT_TRUE(sought_words(" !").pieces.empty());
}

class Model {
 public:
  explicit Model(std::uint32_t seed) : random_(seed) {}

  SearchLetter letter(std::int64_t email) {
    SearchLetter one;
    one.email = EmailId{email};
    for (auto& field : one.fields) field = folded(text(12));
    one.header = folded(text(30));
    one.body = folded(text(random_() % 20 == 0 ? 600 : 60));
    return one;
  }
  // Few letters, so that texts hold each other often; long runs too.
  std::string text(std::size_t most) {
    static const std::vector<std::string> letters = {"a", "B", "c", "\uD30C", "\uBC1C", "\uB9C8",
                                                     " ", ".", "@", "-",      ", ",     "\u00E9"};
    std::string out;
    const auto count = random_() % (most + 1);
    const bool run = random_() % 4 == 0;
    for (std::size_t i = 0; i < count; ++i) out += letters[random_() % (run ? 6 : letters.size())];
    return out;
  }
  std::mt19937& random() noexcept { return random_; }

 private:
  std::mt19937 random_;
};

void expect_same(MemorySegment& segment, const std::vector<SearchLetter>& letters, const std::string& sought) {
  auto words = SegmentWords::open(segment);
  ASSERT_TRUE(words.has_value()) << words.error().log;
  const auto known = SegmentLetters::decode(segment.parts[SearchPart::letters]);
  ASSERT_TRUE(known.has_value());
  ASSERT_EQ(known->emails.size(), letters.size());
  const auto pieces = sought_words(sought);
  for (const WordPlaces where : {kInHeader, kInBody, WordPlaces{kInHeader | kInBody}}) {
    std::vector<LetterBits> found;
    for (const auto& piece : pieces.pieces) {
      found.emplace_back(letters.size());
      ASSERT_TRUE(words->find(segment, piece, where, found.back()).has_value());
    }
    for (std::size_t i = 0; i < letters.size(); ++i) {
      ASSERT_EQ(known->emails[i], letters[i].email.value);
      const bool in = ((where & kInHeader) != 0 && letters[i].header.find(sought) != std::string::npos) ||
                      ((where & kInBody) != 0 && letters[i].body.find(sought) != std::string::npos);
      const bool says = std::ranges::all_of(found, [&](const LetterBits& bits) { return bits.has(i); });
      if (pieces.exact) {
        EXPECT_EQ(says, in) << sought;
      } else {
        EXPECT_TRUE(says || !in) << sought;
      }
    }
  }
  for (std::size_t field = 0; field < kSearchFields; ++field) {
    LetterBits found(letters.size());
    LetterBits open(letters.size());
    const std::vector<std::string> all{sought};
    const auto part = static_cast<SearchPart>(static_cast<std::size_t>(SearchPart::from) + field);
    ASSERT_TRUE(find_in_field(segment.parts[part], all, letters.size(), found, open).has_value());
    for (std::size_t i = 0; i < letters.size(); ++i) {
      EXPECT_EQ(found.has(i), letters[i].fields[field].find(sought) != std::string::npos);
      EXPECT_FALSE(open.has(i));
    }
  }
}

TEST(SearchSegment, SaysWhatASearchOfEachTextSays) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  Model model(seed);
  for (int round = 0; round < 12; ++round) {
    std::vector<MemorySegment> segments(1 + (model.random()() % 4));
    std::vector<SegmentSource*> sources;
    std::vector<SearchLetter> living;
    std::set<std::int64_t> dead;
    std::int64_t email = 0;
    for (auto& segment : segments) {
      SegmentMaker maker;
      std::vector<SearchLetter> letters;
      for (auto count = model.random()() % 60; count > 0; --count) {
        email += 1 + (model.random()() % 1000);
        letters.push_back(model.letter(email));
        maker.add(letters.back());
        if (model.random()() % 5 == 0) {
          dead.insert(email);
        } else {
          living.push_back(letters.back());
        }
      }
      auto sink = segment.sink();
      ASSERT_TRUE(maker.finish(sink).has_value());
      for (int i = 0; i < 20; ++i) expect_same(segment, letters, folded(model.text(4)));
      sources.push_back(&segment);
    }
    MemorySegment merged;
    auto sink = merged.sink();
    const auto lives = [&](std::int64_t one) { return !dead.contains(one); };
    const auto count = merge_segments(sources, lives, sink);
    ASSERT_TRUE(count.has_value()) << count.error().log;
    EXPECT_EQ(*count, living.size());
    for (int i = 0; i < 60; ++i) expect_same(merged, living, folded(model.text(i < 50 ? 5 : 40)));
  }
}

// What is damaged gives an error or a wrong answer, never a fault.
TEST(SearchSegment, AnyOctetMayBeWrong) {
  Model model(7);
  MemorySegment segment;
  SegmentMaker maker;
  for (std::int64_t email = 1; email < 40; ++email) maker.add(model.letter(email));
  auto sink = segment.sink();
  ASSERT_TRUE(maker.finish(sink).has_value());
  for (const auto& [part, octets] : segment.parts) {
    for (std::size_t i = 0; i < octets.size(); i += 1 + (octets.size() / 200)) {
      auto wrong = segment;
      wrong.parts[part][i] = static_cast<char>(wrong.parts[part][i] ^ (1 << (i % 8)));
      static_cast<void>(SegmentLetters::decode(wrong.parts[SearchPart::letters]));
      if (auto words = SegmentWords::open(wrong)) {
        LetterBits found(39);
        static_cast<void>(words->find(wrong, "A", kInBody, found));
      }
      std::vector<SegmentSource*> sources{&wrong};
      MemorySegment out;
      auto to = out.sink();
      static_cast<void>(merge_segments(sources, [](std::int64_t) { return true; }, to));
    }
  }
}

TEST(SearchSegment, WhatIsTooLongIsLookedInto) {
  SegmentMaker maker;
  SearchLetter letter;
  letter.email = EmailId{5};
  letter.fields[0] = std::string(kMostFieldOctets + 1, 'A');
  letter.body = std::string(kMostBodyOctets, ' ') + "END";
  maker.add(letter);
  MemorySegment segment;
  auto sink = segment.sink();
  ASSERT_TRUE(maker.finish(sink).has_value());
  EXPECT_TRUE(SegmentLetters::decode(segment.parts[SearchPart::letters])->partial[0]);
  LetterBits found(1);
  LetterBits open(1);
  const std::vector<std::string> words{"B"};
  ASSERT_TRUE(find_in_field(segment.parts[SearchPart::from], words, 1, found, open).has_value());
  EXPECT_TRUE(open.has(0));
  EXPECT_FALSE(found.has(0));
}

}  // namespace
}  // namespace pabal::store
