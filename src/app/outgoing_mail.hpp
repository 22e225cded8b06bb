// OutgoingMail: what a running system has for letters to other systems: the relay, who its notices go to, the addresses
// under which aliases send on, and the MDA's way to it all.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "account/directory.hpp"
#include "account/srs.hpp"
#include "app/config.hpp"
#include "app/site.hpp"
#include "base/guarded.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "delivery/local_mda.hpp"
#include "delivery/signer.hpp"
#include "queue/local_return.hpp"
#include "queue/notice.hpp"
#include "queue/queue_gauges.hpp"
#include "queue/relay.hpp"

namespace pabal::app {

[[nodiscard]] queue::ScheduleOptions schedule_options(const QueueSettings& settings);
[[nodiscard]] delivery::SignerOptions signer_options(const Config& config);

/// Where notices for an author go: the mailboxes that the address leads to, or elsewhere. An address under which a
/// letter went on from here (SRS) leads to whom it stands for.
[[nodiscard]] Async<Result<queue::Addressees>> addressees_of(account::Directory* directory, const account::Srs* srs,
                                                             SystemTime now, EmailAddress author);

class OutgoingMail final : public delivery::Carrier {
 public:
  /// All must outlive it; the relay works at `home`. `noticed` is called when notices may wait in local rows.
  OutgoingMail(const Config& config, Machine& machine, Site& site, Executor home, queue::Routes& routes,
               queue::Peers& peers, delivery::Signer& signer, std::string_view secret, std::function<void()> noticed,
               const Log& log);

  [[nodiscard]] const account::Srs& srs() const noexcept { return srs_; }
  [[nodiscard]] queue::Relay& relay() noexcept { return relay_; }
  [[nodiscard]] queue::QueueGauges& gauges() noexcept { return gauges_; }
  /// For local letters that can't be delivered; as long as this lives.
  [[nodiscard]] queue::SendBack send_back();
  /// For those that wait; likewise.
  [[nodiscard]] queue::Warn warn();
  /// Takes over what of the settings counts for the next attempt.
  void change(const Config& config);

  [[nodiscard]] std::optional<SystemTime> room(const std::string& author,
                                               const std::vector<store::RemoteRecipient>& recipients,
                                               store::TlsWish tls) override {
    return relay_.room(author, recipients, tls);
  }
  void hand_over(std::vector<store::OutgoingLetter> letters) override { relay_.hand_over(std::move(letters)); }
  void tell() override { relay_.tell(); }
  [[nodiscard]] Async<std::vector<store::Notice>> receipts(delivery::Receipt receipt) override;
  void receipts_went() override;
  void delivered(delivery::Receipt receipt) override;
  /// How notices of success go to their authors; before the first letter is taken.
  using Post = std::function<Async<Result<json::value>>(std::string author, std::string message, bool smtputf8)>;
  void post_with(Post post) { post_ = std::move(post); }

 private:
  [[nodiscard]] queue::LocalReturnServices local_services();
  [[nodiscard]] Result<queue::WrittenNotice> written(const delivery::Receipt& receipt);

  Machine* machine_;
  std::function<void()> noticed_;
  Executor home_;
  std::string hostname_;
  Post post_;
  account::Directory* directory_;
  Log log_;
  std::shared_ptr<Guarded<queue::ConclusionOptions>> conclusion_;
  std::unique_ptr<queue::OutgoingLetters> letters_;  ///< for local letters that go back
  account::Srs srs_;
  queue::SignNotice sign_;
  queue::Relay relay_;
  queue::QueueGauges gauges_;
};

}  // namespace pabal::app
