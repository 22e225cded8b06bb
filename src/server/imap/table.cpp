#include <array>

#include "server/imap/commands.hpp"

namespace pabal::server::imap {

namespace {

constexpr auto kTable = [] {
  std::array<Handler, grammar::kVerbs> table{};
  const auto set = [&](Verb verb, Handler handler) { table[static_cast<std::size_t>(verb)] = handler; };
  set(Verb::authenticate, authenticate);
  set(Verb::capability, capability);
  set(Verb::check, noop);
  set(Verb::close, close);
  set(Verb::compress, compress);
  set(Verb::copy, copy);
  set(Verb::create, create);
  set(Verb::delete_, delete_mailbox);
  set(Verb::enable, enable);
  set(Verb::examine, select);
  set(Verb::expunge, expunge);
  set(Verb::fetch, fetch);
  set(Verb::id, id);
  set(Verb::idle, idle);
  set(Verb::language, language);
  set(Verb::list, list);
  set(Verb::login, login);
  set(Verb::logout, logout);
  set(Verb::lsub, list);
  set(Verb::move, move);
  set(Verb::namespace_, namespaces);
  set(Verb::noop, noop);
  set(Verb::rename, rename);
  set(Verb::search, search);
  set(Verb::select, select);
  set(Verb::starttls, starttls);
  set(Verb::status, status);
  set(Verb::store, store_flags);
  set(Verb::subscribe, subscribe);
  set(Verb::unauthenticate, unauthenticate);
  set(Verb::unselect, close);
  set(Verb::unsubscribe, subscribe);
  return table;
}();

}  // namespace

Handler handler_of(Verb verb) noexcept { return kTable[static_cast<std::size_t>(verb)]; }

grammar::Features features() noexcept {
  using enum grammar::Feature;
  return {append_limit,
          in_progress,
          language,
          catenate,
          compress,
          replace,
          uid_only,
          binary,
          children,
          condstore,
          create_special_use,
          enable,
          esearch,
          id,
          idle,
          list_extended,
          list_status,
          move,
          multi_append,
          namespaces,
          object_id,
          partial,
          preview,
          qresync,
          save_date,
          search_result,
          special_use,
          status_size,
          uid_plus,
          unauthenticate,
          unselect,
          utf8_accept,
          within,
          rev2};
}

}  // namespace pabal::server::imap
