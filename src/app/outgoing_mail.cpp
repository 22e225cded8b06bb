#include "app/outgoing_mail.hpp"

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
  options.max_connections_per_destination = config.queue.max_connections_per_destination;
  return options;
}

queue::ConclusionOptions conclusion_options(const Config& config) {
  return {.schedule = schedule_options(config.queue), .hostname = config.hostname};
}

queue::RelayServices relay_services(Machine& machine, Site& site, queue::Routes& routes, queue::Peers& peers,
                                    std::function<void()> noticed) {
  queue::RelayServices services;
  services.letters = queue::outgoing_of(site.store());
  services.routes = &routes;
  services.peers = &peers;
  services.addressees = [directory = &site.directory()](EmailAddress author) {
    return addressees_of(directory, std::move(author));
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

Async<Result<queue::Addressees>> addressees_of(account::Directory* directory, EmailAddress author) {
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
                           queue::Peers& peers, std::string_view secret, std::function<void()> noticed, const Log& log)
    : machine_(&machine),
      home_(home),
      hostname_(config.hostname),
      directory_(&site.directory()),
      log_(log),
      conclusion_(std::make_shared<Guarded<queue::ConclusionOptions>>(conclusion_options(config))),
      letters_(queue::outgoing_of(site.store())),
      srs_(secret),
      relay_(home, relay_services(machine, site, routes, peers, std::move(noticed)), log, relay_options(config)) {}

queue::SendBack OutgoingMail::send_back() {
  queue::LocalReturnServices services;
  services.letters = letters_.get();
  services.addressees = [directory = directory_](EmailAddress author) {
    return addressees_of(directory, std::move(author));
  };
  services.clock = &machine_->clock;
  services.random = &machine_->random;
  return queue::send_back(std::move(services), [options = conclusion_] { return *options->lock(); }, log_);
}

void OutgoingMail::delivered(delivery::Receipt receipt) {
  store::OutgoingLetter letter;
  letter.id = receipt.id;
  letter.sender = letter.author = receipt.author;
  letter.arrived = letter.begins = receipt.arrived;
  letter.envelope_id = receipt.envelope_id;
  letter.smtputf8 = receipt.smtputf8;
  queue::NoticeFacts facts{.action = message::DsnAction::delivered,
                           .letter = &letter,
                           .content = receipt.head,
                           .hostname = hostname_,
                           .now = machine_->clock.now()};
  for (const auto& recipient : receipt.recipients) {
    facts.recipients.push_back(
        {.address = recipient.address, .original_recipient = recipient.original_recipient, .status = "2.0.0"});
  }
  auto notice = queue::write_notice(facts, machine_->random);
  if (!notice) {
    log_.warning("receipt_not_written", {{"id", receipt.id}, {"why", notice.error().log}});
    return;
  }
  asio::co_spawn(home_, post_(std::move(receipt.author), std::move(notice->content)),
                 [log = log_, id = receipt.id](const std::exception_ptr& thrown, const Result<json::value>& posted) {
                   const auto why = thrown ? thrown_text(thrown) : posted ? std::string() : posted.error().log;
                   if (!why.empty()) log.warning("receipt_not_sent", {{"id", id}, {"why", why}});
                 });
}

void OutgoingMail::change(const Config& config) {
  relay_.change(schedule_options(config.queue));
  *conclusion_->lock() = conclusion_options(config);
}

}  // namespace pabal::app
