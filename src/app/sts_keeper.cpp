#include "app/sts_keeper.hpp"

#include <algorithm>
#include <utility>

#include "base/guarded.hpp"
#include "queue/sts_memory.hpp"

namespace pabal::app {

struct StsKeeper::State {
  State(queue::StsPolicies& the_policies, FileSystem& the_files, std::string the_path, Pool& the_pool, const Log& lines,
        StsKeeperOptions settings)
      : policies(&the_policies),
        files(&the_files),
        path(std::move(the_path)),
        pool(&the_pool),
        log(lines),
        options(settings),
        written(Written{}) {}

  queue::StsPolicies* policies;
  FileSystem* files;
  std::string path;
  Pool* pool;
  Log log;
  StsKeeperOptions options;
  struct Written {
    std::uint64_t changes = 0;  ///< what `changes` said then
    bool ended = false;         ///< the policies are no more: a pool's job may come that late
  };
  Guarded<Written> written;

  void read() {
    const auto there = files->exists(path);
    if (there && !*there) return;
    const auto text = read_file(*files, path, queue::most_sts_memory);
    if (!text) {
      log.warning("mta_sts_memory_unreadable", {{"file", path}, {"why", text.error().log}});
      return;
    }
    policies->remember(queue::read_sts_memory(*text));
    written.lock()->changes = policies->changes();
  }
  /// Blocking.
  [[nodiscard]] Result<void> write() {
    auto last = written.lock();
    if (last->ended) return {};
    const auto changes = policies->changes();
    if (changes == last->changes) return {};
    auto done = replace_file(*files, path, queue::sts_memory_text(policies->remembered()));
    if (done) last->changes = changes;
    return done;
  }
  void note(const Result<void>& done) const {
    if (!done) log.warning("mta_sts_memory_unwritable", {{"file", path}, {"why", done.error().log}});
  }
};

namespace {

// As long as its thread runs. A round among slow hosts takes long, so that what is new is written beside it.
template <class State>
Async<> look_after(std::shared_ptr<State> state) {
  while (true) {
    co_await sleep_for(state->options.look_every);
    const auto refreshed = co_await state->policies->refresh(state->options.refresh_at_once);
    for (const auto& [domain, why] : refreshed.failed) {
      state->log.warning("mta_sts_refresh_failed", {{"domain", domain.ascii()}, {"why", why}});
    }
  }
}

template <class State>
Async<> write_down(std::shared_ptr<State> state) {
  auto wait = state->options.write_every;
  while (true) {
    co_await sleep_for(wait);
    const auto begun = std::chrono::steady_clock::now();
    const Result<void> written = co_await state->pool->run([state] { return state->write(); });
    state->note(written);
    const auto took = std::chrono::steady_clock::now() - begun;
    wait = std::max(state->options.write_every, std::chrono::ceil<std::chrono::milliseconds>(100 * took));
  }
}

}  // namespace

StsKeeper::StsKeeper(queue::StsPolicies& policies, FileSystem& files, std::string path, Pool& pool, const Log& log,
                     StsKeeperOptions options)
    : state_(std::make_shared<State>(policies, files, std::move(path), pool, log, options)) {
  state_->read();
}

StsKeeper::~StsKeeper() {
  state_->note(state_->write());
  state_->written.lock()->ended = true;
}

void StsKeeper::start(const Executor& home) {
  const auto ended = [state = state_](const std::exception_ptr& thrown) {
    if (thrown) state->log.error("mta_sts_keeper_ended", {{"why", thrown_text(thrown)}});
  };
  asio::co_spawn(home, look_after(state_), ended);
  asio::co_spawn(home, write_down(state_), ended);
}

}  // namespace pabal::app
