// The way of a letter, told from what the sites' traces say: who looked up what, who said what to whom, where it is.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/json.hpp"

namespace pabal::app {

/// What the sender's server did for the letter: a line for each look-up, each command and reply, and what came of it.
/// `traces` is what `pabal trace` answers. `waits`: with a last line for each recipient that waits.
[[nodiscard]] std::vector<std::string> way_out(const json::value& traces, bool waits);

/// By which keys the sender's server signed it, or why it didn't: a line for each.
[[nodiscard]] std::vector<std::string> signatures(const json::value& traces);

/// Where the receiver's server has put it: a line for each mailbox.
[[nodiscard]] std::vector<std::string> way_in(const json::value& traces);

/// What the sender's server tells him of the letter with that id ("failed", "delayed"), where `traces` are those of a
/// notice about it; else nothing.
[[nodiscard]] std::string bounce_about(const json::value& traces, std::string_view letter);

/// The email of which they are the traces, where it is in a mailbox.
[[nodiscard]] std::optional<EmailId> email_of(const json::value& traces);

/// A message's main fields and what its first text says to people, line by line.
[[nodiscard]] std::vector<std::string> words_of(std::string_view message);

/// Nothing of it waits any more.
[[nodiscard]] bool has_ended(const json::value& traces);

}  // namespace pabal::app
