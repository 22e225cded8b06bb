#include "imap/rules.hpp"

#include <algorithm>

namespace pabal::imap {

namespace {

Refusal bad(RefusalText text, std::string code = {}) { return {Refusal::Status::bad, std::move(code), text}; }
Refusal no(RefusalText text, std::string code = {}) { return {Refusal::Status::no, std::move(code), text}; }

// Which feature a command is part of; nothing for those that every server has.
std::optional<Feature> feature_of(Verb verb) noexcept {
  switch (verb) {
    case Verb::cancelupdate:
      return Feature::context_search;
    case Verb::comparator:
      return Feature::i18n_level_2;
    case Verb::compress:
      return Feature::compress;
    case Verb::deleteacl:
    case Verb::getacl:
    case Verb::listrights:
    case Verb::myrights:
    case Verb::setacl:
      return Feature::acl;
    case Verb::enable:
      return Feature::enable;
    case Verb::esearch:
      return Feature::multi_search;
    case Verb::genurlauth:
    case Verb::resetkey:
    case Verb::urlfetch:
      return Feature::url_auth;
    case Verb::getmetadata:
    case Verb::setmetadata:
      return Feature::metadata;
    case Verb::getquota:
    case Verb::getquotaroot:
    case Verb::setquota:
      return Feature::quota;
    case Verb::id:
      return Feature::id;
    case Verb::idle:
      return Feature::idle;
    case Verb::language:
      return Feature::language;
    case Verb::move:
      return Feature::move;
    case Verb::namespace_:
      return Feature::namespaces;
    case Verb::notify:
      return Feature::notify;
    case Verb::replace:
      return Feature::replace;
    case Verb::sort:
      return Feature::sort;
    case Verb::unauthenticate:
      return Feature::unauthenticate;
    case Verb::unselect:
      return Feature::unselect;
    default:
      return std::nullopt;
  }
}

std::optional<Feature> feature_of(FetchItem::Kind kind) noexcept {
  using Kind = FetchItem::Kind;
  switch (kind) {
    case Kind::binary:
    case Kind::binary_size:
      return Feature::binary;
    case Kind::modseq:
      return Feature::condstore;
    case Kind::preview:
      return Feature::preview;
    case Kind::email_id:
    case Kind::thread_id:
      return Feature::object_id;
    case Kind::save_date:
      return Feature::save_date;
    default:
      return std::nullopt;
  }
}

std::optional<Feature> feature_of(SearchKey::Kind kind) noexcept {
  using Kind = SearchKey::Kind;
  switch (kind) {
    case Kind::saved_before:
    case Kind::saved_on:
    case Kind::saved_since:
    case Kind::save_date_supported:
      return Feature::save_date;
    case Kind::older:
    case Kind::younger:
      return Feature::within;
    case Kind::modseq:
      return Feature::condstore;
    case Kind::email_id:
    case Kind::thread_id:
      return Feature::object_id;
    case Kind::filter:
      return Feature::filters;
    case Kind::fuzzy:
      return Feature::search_fuzzy;
    default:
      return std::nullopt;
  }
}

bool all_served(const SearchKey& key, const Features& features) noexcept {
  const auto feature = feature_of(key.kind);
  return (!feature || features.has(*feature)) &&
         std::ranges::all_of(key.children, [&](const SearchKey& child) { return all_served(child, features); });
}

// What of a search isn't served here.
std::optional<Refusal> search_refusal(const SearchReturn& returns, const SearchProgram& program,
                                      const Features& features) {
  const auto off = [&](bool asked, Feature feature) { return asked && !features.has(feature); };
  const bool unknown = off(returns.given, Feature::esearch) || off(returns.save, Feature::search_result) ||
                       off(returns.update || returns.context, Feature::context_search) ||
                       off(returns.relevancy, Feature::search_fuzzy) ||
                       (returns.partial && !features.has(Feature::partial) && !features.has(Feature::context_search));
  if (unknown) return bad("unknown result option");
  if (!all_served(program.key, features)) return bad("unknown search key");
  return std::nullopt;
}

// RFC 6855 §3. SORT and THREAD, whose grammar wants a charset, are not meant.
bool charset_is_off(const SearchProgram& program, const SessionFacts& facts) noexcept {
  return facts.utf8_accept && !program.charset.empty();
}

std::optional<Refusal> state_refusal(ValidIn valid, SessionState state) {
  if (state == SessionState::logout) return bad("the session is at its end");
  const bool before_login = state == SessionState::not_authenticated;
  switch (valid) {
    case ValidIn::any:
      return std::nullopt;
    case ValidIn::not_authenticated:
      if (!before_login) return bad("already logged in");
      return std::nullopt;
    case ValidIn::authenticated:
      if (before_login) return bad("log in first");
      return std::nullopt;
    case ValidIn::selected:
      if (before_login) return bad("log in first");
      if (state != SessionState::selected) return bad("no mailbox is selected");
      return std::nullopt;
  }
  return std::nullopt;
}

bool changes_the_mailbox(Verb verb) noexcept {
  return verb == Verb::store || verb == Verb::expunge || verb == Verb::move || verb == Verb::replace;
}

std::optional<Refusal> fetch_refusal(const Command& command, const SessionFacts& facts) {
  const auto& fetch = std::get<Fetch>(command.arguments);
  const auto served = [&](const FetchItem& item) {
    const auto feature = feature_of(item.kind);
    return !feature || facts.features.has(*feature);
  };
  if (!std::ranges::all_of(fetch.items, served)) return bad("unknown item of FETCH");
  const auto& modifiers = fetch.modifiers;
  if ((modifiers.changed_since && !facts.features.has(Feature::condstore)) ||
      (modifiers.partial && !facts.features.has(Feature::partial))) {
    return bad("unknown modifier");
  }
  // RFC 7162 §3.2.6.
  if (modifiers.vanished && !facts.qresync) return bad("VANISHED needs ENABLE QRESYNC");
  return std::nullopt;
}

std::optional<Refusal> sort_refusal(const Sort& sort, const Features& features) {
  using Key = SortCriterion::Key;
  const auto served = [&](const SortCriterion& criterion) {
    if (criterion.key == Key::display_from || criterion.key == Key::display_to)
      return features.has(Feature::sort_display);
    return criterion.key != Key::relevancy || features.has(Feature::search_fuzzy);
  };
  if (!std::ranges::all_of(sort.criteria, served)) return bad("unknown sort criterion");
  if (sort.returns.given && !features.has(Feature::esort)) return bad("unknown result option");
  if ((sort.returns.update || sort.returns.context) && !features.has(Feature::context_sort)) {
    return bad("unknown result option");
  }
  return search_refusal(sort.returns, sort.program, features);
}

std::optional<Refusal> thread_refusal(const Thread& thread, const Features& features) {
  const auto needed = thread.algorithm == ThreadAlgorithm::ordered_subject ? Feature::thread_ordered_subject
                      : thread.algorithm == ThreadAlgorithm::references    ? Feature::thread_references
                                                                           : Feature::thread_refs;
  // RFC 5256 §4.
  if (!features.has(needed)) return bad("unknown threading algorithm");
  return search_refusal({}, thread.program, features);
}

std::optional<Refusal> select_refusal(const Select& select, const SessionFacts& facts) {
  if (select.condstore && !facts.features.has(Feature::condstore)) return bad("unknown parameter");
  if (!select.qresync) return std::nullopt;
  if (!facts.features.has(Feature::qresync)) return bad("unknown parameter");
  // RFC 7162 §3.2.5; RFC 9586 §3.1.
  if (!facts.qresync) return bad("QRESYNC needs ENABLE QRESYNC");
  if (facts.uid_only && select.qresync->match) return bad("message numbers are off (UIDONLY)", "UIDREQUIRED");
  return std::nullopt;
}

std::optional<Refusal> login_refusal(Verb verb, const SessionFacts& facts) {
  if (verb == Verb::starttls) {
    if (facts.tls) return bad("TLS is active already");
    if (!facts.tls_available) return bad("TLS is not available here");
    return std::nullopt;
  }
  if (verb == Verb::login && !facts.plaintext_allowed)
    return no("passwords in plain text only over TLS", "PRIVACYREQUIRED");
  return std::nullopt;
}

std::optional<Refusal> argument_refusal(const Command& command, const SessionFacts& facts) {
  switch (command.verb) {
    case Verb::login:
    case Verb::starttls:
      return login_refusal(command.verb, facts);
    case Verb::compress:
      // RFC 4978 §3.
      if (facts.compressed) return no("compression is active already", "COMPRESSIONACTIVE");
      return std::nullopt;
    case Verb::select:
    case Verb::examine:
      return select_refusal(std::get<Select>(command.arguments), facts);
    case Verb::create:
      if (!std::get<Create>(command.arguments).special_use.empty() &&
          !facts.features.has(Feature::create_special_use)) {
        return bad("unknown parameter");
      }
      return std::nullopt;
    case Verb::fetch:
      return fetch_refusal(command, facts);
    case Verb::store:
      if (std::get<Store>(command.arguments).unchanged_since && !facts.features.has(Feature::condstore)) {
        return bad("unknown modifier");
      }
      return std::nullopt;
    case Verb::search: {
      const auto& search = std::get<Search>(command.arguments);
      if (charset_is_off(search.program, facts)) return bad("with UTF8=ACCEPT a search names no charset");
      return search_refusal(search.returns, search.program, facts.features);
    }
    case Verb::sort:
      return sort_refusal(std::get<Sort>(command.arguments), facts.features);
    case Verb::thread:
      return thread_refusal(std::get<Thread>(command.arguments), facts.features);
    case Verb::esearch: {
      const auto& search = std::get<MultiSearch>(command.arguments);
      // RFC 7377 §2.1: no source is the selected mailbox; SAVE, UPDATE and CONTEXT are for it alone.
      if (search.sources.empty() && facts.state != SessionState::selected) return bad("no mailbox is selected");
      if (charset_is_off(search.program, facts)) return bad("with UTF8=ACCEPT a search names no charset");
      return search_refusal(search.returns, search.program, facts.features);
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Refusal> refusal(const Command& command, const SessionFacts& facts) {
  const auto& known = info(command.verb);
  const auto feature = feature_of(command.verb);
  const bool thread_off = command.verb == Verb::thread && !facts.features.has(Feature::thread_ordered_subject) &&
                          !facts.features.has(Feature::thread_references) && !facts.features.has(Feature::thread_refs);
  const bool uid_expunge_off = command.verb == Verb::expunge && command.uid && !facts.features.has(Feature::uid_plus);
  if ((feature && !facts.features.has(*feature)) || thread_off || uid_expunge_off) return bad("unknown command");
  if (auto refused = state_refusal(known.valid, facts.state)) return refused;
  // RFC 9586 §3.
  if (facts.uid_only && known.by_number && !command.uid) return bad("message numbers are off (UIDONLY)", "UIDREQUIRED");
  if (facts.read_only && changes_the_mailbox(command.verb)) return no("the mailbox is read-only", "NOPERM");
  return argument_refusal(command, facts);
}

bool numbers_must_stay(const Command& command) noexcept {
  if (command.uid) return false;
  switch (command.verb) {
    case Verb::fetch:
    case Verb::store:
    case Verb::search:
    // RFC 5256 §5: as SEARCH.
    case Verb::sort:
    case Verb::thread:
      return true;
    default:
      return false;
  }
}

}  // namespace pabal::imap
