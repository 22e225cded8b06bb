#include "store/store.hpp"

#include <algorithm>
#include <map>

#include "store/delivery_rows.hpp"
#include "store/queue_rows.hpp"
#include "store/shard.hpp"
#include "store/store_state.hpp"

namespace pabal::store {

/// Queue rows of one delivery in the shard `home`, for mailboxes of the shard `there`.
struct Store::QueuedTargets {
  std::string delivery_id;
  std::string sender;
  ShardId home;
  ShardId there;
  std::vector<std::int64_t> numbers;
  std::vector<DeliveryTarget> targets;
};

namespace {
constexpr std::chrono::minutes kElsewhereClaim{5};

// Letters that are held for later go nowhere yet, also not to mailboxes here.
bool is_held(const Delivery& delivery, SystemTime now) { return delivery.terms.not_before > now; }
}  // namespace

ShardId home_of(const Delivery& delivery, ShardId otherwise) {
  if (!delivery.targets.empty()) return delivery.targets.front().place.shard;
  return delivery.home ? delivery.home : otherwise;
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(std::vector<ShardPlace> shards, FileSystem& files, Pool& pool,
                                           const Clock& clock, Random& random, Log log, Metrics& metrics,
                                           StoreOptions options) {
  if (shards.empty()) return fail(ErrorKind::state, "local error", "a store needs a shard");
  // A spilled message and any that may not have a file of its own must fit into a segment.
  options.segment_bytes = std::max<std::uint64_t>(options.segment_bytes, 2 * Segments::block);
  auto state = std::make_unique<State>();
  state->around = {&files,         &pool,    &clock,  random.number(),
                   std::move(log), &metrics, options, std::make_shared<Watchers>()};
  for (auto& place : shards) {
    if (place.database == nullptr || state->find(place.id) != nullptr) {
      return fail(ErrorKind::state, "local error",
                  fmt::format("shard {} has no database or is named twice", place.id.value));
    }
    auto around = state->around;
    around.key = random.number();
    auto shard = Shard::open(std::move(place), std::move(around));
    if (!shard) return pass(shard);
    state->shards.push_back(std::move(*shard));
  }
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

Incoming Store::receive(std::uint64_t expected) {
  for (const auto& shard : state_->shards) {
    if (!shard->folder().empty()) return shard->receive(expected);
  }
  return state_->shards.front()->receive(expected);
}

Async<Result<std::vector<TargetOutcome>>> Store::deliver(Delivery delivery) {
  if ((delivery.targets.empty() && delivery.remote.empty()) || delivery.id.empty()) {
    co_return fail(ErrorKind::state, "local error", "a delivery needs an id and recipients");
  }
  const auto home = home_of(delivery, state_->shards.front()->id());
  const bool one_shard =
      std::ranges::all_of(delivery.targets, [&](const auto& target) { return target.place.shard == home; });
  if (!one_shard && !is_held(delivery, state_->around.clock->now()))
    co_return co_await deliver_to_shards(std::move(delivery));
  Shard* const shard = state_->find(home);
  if (shard == nullptr) co_return no_shard(home);
  co_return co_await shard->deliver(std::move(delivery), {}, {});
}

// The first target's shard is home: with its own targets' emails it commits a queue row for each target elsewhere.
// Those are then delivered under the same id, and each row goes when its target is done. Whatever fails or crashes in
// between, the queue takes it up, and the id keeps anybody from getting it twice.
Async<Result<std::vector<TargetOutcome>>> Store::deliver_to_shards(Delivery delivery) {
  const auto home = delivery.targets.front().place.shard;
  Shard* const shard = state_->find(home);
  if (shard == nullptr) co_return no_shard(home);
  const auto claimed_until = state_->around.clock->now() + kElsewhereClaim;
  std::vector<DeliveryTarget> elsewhere;
  std::vector<std::size_t> at_home;
  std::vector<std::size_t> away;
  std::vector<DeliveryTarget> targets = std::exchange(delivery.targets, {});
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const bool here = targets[i].place.shard == home;
    (here ? at_home : away).push_back(i);
    (here ? delivery.targets : elsewhere).push_back(std::move(targets[i]));
  }
  std::vector<TargetOutcome> outcomes(targets.size(), TargetOutcome{Delivered{}, false});
  const std::string id = delivery.id;
  const std::string sender = delivery.sender;
  const bool retry_locally = delivery.retry_locally;
  const bool goes_on = !delivery.remote.empty();
  const auto others = elsewhere;
  auto kept = co_await shard->deliver(std::move(delivery), std::move(elsewhere), claimed_until);
  if (!kept) co_return pass(kept);
  for (std::size_t i = 0; i < at_home.size(); ++i) outcomes[at_home[i]] = std::move((*kept)[i]);
  // Once a shard, however many of its mailboxes it goes to.
  std::map<ShardId, std::vector<std::size_t>> by_shard;
  for (std::size_t i = 0; i < away.size(); ++i) by_shard[others[i].place.shard].push_back(i);
  for (const auto& [where, indexes] : by_shard) {
    QueuedTargets queued{id, sender, home, where, {}, {}};
    for (const auto i : indexes) {
      queued.numbers.push_back(kElsewhereNumber + static_cast<std::int64_t>(i));
      queued.targets.push_back(others[i]);
    }
    auto done = co_await deliver_queued(std::move(queued));
    for (std::size_t i = 0; i < indexes.size(); ++i) {
      outcomes[away[indexes[i]]].result = done ? std::move((*done)[i]) : Result<Delivered>(pass(done));
    }
  }
  // Those that failed stay queued if the sender is told 250 for anybody; else their rows go.
  const bool any = goes_on || std::ranges::any_of(outcomes, [](const auto& outcome) {
                     return outcome.result || outcome.result.error().temporary();
                   });
  const bool stay = retry_locally && any;
  std::vector<std::int64_t> gone;
  for (std::size_t i = 0; i < at_home.size(); ++i) {
    auto& outcome = outcomes[at_home[i]];
    if (!outcome.queued || stay) continue;
    gone.push_back(static_cast<std::int64_t>(i));
    outcome.queued = false;
  }
  for (std::size_t i = 0; i < away.size(); ++i) {
    auto& outcome = outcomes[away[i]];
    if (outcome.result) continue;
    const auto number = kElsewhereNumber + static_cast<std::int64_t>(i);
    if (!stay) {
      gone.push_back(number);
      continue;
    }
    outcome.queued = true;
    auto later = co_await shard->postpone({id, number}, state_->around.clock->now() + std::chrono::minutes(1),
                                          outcome.result.error().log);
    // It is queued all the same; only its claim lasts longer.
    if (!later) state_->around.log.warning("postpone_failed", {{"delivery", id}, {"why", later.error().log}});
  }
  if (!gone.empty()) {
    auto removed = co_await shard->remove_queued(id, std::move(gone));
    if (!removed) co_return pass(removed);
  }
  if (retry_locally && !any) co_return pass(outcomes.front().result);
  co_return outcomes;
}

Async<Result<std::vector<QueuedLocal>>> Store::due_local(std::size_t at_most, std::chrono::seconds claim_for) {
  std::vector<QueuedLocal> due;
  for (const auto& shard : state_->shards) {
    if (due.size() >= at_most) break;
    auto found = co_await shard->due_local(at_most - due.size(), claim_for);
    if (!found) co_return pass(found);
    std::ranges::move(*found, std::back_inserter(due));
  }
  co_return due;
}

Async<Result<Delivered>> Store::retry_local(QueuedLocal letter, std::vector<Notice> receipts) {
  Shard* const home = state_->find(letter.shard);
  Shard* const target = state_->find(letter.target.place.shard);
  if (home == nullptr || target == nullptr)
    co_return no_shard(home == nullptr ? letter.shard : letter.target.place.shard);
  if (home == target) {
    const auto account = letter.target.place.account;
    auto delivered = co_await home->retry_here(std::move(letter), std::move(receipts));
    if (delivered) tell(account, delivered->change);
    co_return delivered;
  }
  QueuedTargets queued{letter.delivery_id, letter.sender, letter.shard, letter.target.place.shard, {}, {}};
  queued.numbers.push_back(letter.number);
  queued.targets.push_back(std::move(letter.target));
  auto done = co_await deliver_queued(std::move(queued));
  if (!done) co_return pass(done);
  co_return std::move(done->front());
}

// Queue rows of one delivery for mailboxes of one other shard: one delivery there, then one write at home that removes
// the rows of those who have it.
Async<Result<std::vector<Result<Delivered>>>> Store::deliver_queued(QueuedTargets queued) {
  Shard* const home = state_->find(queued.home);
  Shard* const there = state_->find(queued.there);
  if (home == nullptr || there == nullptr) co_return no_shard(home == nullptr ? queued.home : queued.there);
  auto content = co_await home->queued_content(queued.delivery_id);
  if (!content) co_return pass(content);
  Delivery delivery;
  delivery.id = queued.delivery_id;
  delivery.sender = std::move(queued.sender);
  delivery.content = std::move(content->content);
  delivery.targets = std::move(queued.targets);
  delivery.trace = std::move(content->trace);
  delivery.retry_locally = false;
  auto outcomes = co_await there->deliver(std::move(delivery), {}, {});
  if (!outcomes) co_return pass(outcomes);
  std::vector<std::int64_t> gone;
  std::vector<Result<Delivered>> results;
  for (std::size_t i = 0; i < outcomes->size(); ++i) {
    if ((*outcomes)[i].result) gone.push_back(queued.numbers[i]);
    results.push_back(std::move((*outcomes)[i].result));
  }
  if (gone.empty()) co_return results;
  auto removed = co_await home->remove_queued(queued.delivery_id, std::move(gone));
  if (!removed) co_return pass(removed);
  co_return results;
}

Async<Result<void>> Store::postpone_local(QueuedLocal letter, SystemTime next, std::string why) {
  Shard* const shard = state_->find(letter.shard);
  if (shard == nullptr) co_return no_shard(letter.shard);
  co_return co_await shard->postpone({letter.delivery_id, letter.number}, next, std::move(why));
}

Async<Result<void>> Store::hold_local(QueuedLocal letter, std::string why) {
  Shard* const shard = state_->find(letter.shard);
  if (shard == nullptr) co_return no_shard(letter.shard);
  co_return co_await shard->hold({letter.delivery_id, letter.number}, std::move(why));
}

Async<Result<std::optional<SystemTime>>> Store::next_due() {
  std::optional<SystemTime> next;
  for (const auto& shard : state_->shards) {
    auto due = co_await shard->next_due();
    if (!due) co_return pass(due);
    if (*due && (!next || **due < *next)) next = **due;
  }
  co_return next;
}

Async<Result<MailboxListing>> Store::list_mailbox(Place place, std::string mailbox) {
  Shard* const shard = state_->find(place.shard);
  if (shard == nullptr) co_return no_shard(place.shard);
  co_return co_await shard->list_mailbox(place.account, std::move(mailbox));
}

Async<Result<std::unique_ptr<EmailOctets>>> Store::open_email(Place place, EmailId email) {
  auto opened = co_await open_emails(place, {email});
  if (!opened) co_return pass(opened);
  if (!opened->front()) co_return fail(ErrorKind::not_found, "no such message");
  co_return std::move(opened->front());
}

Async<Result<std::vector<std::unique_ptr<EmailOctets>>>> Store::open_emails(Place place, std::vector<EmailId> emails) {
  Shard* const shard = state_->find(place.shard);
  if (shard == nullptr) co_return no_shard(place.shard);
  co_return co_await shard->open_emails(place.account, std::move(emails));
}

Async<Result<Store::Usage>> Store::usage(Place place) {
  Shard* const shard = state_->find(place.shard);
  if (shard == nullptr) co_return no_shard(place.shard);
  co_return co_await shard->usage(place.account);
}

Result<void> Store::create_account(Place place, std::optional<std::uint64_t> quota_bytes) {
  Shard* const shard = state_->find(place.shard);
  if (shard == nullptr) return no_shard(place.shard);
  return shard->create_account(place.account, quota_bytes);
}

Result<void> Store::set_quota(Place place, std::optional<std::uint64_t> quota_bytes) {
  Shard* const shard = state_->find(place.shard);
  if (shard == nullptr) return no_shard(place.shard);
  return shard->set_quota(place.account, quota_bytes);
}

Result<void> Store::remove_account(Place place) {
  Shard* const shard = state_->find(place.shard);
  if (shard == nullptr) return no_shard(place.shard);
  return shard->remove_account(place.account);
}

Async<Result<void>> Store::keep_trace(std::string id, std::string message_id, std::string document) {
  co_return co_await state_->shards.front()->keep_trace(std::move(id), std::move(message_id), std::move(document));
}

Result<std::vector<std::string>> Store::traces(std::string_view key) {
  std::vector<Shard::Trace> all;
  for (const auto& shard : state_->shards) {
    auto found = shard->traces(key);
    if (!found) return pass(found);
    for (auto& trace : *found) {
      // A delivery to several shards leaves its trace in each, with what was reached there.
      const auto known = std::ranges::find(all, trace.delivery_id, &Shard::Trace::delivery_id);
      if (known == all.end()) {
        all.push_back(std::move(trace));
      } else {
        std::ranges::move(trace.mailboxes, std::back_inserter(known->mailboxes));
        std::ranges::move(trace.queued, std::back_inserter(known->queued));
        std::ranges::move(trace.attempts, std::back_inserter(known->attempts));
        std::ranges::move(trace.verbs, std::back_inserter(known->verbs));
      }
    }
  }
  std::ranges::sort(all, Shard::Trace::newer);
  std::vector<std::string> documents;
  for (auto& trace : all) {
    auto document = parse_json(trace.document);
    if (!document || !document->is_object()) {
      documents.push_back(std::move(trace.document));
      continue;
    }
    document->as_object()["mailboxes"] = std::move(trace.mailboxes);
    if (!trace.queued.empty()) document->as_object()["queued"] = std::move(trace.queued);
    if (!trace.attempts.empty()) document->as_object()["attempts"] = std::move(trace.attempts);
    if (!trace.verbs.empty()) document->as_object()["operator"] = std::move(trace.verbs);
    documents.push_back(json::serialize(*document));
  }
  return documents;
}

Result<std::int64_t> Store::change_queue(std::string_view delivery_id, QueueAction action) {
  std::int64_t count = 0;
  for (const auto& shard : state_->shards) {
    auto changed = shard->change_queue(std::string(delivery_id), action);
    if (!changed) return changed;
    count += *changed;
  }
  return count;
}

Result<QueueChange> Store::change_queue(const QueueFilter& filter, QueueAction action) {
  QueueFilter page = filter;
  page.at_most = std::min<std::size_t>(filter.at_most, INT32_MAX - 1);
  std::vector<std::pair<Shard::ListedRow, Shard*>> all;
  ++page.at_most;  // one more tells whether there are more
  for (const auto& shard : state_->shards) {
    auto rows = shard->queue_rows(page, {});
    if (!rows) return pass(rows);
    for (auto& row : *rows) all.emplace_back(std::move(row), shard.get());
  }
  --page.at_most;
  if (state_->shards.size() > 1) {
    std::ranges::sort(all, {}, [](const auto& one) { return std::tie(one.first.id, one.first.number); });
  }
  QueueChange change;
  change.more = all.size() > page.at_most;
  if (change.more) all.resize(page.at_most);
  if (all.empty()) return change;
  change.last_id = all.back().first.id;
  change.last_number = all.back().first.number;
  std::map<Shard*, std::vector<QueueKey>> keys;
  for (auto& [row, shard] : all) keys[shard].push_back({std::move(row.id), row.number});
  for (const auto& [shard, rows] : keys) {
    const auto changed = shard->change_queue(rows, action);
    if (!changed) return pass(changed);
    change.changed += *changed;
  }
  return change;
}

namespace {
std::vector<std::string> texts_of(std::vector<Shard::ListedRow> rows) {
  std::vector<std::string> texts;
  texts.reserve(rows.size());
  for (auto& row : rows) texts.push_back(std::move(row.json));
  return texts;
}
}  // namespace

Result<std::vector<std::string>> Store::queue_rows(const QueueFilter& filter) {
  std::vector<Shard::ListedRow> all;
  for (const auto& shard : state_->shards) {
    auto rows = shard->queue_rows(filter, {});
    if (!rows) return pass(rows);
    std::ranges::move(*rows, std::back_inserter(all));
  }
  if (state_->shards.size() > 1) std::ranges::sort(all);
  if (all.size() > filter.at_most) all.resize(filter.at_most);
  return texts_of(std::move(all));
}

Result<std::vector<std::string>> Store::queue_rows_of(std::string_view delivery_id) {
  std::vector<Shard::ListedRow> all;
  for (const auto& shard : state_->shards) {
    auto rows = shard->queue_rows({}, delivery_id);
    if (!rows) return pass(rows);
    std::ranges::move(*rows, std::back_inserter(all));
  }
  return texts_of(std::move(all));
}

Result<std::vector<std::string>> Store::queue_destinations() {
  std::map<std::string, Shard::DestinationCount> all;
  for (const auto& shard : state_->shards) {
    auto counts = shard->queue_destinations();
    if (!counts) return pass(counts);
    for (const auto& [destination, count] : *counts) {
      const auto [known, fresh] = all.try_emplace(destination, count);
      if (fresh) continue;
      auto& sum = known->second;
      sum.waiting += count.waiting;
      sum.held += count.held;
      sum.oldest = std::min(sum.oldest, count.oldest);
      sum.next = std::min(sum.next, count.next);
    }
  }
  std::vector<std::string> rows;
  rows.reserve(all.size());
  for (const auto& [destination, count] : all) {
    rows.push_back(json::serialize(json::object{{"destination", destination},
                                                {"waiting", count.waiting},
                                                {"held", count.held},
                                                {"oldest", count.oldest / 1'000'000},
                                                {"next_attempt", count.next / 1'000'000}}));
  }
  return rows;
}

Result<std::vector<CheckFinding>> Store::check() {
  std::vector<CheckFinding> findings;
  for (const auto& shard : state_->shards) {
    if (auto checked = shard->check(findings); !checked) return pass(checked);
  }
  return findings;
}

Result<void> Store::maintain() {
  for (const auto& shard : state_->shards) {
    if (auto done = shard->maintain(); !done) return done;
  }
  return {};
}

bool Store::healthy() const noexcept {
  return std::ranges::all_of(state_->shards, [](const auto& shard) { return shard->healthy(); });
}

}  // namespace pabal::store
