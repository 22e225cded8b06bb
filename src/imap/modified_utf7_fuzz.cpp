// Any octets as modified UTF-7 and as a mailbox's name: there is one form only, and what is a name is one both ways.
#include <cstdint>
#include <cstdlib>

#include "base/text.hpp"
#include "imap/mailbox_name.hpp"
#include "imap/modified_utf7.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto decoded = imap::from_modified_utf7(input)) {
    if (!is_utf8(*decoded) || imap::to_modified_utf7(*decoded) != input) std::abort();
  }
  if (is_utf8(input)) {
    const auto encoded = imap::to_modified_utf7(input);
    if (!is_ascii(encoded) || imap::from_modified_utf7(encoded) != input) {
      // Controls of ASCII are encoded, and may be: only what can stand for itself may not.
      std::abort();
    }
  }
  for (const bool utf8 : {false, true}) {
    const auto name = imap::MailboxName::from_client(input, utf8);
    if (!name) continue;
    const auto again = imap::MailboxName::from_client(name->for_client(utf8), utf8);
    if (!again || *again != *name) std::abort();
    if (name->may_be_created() && !imap::MailboxPattern(name->text()).matches(name->text())) std::abort();
  }
  const auto half = input.size() / 2;
  if (const auto pattern = imap::MailboxPattern::from_client("", input.substr(0, half), true)) {
    if (pattern->matches(input.substr(half)) && pattern->is_literal() &&
        !equal_ignoring_case(pattern->text(), input.substr(half))) {
      std::abort();
    }
  }
  return 0;
}
