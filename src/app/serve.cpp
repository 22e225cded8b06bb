#include "app/serve.hpp"

#include <cerrno>
#include <sys/resource.h>

#include <unistd.h>

#include "app/cli.hpp"
#include "app/mail_system.hpp"
#include "app/signals.hpp"
#include "net/process.hpp"

namespace pabal::app {
namespace {

/// What the service manager hears; that it can't be told is worth a line, not the service.
void say(const Log& log, const Result<void>& told) {
  if (!told) log.warning("service_manager_not_told", {{"error", told.error().log}});
}

/// Each connection is a file descriptor; the soft limit of 1024 is for programs that use select().
void raise_file_limit(const Log& log) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log.warning("file_limit_not_raised", {{"error", errno}});
}

}  // namespace

int serve(const std::string& config_file) {
  auto config = load_config(config_file);
  if (!config) return exit_refused;
  auto activated = net::ActivatedSockets::take();
  const auto notifier = net::ServiceNotifier::take();
  const Signals signals;
  const Log log = Log::to_stderr(config->log.level, config->log.json);
  raise_file_limit(log);
  auto started = MailSystem::start(std::move(*config), log, activated);
  if (!started) {
    log.error("start_failed", {{"error", started.error().log}});
    return refuse(started.error());
  }
  MailSystem& system = **started;
  for (const std::string& where : system.listening()) log.info("listening", {{"listener", where}});
  log.info("started",
           {{"version", PABAL_VERSION}, {"hostname", system.config().hostname}, {"data", system.config().data}});
  say(log, notifier.ready());
  int number = signals.wait();
  for (; number == SIGHUP; number = signals.wait()) {
    say(log, notifier.reloading());
    system.reload();
    say(log, notifier.ready());
  }
  log.info("stopping", {{"signal", number == SIGTERM ? "SIGTERM" : "SIGINT"}});
  say(log, notifier.stopping());
  if (!system.stop()) {
    log.warning("stopped", {{"sessions", "cut off"}});
    _exit(exit_done);
  }
  log.info("stopped");
  return exit_done;
}

}  // namespace pabal::app
