#include "imap/mailbox_name.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "codec/unicode.hpp"
#include "imap/modified_utf7.hpp"

namespace pabal::imap {

namespace {

// Controls of ASCII and Latin-1, and the separators of lines and paragraphs (RFC 5198 §2; RFC 6855 §3).
bool has_controls(std::string_view utf8) noexcept {
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto octet = static_cast<unsigned char>(utf8[i]);
    if (octet < 0x20 || octet == 0x7F) return true;
    if (octet == 0xC2 && i + 1 < utf8.size() && static_cast<unsigned char>(utf8[i + 1]) < 0xA0) return true;
    const auto three = utf8.substr(i, 3);
    if (three == "\xE2\x80\xA8" || three == "\xE2\x80\xA9") return true;
  }
  return false;
}

// A first level "inbox" in any case is INBOX.
void fix_inbox(std::string& name) {
  if (!starts_with_ignoring_case(name, "INBOX")) return;
  if (name.size() == 5 || name[5] == kHierarchy) name.replace(0, 5, "INBOX");
}

std::unexpected<Error> invalid(std::string_view why) {
  return fail(ErrorKind::syntax, fmt::format("not a mailbox name: {}", why));
}

}  // namespace

Result<MailboxName> MailboxName::parse(std::string_view utf8) {
  if (utf8.empty()) return invalid("empty");
  if (utf8.size() > kLongestMailboxName) return invalid("too long");
  if (!is_utf8(utf8)) return invalid("not UTF-8");
  if (has_controls(utf8)) return invalid("control characters");
  std::string name = is_ascii(utf8) ? std::string(utf8) : codec::nfc(utf8);
  if (name.size() > kLongestMailboxName) return invalid("too long");
  const auto levels = split(name, kHierarchy);
  if (levels.size() > kMostMailboxLevels) return invalid("too many levels");
  for (const auto level : levels) {
    if (level.empty()) return invalid("an empty level");
    if (level == "." || level == "..") return invalid("a level of dots");
  }
  fix_inbox(name);
  return MailboxName(std::move(name));
}

Result<MailboxName> MailboxName::from_client(std::string_view text, bool utf8) {
  if (utf8) return parse(text);
  // Four letters of modified UTF-7 are three octets of UTF-16 at least.
  if (text.size() > 4 * kLongestMailboxName) return invalid("too long");
  const auto decoded = from_modified_utf7(text);
  if (!decoded) return invalid("not modified UTF-7");
  return parse(*decoded);
}

std::string MailboxName::for_client(bool utf8) const { return utf8 ? text_ : to_modified_utf7(text_); }

bool MailboxName::may_be_created() const noexcept {
  return text_.find_first_of("%*") == std::string::npos && !text_.starts_with('#');
}

std::optional<MailboxName> MailboxName::parent() const {
  const auto slash = text_.rfind(kHierarchy);
  if (slash == std::string::npos) return std::nullopt;
  return MailboxName(text_.substr(0, slash));
}

std::string_view MailboxName::last_level() const noexcept {
  return std::string_view(text_).substr(text_.rfind(kHierarchy) + 1);
}

bool MailboxName::is_below(const MailboxName& other) const noexcept {
  return text_.size() > other.text_.size() && text_[other.text_.size()] == kHierarchy && text_.starts_with(other.text_);
}

MailboxPattern::MailboxPattern(std::string_view utf8) : text_(is_ascii(utf8) ? std::string(utf8) : codec::nfc(utf8)) {
  // "**" finds what "*" does, and so does "*%": shorter patterns are quicker.
  std::string shorter;
  for (const char c : text_) {
    const bool after_star = shorter.ends_with('*');
    if (after_star && (c == '*' || c == '%')) continue;
    if (c == '%' && shorter.ends_with('%')) continue;
    if (c == '*' && shorter.ends_with('%')) shorter.pop_back();
    shorter += c;
  }
  text_ = std::move(shorter);
  fix_inbox(text_);
}

std::optional<MailboxPattern> MailboxPattern::from_client(std::string_view reference, std::string_view pattern,
                                                          bool utf8) {
  std::string whole = pattern.starts_with(kHierarchy) ? std::string() : std::string(reference);
  whole.append(pattern);
  if (whole.size() > 4 * kLongestMailboxName) return std::nullopt;
  if (!utf8) {
    auto decoded = from_modified_utf7(whole);
    if (!decoded) return std::nullopt;
    whole = std::move(*decoded);
  }
  if (!is_utf8(whole) || has_controls(whole)) return std::nullopt;
  return MailboxPattern(whole);
}

bool MailboxPattern::matches(std::string_view name) const {
  // INBOX without its case: a pattern "inbox" was put right, "in*" was not.
  const std::size_t any_case = name == "INBOX" || name.starts_with("INBOX/") ? 5 : 0;
  // Where a match of the pattern's first p characters can end: all such p at once, a bit each, so that no pattern
  // makes it try again and again.
  std::vector<char> now(text_.size() + 1, 0);
  std::vector<char> next(text_.size() + 1, 0);
  const auto close = [&](std::vector<char>& places) {
    for (std::size_t p = 0; p < text_.size(); ++p) {
      if (places[p] != 0 && (text_[p] == '*' || text_[p] == '%')) places[p + 1] = 1;
    }
  };
  now[0] = 1;
  close(now);
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    std::ranges::fill(next, 0);
    bool alive = false;
    for (std::size_t p = 0; p < text_.size(); ++p) {
      if (now[p] == 0) continue;
      const char wanted = text_[p];
      if (wanted == '*' || (wanted == '%' && c != kHierarchy)) {
        next[p] = 1;
        alive = true;
      } else if (wanted == c || (i < any_case && ascii_upper(wanted) == c)) {
        next[p + 1] = 1;
        alive = true;
      }
    }
    if (!alive) return false;
    close(next);
    now.swap(next);
  }
  return now[text_.size()] != 0;
}

}  // namespace pabal::imap
