// Address lists and Message-ID lists of any octets: well-formed UTF-8 without line ends, within the limits; and an
// address written out reads back as itself.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "message/address_list.hpp"

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

bool is_clean(std::string_view text) {
  return pabal::is_utf8(text) && text.find_first_of("\r\n") == std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::message;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  std::size_t count = 0;
  for (const auto& group : parse_address_list(body, 20)) {
    demand(is_clean(group.name));
    count += group.mailboxes.size() + (group.named ? 1 : 0);
    for (const auto& mailbox : group.mailboxes) {
      demand(is_clean(mailbox.name) && is_clean(mailbox.local_part) && is_clean(mailbox.domain) &&
             is_clean(mailbox.route));
      // A domain may be anything; what could be one reads back.
      const bool plain =
          !mailbox.domain.empty() && mailbox.domain.find_first_of(" \"()<>[]:;@\\,=?") == std::string::npos;
      if (!plain) continue;
      const auto again = parse_address_list("<" + mailbox.address() + ">");
      demand(again.size() == 1 && again[0].mailboxes.size() == 1);
      demand(again[0].mailboxes[0].local_part == mailbox.local_part && again[0].mailboxes[0].domain == mailbox.domain);
    }
  }
  demand(count <= 20);
  const auto ids = parse_message_ids(body, 20);
  demand(ids.size() <= 20);
  for (const auto& id : ids) demand(!id.empty() && is_clean(id));
  return 0;
}
