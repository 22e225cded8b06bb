// The names of IMAP's commands (RFC 9051 §6 and the extensions' RFCs) and what is known of each before anyone has sent
// it. Floor 3: no sockets, no store.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pabal::imap {

enum class Verb : std::uint8_t {
  append,
  authenticate,
  cancelupdate,  ///< RFC 5267
  capability,
  check,  ///< rev1
  close,
  comparator,  ///< RFC 5255
  compress,    ///< RFC 4978
  copy,
  create,
  delete_,
  deleteacl,  ///< RFC 4314, as the other …ACL and …RIGHTS
  enable,
  esearch,  ///< RFC 7377
  examine,
  expunge,
  fetch,
  genurlauth,  ///< RFC 4467
  getacl,
  getmetadata,  ///< RFC 5464
  getquota,     ///< RFC 9208
  getquotaroot,
  id,  ///< RFC 2971
  idle,
  language,  ///< RFC 5255
  list,
  listrights,
  login,
  logout,
  lsub,  ///< rev1
  move,
  myrights,
  namespace_,
  noop,
  notify,  ///< RFC 5465
  rename,
  replace,   ///< RFC 8508
  resetkey,  ///< RFC 4467
  search,
  select,
  setacl,
  setmetadata,
  setquota,
  sort,  ///< RFC 5256
  starttls,
  status,
  store,
  subscribe,
  thread,          ///< RFC 5256
  uidbatches,      ///< RFC 10022
  unauthenticate,  ///< RFC 8437
  unselect,
  unsubscribe,
  urlfetch,  ///< RFC 4467
};
inline constexpr std::size_t kVerbs = static_cast<std::size_t>(Verb::urlfetch) + 1;

/// In which states a command is valid (RFC 9051 §3).
enum class ValidIn : std::uint8_t {
  any,
  not_authenticated,
  authenticated,  ///< authenticated or selected
  selected,
};

struct VerbInfo {
  Verb verb;
  std::string_view name;  ///< as it is written
  ValidIn valid = ValidIn::authenticated;
  bool with_uid = false;  ///< there is a form with UID before it
  /// The form without UID names messages by number, or its answer does: refused once UIDONLY is enabled (RFC 9586 §3).
  bool by_number = false;
};

[[nodiscard]] const VerbInfo& info(Verb verb) noexcept;
/// All of them, by name.
[[nodiscard]] const std::array<VerbInfo, kVerbs>& all_verbs() noexcept;
/// In any case; nothing for an unknown name, and for "UID".
[[nodiscard]] std::optional<Verb> verb_of(std::string_view name) noexcept;

}  // namespace pabal::imap
