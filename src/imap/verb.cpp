#include "imap/verb.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pabal::imap {

namespace {

constexpr std::array<VerbInfo, kVerbs> kTable = {{
    {Verb::append, "APPEND", ValidIn::authenticated},
    {Verb::authenticate, "AUTHENTICATE", ValidIn::not_authenticated},
    {Verb::cancelupdate, "CANCELUPDATE", ValidIn::selected},
    {Verb::capability, "CAPABILITY", ValidIn::any},
    {Verb::check, "CHECK", ValidIn::selected},
    {Verb::close, "CLOSE", ValidIn::selected},
    {Verb::comparator, "COMPARATOR", ValidIn::authenticated},
    {Verb::compress, "COMPRESS", ValidIn::authenticated},
    {Verb::copy, "COPY", ValidIn::selected, true, true},
    {Verb::create, "CREATE", ValidIn::authenticated},
    {Verb::delete_, "DELETE", ValidIn::authenticated},
    {Verb::deleteacl, "DELETEACL", ValidIn::authenticated},
    {Verb::enable, "ENABLE", ValidIn::authenticated},
    {Verb::esearch, "ESEARCH", ValidIn::authenticated},
    {Verb::examine, "EXAMINE", ValidIn::authenticated},
    {Verb::expunge, "EXPUNGE", ValidIn::selected, true},
    {Verb::fetch, "FETCH", ValidIn::selected, true, true},
    {Verb::genurlauth, "GENURLAUTH", ValidIn::authenticated},
    {Verb::getacl, "GETACL", ValidIn::authenticated},
    {Verb::getmetadata, "GETMETADATA", ValidIn::authenticated},
    {Verb::getquota, "GETQUOTA", ValidIn::authenticated},
    {Verb::getquotaroot, "GETQUOTAROOT", ValidIn::authenticated},
    {Verb::id, "ID", ValidIn::any},
    {Verb::idle, "IDLE", ValidIn::authenticated},
    {Verb::language, "LANGUAGE", ValidIn::any},
    {Verb::list, "LIST", ValidIn::authenticated},
    {Verb::listrights, "LISTRIGHTS", ValidIn::authenticated},
    {Verb::login, "LOGIN", ValidIn::not_authenticated},
    {Verb::logout, "LOGOUT", ValidIn::any},
    {Verb::lsub, "LSUB", ValidIn::authenticated},
    {Verb::move, "MOVE", ValidIn::selected, true, true},
    {Verb::myrights, "MYRIGHTS", ValidIn::authenticated},
    {Verb::namespace_, "NAMESPACE", ValidIn::authenticated},
    {Verb::noop, "NOOP", ValidIn::any},
    {Verb::notify, "NOTIFY", ValidIn::authenticated},
    {Verb::rename, "RENAME", ValidIn::authenticated},
    {Verb::replace, "REPLACE", ValidIn::selected, true, true},
    {Verb::resetkey, "RESETKEY", ValidIn::authenticated},
    {Verb::search, "SEARCH", ValidIn::selected, true, true},
    {Verb::select, "SELECT", ValidIn::authenticated},
    {Verb::setacl, "SETACL", ValidIn::authenticated},
    {Verb::setmetadata, "SETMETADATA", ValidIn::authenticated},
    {Verb::setquota, "SETQUOTA", ValidIn::authenticated},
    {Verb::sort, "SORT", ValidIn::selected, true, true},
    {Verb::starttls, "STARTTLS", ValidIn::not_authenticated},
    {Verb::status, "STATUS", ValidIn::authenticated},
    {Verb::store, "STORE", ValidIn::selected, true, true},
    {Verb::subscribe, "SUBSCRIBE", ValidIn::authenticated},
    {Verb::thread, "THREAD", ValidIn::selected, true, true},
    {Verb::uidbatches, "UIDBATCHES", ValidIn::selected},
    {Verb::unauthenticate, "UNAUTHENTICATE", ValidIn::authenticated},
    {Verb::unselect, "UNSELECT", ValidIn::selected},
    {Verb::unsubscribe, "UNSUBSCRIBE", ValidIn::authenticated},
    {Verb::urlfetch, "URLFETCH", ValidIn::authenticated},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].verb) != i) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

const std::array<VerbInfo, kVerbs>& all_verbs() noexcept { return kTable; }

const VerbInfo& info(Verb verb) noexcept { return kTable[static_cast<std::size_t>(verb)]; }

std::optional<Verb> verb_of(std::string_view name) noexcept {
  const auto found =
      std::ranges::find_if(kTable, [&](const auto& entry) { return equal_ignoring_case(entry.name, name); });
  if (found == kTable.end()) return std::nullopt;
  return found->verb;
}

}  // namespace pabal::imap
