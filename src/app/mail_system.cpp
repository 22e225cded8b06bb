#include "app/mail_system.hpp"

#include <future>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/folder.hpp"
#include "app/patience.hpp"
#include "app/report_commands.hpp"
#include "base/guarded.hpp"
#include "net/process.hpp"
#include "server/control/control.hpp"
#include "server/http/monitor.hpp"
#include "server/imap/server.hpp"
#include "server/pop3/server.hpp"
#include "server/smtp/letter_judges.hpp"
#include "server/smtp/server.hpp"

namespace pabal::app {

namespace {

smtp::Protocol smtp_protocol(Protocol protocol) {
  return protocol == Protocol::smtp         ? smtp::Protocol::smtp
         : protocol == Protocol::submission ? smtp::Protocol::submission
                                            : smtp::Protocol::lmtp;
}

/// Connections of each listener that serves the operator, beside those of all others.
constexpr std::size_t kOwnConnections = 16;

queue::RetryOptions retry_options(const Config& config) {
  queue::RetryOptions options;
  options.retry = config.queue.retry;
  options.retry_max = config.queue.retry_max;
  options.warn_after = config.queue.warn_after;
  options.give_up_after = config.queue.give_up_after;
  return options;
}

/// Whether the same counts of what each address does still serve.
bool same_rates(const server::smtp::Settings& a, const server::smtp::Settings& b) {
  const auto text = &net::Network::text;
  return a.messages_per_minute == b.messages_per_minute && a.recipients_per_minute == b.recipients_per_minute &&
         a.rate_tracked_addresses == b.rate_tracked_addresses &&
         std::ranges::equal(a.rate_exempt, b.rate_exempt, {}, text, text);
}

}  // namespace

struct MailSystem::Handlers {
  std::shared_ptr<server::smtp::RateLimits> rates;  ///< kept over a reload that doesn't change them
  server::smtp::Settings settings;                  ///< which `rates` was made from, too
  std::unique_ptr<server::imap::Server> imap;
  std::unique_ptr<server::pop3::Server> pop3;
  std::unique_ptr<server::smtp::LetterJudges> judges;
  std::vector<std::unique_ptr<server::smtp::Server>> smtp;  ///< one a listener
  std::vector<Handler> of_listener;                         ///< in the order of the settings
};

struct MailSystem::Serving {
  std::unique_ptr<account::Logins> logins;
  std::unique_ptr<server::pop3::Mailboxes> mailboxes;
  std::unique_ptr<server::smtp::Accounts> accounts;
  Guarded<std::shared_ptr<const Handlers>> current;
};

MailSystem::MailSystem(Config config, const Log& log) : config_(std::move(config)), log_(log) {}

Result<std::unique_ptr<MailSystem>> MailSystem::start(Config config, const Log& log, net::ActivatedSockets& activated) {
  std::unique_ptr<MailSystem> system(new MailSystem(std::move(config), log));
  if (auto done = check_served(system->config_); !done) return pass(done);
  if (auto done = make_data_folder(system->config_, system->machine_.files); !done) return pass(done);
  if (const auto& maildrop = system->config_.maildrop; !maildrop.empty()) {
    const auto made = make_maildrop(maildrop);
    if (!made) return pass(made);
    const auto given = *made ? give_away(system->config_, maildrop) : Result<void>();
    if (!given) return pass(given);
  }
  if (auto done = system->prepare_tls(); !done) return pass(done);
  if (auto done = system->bind_all(activated); !done) return pass(done);
  if (auto done = become_user(system->config_); !done) return pass(done);
  if (auto done = system->bind_control(); !done) return pass(done);
  if (auto done = system->open_site(); !done) return pass(done);
  if (auto done = system->make_handlers(); !done) return pass(done);
  system->server_->start();
  system->retry_->start();
  system->outgoing_->relay().start();
  system->sts_keeper_->start(system->threads_->executor(0));
  system->reports_->start();
  if (!system->config_.maildrop.empty()) {
    system->maildrop_ = std::make_unique<MaildropReader>(
        system->config_.maildrop, system->config_.smtp.max_message_size,
        [made = system.get()](const std::string& id, DroppedLetter letter) {
          return made->post_dropped(id, std::move(letter));
        },
        log);
  }
  system->keeper_ = std::make_unique<KeyKeeper>(system->site_->admin(), system->config_.dkim.check_every, log);
  system->running_ = true;
  return system;
}

Result<void> MailSystem::prepare_tls() {
  certificates_ = config_.certificates;
  if (certificates_.empty()) {
    auto own = own_certificate(config_, machine_.files, machine_.clock.now(), log_);
    if (!own) return pass(own);
    certificates_.push_back(*std::move(own));
  }
  auto context = load_certificates(config_, machine_.files, tls_options(certificates_));
  if (!context) return pass(context);
  tls_ = std::move(*context);
  return {};
}

Result<void> MailSystem::bind_all(net::ActivatedSockets& activated) {
  serving_ = std::make_shared<Serving>();
  threads_ = std::make_unique<net::IoThreads>(config_.io_threads);
  server_ = std::make_unique<net::Server>(*threads_, config_.connections, log_, machine_.metrics, machine_.clock,
                                          machine_.random);
  for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
    const ListenerSettings& listener = config_.listeners[i];
    net::ServiceOptions service;
    service.listener = {.protocol = std::string(name_of(listener.protocol)),
                        .address = listener.address,
                        .port = listener.port,
                        .tls = listener.tls,
                        .unix_mode = listener.unix_mode,
                        .proxy_protocol = listener.proxy_protocol};
    service.handler = [serving = serving_, i](std::unique_ptr<net::Stream> stream, net::SessionFacts facts) {
      const auto handlers = *serving->current.lock();
      return handlers->of_listener[i](handlers, std::move(stream), std::move(facts));
    };
    service.tls = tls_;
    if (listener.protocol == Protocol::metrics) service.own_connections = kOwnConnections;
    if (listener.protocol == Protocol::imap) {
      service.tls = tls_->with_alpn({"imap"});
      service.refusal = "* BYE [LIMIT] too many connections, try again later\r\n";
    } else if (listener.protocol == Protocol::pop3) {
      service.tls = tls_->with_alpn({"pop3"});
      service.refusal = "-ERR [SYS/TEMP] too many connections, try again later\r\n";
    } else if (listener.protocol != Protocol::metrics) {
      service.refusal = "421 4.7.0 too many connections, try again later\r\n";
    }
    const auto bound = server_->bind(std::move(service), activated);
    if (!bound)
      return fail(bound.error().kind, bound.error().peer, fmt::format("{}: {}", listener.where, bound.error().log));
    listening_.push_back(fmt::format("{} {} {}", name_of(listener.protocol), bound->text(), name_of(listener.tls)));
  }
  for (const std::string& where : activated.unused()) log_.warning("activated_socket_unused", {{"address", where}});
  return {};
}

Result<void> MailSystem::open_site() {
  // A command that came before the control socket has the data for as long as it takes.
  auto site = take_patiently([this] { return Site::open(config_, machine_, log_); },
                             [this](const Error& why) { log_.warning("data_awaited", {{"why", why.log}}); });
  if (!site) return pass(site);
  site_ = std::move(*site);
  auto names = NameService::open(config_.dns, machine_.files, machine_.clock);
  if (!names) return pass(names);
  names_ = std::move(*names);
  auto suffixes = PublicSuffix::system();
  if (!suffixes) return pass(suffixes);
  suffixes_.emplace(*std::move(suffixes));
  desk_ = std::make_unique<DnsDesk>(names_->resolver(), threads_->executor(0));
  site_->admin().ask_dns([desk = desk_.get()](std::vector<dns::Question> all) { return desk->ask(std::move(all)); });
  signing_pool_ = std::make_unique<Pool>(std::max(std::thread::hardware_concurrency(), 2U), log_);
  signer_ = std::make_unique<delivery::Signer>(site_->keys(), site_->directory(), *signing_pool_, machine_.clock,
                                               signer_options(config_));
  if (auto done = open_ways_out(); !done) return done;
  mda_ = std::make_unique<delivery::LocalMda>(site_->store(), machine_.clock, log_, machine_.metrics, &outgoing_->srs(),
                                              outgoing_.get(), signer_.get());
  outgoing_->post_with([this](std::string author, std::string message, bool smtputf8) {
    return post_letter(own_post(),
                       {{"sender", ""}, {"recipients", json::array{json::string(author)}}, {"smtputf8", smtputf8}},
                       std::move(message));
  });
  retry_ = std::make_unique<queue::LocalRetry>(
      threads_->executor(0), queue::letters_of(site_->store()),
      [mda = mda_.get()](store::QueuedLocal letter) { return mda->retry(std::move(letter)); }, machine_.clock,
      machine_.random, log_, machine_.metrics, retry_options(config_), outgoing_->send_back(), outgoing_->warn());
  auto reports = ReportWorks::make(
      config_, machine_, *site_, threads_->executor(0), names_->resolver(), *signer_, *mda_,
      [this](json::object request, std::string message) {
        return post_letter(own_post(), std::move(request), std::move(message));
      },
      log_);
  if (!reports) return pass(reports);
  reports_ = std::move(*reports);
  site_->admin().when_queue_changes([this] {
    retry_->kick();
    outgoing_->relay().kick();
  });
  return {};
}

// Names, routes, connections and the relay that uses them.
Result<void> MailSystem::open_ways_out() {
  auto routes = MailRoutes::make(config_, names_->resolver(), machine_.clock, machine_.random, &site_->book());
  if (!routes) return pass(routes);
  routes_ = std::move(*routes);
  sts_keeper_ = std::make_unique<StsKeeper>(routes_->policies(), machine_.files, config_.data + "/mta-sts.jsonl",
                                            site_->pool(), log_);
  net::TlsClientOptions everybody;
  everybody.verify = false;
  everybody.opportunistic = true;
  auto any = net::TlsClientContext::make(everybody);
  if (!any) return pass(any);
  auto trusting = net::TlsClientContext::make({});
  if (!trusting) return pass(trusting);
  peers_ = std::make_unique<queue::SmtpPeers>(
      queue::PeerSettings{
          .own_name = config_.hostname,
          .tls_outcomes = &site_->book(),
          .sign_again = [signer = signer_.get()](std::string letter) { return signer->sign_again(std::move(letter)); }},
      queue::PeerTlsContexts{.any = std::move(*any), .trusting = std::move(*trusting)}, site_->pool(), machine_.clock);
  const auto secret = secret_key(machine_.files, machine_.random, config_.data);
  if (!secret) return pass(secret);
  outgoing_ = std::make_unique<OutgoingMail>(
      config_, machine_, *site_, threads_->executor(0), routes_->routes(), *peers_, *signer_, *secret,
      [this] { retry_->kick(); }, log_);
  return {};
}

// Also at a reload; sessions that are there keep the handlers that they began with.
Result<void> MailSystem::make_handlers() {
  if (!refusals_) {
    refusals_ = std::make_unique<delivery::Refusals>(site_->store(), machine_.clock, log_, machine_.metrics,
                                                     config_.smtp.auth.refusal_traces);
  }
  if (!serving_->accounts) {
    serving_->accounts = std::make_unique<server::smtp::DirectoryAccounts>(site_->directory(), site_->authenticator(),
                                                                           machine_.clock, &outgoing_->srs());
    serving_->logins = account::logins_of(site_->authenticator(), site_->directory());
    serving_->mailboxes = server::pop3::mailboxes_of(site_->store());
  }
  auto all = std::make_shared<Handlers>();
  const auto before = *serving_->current.lock();
  const bool rates_stay = before && same_rates(before->settings, config_.smtp);
  all->rates = rates_stay ? before->rates : std::make_shared<server::smtp::RateLimits>(config_.smtp, machine_.random);
  all->settings = config_.smtp;
  all->judges = std::make_unique<server::smtp::LetterJudges>(
      config_.smtp,
      mailauth::CheckTools{
          .resolver = &names_->resolver(), .suffixes = &*suffixes_, .keys = &keys_of_senders_, .pool = &site_->pool()},
      machine_.clock, machine_.random, machine_.metrics, &reports_->outcomes());
  all->imap = std::make_unique<server::imap::Server>(*serving_->logins, site_->store(), machine_.clock,
                                                     machine_.metrics, config_.imap, config_.hostname);
  all->pop3 = std::make_unique<server::pop3::Server>(*serving_->logins, *serving_->mailboxes, machine_.clock,
                                                     machine_.metrics, config_.pop3);
  for (const ListenerSettings& listener : config_.listeners) {
    auto made = make_handler(*all, listener);
    if (!made) return pass(made);
    all->of_listener.push_back(std::move(*made));
  }
  *serving_->current.lock() = std::move(all);
  return {};
}

Result<MailSystem::Handler> MailSystem::make_handler(Handlers& all, const ListenerSettings& listener) {
  const auto alone = [](net::SessionHandler handler) -> Handler {
    return [handler = std::move(handler)](const std::shared_ptr<const void>& /*keep*/,
                                          std::unique_ptr<net::Stream> stream, net::SessionFacts facts) {
      return handler(std::move(stream), std::move(facts));
    };
  };
  switch (listener.protocol) {
    case Protocol::imap:
      return alone(all.imap->handler({.starttls = listener.tls == TlsMode::starttls,
                                      .allow_plaintext_auth = listener.allow_plaintext_auth,
                                      .tls = tls_->with_alpn({"imap"})}));
    case Protocol::pop3:
      return alone(all.pop3->handler({.starttls = listener.tls == TlsMode::starttls,
                                      .allow_plaintext_auth = listener.allow_plaintext_auth,
                                      .tls = tls_->with_alpn({"pop3"})}));
    case Protocol::metrics:
      return alone(server::http::make_monitor(
          machine_.metrics,
          [store = &site_->store()]() -> Result<void> {
            if (!store->healthy()) return fail(ErrorKind::io, "a shard takes no more writes");
            return {};
          },
          {}, [gauges = &outgoing_->gauges()] { return gauges->refresh(); }));
    case Protocol::smtp:
    case Protocol::submission:
    case Protocol::lmtp:
      break;
    case Protocol::managesieve:
    case Protocol::http:
      return fail(ErrorKind::unsupported, "not served");
  }
  server::smtp::ListenerSettings own;
  own.protocol = smtp_protocol(listener.protocol);
  own.starttls = listener.tls == TlsMode::starttls;
  own.allow_plaintext_auth = listener.allow_plaintext_auth;
  own.require_tls = listener.require_tls;
  server::smtp::Services services;
  services.accounts = serving_->accounts.get();
  services.mda = &reports_->mda();
  services.judges = all.judges.get();
  services.note_refusal = [refusals = refusals_.get()](delivery::RefusedLetter letter) {
    return refusals->note(std::move(letter));
  };
  services.receive = [store = &site_->store()](std::uint64_t expected) { return store->receive(expected); };
  services.tls_context = [tls = tls_]() -> std::shared_ptr<const net::TlsContext> { return tls; };
  services.clock = &machine_.clock;
  services.random = &machine_.random;
  services.metrics = &machine_.metrics;
  all.smtp.push_back(std::make_unique<server::smtp::Server>(config_.smtp, own, std::move(services), *all.rates));
  return Handler([server = all.smtp.back().get()](const std::shared_ptr<const void>& keep,
                                                  std::unique_ptr<net::Stream> stream, net::SessionFacts facts) {
    return server::smtp::Server::serve({keep, server}, std::move(stream), std::move(facts.id), std::move(facts.log));
  });
}

LocalPost MailSystem::local_post() {
  const auto handlers = *serving_->current.lock();
  return {&site_->directory(),
          &reports_->mda(),
          &machine_.clock,
          &machine_.random,
          config_.hostname,
          handlers->settings,
          {},
          {.forwards = true, .relays = true}};
}

LocalPost MailSystem::own_post() {
  auto post = local_post();
  post.writer = delivery::Writer::ourselves;
  return post;
}

// In the data folder, which is 0700, and 0600 itself from its first moment on. It listens before the data are open:
// commands that come meanwhile wait there for their answer, and don't open the data themselves.
Result<void> MailSystem::bind_control() {
  // Of two servers that start at once one would take the other's socket for a dead one's.
  auto alone = machine_.files.lock(config_.data + "/serve.lock");
  if (!alone) return pass(alone);
  alone_ = std::move(*alone);
  control_pool_ = std::make_unique<Pool>(2, log_);
  net::ServiceOptions service;
  service.listener.protocol = "control";
  service.listener.address = "unix:" + control_socket(config_);
  service.listener.tls = net::TlsMode::off;
  server::control::Service control;
  control.execute = [this](const json::object& request) -> Result<json::value> {
    if (const auto* command = request.if_contains("command"); command != nullptr && *command == "reports send") {
      return reports_->send_now();
    }
    if (auto done = execute_report(site_->book(), request)) return *std::move(done);
    return site_->admin().execute(request);
  };
  control.execute_with_body = [this](json::object request, std::string body) {
    return post_letter(local_post(), std::move(request), std::move(body));
  };
  control.pool = control_pool_.get();
  // What a letter may have now is post_letter's affair.
  control.options.max_body = std::max<std::uint64_t>(control.options.max_body, config_.smtp.max_message_size);
  service.handler = server::control::make_handler(std::move(control));
  service.listener.unix_mode = 0600;
  service.own_connections = kOwnConnections;
  const auto bound = server_->bind(std::move(service));
  if (!bound) return pass(bound);
  return {};
}

Result<void> MailSystem::post_dropped(const std::string& id, DroppedLetter letter) {
  // One that was delivered just before a crash still lies there.
  const auto known = site_->store().traces(id);
  if (!known) return pass(known);
  if (!known->empty()) return {};
  auto post = local_post();
  post.id = id;
  post.submitter = fmt::format("uid {}", letter.owner);
  const auto posted = run_blocking(post_letter(std::move(post), std::move(letter.request), std::move(letter.message)));
  if (!posted) return pass(posted);
  return {};
}

void MailSystem::reload() {
  const auto wanted = read_config(machine_.files, config_.file);
  if (!wanted) {
    log_.error("reload_failed", {{"error", wanted.error().peer}});
    return;
  }
  auto zones = read_zones(wanted->dns, machine_.files);
  if (!zones) {
    log_.error("reload_failed", {{"error", zones.error().log}});
    return;
  }
  auto certificates = wanted->certificates;
  if (certificates.empty()) certificates = {{config_.data + "/cert.pem", config_.data + "/key.pem"}};
  if (auto loaded = tls_->reload(machine_.files, tls_options(certificates)); !loaded) {
    log_.error("reload_failed", {{"error", loaded.error().log}});
    return;
  }
  const ChangedSettings changed = changed_settings(config_, *wanted);
  take_live_settings(config_, *wanted);
  if (auto made = make_handlers(); !made) {
    log_.error("reload_failed", {{"error", made.error().log}});
    return;
  }
  names_->take(*std::move(zones));
  server_->set_limits(config_.connections);
  for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
    server_->set_proxies(i, config_.listeners[i].proxy_protocol);
  }
  site_->authenticator().change(config_.authenticator);
  retry_->change(retry_options(config_));
  outgoing_->change(config_);
  signer_->change(signer_options(config_));
  reports_->change(config_);
  for (const std::string& name : changed.live) log_.info("setting_changed", {{"setting", name}});
  for (const std::string& name : changed.need_restart) log_.warning("setting_needs_restart", {{"setting", name}});
  for (const auto& info : tls_->certificates()) {
    log_.info("certificate_loaded", {{"file", info.file}, {"names", fmt::format("{}", fmt::join(info.names, " "))}});
  }
  log_.info("reloaded");
}

bool MailSystem::stop() {
  if (!std::exchange(running_, false)) return true;
  maildrop_.reset();
  desk_->stop();
  keeper_.reset();
  auto retry_stopped = std::make_shared<std::promise<void>>();
  auto stopped = retry_stopped->get_future();
  retry_->stop([retry_stopped] { retry_stopped->set_value(); });
  auto relay_stopped = std::make_shared<std::promise<void>>();
  auto relay_ended = relay_stopped->get_future();
  outgoing_->relay().stop([relay_stopped] { relay_stopped->set_value(); });
  auto reports_stopped = std::make_shared<std::promise<void>>();
  auto reports_ended = reports_stopped->get_future();
  reports_->stop([reports_stopped] { reports_stopped->set_value(); });
  const bool sessions_done = server_->stop(config_.stop_grace);
  const auto grace = std::max<std::chrono::milliseconds>(config_.stop_grace, std::chrono::seconds(1));
  const bool retry_done = stopped.wait_for(grace) == std::future_status::ready;
  const bool relay_done = relay_ended.wait_for(grace) == std::future_status::ready;
  const bool reports_done = reports_ended.wait_for(grace) == std::future_status::ready;
  const bool all_done = sessions_done && retry_done && relay_done && reports_done;
  if (all_done) threads_->stop();
  return all_done;
}

MailSystem::~MailSystem() {
  if (running_ && !stop()) log_.error("torn_down_while_sessions_wait");
}

}  // namespace pabal::app
