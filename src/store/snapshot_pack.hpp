// The packed form of a mailbox's snapshot, as it is kept beside the rows (table mailbox_pack): some seven octets for a
// message instead of a row, so that a mailbox of a million is open in milliseconds. It is derived: one that is older
// than the rows is brought up to date by what has changed since, one that is damaged or of another version is made
// anew.
//
//   "PBLSNAP1"  checksum of all behind (XXH3-64)  head  keyword sets  blocks' descriptions  blocks' columns  padding
//
// Numbers have their lowest octet first.
#pragma once
#include <memory>
#include <string>

#include "base/error.hpp"
#include "store/mailbox_snapshot.hpp"

namespace pabal::store {

[[nodiscard]] std::string pack_snapshot(const MailboxSnapshot& snapshot);
/// Takes any octets. `damaged` where they aren't what was packed; else the snapshot holds them and unpacks what is
/// looked at.
[[nodiscard]] Result<std::shared_ptr<const MailboxSnapshot>> unpack_snapshot(std::string octets);

}  // namespace pabal::store
