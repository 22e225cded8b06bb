#include "net/unbound_resolver.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <map>
#include <optional>
#include <sys/eventfd.h>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <unbound.h>
#include <unistd.h>

#include "base/guarded.hpp"
#include "base/text.hpp"
#include "dns/rdata.hpp"
#include "net/listener.hpp"

namespace pabal::net {
namespace {

using dns::Answer;
using dns::Status;

constexpr int class_in = 1;
/// Where Debian's packages put the root's key: dns-root-data, and what unbound-anchor keeps up to date.
constexpr std::array<const char*, 2> usual_anchors = {"/var/lib/unbound/root.key", "/usr/share/dns/root.key"};

struct ContextDeleter {
  void operator()(ub_ctx* context) const noexcept { ub_ctx_delete(context); }
};
using Context = std::unique_ptr<ub_ctx, ContextDeleter>;
struct ResultDeleter {
  void operator()(ub_result* result) const noexcept { ub_resolve_free(result); }
};

Result<void> check(int status, std::string_view what) {
  if (status == UB_NOERROR) return {};
  return fail(ErrorKind::io, fmt::format("the resolver refuses {}: {}", what, ub_strerror(status)));
}

/// The usual names of response codes (RFC 1035 §4.1.1).
std::string rcode_text(int rcode) {
  switch (rcode) {
    case 1:
      return "FORMERR";
    case 2:
      return "SERVFAIL";
    case 4:
      return "NOTIMP";
    case 5:
      return "REFUSED";
    default:
      return fmt::format("response code {}", rcode);
  }
}

Answer failure(const dns::Question& question, Status status, std::string why) {
  return {.status = status, .name = question.name, .why = std::move(why)};
}

Answer answer_of(const dns::Question& question, const ub_result& result) {
  if (result.bogus != 0) {
    return failure(question, Status::bogus, result.why_bogus != nullptr ? printable(result.why_bogus, 500) : "");
  }
  Answer answer{.status = Status::no_data, .secure = result.secure != 0, .name = question.name};
  answer.ttl = std::chrono::seconds(std::max(result.ttl, 0));
  if (result.canonname != nullptr) {
    auto name = dns::Name::parse(result.canonname);
    if (!name) return failure(question, Status::failed, name.error().log);
    answer.name = *std::move(name);
  }
  if (result.nxdomain != 0) {
    answer.status = Status::no_name;
    return answer;
  }
  if (result.rcode != 0) return failure(question, Status::failed, "the name servers say " + rcode_text(result.rcode));
  if (result.havedata == 0) return answer;
  answer.status = Status::ok;
  for (std::size_t i = 0; result.data[i] != nullptr; ++i) {
    auto record = dns::parse_rdata(question.type, {result.data[i], static_cast<std::size_t>(result.len[i])});
    if (!record) return failure(question, Status::failed, record.error().log);
    answer.records.push_back(*std::move(record));
  }
  if (answer.records.empty()) answer.status = Status::no_data;
  return answer;
}

/// The file to start proofs from; empty for none.
Result<std::string> choose_anchor(FileSystem& files, const UnboundOptions& options) {
  if (!options.validate) return std::string();
  if (!options.trust_anchor.empty()) {
    const auto text = read_file(files, options.trust_anchor);
    if (!text) return pass(text);
    return options.trust_anchor;
  }
  for (const auto* usual : usual_anchors) {
    const auto there = files.exists(usual);
    if (there && *there) return std::string(usual);
  }
  return std::string();
}

Result<Context> make_context(const UnboundOptions& options, const std::string& anchor) {
  Context context(ub_ctx_create());
  if (!context) return fail(ErrorKind::io, "the resolver can't be made: no memory, or no random numbers");
  ub_ctx_debugout(context.get(), nullptr);
  const auto set = [&](const char* option, const char* value) {
    return check(ub_ctx_set_option(context.get(), option, value), option);
  };
  // The library's own sizes are for a program that asks a question now and then.
  constexpr std::array<std::pair<const char*, const char*>, 9> usual = {{
      {"outgoing-range:", "1024"},
      {"num-queries-per-thread:", "1024"},
      {"outgoing-num-tcp:", "32"},
      {"msg-cache-size:", "8m"},
      {"rrset-cache-size:", "16m"},
      {"edns-buffer-size:", "1232"},
      // Who names his servers knows what they answer: also for private addresses, and on this machine.
      {"do-not-query-localhost:", "no"},
      {"unblock-lan-zones:", "yes"},
      {"insecure-lan-zones:", "yes"},
  }};
  for (const auto& [option, value] : usual) {
    const auto done = set(option, value);
    if (!done) return pass(done);
  }
  if (options.servers.empty()) {
    const int read = ub_ctx_resolvconf(context.get(), nullptr);
    if (read != UB_NOERROR && read != UB_READFILE) return pass(check(read, "/etc/resolv.conf"));
  }
  for (const auto& server : options.servers) {
    const auto done = check(ub_ctx_set_fwd(context.get(), server.c_str()), "the server " + server);
    if (!done) return pass(done);
  }
  if (!anchor.empty()) {
    const auto done = check(ub_ctx_add_ta_file(context.get(), anchor.c_str()), "the trust anchor " + anchor);
    if (!done) return pass(done);
  }
  const auto threaded = check(ub_ctx_async(context.get(), 1), "threads");
  if (!threaded) return pass(threaded);
  // Names of RFC 6761 that it would answer itself. This also reads all that was set, so that faults show now.
  for (const auto* own : {"test.", "invalid."}) {
    const auto done = check(ub_ctx_zone_remove(context.get(), own),
                            anchor.empty() ? "its settings" : "its settings, or the trust anchor " + anchor);
    if (!done) return pass(done);
  }
  return context;
}

}  // namespace

/// The thread that alone calls libunbound, but for the making.
class UnboundResolver::Worker {
 public:
  Worker(Context context, FileDescriptor wake, const UnboundOptions& options)
      : context_(std::move(context)),
        wake_(std::move(wake)),
        timeout_(options.timeout),
        most_under_way_(std::max<std::size_t>(options.most_under_way, 1)),
        thread_([this] { run(); }) {}

  ~Worker() {
    shared_.lock()->stopping = true;
    ring();
    thread_.join();
    context_.reset();  // ends libunbound's thread; nothing calls back any more
    for (auto& lookup : shared_.lock()->arrived) finish(lookup, Status::failed, "the resolver ends");
    for (auto& lookup : waiting_) finish(lookup, Status::failed, "the resolver ends");
    for (auto& [number, lookup] : under_way_) finish(lookup, Status::failed, "the resolver ends");
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void ask(dns::Question question, Completion<Answer> done) {
    Lookup lookup{.question = std::move(question),
                  .done = std::move(done),
                  .until = std::chrono::steady_clock::now() + timeout_,
                  .ticket = nullptr};
    shared_.lock()->arrived.push_back(std::move(lookup));
    ring();
  }

 private:
  /// What libunbound is given to find a look-up again.
  struct Ticket {
    Worker* worker;
    std::uint64_t number;
  };
  struct Lookup {
    dns::Question question;
    Completion<Answer> done;
    std::chrono::steady_clock::time_point until;
    std::unique_ptr<Ticket> ticket;
    std::chrono::steady_clock::time_point started{};
    int async_id = 0;
  };
  struct Shared {
    std::vector<Lookup> arrived;
    bool stopping = false;
  };

  static void finish(Lookup& lookup, Status status, std::string why) {
    lookup.done(failure(lookup.question, status, std::move(why)));
  }

  void ring() const noexcept {
    const std::uint64_t one = 1;
    // Fails only where it has been rung 2^64 times without an answer.
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
  }

  void run() {
    while (take_arrived()) {
      start_waiting();
      std::array<pollfd, 2> watched = {{{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                                        {.fd = ub_fd(context_.get()), .events = POLLIN, .revents = 0}}};
      ::poll(watched.data(), watched.size(), patience());
      if ((watched[0].revents & POLLIN) != 0) {
        std::uint64_t rung = 0;
        [[maybe_unused]] const auto read = ::read(wake_.get(), &rung, sizeof rung);
      }
      if (watched[1].revents != 0) ub_process(context_.get());
      expire();
    }
  }

  /// False at the end.
  bool take_arrived() {
    std::vector<Lookup> arrived;
    {
      auto shared = shared_.lock();
      if (shared->stopping) return false;
      arrived.swap(shared->arrived);
    }
    for (auto& lookup : arrived) waiting_.push_back(std::move(lookup));
    return true;
  }

  void start_waiting() {
    while (!waiting_.empty() && under_way_.size() < most_under_way_) {
      auto lookup = std::move(waiting_.front());
      waiting_.pop_front();
      const std::uint64_t number = ++last_number_;
      lookup.ticket = std::make_unique<Ticket>(Ticket{this, number});
      lookup.started = std::chrono::steady_clock::now();
      const auto name = lookup.question.name.is_root() ? "." : lookup.question.name.text() + ".";
      const auto [place, added] = under_way_.emplace(number, std::move(lookup));
      Lookup& started = place->second;
      const int status = ub_resolve_async(context_.get(), name.c_str(), std::to_underlying(started.question.type),
                                          class_in, started.ticket.get(), &answered, &started.async_id);
      if (status == UB_NOERROR) continue;
      finish(started, Status::failed, ub_strerror(status));
      under_way_.erase(place);
    }
  }

  /// Milliseconds until the next look-up's time is over; without one for ever. All have the same time, so that the
  /// oldest are the next.
  [[nodiscard]] int patience() const {
    std::optional<std::chrono::steady_clock::time_point> next;
    if (!waiting_.empty()) next = waiting_.front().until;
    if (!under_way_.empty())
      next = std::min(next.value_or(under_way_.begin()->second.until), under_way_.begin()->second.until);
    if (crowded()) next = std::min(*next, under_way_.begin()->second.started + hurried());
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
  }

  /// Whether questions wait for those that are under way.
  [[nodiscard]] bool crowded() const { return !waiting_.empty() && under_way_.size() >= most_under_way_; }
  [[nodiscard]] std::chrono::milliseconds hurried() const { return timeout_ / 4; }

  void expire() {
    const auto now = std::chrono::steady_clock::now();
    const auto why = fmt::format("no answer within {} ms", timeout_.count());
    // As many as wait; the oldest first, since they are in the order in which they began.
    for (auto n = crowded() ? waiting_.size() : 0; n > 0 && !under_way_.empty(); --n) {
      if (under_way_.begin()->second.started + hurried() > now) break;
      give_up(fmt::format("no answer within {} ms, while others wait", hurried().count()));
    }
    while (!under_way_.empty() && under_way_.begin()->second.until <= now) give_up(why);
    while (!waiting_.empty() && waiting_.front().until <= now) {
      finish(waiting_.front(), Status::timed_out, why);
      waiting_.pop_front();
    }
  }

  /// The oldest of those under way.
  void give_up(std::string why) {
    Lookup& oldest = under_way_.begin()->second;
    ub_cancel(context_.get(), oldest.async_id);  // it isn't called back any more
    finish(oldest, Status::timed_out, std::move(why));
    under_way_.erase(under_way_.begin());
  }

  /// libunbound calls this, from ub_process.
  static void answered(void* data, int status, ub_result* raw) noexcept {
    const std::unique_ptr<ub_result, ResultDeleter> result(raw);
    const auto* ticket = static_cast<const Ticket*>(data);
    Worker& worker = *ticket->worker;
    const auto found = worker.under_way_.find(ticket->number);
    if (found == worker.under_way_.end()) return;
    auto lookup = std::move(found->second);
    worker.under_way_.erase(found);
    if (status != UB_NOERROR || !result) {
      finish(lookup, Status::failed, ub_strerror(status));
    } else {
      lookup.done(answer_of(lookup.question, *result));
    }
  }

  Context context_;
  FileDescriptor wake_;
  std::chrono::milliseconds timeout_;
  std::size_t most_under_way_;
  Guarded<Shared> shared_;
  // Of the thread alone.
  std::deque<Lookup> waiting_;
  std::map<std::uint64_t, Lookup> under_way_;  // in the order of their times
  std::uint64_t last_number_ = 0;
  std::thread thread_;  // last: it uses all of the above
};

Result<std::unique_ptr<UnboundResolver>> UnboundResolver::make(FileSystem& files, const UnboundOptions& options) {
  auto anchor = choose_anchor(files, options);
  if (!anchor) return pass(anchor);
  auto context = make_context(options, *anchor);
  if (!context) return pass(context);
  FileDescriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return fail_errno("make", "an eventfd", errno);
  auto worker = std::make_unique<Worker>(*std::move(context), std::move(wake), options);
  return std::unique_ptr<UnboundResolver>(new UnboundResolver(std::move(worker), *std::move(anchor)));
}

UnboundResolver::UnboundResolver(std::unique_ptr<Worker> worker, std::string trust_anchor)
    : worker_(std::move(worker)), trust_anchor_(std::move(trust_anchor)) {}

UnboundResolver::~UnboundResolver() = default;

Async<dns::Answer> UnboundResolver::resolve(dns::Name name, dns::Type type) {
  auto* worker = worker_.get();
  co_return co_await await_completion<Answer>(
      [worker, question = dns::Question{std::move(name), type}](Completion<Answer> done) mutable {
        worker->ask(std::move(question), std::move(done));
      });
}

}  // namespace pabal::net
