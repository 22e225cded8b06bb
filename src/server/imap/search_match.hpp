// Does a message match a SEARCH program (RFC 9051 §6.4.4)? Asked in steps, each dearer than the one before: by what the
// mailbox's snapshot says; by what was derived of the letter at delivery; by its octets. Most programs are answered for
// most messages before the letter is opened.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "imap/search_program.hpp"
#include "message/derived.hpp"
#include "message/search_text.hpp"
#include "store/mailbox_api.hpp"

namespace pabal::server::imap {

enum class Truth : std::uint8_t { no, yes, unknown };

/// A program made ready: its texts in the form that is compared, its sets resolved.
class SearchTerms {
 public:
  struct Facts {
    SystemTime now;
    std::uint32_t messages = 0;  ///< the largest number
    std::uint32_t largest_uid = 0;
    pabal::imap::NumberSet saved;  ///< UIDs of "$"
  };
  SearchTerms(const pabal::imap::SearchKey& program, const Facts& facts);

  struct Node {
    pabal::imap::SearchKey::Kind kind;
    const pabal::imap::SearchKey* key;
    std::string text;            ///< folded for comparison
    pabal::imap::NumberSet set;  ///< UIDs where by_uid, else numbers
    bool by_uid = false;
    store::Flags flag = 0;
    std::vector<Node> children;
  };
  [[nodiscard]] const Node& root() const noexcept { return root_; }
  [[nodiscard]] SystemTime now() const noexcept { return now_; }

 private:
  [[nodiscard]] Node make(const pabal::imap::SearchKey& key, const Facts& facts);
  SystemTime now_;
  Node root_;
};

/// One message, as far as it is known.
struct Candidate {
  const store::MailboxSnapshot* snapshot = nullptr;
  const store::MessageRow* row = nullptr;
  std::uint32_t number = 0;
  bool recent = false;
  const store::EmailRow* email = nullptr;             ///< second step
  const message::Derived* derived = nullptr;          ///< second step, where it is to be had
  std::optional<SystemTime> saved{};                  ///< second step, where it is asked for
  const std::string* octets = nullptr;                ///< third step
  mutable std::optional<message::SearchText> text{};  ///< made of the octets when it is first needed, folded
};

[[nodiscard]] Truth matches(const SearchTerms& terms, const Candidate& candidate);

/// The form in which texts are compared (case, width and composition don't matter).
[[nodiscard]] std::string folded(std::string_view utf8);

}  // namespace pabal::server::imap
