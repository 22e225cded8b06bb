#include "server/imap/flags.hpp"

#include <array>
#include <vector>

#include "imap/response.hpp"

namespace pabal::server::imap {

namespace {

namespace grammar = pabal::imap;
using store::Flags;

struct Pair {
  grammar::SystemFlags theirs;
  Flags ours;
};
constexpr std::array kSystem = {
    Pair{grammar::kAnswered, store::flag::answered}, Pair{grammar::kFlagged, store::flag::flagged},
    Pair{grammar::kDeleted, store::flag::deleted},   Pair{grammar::kSeen, store::flag::seen},
    Pair{grammar::kDraft, store::flag::draft},
};
// Keywords that the store has bits for, as the registry of RFC 5788 writes them.
struct Known {
  Flags flag;
  std::string_view name;
};
constexpr std::array kKeywords = {
    Known{store::flag::forwarded, "$Forwarded"}, Known{store::flag::mdn_sent, "$MDNSent"},
    Known{store::flag::junk, "$Junk"},           Known{store::flag::not_junk, "$NotJunk"},
    Known{store::flag::phishing, "$Phishing"},
};

}  // namespace

store::FlagSet flags_of(const grammar::FlagList& list) {
  store::FlagSet set;
  for (const auto& pair : kSystem) {
    if ((list.system & pair.theirs) != 0) set.flags |= pair.ours;
  }
  set.keywords = list.keywords;
  return set;
}

void append_flags(std::string& out, const store::MailboxSnapshot& snapshot, const store::MessageRow& row, bool recent) {
  grammar::SystemFlags system = 0;
  for (const auto& pair : kSystem) {
    if ((row.flags() & pair.ours) != 0) system = static_cast<grammar::SystemFlags>(system | pair.theirs);
  }
  const auto& own = snapshot.keywords(row);
  Flags known = 0;
  for (const auto& keyword : kKeywords) known |= row.flags() & keyword.flag;
  if (known == 0) {
    grammar::append_flags(out, system, own, recent);
    return;
  }
  std::vector<std::string> names;
  for (const auto& keyword : kKeywords) {
    if ((known & keyword.flag) != 0) names.emplace_back(keyword.name);
  }
  names.insert(names.end(), own.begin(), own.end());
  grammar::append_flags(out, system, names, recent);
}

std::string flags_in_use(const std::vector<std::string>& keywords, const store::FlagScope& scope) {
  std::vector<std::string> names;
  for (const auto& keyword : kKeywords) {
    if ((scope.flags & keyword.flag) != 0) names.emplace_back(keyword.name);
  }
  if (scope.keywords) names.insert(names.end(), keywords.begin(), keywords.end());
  grammar::SystemFlags system = 0;
  for (const auto& pair : kSystem) {
    if ((scope.flags & pair.ours) != 0) system = static_cast<grammar::SystemFlags>(system | pair.theirs);
  }
  std::string out;
  grammar::append_flags(out, system, names);
  return out;
}

}  // namespace pabal::server::imap
