#include "store/search_segment.hpp"

#include <algorithm>
#include <optional>
#include <queue>

#include "store/search_words.hpp"

namespace pabal::store {

namespace {

constexpr std::size_t kMarkEvery = 64;
constexpr char kCut = '\x01';  ///< at the end of a field's text: it was longer
constexpr std::size_t kSinkOctets = 64 << 10;

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorKind::damaged, "local error", fmt::format("a segment of the search index: {}", what));
}

void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

// Nothing at the end, or where it is too long.
std::optional<std::uint64_t> take_varint(std::string_view octets, std::size_t& at) noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at >= octets.size()) return std::nullopt;
    const auto octet = static_cast<unsigned char>(octets[at++]);
    value |= std::uint64_t{octet & 0x7FU} << shift;
    if ((octet & 0x80U) == 0) return value;
  }
  return std::nullopt;
}

SearchPart field_part(std::size_t field) noexcept {
  return static_cast<SearchPart>(static_cast<std::size_t>(SearchPart::from) + field);
}

// Text of a field as it is kept, behind its NUL.
void append_field(std::string& out, std::string_view text) {
  out += '\0';
  const auto begin = out.size();
  out += text.substr(0, kMostFieldOctets);
  std::replace(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), '\0', ' ');
  if (text.size() > kMostFieldOctets || text.ends_with(kCut)) out += kCut;
}

std::string encode_letters(const std::vector<std::int64_t>& emails, const std::vector<bool>& partial) {
  std::string out;
  append_varint(out, emails.size());
  std::int64_t before = 0;
  for (std::size_t i = 0; i < emails.size(); ++i) {
    append_varint(out, (static_cast<std::uint64_t>(emails[i] - before) << 1) | std::uint64_t{partial[i]});
    before = emails[i];
  }
  return out;
}

// Gathers a part's octets for a sink.
class Buffered {
 public:
  Buffered(SearchSink& sink, SearchPart part) : sink_(&sink), part_(part) {}
  [[nodiscard]] std::string& octets() noexcept { return octets_; }
  [[nodiscard]] Result<void> pass_on() {
    if (octets_.size() < kSinkOctets) return {};
    return finish();
  }
  [[nodiscard]] Result<void> finish() {
    if (octets_.empty()) return {};
    auto done = (*sink_)(part_, octets_);
    octets_.clear();
    return done;
  }

 private:
  SearchSink* sink_;
  SearchPart part_;
  std::string octets_;
};

// The three parts of words, entry by entry.
class WordWriter {
 public:
  explicit WordWriter(SearchSink& sink)
      : words_(sink, SearchPart::words), lengths_(sink, SearchPart::lengths), entries_(sink, SearchPart::entries) {}
  [[nodiscard]] Result<void> add(std::string_view word, std::string_view entry) {
    words_.octets() += '\0';
    words_.octets() += word;
    append_varint(lengths_.octets(), entry.size());
    entries_.octets() += entry;
    for (auto* part : {&words_, &lengths_, &entries_}) {
      if (auto passed = part->pass_on(); !passed) return passed;
    }
    return {};
  }
  [[nodiscard]] Result<void> finish() {
    for (auto* part : {&words_, &lengths_, &entries_}) {
      if (auto passed = part->finish(); !passed) return passed;
    }
    return {};
  }

 private:
  Buffered words_;
  Buffered lengths_;
  Buffered entries_;
};

}  // namespace

void SegmentMaker::add_words(std::string_view text, WordPlaces where) {
  const auto letter = static_cast<std::uint32_t>(emails_.size() - 1);
  for_each_word(text, [&](std::string_view word) {
    auto found = words_.find(word);
    if (found == words_.end()) {
      found = words_.emplace(std::string(word), Entry{}).first;
      memory_ += word.size() + 120;
    }
    auto& entry = found->second;
    if (entry.letter == letter) {
      entry.octets[entry.at] = static_cast<char>(entry.octets[entry.at] | where);
      return;
    }
    // Places count from 1, so that the first difference is above 0 too.
    const auto before = entry.letter == UINT32_MAX ? std::uint32_t{0} : entry.letter + 1;
    entry.at = entry.octets.size();
    append_varint(entry.octets, (std::uint64_t{letter + 1 - before} << 2) | where);
    memory_ += entry.octets.size() - entry.at;
    entry.letter = letter;
  });
}

void SegmentMaker::add(const SearchLetter& letter) {
  emails_.push_back(letter.email.value);
  partial_.push_back(letter.header.size() > kMostHeaderOctets || letter.body.size() > kMostBodyOctets);
  for (std::size_t i = 0; i < kSearchFields; ++i) {
    const auto before = fields_[i].size();
    append_field(fields_[i], letter.fields[i]);
    memory_ += fields_[i].size() - before;
  }
  add_words(std::string_view(letter.header).substr(0, kMostHeaderOctets), kInHeader);
  add_words(std::string_view(letter.body).substr(0, kMostBodyOctets), kInBody);
}

Result<void> SegmentMaker::finish(SearchSink& sink) {
  if (auto done = sink(SearchPart::letters, encode_letters(emails_, partial_)); !done) return done;
  for (std::size_t i = 0; i < kSearchFields; ++i) {
    if (auto done = sink(field_part(i), fields_[i]); !done) return done;
    fields_[i] = std::string();
  }
  std::vector<const std::pair<const std::string, Entry>*> order;
  order.reserve(words_.size());
  for (const auto& word : words_) order.push_back(&word);
  std::ranges::sort(order, {}, [](const auto* word) -> const std::string& { return word->first; });
  WordWriter writer(sink);
  for (const auto* word : order) {
    if (auto done = writer.add(word->first, word->second.octets); !done) return done;
  }
  return writer.finish();
}

Result<SegmentLetters> SegmentLetters::decode(std::string_view octets) {
  SegmentLetters out;
  std::size_t at = 0;
  const auto count = take_varint(octets, at);
  if (!count || *count > octets.size()) return damaged("the number of letters");
  std::int64_t before = 0;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto value = take_varint(octets, at);
    if (!value || (*value >> 1) == 0 || (*value >> 1) > static_cast<std::uint64_t>(INT64_MAX - before)) {
      return damaged("its letters");
    }
    before += static_cast<std::int64_t>(*value >> 1);
    out.emails.push_back(before);
    out.partial.push_back((*value & 1) != 0);
  }
  if (at != octets.size()) return damaged("more than its letters");
  return out;
}

Result<SegmentWords> SegmentWords::open(SegmentSource& source) {
  SegmentWords out;
  auto words = source.part(SearchPart::words);
  if (!words) return pass(words);
  auto lengths = source.part(SearchPart::lengths);
  if (!lengths) return pass(lengths);
  out.words_ = std::move(*words);
  out.lengths_ = std::move(*lengths);
  const std::string_view text = *out.words_;
  if (!text.empty() && text.front() != '\0') return damaged("its words");
  Mark mark;
  std::size_t at = 0;
  for (std::uint64_t word = 0; mark.word < text.size(); ++word) {
    if (word % kMarkEvery == 0) out.marks_.push_back(mark);
    const auto length = take_varint(*out.lengths_, at);
    if (!length || *length > UINT32_MAX) return damaged("a length");
    mark.length = at;
    mark.entry += *length;
    mark.word = std::min(text.find('\0', mark.word + 1), text.size());
  }
  if (at != out.lengths_->size()) return damaged("more lengths than words");
  return out;
}

namespace {

Result<void> read_entry(std::string_view entry, WordPlaces where, std::size_t letters, LetterBits& found) {
  std::uint64_t letter = 0;
  for (std::size_t at = 0; at < entry.size();) {
    const auto value = take_varint(entry, at);
    if (!value || (*value >> 2) == 0 || (*value >> 2) > letters - letter) return damaged("an entry");
    letter += *value >> 2;
    if ((*value & where) != 0) found.set(static_cast<std::size_t>(letter - 1));
  }
  return {};
}

}  // namespace

Result<void> SegmentWords::find(SegmentSource& source, std::string_view piece, WordPlaces where,
                                LetterBits& found) const {
  const std::string_view text = *words_;
  std::size_t mark = 0;
  std::size_t length_at = 0;
  std::uint64_t word = 0;
  std::uint64_t begin = 0;  // of the word's entry
  std::string entry;
  for (auto hit = text.find(piece); hit != std::string_view::npos;) {
    // On to the word that was hit: from the one before, or the last mark.
    while (mark < marks_.size() && marks_[mark].word < hit) {
      if (marks_[mark].word >= word) {
        word = marks_[mark].word;
        length_at = static_cast<std::size_t>(marks_[mark].length);
        begin = marks_[mark].entry;
      }
      ++mark;
    }
    auto next = std::min(text.find('\0', word + 1), text.size());
    auto length = take_varint(*lengths_, length_at).value_or(0);
    while (next <= hit) {
      begin += length;
      length = take_varint(*lengths_, length_at).value_or(0);
      word = next;
      next = std::min(text.find('\0', word + 1), text.size());
    }
    entry.clear();
    if (auto read = source.entries(begin, static_cast<std::size_t>(length), entry); !read) return read;
    if (auto read = read_entry(entry, where, found.size(), found); !read) return read;
    begin += length;
    word = next;
    hit = text.find(piece, next);
  }
  return {};
}

Result<void> find_in_field(std::string_view part, std::span<const std::string> words, std::size_t letters,
                           LetterBits& found, LetterBits& open) {
  std::size_t letter = 0;
  const auto holds = [&](std::string_view text) {
    return std::ranges::all_of(words,
                               [&](const std::string& word) { return text.find(word) != std::string_view::npos; });
  };
  // Most letters don't hold it: the octets are gone through for the first word, and letters are counted on the way.
  if (words.size() == 1 && !words.front().empty()) {
    std::size_t begin = 0;  // of the text at hand: its NUL
    std::size_t hit = part.find(words.front());
    for (; begin < part.size(); ++letter) {
      if (letter >= letters) return damaged("more texts than letters");
      const auto end = std::min(part.find('\0', begin + 1), part.size());
      if (hit < end) {
        found.set(letter);
        hit = part.find(words.front(), end);
      } else if (part[end - 1] == kCut) {
        open.set(letter);
      }
      begin = end;
    }
    return letter == letters ? Result<void>() : damaged("fewer texts than letters");
  }
  for (std::size_t begin = 0; begin < part.size(); ++letter) {
    if (letter >= letters) return damaged("more texts than letters");
    const auto end = std::min(part.find('\0', begin + 1), part.size());
    const auto text = part.substr(begin + 1, end - begin - 1);
    if (holds(text)) {
      found.set(letter);
    } else if (text.ends_with(kCut)) {
      open.set(letter);
    }
    begin = end;
  }
  return letter == letters ? Result<void>() : damaged("fewer texts than letters");
}

namespace {

// A segment that is gone through word by word.
class WordReader {
 public:
  [[nodiscard]] static Result<WordReader> open(SegmentSource& source, std::vector<std::uint32_t> places) {
    WordReader reader;
    auto words = source.part(SearchPart::words);
    if (!words) return pass(words);
    auto lengths = source.part(SearchPart::lengths);
    if (!lengths) return pass(lengths);
    reader.source_ = &source;
    reader.words_ = std::move(*words);
    reader.lengths_ = std::move(*lengths);
    reader.places_ = std::move(places);
    reader.look();
    return reader;
  }
  [[nodiscard]] bool ended() const noexcept { return at_ >= words_->size(); }
  [[nodiscard]] std::string_view word() const noexcept {
    return std::string_view(*words_).substr(at_ + 1, end_ - at_ - 1);
  }
  // Appends the entry of the word with the letters' new places behind `last`, which goes on; then comes the next word.
  [[nodiscard]] Result<void> take(std::string& out, std::uint64_t& last) {
    const auto length = take_varint(*lengths_, length_at_);
    if (!length || *length > UINT32_MAX) return damaged("a length");
    std::string entry;
    if (auto read = source_->entries(entry_at_, static_cast<std::size_t>(*length), entry); !read) return read;
    entry_at_ += *length;
    std::uint64_t letter = 0;
    for (std::size_t at = 0; at < entry.size();) {
      const auto value = take_varint(entry, at);
      if (!value || (*value >> 2) == 0 || (*value >> 2) > places_.size() - letter) return damaged("an entry");
      letter += *value >> 2;
      const auto place = places_[static_cast<std::size_t>(letter - 1)];
      if (place == 0) continue;
      append_varint(out, ((place - last) << 2) | (*value & 3));
      last = place;
    }
    at_ = end_;
    look();
    return {};
  }

 private:
  void look() { end_ = ended() ? at_ : std::min(words_->find('\0', at_ + 1), words_->size()); }

  SegmentSource* source_ = nullptr;
  std::shared_ptr<const std::string> words_;
  std::shared_ptr<const std::string> lengths_;
  std::vector<std::uint32_t> places_;  ///< new ones from 1 on, by the old; 0: gone
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::size_t length_at_ = 0;
  std::uint64_t entry_at_ = 0;
};

Result<void> merge_field(std::span<SegmentSource* const> sources, const std::vector<std::vector<std::uint32_t>>& places,
                         SearchPart field, SearchSink& sink) {
  Buffered out(sink, field);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    auto part = sources[i]->part(field);
    if (!part) return pass(part);
    const std::string_view text = **part;
    std::size_t letter = 0;
    for (std::size_t begin = 0; begin < text.size(); ++letter) {
      if (letter >= places[i].size()) return damaged("more texts than letters");
      const auto end = std::min(text.find('\0', begin + 1), text.size());
      if (places[i][letter] != 0) out.octets() += text.substr(begin, end - begin);
      if (auto passed = out.pass_on(); !passed) return passed;
      begin = end;
    }
    if (letter != places[i].size()) return damaged("fewer texts than letters");
  }
  return out.finish();
}

Result<void> merge_words(std::vector<WordReader>& readers, SearchSink& sink) {
  // The smallest word first; of the same, the first segment.
  const auto later = [&](std::size_t a, std::size_t b) {
    const auto compared = readers[a].word().compare(readers[b].word());
    return compared != 0 ? compared > 0 : a > b;
  };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> next(later);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    if (!readers[i].ended()) next.push(i);
  }
  WordWriter writer(sink);
  std::string entry;
  while (!next.empty()) {
    const std::string word(readers[next.top()].word());
    std::uint64_t last = 0;
    entry.clear();
    while (!next.empty() && readers[next.top()].word() == word) {
      const auto one = next.top();
      next.pop();
      if (auto taken = readers[one].take(entry, last); !taken) return taken;
      if (!readers[one].ended()) next.push(one);
    }
    if (entry.empty()) continue;
    if (auto added = writer.add(word, entry); !added) return added;
  }
  return writer.finish();
}

}  // namespace

Result<std::size_t> merge_segments(std::span<SegmentSource* const> sources,
                                   const std::function<bool(std::int64_t email)>& lives, SearchSink& sink) {
  std::vector<std::int64_t> emails;
  std::vector<bool> partial;
  std::vector<std::vector<std::uint32_t>> places;
  for (auto* const source : sources) {
    auto part = source->part(SearchPart::letters);
    if (!part) return pass(part);
    auto letters = SegmentLetters::decode(**part);
    if (!letters) return pass(letters);
    auto& its = places.emplace_back(letters->emails.size(), 0U);
    for (std::size_t i = 0; i < its.size(); ++i) {
      const auto email = letters->emails[i];
      if (!emails.empty() && email <= emails.back()) return damaged("letters out of order");
      if (!lives(email)) continue;
      emails.push_back(email);
      partial.push_back(letters->partial[i]);
      its[i] = static_cast<std::uint32_t>(emails.size());
    }
  }
  if (auto done = sink(SearchPart::letters, encode_letters(emails, partial)); !done) return pass(done);
  for (std::size_t i = 0; i < kSearchFields; ++i) {
    if (auto done = merge_field(sources, places, field_part(i), sink); !done) return pass(done);
  }
  std::vector<WordReader> readers;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    auto reader = WordReader::open(*sources[i], std::move(places[i]));
    if (!reader) return pass(reader);
    readers.push_back(std::move(*reader));
  }
  if (auto merged = merge_words(readers, sink); !merged) return pass(merged);
  return emails.size();
}

}  // namespace pabal::store
