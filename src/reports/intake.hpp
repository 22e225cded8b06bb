// Intake: reports that come by mail to addresses of ours. It stands before the MDA: a letter to one of the addresses
// goes into its mailbox like any other, and once it is there, what it carries is read and kept.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "delivery/mda.hpp"
#include "reports/book.hpp"
#include "reports/report_file.hpp"

namespace pabal::reports {

/// Who sent a letter, as far as that was proven.
struct Sender {
  /// The From field's domain, where SPF or a signature of it proved it (delivery::Findings::author); else empty.
  std::string proven = {};
  bool here = false;  ///< it begins here: who wrote it was known to us
};

/// What became of a file or letter with reports.
struct Taken {
  std::size_t kept = 0;
  std::size_t known = 0;             ///< were there already
  std::vector<std::string> refused;  ///< and why
};

/// How what comes is taken.
struct TakeOptions {
  std::function<Result<bool>(const std::string& domain)> is_ours;
  /// The registrable domain, by which senders are counted; empty: each name is counted by itself.
  std::function<std::string(const std::string& domain)> owner_of = {};
  bool proven_only = true;  ///< reports whose senders nothing proved are refused; else they are kept as nobody's
};

/// Reads what is in it and keeps what is about our domains. Blocking, up to a second of work: one at a time. Error:
/// there is nothing like a report in it, or the book's; `policy`: nothing proved who sent it, and so nothing of it was
/// unpacked. What the book has no room for today is refused, and hides no other.
[[nodiscard]] Result<Taken> take_reports(Book& book, std::string_view octets, const Sender& sender,
                                         const TakeOptions& options);

class Intake final : public delivery::Mda {
 public:
  struct Options {
    std::vector<std::string> addresses;  ///< as text; case does not matter
    TakeOptions take;
    std::uint64_t most_octets = std::uint64_t{16} << 20;  ///< of a letter that is read
    std::size_t most_waiting = 20;                        ///< letters that wait to be read; more are only delivered
  };
  /// All must outlive it. Reads on a thread of its own, one letter after another.
  Intake(delivery::Mda& next, Book& book, Pool& store_pool, const Log& log, Metrics& metrics, Options options);
  ~Intake() override;

  [[nodiscard]] Async<delivery::Answer> deliver(delivery::Letter letter) override;
  /// From the next letter on. Any thread.
  void change(std::vector<std::string> addresses, bool proven_only);

 private:
  [[nodiscard]] bool is_for_us(const delivery::Letter& letter);
  void read(const std::string& id, const std::string& octets, const Sender& sender, bool proven_only);

  delivery::Mda* next_;
  Book* book_;
  Pool* store_pool_;
  Log log_;
  Options options_;
  Counter kept_;
  Counter refused_;
  Guarded<std::shared_ptr<const std::vector<std::string>>> addresses_;
  std::atomic<bool> proven_only_;
  std::atomic<std::size_t> waiting_{0};
  std::unique_ptr<Pool> pool_;  ///< the last: its thread uses all the others
};

}  // namespace pabal::reports
