// SQLite's page cache, with one habit taken out.
//
// When SQLite balances a tree it orders pages anew, and for a moment gives one of them a number that no page of a
// database may have (of the one that would hold octet 2^30, where its file locks are). Its cache remembers the highest
// number that it ever saw; so a commit after such a move looks through the whole cache for pages behind the database's
// end, of which there are none. With 32 MiB of pages that is a sixth of a commit of 24 letters. (SQLite 3.40.)
//
// Our methods pass everything on to SQLite's own, and ask them to look only where there may be something.
#pragma once
#include <algorithm>

namespace pabal::db::sqlite {

/// What one cache knows of the numbers of its pages.
class PageNumbers {
 public:
  explicit PageNumbers(int page_size) noexcept
      : never_((kLockOctet / static_cast<unsigned>(std::max(page_size, kSmallestPage))) + 1) {}

  /// A page of this number is in the cache.
  void has(unsigned number) noexcept {
    if (number == never_) {
      has_never_ = true;
    } else {
      highest_ = std::max(highest_, number);
    }
  }
  void moved(unsigned before, unsigned number) noexcept {
    if (before == never_) has_never_ = false;
    has(number);
  }
  /// Pages from `first` on are to go; false if there are certainly none.
  [[nodiscard]] bool truncate(unsigned first) noexcept {
    const bool found = first <= highest_ || (has_never_ && first <= never_);
    if (first <= highest_) highest_ = first == 0 ? 0 : first - 1;
    if (first <= never_) has_never_ = false;
    return found;
  }

 private:
  static constexpr unsigned kLockOctet = 1U << 30;
  static constexpr int kSmallestPage = 512;

  unsigned never_;  ///< the number that no page of a database has
  bool has_never_ = false;
  unsigned highest_ = 0;  ///< no other page has a higher one
};

/// Gives SQLite our methods. To be called once, before its first use; changes nothing where that has been.
void use_page_cache();

}  // namespace pabal::db::sqlite
