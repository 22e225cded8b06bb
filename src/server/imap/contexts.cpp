#include "server/imap/contexts.hpp"

#include <algorithm>

#include "server/imap/commands.hpp"
#include "server/imap/sort_run.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::SearchKey::Kind;
using grammar::NumberSet;

constexpr std::size_t kMostSets = 16;

// How many sets of numbers a program has: each may become as big as the mailbox.
std::size_t sets_of(const grammar::SearchKey& key) {
  std::size_t count = key.kind == Kind::sequence || key.kind == Kind::uid ? 1 : 0;
  for (const auto& child : key.children) count += sets_of(child);
  return count;
}

// The program with what its numbers, "*" and "$" mean now (RFC 5267 §4.3).
grammar::SearchKey with_uids(grammar::SearchKey key, const Selected& selected) {
  for (auto& child : key.children) child = with_uids(std::move(child), selected);
  if (key.kind != Kind::sequence && key.kind != Kind::uid) return key;
  const auto& view = selected.view;
  NumberSet uids;
  if (key.set.is_saved_result()) {
    uids = selected.saved_search;
  } else if (key.kind == Kind::uid) {
    uids = key.set.resolve(view.largest_uid());
  } else if (view.exists() > 0) {
    const NumberSet all{{.first = 1, .last = view.exists()}};
    uids = view.uids_of(key.set.resolve(view.exists()).intersect(all)).value_or(NumberSet());
  }
  if (uids.empty()) {
    grammar::SearchKey none;
    none.kind = Kind::not_;
    none.children.emplace_back();
    return none;
  }
  key.kind = Kind::uid;
  key.set = grammar::SequenceSet::of(std::move(uids));
  return key;
}

std::size_t octets_of(const grammar::SearchKey& key) {
  auto sum = sizeof(key) + key.text.size() + key.name.size() + key.set.text().size();
  for (const auto& child : key.children) sum += octets_of(child);
  return sum;
}

std::size_t octets_of(const Contexts::Context& context) {
  return context.program_octets + (context.members.ranges().size() * sizeof(grammar::NumberRange)) +
         (context.order.size() * sizeof(std::uint32_t));
}

std::size_t octets_of(const std::vector<Contexts::Context>& contexts) {
  std::size_t sum = 0;
  for (const auto& context : contexts) sum += octets_of(context);
  return sum;
}

void refuse(Session& session, std::string_view tag, ClientText why) {
  // A tag may hold what can't stand in a quoted string.
  std::string code = "NOUPDATE \"";
  for (const char c : tag) {
    if (c == '"' || c == '\\') code += '\\';
    code += c;
  }
  session.say(grammar::Condition::no, code + '"', why);
}

// The exact set of these UIDs that are members, rising.
std::vector<std::uint32_t> listed(const NumberSet& uids) {
  std::vector<std::uint32_t> out;
  for (const auto& range : uids.ranges()) {
    for (std::uint64_t uid = range.first; uid <= range.last; ++uid) out.push_back(static_cast<std::uint32_t>(uid));
  }
  return out;
}

// What one answer says of a result.
class Update {
 public:
  Update(Session& session, const Contexts::Context& context) : session_(&session), context_(&context) {}

  void remove(std::span<const std::uint32_t> uids) { add(" REMOVEFROM (", 0, uids, true); }
  /// A run of a SORT's result at `position`, counted from 1.
  void remove(std::size_t position, std::span<const std::uint32_t> uids) {
    add(" REMOVEFROM (", position, uids, false);
  }
  void insert(std::span<const std::uint32_t> uids) { add(" ADDTO (", 0, uids, true); }
  void insert(std::size_t position, std::span<const std::uint32_t> uids) { add(" ADDTO (", position, uids, false); }
  void say() {
    if (items_.empty()) return;
    grammar::SearchResult result;
    result.more = items_ + ')';
    const auto& search = context_->search;
    grammar::append_esearch(session_->out(), search.tag, search.uid, result, session_->form(),
                            search.where ? &*search.where : nullptr);
    items_.clear();
    open_ = {};
  }

 private:
  void add(std::string_view item, std::size_t position, std::span<const std::uint32_t> uids, bool in_mailbox_order) {
    std::vector<std::uint32_t> named;
    named.reserve(uids.size());
    for (const auto uid : uids) {
      if (context_->search.uid) {
        named.push_back(uid);
      } else if (session_->enabled().uid_only) {
        return;  // the client knows no numbers any more
      } else if (const auto number = session_->selected()->view.number_of(uid)) {
        named.push_back(*number);
      }
    }
    if (named.empty()) return;
    if (open_ == item) {
      items_ += ' ';
    } else {
      if (!items_.empty()) items_ += ')';
      items_ += item;
      open_ = item;
    }
    fmt::format_to(std::back_inserter(items_), "{} ", position);
    if (in_mailbox_order) {
      NumberSet::of_sorted(named).append_text(items_);
    } else {
      grammar::append_ordered(items_, named);
    }
  }

  Session* session_;
  const Contexts::Context* context_;
  std::string items_;
  std::string_view open_;
};

// Takes UIDs out, all of them members.
void take_out(Session& session, Contexts::Context& context, const NumberSet& gone) {
  if (gone.empty()) return;
  Update update(session, context);
  if (!context.search.criteria) {
    update.remove(listed(gone));
  } else {
    // From the left to the right: what stood further right has moved by what is gone already.
    auto& order = context.order;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < order.size();) {
      if (!gone.contains(order[i])) {
        order[kept++] = order[i++];
        continue;
      }
      auto end = i + 1;
      while (end < order.size() && gone.contains(order[end])) ++end;
      update.remove(kept + 1, std::span(order).subspan(i, end - i));
      i = end;
    }
    order.resize(kept);
  }
  context.members = context.members.without(gone);
  update.say();
}

// A message that comes into a SORT's result: it belongs before what stands at `low` to `high`, somewhere.
struct Place {
  Hit hit;
  std::string key;
  std::size_t low = 0;
  std::size_t high = 0;
};

// Puts them in, each with its place (`low`) among those that were there, and in their own order.
void put_in(Session& session, Contexts::Context& context, std::span<const Place> coming) {
  Update update(session, context);
  std::vector<std::uint32_t> order;
  order.reserve(context.order.size() + coming.size());
  std::size_t old = 0;
  for (std::size_t i = 0; i < coming.size();) {
    while (old < coming[i].low) order.push_back(context.order[old++]);
    const auto begin = order.size();
    const auto low = coming[i].low;
    while (i < coming.size() && coming[i].low == low) order.push_back(coming[i++].hit.uid);
    update.insert(begin + 1, std::span(order).subspan(begin));
  }
  while (old < context.order.size()) order.push_back(context.order[old++]);
  context.order = std::move(order);
  update.say();
}

// Finds the places by asking for the keys in the middle of what is left for each, all at once: no key of a result has
// to be kept, and few are made. False: one of those was gone; the next change tells.
Async<Result<bool>> find_places(Session* session, const Contexts::Context* context, const SearchTerms* terms,
                                std::vector<Place>* coming) {
  const auto& view = session->selected()->view;
  const auto scope = scope_of(*session);
  while (true) {
    Hits probes;
    std::vector<std::size_t> at;
    for (const auto& one : *coming) {
      if (one.low == one.high) continue;
      const auto middle = (one.low + one.high) / 2;
      if (!at.empty() && at.back() == middle) continue;
      const auto uid = context->order[middle];
      const auto row = view.snapshot().find(uid);
      if (!row) co_return false;
      const auto& its = view.snapshot()[*row];
      probes.push_back({.number = 0, .uid = uid, .modseq = 0, .email = its.email, .size = its.size()});
      at.push_back(middle);
    }
    if (probes.empty()) co_return true;
    const auto keys = co_await sort_keys(session, scope.place, &probes, &*context->search.criteria, terms);
    if (!keys) co_return pass(keys);
    std::size_t probe = 0;
    for (auto& one : *coming) {
      if (one.low == one.high) continue;
      const auto middle = (one.low + one.high) / 2;
      // In the order in which they were asked for: the middles rise as the coming ones do.
      while (at[probe] != middle) ++probe;
      if (!keys->has(probe)) co_return false;
      const auto compared = keys->key(probe).compare(one.key);
      const bool before = compared < 0 || (compared == 0 && probes[probe].uid < one.hit.uid);
      (before ? one.low : one.high) = before ? middle + 1 : middle;
    }
  }
}

}  // namespace

bool is_kept(Session& session, std::string_view tag) {
  const auto& contexts = session.selected()->contexts;
  return contexts && std::ranges::any_of(contexts->all(), [&](const auto& one) { return one.search.tag == tag; });
}

void keep_result(Session& session, KeptSearch search, const Hits& hits) {
  auto& selected = *session.selected();
  if (mentions(search.key, Kind::older) || mentions(search.key, Kind::younger)) {
    return refuse(session, search.tag, "What the clock changes is not told.");
  }
  Contexts::Context context{.search = std::move(search), .members = {}};
  context.search.collation = session.collation();
  auto& key = context.search.key;
  if (sets_of(key) > kMostSets) return refuse(session, context.search.tag, "The program has too many sets.");
  key = with_uids(std::move(key), selected);
  context.by_flags = mentions(key, Kind::flag) || mentions(key, Kind::recent) || mentions(key, Kind::modseq);
  context.program_octets = octets_of(key);
  for (const auto& hit : hits) context.order.push_back(hit.uid);
  auto uids = context.order;
  if (context.search.criteria) {
    std::ranges::sort(uids);
  } else {
    context.order = {};
  }
  context.members = NumberSet::of_sorted(uids);
  if (!selected.contexts) selected.contexts = std::make_shared<Contexts>(selected.view);
  auto& all = selected.contexts->all();
  if (all.size() >= kMostContexts || (!all.empty() && octets_of(all) + octets_of(context) > kMostContextOctets)) {
    return refuse(session, context.search.tag, "Too many results are kept up to date.");
  }
  all.push_back(std::move(context));
}

Async<bool> Contexts::tell_gone(Session* session) {
  known_.take(session->selected()->view.pointer());
  const auto due = known_.tell(false);
  const auto changed = NumberSet::of_sorted(due.changed);
  for (auto& context : all_) {
    context.pending = context.pending.without(due.vanished).unite(due.arrived);
    if (context.by_flags) context.pending = context.pending.unite(changed);
    take_out(*session, context, context.members.intersect(due.vanished));
    if (!co_await session->drain()) co_return false;
  }
  co_return true;
}

Async<Result<void>> Contexts::ask_again(Session* session, Context* context) {
  auto scope = scope_of(*session);
  scope.among = context->pending;
  const auto terms = terms_of(*session, context->search.key, context->search.collation);
  const auto hits = co_await find_messages(session, &scope, &terms);
  if (!hits) co_return pass(hits);
  NumberSet found;
  Hits coming;
  for (const auto& hit : *hits) {
    found.add(hit.uid);
    if (!context->members.contains(hit.uid)) coming.push_back(hit);
  }
  take_out(*session, *context, context->members.intersect(context->pending).without(found));
  if (!coming.empty() && !context->search.criteria) {
    Update update(*session, *context);
    update.insert(numbers_of(coming, true).numbers);
    update.say();
  } else if (!coming.empty()) {
    const auto keys = co_await sort_keys(session, scope.place, &coming, &*context->search.criteria, &terms);
    if (!keys) co_return pass(keys);
    std::vector<Place> places;
    // Those without a key are gone, which the next change tells.
    for (const auto hit : keys->order()) {
      places.push_back(
          {.hit = coming[hit], .key = std::string(keys->key(hit)), .low = 0, .high = context->order.size()});
    }
    const auto all = co_await find_places(session, context, &terms, &places);
    if (!all) co_return pass(all);
    if (!*all) co_return Result<void>();
    put_in(*session, *context, places);
    std::vector<std::uint32_t> uids;
    uids.reserve(places.size());
    for (const auto& place : places) uids.push_back(place.hit.uid);
    std::ranges::sort(uids);
    context->members = context->members.unite(NumberSet::of_sorted(uids));
    context->pending = {};
    co_return Result<void>();
  }
  context->members = context->members.unite(NumberSet::of_sorted(numbers_of(coming, true).numbers));
  context->pending = {};
  co_return Result<void>();
}

Async<bool> Contexts::tell_changed(Session* session) {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if (all_[i].pending.empty()) continue;
    if (const auto asked = co_await ask_again(session, &all_[i]); !asked) {
      if (asked.error().kind == ErrorKind::closed) co_return false;
      session->log().warning("result_not_updated", {{"why", asked.error().log}});
      if (!asked.error().temporary()) {
        refuse(*session, all_[i].search.tag, "The result can't be kept up to date.");
        all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(i--));
      }
    }
    if (!co_await session->drain()) co_return false;
  }
  while (all_.size() > 1 && octets_of(all_) > kMostContextOctets) {
    refuse(*session, all_.back().search.tag, "The results have become too big.");
    all_.pop_back();
  }
  co_return true;
}

// RFC 5267 §4.3.5. All or none.
Async<Answer> cancel_update(Session* session, Command command) {
  const auto& tags = std::get<grammar::Words>(command.arguments).words;
  const bool known = std::ranges::all_of(tags, [&](const std::string& tag) { return is_kept(*session, tag); });
  if (!known) co_return no("There is no such result.");
  std::erase_if(session->selected()->contexts->all(),
                [&](const auto& one) { return std::ranges::find(tags, one.search.tag) != tags.end(); });
  co_return ok("Done.");
}

}  // namespace pabal::server::imap
