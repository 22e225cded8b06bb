#include "message/mailboxes.hpp"

#include <string>

#include "base/text.hpp"

namespace pabal::message {

namespace {

constexpr int kDeepestComment = 32;

std::unexpected<Error> refuse(std::string_view field) {
  return fail(ErrorKind::syntax, "an address can't be read", "an address can't be read: " + printable(field));
}

/// Reads the list one lexical piece after another.
class ListReader {
 public:
  ListReader(std::string_view text, std::size_t limit) : text_(text), limit_(limit) {}

  Result<std::vector<EmailAddress>> run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      bool fine = true;
      switch (c) {
        case ' ':
        case '\t':
        case '\r':
        case '\n':
          ++at_;
          break;
        case '(':
          fine = skip_comment();
          break;
        case '"':
          fine = take_enclosed('"');
          break;
        case '[':
          fine = take_enclosed(']');
          break;
        case '<':
          fine = take_angle();
          break;
        case ':':
          // The words before were a group's name, or an obsolete route inside of < >.
          fine = in_angle_ ? words_.starts_with('@') : !in_group_ && !angle_seen_ && !words_.empty();
          in_group_ |= !in_angle_;
          words_.clear();
          ++at_;
          break;
        case '>':
          fine = in_angle_ && end_angle();
          ++at_;
          break;
        case ',':
          if (in_angle_) {
            fine = words_.starts_with('@');  // between the hosts of a route
            words_ += c;
          } else {
            fine = end_address();
          }
          ++at_;
          break;
        case ';':
          fine = in_group_ && !in_angle_ && end_address();
          in_group_ = false;
          ++at_;
          break;
        default:
          fine = !angle_seen_;
          words_ += c;
          ++at_;
      }
      if (!fine) return refuse(text_);
    }
    if (in_angle_ || !end_address()) return refuse(text_);
    return std::move(found_);
  }

 private:
  bool skip_comment() {
    int depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\\') {
        ++at_;
      } else if (c == '(') {
        if (++depth > kDeepestComment) return false;
      } else if (c == ')' && --depth == 0) {
        ++at_;
        return true;
      }
    }
    return false;
  }

  // A quoted string or a domain literal, with its ends, into the words.
  bool take_enclosed(char end) {
    if (angle_seen_) return false;
    words_ += text_[at_++];
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\r' || c == '\n') continue;
      words_ += c;
      if (c == end) return true;
      if (c == '\\' && at_ < text_.size()) words_ += text_[at_++];
    }
    return false;
  }

  bool take_angle() {
    if (in_angle_ || angle_seen_) return false;
    in_angle_ = true;
    words_.clear();  // the display name
    ++at_;
    return true;
  }

  bool end_angle() {
    in_angle_ = false;
    angle_seen_ = true;
    return take_address();
  }

  bool end_address() {
    const bool named = std::exchange(angle_seen_, false);
    return named || words_.empty() || take_address();
  }

  bool take_address() {
    auto address = EmailAddress::parse(words_);
    words_.clear();
    if (!address || found_.size() == limit_) return false;
    found_.push_back(*std::move(address));
    return true;
  }

  std::string_view text_;
  std::size_t limit_;
  std::size_t at_ = 0;
  std::string words_;  ///< of the address at hand, without white space and comments
  bool in_angle_ = false;
  bool angle_seen_ = false;  ///< the address at hand was in < >; nothing may follow but a comma
  bool in_group_ = false;
  std::vector<EmailAddress> found_;
};

}  // namespace

Result<std::vector<EmailAddress>> addresses_in(std::string_view field_body, std::size_t limit) {
  return ListReader(field_body, limit).run();
}

}  // namespace pabal::message
