#include "app/outgoing_mail.hpp"

#include "base/ids.hpp"
#include "delivery/plan.hpp"
#include "queue/notice.hpp"

namespace pabal::app {

namespace {

constexpr std::size_t kMostMailboxes = 20;

queue::RelayOptions relay_options(const Config& config) {
  queue::RelayOptions options;
  options.schedule = schedule_options(config.queue);
  options.hostname = config.hostname;
  options.max_connections = config.queue.max_connections;
  options.stop_patience = std::min<std::chrono::milliseconds>(options.stop_patience, config.stop_grace / 2);
  options.max_connections_per_destination = config.queue.max_connections_per_destination;
  return options;
}

queue::ConclusionOptions conclusion_options(const Config& config, queue::SignNotice sign) {
  return {.schedule = schedule_options(config.queue), .hostname = config.hostname, .sign = std::move(sign)};
}

Async<Result<std::string>> sign_notice(delivery::Signer* signer, std::string content) {
  auto marks = co_await signer->sign(content);
  if (!marks) co_return pass(marks);
  co_return marks->fields + content;
}

queue::RelayServices relay_services(Machine& machine, Site& site, const account::Srs& srs, queue::Routes& routes,
                                    queue::Peers& peers, queue::SignNotice sign, std::function<void()> noticed) {
  queue::RelayServices services;
  services.sign_notice = std::move(sign);
  services.letters = queue::outgoing_of(site.store());
  services.routes = &routes;
  services.peers = &peers;
  services.addressees = [directory = &site.directory(), &srs, clock = &machine.clock](EmailAddress author) {
    return addressees_of(directory, &srs, clock->now(), std::move(author));
  };
  services.clock = &machine.clock;
  services.random = &machine.random;
  services.metrics = &machine.metrics;
  services.noticed = std::move(noticed);
  return services;
}

}  // namespace

queue::ScheduleOptions schedule_options(const QueueSettings& settings) {
  queue::ScheduleOptions options;
  options.retry = settings.retry;
  options.retry_max = settings.retry_max;
  options.warn_after = settings.warn_after;
  options.give_up_after = settings.give_up_after;
  return options;
}

delivery::SignerOptions signer_options(const Config& config) {
  return {.sign = config.dkim.sign,
          .seal = config.arc.seal,
          .seal_domain = config.arc.domain.empty() ? config.hostname : config.arc.domain,
          .hostname = config.hostname,
          .programs = config.dkim.programs};
}

Async<Result<queue::Addressees>> addressees_of(account::Directory* directory, const account::Srs* srs, SystemTime now,
                                               EmailAddress author) {
  if (account::Srs::has_form(author)) {
    // Only what we have made ourselves can be undone.
    if (auto original = srs->reverse(author, now)) author = *std::move(original);
  }
  auto resolved = co_await directory->resolve(author);
  if (!resolved) co_return pass(resolved);
  queue::Addressees found;
  const auto elsewhere = [&](const EmailAddress& address) {
    found.remote.push_back(
        {.address = address.text(),
         .destination = address.domain() != nullptr ? address.domain()->ascii() : "[" + address.literal()->text + "]"});
  };
  if (std::holds_alternative<account::NotOurDomain>(*resolved)) elsewhere(author);
  if (const auto* local = std::get_if<account::LocalRecipient>(&*resolved)) {
    for (const auto& target : local->targets) {
      if (found.local.size() == kMostMailboxes) break;
      found.local.push_back({.place = {.account = target.account, .shard = target.shard},
                             .recipient = author.text(),
                             .prefix = delivery::private_prefix(std::nullopt, target.delivered_to),
                             .keywords = {},
                             .notify = {},
                             .original_recipient = {}});
    }
    for (const auto& address : local->remote_targets) {
      if (found.remote.size() == kMostMailboxes) break;
      elsewhere(address);
    }
  }
  co_return found;
}

OutgoingMail::OutgoingMail(const Config& config, Machine& machine, Site& site, Executor home, queue::Routes& routes,
                           queue::Peers& peers, delivery::Signer& signer, std::string_view secret,
                           std::function<void()> noticed, const Log& log)
    : machine_(&machine),
      noticed_(noticed),
      home_(home),
      hostname_(config.hostname),
      directory_(&site.directory()),
      log_(log),
      conclusion_(std::make_shared<Guarded<queue::ConclusionOptions>>()),
      letters_(queue::outgoing_of(site.store())),
      srs_(secret),
      sign_([signer = &signer](std::string content) { return sign_notice(signer, std::move(content)); }),
      relay_(home, relay_services(machine, site, srs_, routes, peers, sign_, std::move(noticed)), log,
             relay_options(config)),
      gauges_(site.store(), machine.clock, machine.metrics, log) {
  *conclusion_->lock() = conclusion_options(config, sign_);
}

queue::LocalReturnServices OutgoingMail::local_services() {
  queue::LocalReturnServices services;
  services.letters = letters_.get();
  services.addressees = [this](EmailAddress author) {
    return addressees_of(directory_, &srs_, machine_->clock.now(), std::move(author));
  };
  services.clock = &machine_->clock;
  services.random = &machine_->random;
  return services;
}

queue::SendBack OutgoingMail::send_back() {
  return queue::send_back(local_services(), [options = conclusion_] { return *options->lock(); }, log_);
}

queue::Warn OutgoingMail::warn() {
  return queue::warn(local_services(), [options = conclusion_] { return *options->lock(); }, log_);
}

Result<queue::WrittenNotice> OutgoingMail::written(const delivery::Receipt& receipt) {
  store::OutgoingLetter letter;
  letter.id = receipt.id;
  letter.sender = letter.author = receipt.author;
  letter.arrived = letter.begins = receipt.arrived;
  letter.envelope_id = receipt.envelope_id;
  letter.smtputf8 = receipt.smtputf8;
  queue::NoticeFacts facts{.action = message::DsnAction::delivered,
                           .letter = &letter,
                           .content = receipt.head,
                           .telling = receipt.require_tls ? queue::Telling::nothing : queue::Telling::all,
                           .hostname = hostname_,
                           .now = machine_->clock.now()};
  for (const auto& recipient : receipt.recipients) {
    facts.recipients.push_back(
        {.address = recipient.address, .original_recipient = recipient.original_recipient, .status = "2.0.0"});
  }
  return queue::write_notice(facts, machine_->random);
}

Async<std::vector<store::Notice>> OutgoingMail::receipts(delivery::Receipt receipt) {
  std::vector<store::Notice> notices;
  auto author = EmailAddress::parse(receipt.author, 255);
  if (!author) co_return notices;
  auto found = co_await addressees_of(directory_, &srs_, machine_->clock.now(), *std::move(author));
  auto notice = written(receipt);
  if (!found || !notice) co_return notices;
  // Where it can't be signed now it is a letter of its own after the delivery, as where the directory can't be asked.
  auto with_signature = co_await sign_(std::move(notice->content));
  if (!with_signature) co_return notices;
  notice->content = *std::move(with_signature);
  const auto make = [&] {
    auto& one = notices.emplace_back();
    one.id = make_token(to_database(machine_->clock.now()), machine_->random);
    one.content = notice->content;
    one.message_id = notice->message_id;
    one.smtputf8 = notice->smtputf8;
    one.form = notice->form;
    one.trace = queue::notice_trace(receipt.id, receipt.author, one, message::DsnAction::delivered);
    return &one;
  };
  for (auto& target : found->local) make()->local = std::move(target);
  for (auto& recipient : found->remote) make()->remote = std::move(recipient);
  co_return notices;
}

void OutgoingMail::receipts_went() {
  relay_.tell();
  if (noticed_) noticed_();
}

void OutgoingMail::delivered(delivery::Receipt receipt) {
  auto notice = written(receipt);
  if (!notice) {
    log_.warning("receipt_not_written", {{"id", receipt.id}, {"why", notice.error().log}});
    return;
  }
  asio::co_spawn(home_, post_(std::move(receipt.author), std::move(notice->content), notice->smtputf8),
                 [log = log_, id = receipt.id](const std::exception_ptr& thrown, const Result<json::value>& posted) {
                   const auto why = thrown ? thrown_text(thrown) : posted ? std::string() : posted.error().log;
                   if (!why.empty()) log.warning("receipt_not_sent", {{"id", id}, {"why", why}});
                 });
}

void OutgoingMail::change(const Config& config) {
  relay_.change(schedule_options(config.queue));
  *conclusion_->lock() = conclusion_options(config, sign_);
}

}  // namespace pabal::app
