// Tag lists (RFC 6376 §3.2): `v=1; a=rsa-sha256; …`, as DKIM's and ARC's fields and the records of DKIM and DMARC are
// written.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace pabal::mailauth {

struct Tag {
  std::string_view name;   ///< as written: names are case-sensitive
  std::string_view value;  ///< without white space at its ends; folding within it as it is
};

class TagList {
 public:
  /// At most so many tags: more make the list malformed.
  static constexpr std::size_t most_tags = 100;

  /// Reads a list; views into `text`. White space (folding included) may stand around names, `=` and values, and one
  /// `;` may end the list. Errors, `syntax`: a tag without `=`, a name that isn't one, an empty tag that isn't the
  /// last, a name that comes twice (which makes all of the list invalid), octets of control in a value, too many tags.
  [[nodiscard]] static Result<TagList> parse(std::string_view text);

  /// In the order of the text.
  [[nodiscard]] const std::vector<Tag>& all() const noexcept { return tags_; }
  /// The value; nothing where there is no such tag. An empty value is one.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
  [[nodiscard]] bool has(std::string_view name) const noexcept { return find(name).has_value(); }

 private:
  std::vector<Tag> tags_;
};

/// The value without any white space in it: base64, and what else may be folded anywhere.
[[nodiscard]] std::string without_white_space(std::string_view value);

/// The parts of a value between colons, without white space around each: `h=`, `q=`, `t=`, `s=`.
[[nodiscard]] std::vector<std::string_view> split_colons(std::string_view value);

}  // namespace pabal::mailauth
