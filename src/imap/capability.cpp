#include "imap/capability.hpp"

#include <array>

namespace pabal::imap {

namespace {

struct Announced {
  Feature feature;
  std::string_view words;
  bool before_login = false;
};
constexpr std::array kTable = {
    Announced{Feature::acl, "ACL RIGHTS=texk"},
    Announced{Feature::binary, "BINARY"},
    Announced{Feature::catenate, "CATENATE"},
    Announced{Feature::children, "CHILDREN"},
    Announced{Feature::condstore, "CONDSTORE"},
    Announced{Feature::context_search, "CONTEXT=SEARCH"},
    Announced{Feature::context_sort, "CONTEXT=SORT"},
    Announced{Feature::create_special_use, "CREATE-SPECIAL-USE"},
    Announced{Feature::enable, "ENABLE", true},  // Python's imaplib asks no more after the login
    Announced{Feature::esearch, "ESEARCH"},
    Announced{Feature::esort, "ESORT"},
    Announced{Feature::filters, "FILTERS"},
    Announced{Feature::i18n_level_2, "I18NLEVEL=2"},
    Announced{Feature::id, "ID", true},
    Announced{Feature::idle, "IDLE"},
    Announced{Feature::in_progress, "INPROGRESS"},
    Announced{Feature::jmap_access, "JMAPACCESS"},
    Announced{Feature::language, "LANGUAGE", true},
    Announced{Feature::list_extended, "LIST-EXTENDED"},
    Announced{Feature::list_metadata, "LIST-METADATA"},
    Announced{Feature::list_my_rights, "LIST-MYRIGHTS"},
    Announced{Feature::list_status, "LIST-STATUS"},
    Announced{Feature::metadata, "METADATA"},
    Announced{Feature::move, "MOVE"},
    Announced{Feature::multi_append, "MULTIAPPEND"},
    Announced{Feature::multi_search, "MULTISEARCH"},
    Announced{Feature::namespaces, "NAMESPACE"},
    Announced{Feature::notify, "NOTIFY"},
    Announced{Feature::object_id, "OBJECTID"},
    Announced{Feature::partial, "PARTIAL"},
    Announced{Feature::preview, "PREVIEW"},
    Announced{Feature::qresync, "QRESYNC"},
    Announced{Feature::quota, "QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE QUOTA=RES-MAILBOX"},
    Announced{Feature::replace, "REPLACE"},
    Announced{Feature::save_date, "SAVEDATE"},
    Announced{Feature::search_fuzzy, "SEARCH=FUZZY"},
    Announced{Feature::search_result, "SEARCHRES"},
    Announced{Feature::sort, "SORT"},
    Announced{Feature::sort_display, "SORT=DISPLAY"},
    Announced{Feature::special_use, "SPECIAL-USE"},
    Announced{Feature::status_size, "STATUS=SIZE"},
    Announced{Feature::thread_ordered_subject, "THREAD=ORDEREDSUBJECT"},
    Announced{Feature::thread_references, "THREAD=REFERENCES"},
    Announced{Feature::thread_refs, "THREAD=REFS"},
    Announced{Feature::uid_batches, "UIDBATCHES"},
    Announced{Feature::uid_only, "UIDONLY"},
    Announced{Feature::uid_plus, "UIDPLUS"},
    Announced{Feature::unauthenticate, "UNAUTHENTICATE"},
    Announced{Feature::unselect, "UNSELECT"},
    Announced{Feature::url_auth, "URLAUTH"},
    Announced{Feature::url_auth_binary, "URLAUTH=BINARY"},
    Announced{Feature::url_partial, "URL-PARTIAL"},
    Announced{Feature::utf8_accept, "UTF8=ACCEPT"},
    Announced{Feature::within, "WITHIN"},
};

}  // namespace

std::string capabilities(const CapabilityFacts& facts) {
  const auto has = [&](Feature feature) { return facts.features.has(feature); };
  std::string out = has(Feature::rev2) ? "IMAP4rev2 IMAP4rev1" : "IMAP4rev1";
  const auto put = [&](std::string_view words) { out.append(" ").append(words); };
  put(facts.literal_minus ? "LITERAL-" : "LITERAL+");
  for (const auto& announced : kTable) {
    if (has(announced.feature) && (facts.logged_in || announced.before_login)) put(announced.words);
  }
  if (!facts.logged_in) {
    if (!facts.tls && facts.tls_available) put("STARTTLS");
    // RFC 9051 §7.2.2.
    if (!facts.plaintext_allowed) put("LOGINDISABLED");
    if (!facts.mechanisms.empty()) put("SASL-IR");
    for (const auto mechanism : facts.mechanisms) put(fmt::format("AUTH={}", mechanism));
    return out;
  }
  if (has(Feature::quota) && facts.may_set_quotas) put("QUOTASET");
  // RFC 4978 §3: it can't be started twice.
  if (has(Feature::compress) && !facts.compressed) put("COMPRESS=DEFLATE");
  if (has(Feature::append_limit)) {
    put(facts.append_limit ? fmt::format("APPENDLIMIT={}", *facts.append_limit) : std::string("APPENDLIMIT"));
  }
  if (facts.message_limit) put(fmt::format("MESSAGELIMIT={}", *facts.message_limit));
  if (facts.save_limit) put(fmt::format("SAVELIMIT={}", *facts.save_limit));
  return out;
}

}  // namespace pabal::imap
