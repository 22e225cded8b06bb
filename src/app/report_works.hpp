// ReportWorks: what a running system has for reports: the worker that sends ours, and the MDA that reads those of
// others on their way into the mailbox.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "address/public_suffix.hpp"
#include "app/config.hpp"
#include "app/site.hpp"
#include "base/guarded.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "delivery/mda.hpp"
#include "delivery/signer.hpp"
#include "dns/resolver.hpp"
#include "net/https_client.hpp"
#include "reports/dispatch.hpp"
#include "reports/failure_reports.hpp"
#include "reports/intake.hpp"

namespace pabal::app {

class ReportWorks {
 public:
  /// Posts a letter: {"sender":…,"recipients":[…]} and its octets (post_letter).
  using Post = std::function<Async<Result<json::value>>(json::object request, std::string message)>;

  /// All must outlive it; the sending works at `home`, letters go on to `next`.
  [[nodiscard]] static Result<std::unique_ptr<ReportWorks>> make(const Config& config, Machine& machine, Site& site,
                                                                 Executor home, dns::Resolver& resolver,
                                                                 delivery::Signer& signer, delivery::Mda& next,
                                                                 Post post, const Log& log);

  /// Takes letters in place of `next`.
  [[nodiscard]] delivery::Mda& mda() noexcept { return *intake_; }
  /// Is told of judged letters in place of the book.
  [[nodiscard]] reports::Outcomes& outcomes() noexcept { return *failures_; }
  /// Begins to send.
  void start();
  /// Ends after what is at hand; `stopped` is called at home then. Any thread.
  void stop(std::move_only_function<void()> stopped);
  /// Has all sent that was not told yet: {"sent":N,"nothing":N,"postponed":N,"over":true,"days":["…"]}. Blocks for ten
  /// seconds at most; what takes longer goes on ("over" is false, and nothing is told of it).
  [[nodiscard]] Result<json::value> send_now();
  /// Takes over what of the settings counts from now on.
  void change(const Config& config);

 private:
  ReportWorks(const Config& config, Site& site, dns::Resolver& resolver, delivery::Signer& signer,
              std::shared_ptr<const net::TlsClientContext> tls, Post post);
  [[nodiscard]] Async<Result<reports::Reporter>> reporter();
  [[nodiscard]] Async<Result<void>> mail(EmailAddress to, std::string letter);
  [[nodiscard]] Async<Result<int>> upload(reports::ReportUri place, std::string media_type, std::string octets);

  Site* site_;
  dns::Resolver* resolver_;
  delivery::Signer* signer_;
  Guarded<ReportSettings> settings_;
  std::string hostname_;
  net::TlsHttpsClient https_;
  Post post_;
  std::unique_ptr<PublicSuffix> suffixes_;  ///< null: the list isn't there
  std::unique_ptr<reports::Intake> intake_;
  std::unique_ptr<reports::Dispatcher> dispatcher_;
  std::unique_ptr<reports::FailureReports> failures_;
};

}  // namespace pabal::app
