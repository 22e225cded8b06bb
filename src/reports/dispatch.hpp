// Dispatcher: sends the reports of a day, each domain's at a random time after its end, to the places that the domain
// names: DMARC aggregate reports (RFC 7489 §7.2) by mail, TLS reports (RFC 8460) by mail or HTTPS. A place that belongs
// to somebody else must have agreed (RFC 7489 §7.1), sizes that places set are kept, and nothing is sent where all that
// there is to tell is about reports.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "address/public_suffix.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "dns/resolver.hpp"
#include "reports/book.hpp"
#include "reports/report_letter.hpp"
#include "reports/rua.hpp"

namespace pabal::reports {

struct DispatchOptions {
  bool dmarc = true;
  bool tls = true;
  std::chrono::seconds look = std::chrono::minutes(1);
  std::chrono::seconds retry = std::chrono::minutes(30);  ///< then twice that, and so on
  std::int64_t most_tries = 6;
  std::size_t most_policies = 8;  ///< of one domain and day; a report is of one policy
  /// TLS reports go to places whose owners nobody asks (RFC 8460 knows no consent): so many of one domain's, and so
  /// many a day to one address or host, and to all of one registrable domain, where that isn't the reported one's.
  std::size_t most_tls_places = 2;
  std::size_t most_tls_to_others = 100;
};

/// What it takes; all must outlive the Dispatcher.
struct DispatchServices {
  Book* book = nullptr;
  dns::Resolver* resolver = nullptr;
  const PublicSuffix* suffixes = nullptr;  ///< null: every other domain counts as somebody else's
  Pool* pool = nullptr;                    ///< for the database
  const Clock* clock = nullptr;
  Random* random = nullptr;
  Metrics* metrics = nullptr;
  /// Who reports. An error where there is no address at a domain of ours: then nothing is sent.
  std::function<Async<Result<Reporter>>()> reporter;
  /// Hands a letter to the queue, for one recipient.
  std::function<Async<Result<void>>(EmailAddress to, std::string letter)> post;
  /// Posts a document (RFC 8460 §5.4) and gives the HTTP status; empty: HTTPS is not spoken, and places with it are
  /// left out.
  std::function<Async<Result<int>>(ReportUri place, std::string media_type, std::string octets)> upload;
};

class Dispatcher {
 public:
  Dispatcher(Executor home, DispatchServices services, const Log& log, DispatchOptions options);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  /// Begins to work; any thread, once.
  void start();
  /// Ends after the report at hand; `stopped` is called at home when it has. Any thread; also where it was never
  /// started.
  void stop(std::move_only_function<void()> stopped);
  /// From the next round on. Any thread.
  void change(const DispatchOptions& options);

  struct Round {
    std::size_t sent = 0;            ///< letters and documents
    std::size_t nothing = 0;         ///< days of a domain of which nobody wants to hear
    std::size_t postponed = 0;       ///< something failed that may pass
    std::vector<std::string> words;  ///< a line for each day of a domain
  };
  /// One round: all that is due; with `even_now` all that was not told yet, today's too, which the day's report then
  /// leaves out. At home of who calls. What fails with one day stops no other. Errors: `busy`, while another round is
  /// under way; those of `reporter`; those of the book, where it failed with several days.
  [[nodiscard]] Async<Result<Round>> round(bool even_now);
  /// Has the worker do such a round of all that was not told yet, as soon as it can; `told` is called at home when it
  /// is over. Errors besides those of round(): `state`, where nothing works. Any thread.
  void send_now(std::move_only_function<void(Result<Round>)> told);

 private:
  struct State;
  struct Mark;
  class Telling;
  [[nodiscard]] static Async<Result<Round>> work_once(std::shared_ptr<State> state, bool even_now);
  [[nodiscard]] static Async<> note_again(State* state);
  [[nodiscard]] static Async<> work(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace pabal::reports
