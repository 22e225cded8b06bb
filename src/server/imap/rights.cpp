#include "server/imap/rights.hpp"

#include <algorithm>

namespace pabal::server::imap {

namespace {

constexpr std::string_view kLetters = "lrswipkxtea";  // in the order of the bits
constexpr Rights kVirtualC = right::create | right::delete_mailbox;
constexpr Rights kVirtualD = right::delete_messages | right::expunge;

}  // namespace

std::optional<Rights> rights_of(std::string_view letters) {
  Rights rights = 0;
  for (const char letter : letters) {
    const auto at = kLetters.find(letter);
    if (at != std::string_view::npos) {
      rights = static_cast<Rights>(rights | (1U << at));
    } else if (letter == 'c') {
      rights |= kVirtualC;
    } else if (letter == 'd') {
      rights |= kVirtualD;
    } else {
      return std::nullopt;
    }
  }
  return rights;
}

std::string stored_text(Rights rights) {
  std::string out;
  for (std::size_t i = 0; i < kLetters.size(); ++i) {
    if ((rights >> i & 1U) != 0) out += kLetters[i];
  }
  return out;
}

std::string text_of(Rights rights) {
  auto out = stored_text(rights & ~right::admin);
  if ((rights & kVirtualC) != 0) out += 'c';
  if ((rights & kVirtualD) != 0) out += 'd';
  if ((rights & right::admin) != 0) out += 'a';
  return out;
}

std::vector<std::string> identifiers_of(std::string_view user) {
  std::vector<std::string> out;
  for (const std::string_view name : {user, std::string_view("anyone"), std::string_view("authenticated")}) {
    out.emplace_back(name);
    out.push_back("-" + std::string(name));
  }
  return out;
}

Rights rights_by(std::span<const store::AccessEntry> entries, std::string_view user, bool owner) {
  Rights given = 0;
  Rights taken = 0;
  bool named = false;
  for (const auto& entry : entries) {
    std::string_view identifier = entry.identifier;
    const bool negative = identifier.starts_with('-');
    if (negative) identifier.remove_prefix(1);
    if (identifier != user && identifier != "anyone" && identifier != "authenticated") continue;
    const auto rights = rights_of(entry.rights).value_or(0);
    (negative ? taken : given) |= rights;
    named = named || (!negative && identifier == user);
  }
  if (owner && !named) given = right::all;
  const auto left = static_cast<Rights>(given & ~taken);
  return owner ? static_cast<Rights>(left | right::owners) : left;
}

store::FlagScope scope_of(Rights rights) {
  constexpr auto kOthers = ~(store::flag::seen | store::flag::deleted);
  store::FlagScope scope{.flags = 0, .keywords = (rights & right::write) != 0};
  if ((rights & right::seen) != 0) scope.flags |= store::flag::seen;
  if ((rights & right::delete_messages) != 0) scope.flags |= store::flag::deleted;
  if ((rights & right::write) != 0) scope.flags |= kOthers;
  return scope;
}

store::FlagSet permitted(store::FlagSet flags, const store::FlagScope& scope) {
  flags.flags &= scope.flags;
  // "$seen" is \Seen by another name.
  std::erase_if(flags.keywords, [&](const std::string& name) {
    const auto bit = store::flag_of_keyword(name);
    return bit != 0 ? (bit & scope.flags) == 0 : !scope.keywords;
  });
  return flags;
}

}  // namespace pabal::server::imap
