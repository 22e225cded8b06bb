// How a client of the stress test synchronizes with a mailbox that it has left (RFC 7162 §3.2.5), and what it must know
// then.
#pragma once
#include "server/imap/stress_world.hpp"

namespace pabal::server::imap {

/// The parameter of SELECT, with the UIDs that the client knows where it wants to hear of those alone.
inline std::string resync_words(const StressClient& client, const Kept& kept, bool known, Random& random) {
  auto words = fmt::format(" (QRESYNC ({} {}", kept.mailbox->uid_validity, kept.modseq);
  std::vector<std::uint32_t> uids;
  for (const auto& [uid, flags] : kept.letters) uids.push_back(uid);
  if (known) words += " " + pabal::imap::NumberSet::of_sorted(uids).text();
  if (!client.uid_only && !uids.empty() && random.below(2) == 0) {
    // RFC 7162 §3.2.5.2: some numbers and their UIDs.
    std::vector<std::uint32_t> numbers;
    std::vector<std::uint32_t> theirs;
    for (std::size_t i = random.below(3); i < uids.size(); i += 1 + random.below(uids.size())) {
      numbers.push_back(static_cast<std::uint32_t>(i + 1));
      theirs.push_back(uids[i]);
    }
    if (!numbers.empty()) {
      words += fmt::format(" ({} {})", pabal::imap::NumberSet::of_sorted(numbers).text(),
                           pabal::imap::NumberSet::of_sorted(theirs).text());
    }
  }
  return words + "))";
}
/// What the client kept, and what it was told of the time since: that must be what is there.
inline void resynced(StressClient& client, const StressMailbox& mailbox, const Kept& kept, const Said& said,
                     bool known) {
  auto letters = kept.letters;
  for (const auto uid : said.vanished) {
    EXPECT_FALSE(mailbox.letters.contains(uid)) << "uid " << uid << " has vanished, and is there";
    letters.erase(uid);
  }
  for (const auto& one : said.fetched) {
    EXPECT_TRUE(one.uid && one.flags && one.modseq);
    if (known) EXPECT_TRUE(kept.letters.contains(*one.uid)) << "uid " << *one.uid << " wasn't asked for";
    letters[*one.uid] = one.flags;
  }
  for (const auto& [uid, flags] : letters) {
    EXPECT_TRUE(mailbox.letters.contains(uid)) << "uid " << uid << " is gone, and nobody said so";
  }
  for (auto& one : client.view) {
    const auto& letter = mailbox.letters.at(one.uid);
    const auto found = letters.find(one.uid);
    if (found == letters.end()) {
      EXPECT_TRUE(known || letter.modseq <= kept.modseq) << "uid " << one.uid << " is new, and nobody said so";
    } else if (found->second) {
      EXPECT_EQ(*found->second, letter.flags) << "uid " << one.uid;
      one.flags = found->second;
    }
  }
}

/// Whether a set of UIDs as it was sent names this one, "*" being the largest that there ever was.
inline bool is_in_set(std::string_view set, std::uint32_t uid) {
  if (set == "$") return false;
  return std::ranges::any_of(split(set, ','), [uid](std::string_view part) {
    const auto colon = part.find(':');
    const auto first = number_in(part.substr(0, colon));
    if (colon == std::string_view::npos) return first == uid;
    const auto behind = part.substr(colon + 1);
    return first <= uid && (behind == "*" || uid <= number_in(behind));
  });
}

}  // namespace pabal::server::imap
