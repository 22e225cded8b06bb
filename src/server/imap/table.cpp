#include <array>

#include "server/imap/commands.hpp"
#include "server/imap/multi_search.hpp"

namespace pabal::server::imap {

namespace {

constexpr auto kTable = [] {
  std::array<Handler, grammar::kVerbs> table{};
  const auto set = [&](Verb verb, Handler handler) { table[static_cast<std::size_t>(verb)] = handler; };
  set(Verb::authenticate, authenticate);
  set(Verb::cancelupdate, cancel_update);
  set(Verb::capability, capability);
  set(Verb::check, noop);
  set(Verb::close, close);
  set(Verb::comparator, comparator);
  set(Verb::compress, compress);
  set(Verb::copy, copy);
  set(Verb::create, create);
  set(Verb::delete_, delete_mailbox);
  set(Verb::deleteacl, set_acl);
  set(Verb::enable, enable);
  set(Verb::esearch, esearch);
  set(Verb::examine, select);
  set(Verb::expunge, expunge);
  set(Verb::fetch, fetch);
  set(Verb::genurlauth, gen_url_auth);
  set(Verb::getacl, get_acl);
  set(Verb::getmetadata, get_metadata);
  set(Verb::getquota, get_quota);
  set(Verb::getquotaroot, get_quota_root);
  set(Verb::id, id);
  set(Verb::idle, idle);
  set(Verb::language, language);
  set(Verb::list, list);
  set(Verb::listrights, list_rights);
  set(Verb::login, login);
  set(Verb::logout, logout);
  set(Verb::lsub, list);
  set(Verb::move, move);
  set(Verb::myrights, my_rights);
  set(Verb::namespace_, namespaces);
  set(Verb::noop, noop);
  set(Verb::notify, notify);
  set(Verb::rename, rename);
  set(Verb::resetkey, reset_key);
  set(Verb::search, search);
  set(Verb::select, select);
  set(Verb::setacl, set_acl);
  set(Verb::setmetadata, set_metadata);
  set(Verb::setquota, set_quota);
  set(Verb::sort, sort);
  set(Verb::starttls, starttls);
  set(Verb::status, status);
  set(Verb::store, store_flags);
  set(Verb::subscribe, subscribe);
  set(Verb::thread, thread);
  set(Verb::uidbatches, uid_batches);
  set(Verb::unauthenticate, unauthenticate);
  set(Verb::unselect, close);
  set(Verb::unsubscribe, subscribe);
  set(Verb::urlfetch, url_fetch);
  return table;
}();

}  // namespace

Handler handler_of(Verb verb) noexcept { return kTable[static_cast<std::size_t>(verb)]; }

grammar::Features features() noexcept {
  using enum grammar::Feature;
  return {acl,
          append_limit,
          binary,
          catenate,
          children,
          compress,
          condstore,
          context_search,
          context_sort,
          create_special_use,
          enable,
          esearch,
          esort,
          filters,
          i18n_level_2,
          id,
          idle,
          in_progress,
          language,
          list_extended,
          list_metadata,
          list_my_rights,
          list_status,
          metadata,
          move,
          multi_append,
          multi_search,
          namespaces,
          notify,
          object_id,
          partial,
          preview,
          qresync,
          quota,
          replace,
          save_date,
          search_fuzzy,
          search_result,
          sort,
          sort_display,
          special_use,
          status_size,
          thread_ordered_subject,
          thread_references,
          thread_refs,
          uid_batches,
          uid_only,
          uid_plus,
          unauthenticate,
          unselect,
          url_auth,
          url_auth_binary,
          url_partial,
          utf8_accept,
          within,
          rev2};
}

}  // namespace pabal::server::imap
