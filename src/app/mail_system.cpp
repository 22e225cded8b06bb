#include "app/mail_system.hpp"

#include <future>
#include <sys/stat.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/folder.hpp"
#include "net/process.hpp"
#include "server/control/control.hpp"
#include "server/http/monitor.hpp"
#include "server/pop3/server.hpp"
#include "server/smtp/server.hpp"

namespace pabal::app {

struct MailSystem::Handlers {
  std::unique_ptr<server::pop3::Logins> logins;
  std::unique_ptr<server::pop3::Mailboxes> mailboxes;
  std::unique_ptr<server::pop3::Server> pop3;
  std::unique_ptr<server::smtp::Accounts> accounts;
  std::unique_ptr<server::smtp::RateLimits> rates;
  std::vector<std::unique_ptr<server::smtp::Server>> smtp;  ///< one a listener
  std::vector<net::SessionHandler> of_listener;             ///< in the order of the settings
};

MailSystem::MailSystem(Config config, const Log& log) : config_(std::move(config)), log_(log) {}

Result<std::unique_ptr<MailSystem>> MailSystem::start(Config config, const Log& log, net::ActivatedSockets& activated) {
  std::unique_ptr<MailSystem> system(new MailSystem(std::move(config), log));
  if (auto done = check_served(system->config_); !done) return pass(done);
  if (auto done = make_data_folder(system->config_, system->machine_.files); !done) return pass(done);
  if (auto done = system->prepare_tls(); !done) return pass(done);
  if (auto done = system->bind_all(activated); !done) return pass(done);
  if (auto done = become_user(system->config_); !done) return pass(done);
  if (auto done = system->open_site(); !done) return pass(done);
  if (auto done = system->make_handlers(); !done) return pass(done);
  if (auto done = system->bind_control(); !done) return pass(done);
  system->server_->start();
  system->retry_->start();
  system->running_ = true;
  return system;
}

Result<void> MailSystem::prepare_tls() {
  certificates_ = config_.certificates;
  if (certificates_.empty()) {
    const net::CertificateFiles own{config_.data + "/cert.pem", config_.data + "/key.pem"};
    const auto there = machine_.files.exists(own.certificate);
    if (!there) return pass(there);
    if (!*there) {
      if (auto made = net::write_self_signed(machine_.files, own, config_.hostname, machine_.clock.now()); !made)
        return made;
      if (auto given = give_away(config_, own.certificate); !given) return given;
      if (auto given = give_away(config_, own.key); !given) return given;
      log_.info("self_signed_certificate_made", {{"file", own.certificate}, {"host", config_.hostname}});
    }
    certificates_.push_back(own);
  }
  auto context = net::TlsContext::load(machine_.files, tls_options(certificates_));
  if (!context) return pass(context);
  tls_ = std::move(*context);
  return {};
}

Result<void> MailSystem::bind_all(net::ActivatedSockets& activated) {
  handlers_ = std::make_shared<Handlers>();
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
                        .proxy_protocol = listener.proxy_protocol};
    service.handler = [handlers = handlers_, i](std::unique_ptr<net::Stream> stream, net::SessionFacts facts) {
      return handlers->of_listener[i](std::move(stream), std::move(facts));
    };
    service.tls = tls_;
    if (listener.protocol == Protocol::pop3) {
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
  auto site = Site::open(config_, machine_, log_);
  if (!site) return pass(site);
  site_ = std::move(*site);
  control_pool_ = std::make_unique<Pool>(2);
  mda_ = std::make_unique<delivery::LocalMda>(site_->store(), machine_.clock, log_, machine_.metrics);
  queue::RetryOptions options;
  options.retry = config_.queue.retry;
  options.retry_max = config_.queue.retry_max;
  options.give_up_after = config_.queue.give_up_after;
  retry_ = std::make_unique<queue::LocalRetry>(
      threads_->executor(0), queue::letters_of(site_->store()),
      [mda = mda_.get()](store::QueuedLocal letter) { return mda->retry(std::move(letter)); }, machine_.clock,
      machine_.random, log_, machine_.metrics, options);
  site_->admin().when_queue_changes([retry = retry_.get()] { retry->kick(); });
  return {};
}

net::SessionHandler MailSystem::smtp_handler(const ListenerSettings& listener) {
  Handlers& all = *handlers_;
  server::smtp::ListenerSettings own;
  own.protocol = listener.protocol == Protocol::smtp         ? smtp::Protocol::smtp
                 : listener.protocol == Protocol::submission ? smtp::Protocol::submission
                                                             : smtp::Protocol::lmtp;
  own.starttls = listener.tls == TlsMode::starttls;
  own.allow_plaintext_auth = listener.allow_plaintext_auth;
  server::smtp::Services services;
  services.accounts = all.accounts.get();
  services.mda = mda_.get();
  services.receive = [store = &site_->store()](std::uint64_t expected) { return store->receive(expected); };
  services.tls_context = [tls = tls_]() -> std::shared_ptr<const net::TlsContext> { return tls; };
  services.clock = &machine_.clock;
  services.random = &machine_.random;
  services.metrics = &machine_.metrics;
  all.smtp.push_back(std::make_unique<server::smtp::Server>(config_.smtp, own, std::move(services), *all.rates));
  return [server = all.smtp.back().get()](std::unique_ptr<net::Stream> stream, net::SessionFacts facts) {
    return server->serve(std::move(stream), std::move(facts.id), std::move(facts.log));
  };
}

Result<void> MailSystem::make_handlers() {
  Handlers& all = *handlers_;
  all.accounts = std::make_unique<server::smtp::DirectoryAccounts>(site_->directory(), site_->authenticator());
  all.rates = std::make_unique<server::smtp::RateLimits>(config_.smtp, machine_.random);
  all.logins = server::pop3::logins_of(site_->authenticator());
  all.mailboxes = server::pop3::mailboxes_of(site_->store());
  all.pop3 = std::make_unique<server::pop3::Server>(*all.logins, *all.mailboxes, machine_.clock, machine_.metrics,
                                                    config_.pop3);
  for (const ListenerSettings& listener : config_.listeners) {
    switch (listener.protocol) {
      case Protocol::pop3:
        all.of_listener.push_back(all.pop3->handler({.starttls = listener.tls == TlsMode::starttls,
                                                     .allow_plaintext_auth = listener.allow_plaintext_auth,
                                                     .tls = tls_->with_alpn({"pop3"})}));
        break;
      case Protocol::metrics:
        all.of_listener.push_back(
            server::http::make_monitor(machine_.metrics, [store = &site_->store()]() -> Result<void> {
              if (!store->healthy()) return fail(ErrorKind::io, "a shard takes no more writes");
              return {};
            }));
        break;
      case Protocol::smtp:
      case Protocol::submission:
      case Protocol::lmtp:
        all.of_listener.push_back(smtp_handler(listener));
        break;
      case Protocol::imap:
      case Protocol::managesieve:
      case Protocol::http:
        return fail(ErrorKind::unsupported, "not served");
    }
  }
  return {};
}

LocalPost MailSystem::local_post() {
  return {&site_->directory(), mda_.get(), &machine_.clock, &machine_.random, config_.hostname};
}

// In the data folder, which is 0700, and 0600 itself from its first moment on.
Result<void> MailSystem::bind_control() {
  net::ServiceOptions service;
  service.listener.protocol = "control";
  service.listener.address = "unix:" + control_socket(config_);
  service.listener.tls = net::TlsMode::off;
  server::control::Service control;
  control.execute = [admin = &site_->admin()](const json::object& request) { return admin->execute(request); };
  control.execute_with_body = [this](json::object request, std::string body) {
    return post_letter(local_post(), std::move(request), std::move(body));
  };
  control.pool = control_pool_.get();
  service.handler = server::control::make_handler(std::move(control));
  const mode_t before = umask(0177);
  const auto bound = server_->bind(std::move(service));
  umask(before);
  if (!bound) return pass(bound);
  return {};
}

void MailSystem::reload() {
  const auto wanted = read_config(machine_.files, config_.file);
  if (!wanted) {
    log_.error("reload_failed", {{"error", wanted.error().peer}});
    return;
  }
  for (const std::string& name : needs_restart(config_, *wanted))
    log_.warning("setting_needs_restart", {{"setting", name}});
  auto certificates = wanted->certificates;
  if (certificates.empty()) certificates = {{config_.data + "/cert.pem", config_.data + "/key.pem"}};
  if (auto loaded = tls_->reload(machine_.files, tls_options(certificates)); !loaded) {
    log_.error("reload_failed", {{"error", loaded.error().log}});
    return;
  }
  for (const auto& info : tls_->certificates()) {
    log_.info("certificate_loaded", {{"file", info.file}, {"names", fmt::format("{}", fmt::join(info.names, " "))}});
  }
  log_.info("reloaded");
}

bool MailSystem::stop() {
  if (!std::exchange(running_, false)) return true;
  auto retry_stopped = std::make_shared<std::promise<void>>();
  auto stopped = retry_stopped->get_future();
  retry_->stop([retry_stopped] { retry_stopped->set_value(); });
  const bool sessions_done = server_->stop(config_.stop_grace);
  const bool retry_done = stopped.wait_for(std::max<std::chrono::milliseconds>(
                              config_.stop_grace, std::chrono::seconds(1))) == std::future_status::ready;
  if (sessions_done && retry_done) threads_->stop();
  return sessions_done && retry_done;
}

MailSystem::~MailSystem() {
  if (running_ && !stop()) log_.error("torn_down_while_sessions_wait");
}

}  // namespace pabal::app
