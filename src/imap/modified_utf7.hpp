// Modified UTF-7 (RFC 3501 §5.1.3), the names of mailboxes for clients that didn't ask for UTF-8.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace pabal::imap {

/// `utf8` is well-formed.
[[nodiscard]] std::string to_modified_utf7(std::string_view utf8);

/// Strict, so that no name can be written in two ways: only printable ASCII outside "&…-", only what can't stand for
/// itself inside, runs not side by side ("&AKA-&AKA-"), no padding, no left-over bits that are set, whole surrogate
/// pairs. Nothing for anything else.
[[nodiscard]] std::optional<std::string> from_modified_utf7(std::string_view text);

}  // namespace pabal::imap
