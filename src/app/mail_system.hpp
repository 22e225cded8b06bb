// MailSystem: one whole mail system, running: its listeners, what serves them, and the site below. `pabal serve` runs
// one, the demo two.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "app/config.hpp"
#include "app/dns_desk.hpp"
#include "app/key_keeper.hpp"
#include "app/local_letter.hpp"
#include "app/mail_routes.hpp"
#include "app/maildrop.hpp"
#include "app/name_service.hpp"
#include "app/outgoing_mail.hpp"
#include "app/report_works.hpp"
#include "app/site.hpp"
#include "app/sts_keeper.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "delivery/local_mda.hpp"
#include "delivery/refusals.hpp"
#include "delivery/signer.hpp"
#include "net/io_threads.hpp"
#include "net/server.hpp"
#include "net/tls.hpp"
#include "queue/local_retry.hpp"
#include "queue/smtp_peers.hpp"

namespace pabal::app {

class MailSystem {
 public:
  /// Makes the data folder, loads or makes the certificate, binds all ports, becomes the settings' user, opens the
  /// data, and serves. Nothing is accepted where any of it fails.
  [[nodiscard]] static Result<std::unique_ptr<MailSystem>> start(Config config, const Log& log,
                                                                 net::ActivatedSockets& activated);
  ~MailSystem();
  MailSystem(const MailSystem&) = delete;
  MailSystem& operator=(const MailSystem&) = delete;

  /// Reads the settings file and the certificates again. What may change counts for connections that begin then; what
  /// can't change without a new start is named in the log. On an error all stays as it was.
  void reload();
  /// Orderly stop. False where sessions had to be cut off: then the process must end without tearing this down, since
  /// what they waited for may still come.
  [[nodiscard]] bool stop();

  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] Site& site() noexcept { return *site_; }
  [[nodiscard]] Machine& machine() noexcept { return machine_; }
  /// For letters that begin here; as long as this lives.
  [[nodiscard]] LocalPost local_post();
  /// Where it listens: "smtp 127.0.0.1:10025 starttls".
  [[nodiscard]] const std::vector<std::string>& listening() const noexcept { return listening_; }

 private:
  struct Handlers;  ///< what serves connections, as the settings are now; a reload makes it anew
  /// Serves a connection; `keep` is held to its end.
  using Handler =
      std::function<Async<>(std::shared_ptr<const void> keep, std::unique_ptr<net::Stream>, net::SessionFacts)>;
  struct Serving;  ///< where the listeners find it; filled after the ports are bound

  MailSystem(Config config, const Log& log);
  [[nodiscard]] Result<void> prepare_tls();
  [[nodiscard]] Result<void> bind_all(net::ActivatedSockets& activated);
  [[nodiscard]] Result<void> open_site();
  [[nodiscard]] Result<void> open_ways_out();
  [[nodiscard]] Result<void> make_handlers();
  [[nodiscard]] Result<Handler> make_handler(Handlers& all, const ListenerSettings& listener);
  [[nodiscard]] Result<void> bind_control();
  /// For letters that we write ourselves.
  [[nodiscard]] LocalPost own_post();
  [[nodiscard]] Result<void> post_dropped(const std::string& id, DroppedLetter letter);

  Config config_;
  Log log_;
  // In the order in which they are made; the other way round they end.
  Machine machine_;
  std::shared_ptr<net::TlsContext> tls_;
  std::shared_ptr<Serving> serving_;
  std::unique_ptr<Site> site_;
  std::unique_ptr<FileLock> alone_;  ///< no second server has this data folder
  std::unique_ptr<Pool> control_pool_;
  std::unique_ptr<Pool> signing_pool_;  ///< a big letter that is signed keeps no reader of the store waiting
  std::unique_ptr<delivery::Signer> signer_;
  std::unique_ptr<delivery::LocalMda> mda_;
  std::unique_ptr<delivery::Refusals> refusals_;
  mailauth::KeyCache keys_of_senders_;
  std::optional<PublicSuffix> suffixes_;
  std::unique_ptr<net::IoThreads> threads_;
  std::unique_ptr<NameService> names_;
  std::unique_ptr<DnsDesk> desk_;
  std::unique_ptr<MailRoutes> routes_;
  std::unique_ptr<StsKeeper> sts_keeper_;
  std::unique_ptr<queue::SmtpPeers> peers_;
  std::unique_ptr<OutgoingMail> outgoing_;
  std::unique_ptr<queue::LocalRetry> retry_;
  std::unique_ptr<ReportWorks> reports_;
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<MaildropReader> maildrop_;
  std::unique_ptr<KeyKeeper> keeper_;
  std::vector<std::string> listening_;
  std::vector<net::CertificateFiles> certificates_;
  bool running_ = false;
};

}  // namespace pabal::app
