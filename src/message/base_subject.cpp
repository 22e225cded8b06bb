#include "message/base_subject.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pabal::message {

namespace {

constexpr std::string_view kForwardHeader = "[fwd:";
constexpr std::string_view kTrailer = "(fwd)";
// RFC 5256's own words, and those of mailers in other languages.
constexpr std::string_view kWords[] = {"fwd", "fw", "re"};
constexpr std::string_view kMoreWords[] = {
    "antwort", "antw", "aw",   "wg",   "sv",   "vs",   "vl",   "vb",   "res",  "enc",        "rv",  "tr",   "ref",
    "rif",     "odp",  "pd",   "ynt",  "ilt",  "bls",  "trs",  "atb",  "vá",   "továbbítás", "hs",  "σχετ", "πρθ",
    "回复",    "答复", "转发", "回覆", "轉寄", "返信", "転送", "회신", "답장", "답신",       "전달"};
constexpr std::string_view kWideColon = "\uFF1A";

// One line, runs of white space as one space (RFC 5256 §2.1 step 1).
std::string collapsed(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool white = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!white) {
      out += c;
    } else if (!out.ends_with(' ')) {
      out += ' ';
    }
  }
  return out;
}

class Stripper {
 public:
  Stripper(std::string_view text, bool more_words) : text_(text), more_words_(more_words) {}

  BaseSubject run() && {
    do {
      while (trailer()) {
      }
      do {
        while (leader()) {
        }
      } while (lone_blob());
    } while (forward_header());
    return {std::string(text_), changed_};
  }

 private:
  bool trailer() noexcept {
    if (text_.ends_with(' ')) {
      text_.remove_suffix(1);
      return true;
    }
    if (text_.size() < kTrailer.size() ||
        !equal_ignoring_case(text_.substr(text_.size() - kTrailer.size()), kTrailer)) {
      return false;
    }
    text_.remove_suffix(kTrailer.size());
    return changed_ = true;
  }

  // subj-blob = "[" *BLOBCHAR "]" *WSP: how long one at `at` is; 0 where there is none.
  [[nodiscard]] std::size_t blob_at(std::size_t at) const noexcept {
    if (at >= text_.size() || text_[at] != '[') return 0;
    const auto end = text_.find_first_of("[]", at + 1);
    if (end == std::string_view::npos || text_[end] == '[') return 0;
    std::size_t behind = end + 1;
    while (behind < text_.size() && text_[behind] == ' ') ++behind;
    return behind - at;
  }

  [[nodiscard]] std::size_t word_at(std::size_t at) const noexcept {
    const auto rest = text_.substr(at);
    const auto stands = [&](std::string_view word) {
      if (!starts_with_ignoring_case(rest, word) || rest.size() == word.size()) return false;
      const char next = rest[word.size()];
      return next == ' ' || next == '[' || next == ':' || next == kWideColon[0];
    };
    for (const auto word : kWords) {
      if (stands(word)) return word.size();
    }
    if (!more_words_) return 0;
    for (const auto word : kMoreWords) {
      if (stands(word)) return word.size();
    }
    return 0;
  }

  // subj-leader = (*subj-blob subj-refwd) / WSP
  bool leader() noexcept {
    if (text_.starts_with(' ')) {
      text_.remove_prefix(1);
      return true;
    }
    // Many blobs without a refwd behind them are gone through once: each is then taken alone.
    if (blobs_end_ > 0) return false;
    std::size_t at = 0;
    while (const auto blob = blob_at(at)) at += blob;
    const std::size_t blobs = at;
    const auto word = word_at(at);
    if (word > 0) {
      at += word;
      while (at < text_.size() && text_[at] == ' ') ++at;
      at += blob_at(at);
      std::size_t colon = at < text_.size() && text_[at] == ':' ? 1 : 0;
      if (colon == 0 && more_words_ && text_.substr(at).starts_with(kWideColon)) colon = kWideColon.size();
      if (colon > 0) {
        text_.remove_prefix(at + colon);
        return changed_ = true;
      }
    }
    blobs_end_ = blobs;
    return false;
  }

  // A blob that leaves something behind it.
  bool lone_blob() noexcept {
    const auto blob = blob_at(0);
    if (blob == 0 || blob >= text_.size()) {
      blobs_end_ = 0;
      return false;
    }
    text_.remove_prefix(blob);
    blobs_end_ -= std::min(blobs_end_, blob);
    return true;
  }

  bool forward_header() noexcept {
    if (!starts_with_ignoring_case(text_, kForwardHeader) || !text_.ends_with(']')) return false;
    text_.remove_prefix(kForwardHeader.size());
    text_.remove_suffix(1);
    return changed_ = true;
  }

  std::string_view text_;
  bool more_words_;
  bool changed_ = false;
  std::size_t blobs_end_ = 0;  ///< no subj-leader begins before, only blobs
};

}  // namespace

BaseSubject base_subject(std::string_view decoded_subject) {
  const std::string text = collapsed(decoded_subject);
  return Stripper(text, false).run();
}

std::string thread_subject(std::string_view decoded_subject) {
  const std::string text = collapsed(decoded_subject);
  std::string out = to_lower(Stripper(text, true).run().text);
  std::erase(out, ' ');
  return out;
}

}  // namespace pabal::message
