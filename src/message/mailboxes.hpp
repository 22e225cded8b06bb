// The addresses of an address-list or mailbox-list (RFC 5322 §3.4, with the obsolete forms of §4.4): what From, Sender
// and Reply-To name, without the display names.
#pragma once
#include <string_view>
#include <vector>

#include "address/email_address.hpp"
#include "base/error.hpp"

namespace pabal::message {

/// Every address in the body of such a field, in order, groups' members too. An Error of kind syntax where one can't be
/// read. Empty list elements (",,") are stepped over; an empty field gives no address. At most `limit` addresses.
[[nodiscard]] Result<std::vector<EmailAddress>> addresses_in(std::string_view field_body, std::size_t limit = 1000);

}  // namespace pabal::message
