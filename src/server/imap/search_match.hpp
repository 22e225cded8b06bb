// Does a message match a SEARCH program (RFC 9051 §6.4.4)? Asked in steps, each dearer than the one before: by what the
// mailbox's snapshot says; by what was derived of the letter at delivery; by its octets. Most programs are answered for
// most messages before the letter is opened. No I/O, any thread.
//
// The keys that look for text are the program's leaves. What is known of a leaf beforehand (LeafTruths) is taken for
// granted, so that they can be asked elsewhere, and many of them piece by piece.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/collation.hpp"
#include "imap/search_program.hpp"
#include "message/derived.hpp"
#include "message/search_text.hpp"
#include "store/mailbox_api.hpp"

namespace pabal::server::imap {

/// Of the words of a text that is searched for inexactly, so many count.
inline constexpr std::size_t kMostFuzzyWords = 32;

enum class Truth : std::uint8_t { no, yes, unknown };

/// A key that looks for text, made ready.
struct SearchLeaf {
  pabal::imap::SearchKey::Kind kind{};
  const pabal::imap::SearchKey* key = nullptr;
  /// In the form that is compared. All must be there: the text itself, or, inexactly (RFC 6203), each of its words.
  std::vector<std::string> words;
  bool fuzzy = false;
};

/// A program made ready: its texts in the form that is compared, its sets resolved. The program must outlive it.
class SearchTerms {
 public:
  struct Facts {
    SystemTime now;
    std::uint32_t messages = 0;  ///< the largest number
    std::uint32_t largest_uid = 0;
    pabal::imap::NumberSet saved;  ///< UIDs of "$"
    codec::Collation collation = codec::Collation::unicode_casemap;
  };
  SearchTerms(const pabal::imap::SearchKey& program, const Facts& facts);

  struct Node {
    pabal::imap::SearchKey::Kind kind;
    const pabal::imap::SearchKey* key;
    pabal::imap::NumberSet set;  ///< UIDs where by_uid, else numbers
    bool by_uid = false;
    bool saved = false;  ///< "$": the terms' own set, by UIDs
    store::Flags flag = 0;
    std::size_t leaf = 0;  ///< of the keys that look for text
    std::vector<Node> children;
  };
  [[nodiscard]] const Node& root() const noexcept { return root_; }
  [[nodiscard]] const pabal::imap::NumberSet& saved() const noexcept { return saved_; }
  [[nodiscard]] const std::vector<SearchLeaf>& leaves() const noexcept { return leaves_; }
  /// How many keys: what a message costs.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] SystemTime now() const noexcept { return now_; }
  [[nodiscard]] codec::Collation collation() const noexcept { return collation_; }
  [[nodiscard]] bool mentions(pabal::imap::SearchKey::Kind kind) const noexcept {
    return pabal::imap::mentions(*program_, kind);
  }

 private:
  [[nodiscard]] Node make(const pabal::imap::SearchKey& key, const Facts& facts, bool fuzzy);
  void add_leaf(const pabal::imap::SearchKey& key, bool fuzzy);
  const pabal::imap::SearchKey* program_;
  SystemTime now_;
  codec::Collation collation_;
  pabal::imap::NumberSet saved_;
  std::vector<SearchLeaf> leaves_;
  std::size_t size_ = 0;
  Node root_;
};

/// What is known of a program's leaves for one message.
class LeafTruths {
 public:
  virtual ~LeafTruths() = default;
  [[nodiscard]] virtual Truth leaf(std::size_t leaf) const = 0;
};

/// The texts of one opened letter, in the form that is compared, and what its leaves say.
class LetterTexts final : public LeafTruths {
 public:
  LetterTexts(const SearchTerms& terms, std::string_view octets);
  [[nodiscard]] Truth leaf(std::size_t leaf) const override { return truths_[leaf]; }
  /// Asks leaves until about `octets` were looked through; false while some are left.
  [[nodiscard]] bool ask(std::size_t octets);

 private:
  [[nodiscard]] bool ask_leaf(const SearchLeaf& leaf, std::size_t& looked) const;

  const SearchTerms* terms_;
  std::vector<Truth> truths_;
  std::size_t next_ = 0;
  std::array<std::string, 5> fields_;                        ///< from, to, cc, bcc, subject
  std::vector<std::pair<std::string, std::string>> header_;  ///< names in lower case, texts
  std::string all_header_;
  std::string body_;
};

/// One message, as far as it is known.
struct Candidate {
  const store::MailboxSnapshot* snapshot = nullptr;
  const store::MessageRow* row = nullptr;
  std::uint32_t number = 0;
  bool recent = false;
  const store::EmailRow* email = nullptr;     ///< second step
  const message::Derived* derived = nullptr;  ///< second step, where it is to be had
  std::optional<SystemTime> saved{};          ///< second step, where it is asked for
  const LeafTruths* leaves = nullptr;         ///< where some are known
  /// Of the derived facts in the form that is compared, made when they are first needed.
  mutable std::array<std::optional<std::string>, 5> fields{};
};

[[nodiscard]] Truth matches(const SearchTerms& terms, const Candidate& candidate);

/// The words of a text that is searched for inexactly: what white space and punctuation stand between.
[[nodiscard]] std::vector<std::string> fuzzy_words(std::string_view utf8);

}  // namespace pabal::server::imap
