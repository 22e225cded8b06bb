// smtp_load: an SMTP client that is cheap enough to leave the machine to the server. One thread, N persistent
// connections.
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>

#include "smtp_load/connection.hpp"

namespace pabal::bench {

namespace {

volatile std::sig_atomic_t told_to_stop = 0;
void on_signal(int) { told_to_stop = 1; }

Options parse(int argc, char** argv) {
  Options options;
  std::map<std::string, Pipelining> modes{
      {"none", Pipelining::none}, {"commands", Pipelining::commands}, {"full", Pipelining::full}};
  CLI::App app("Sends messages to an SMTP server and says how fast they were promised.");
  app.add_option("--target", options.target, "ADDRESS:PORT");
  app.add_option("--connections", options.connections);
  app.add_option("--messages", options.messages, "how many in all");
  app.add_option("--seconds", options.seconds, "how long, where --messages is not given");
  app.add_option("--size", options.size, "octets of a message");
  app.add_option("--size-from", options.size_from, "spread the sizes from here to --size");
  app.add_option("--users", options.users, "recipients are user0@ to userN-1@");
  app.add_option("--domain", options.domain);
  app.add_option("--domains", options.domains, "recipients are at d0 to dN-1 below the domain");
  app.add_option("--sender", options.sender);
  app.add_option("--letters", options.letters, "send these, of a file of auth_letters, each as its own sender's");
  app.add_option("--proxy", options.proxy,
                 "a PROXY header first: the hosts m1 to m250.hosts.example, at .1 to .250 of this network, as 192.0.2");
  app.add_option("--recipients", options.recipients, "at most, for each message");
  app.add_option("--pipelining", options.pipelining)->transform(CLI::CheckedTransformer(modes));
  app.add_option("--log", options.log, "append what was tried and promised to this file");
  app.add_option("--seed", options.seed);
  app.add_option("--first", options.first, "number of the first message");
  app.add_flag("--reconnect", options.reconnect, "go on when the server goes away or says 4xx");
  app.add_option("--login", options.login, "what AUTH PLAIN says, in base64");
  app.add_flag("--chunking", options.chunking, "every other message with BDAT");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  if (options.messages == 0 && options.seconds <= 0) options.messages = 1000;
  return options;
}

void drive(Run& run) {
  const sockaddr_in target = parse_target(run.options().target);
  const Fd epoll = make_epoll();
  std::vector<std::unique_ptr<Connection>> connections;
  for (std::size_t i = 0; i < run.options().connections; ++i) {
    connections.push_back(std::make_unique<Connection>(run, epoll, i));
    connections.back()->connect(target);
  }
  std::array<epoll_event, 256> events{};
  std::optional<Moment> give_up_at;
  while (true) {
    const int count =
        ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), run.options().reconnect ? 20 : 200);
    if (count < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < count; ++i) {
      auto& event = events[static_cast<std::size_t>(i)];
      static_cast<Connection*>(event.data.ptr)->ready(event.events);
    }
    if (told_to_stop != 0) run.stop();
    if (run.options().reconnect || count == 0) {
      for (const auto& connection : connections) {
        if (connection->wakes_at() && now() >= *connection->wakes_at() && !connection->done()) connection->wake(target);
      }
    }
    if (!run.over()) continue;
    if (std::ranges::all_of(connections, [](const auto& connection) { return connection->done(); })) return;
    // What is under way may end, but a server that never answers doesn't hold us up.
    if (!give_up_at) give_up_at = now() + std::chrono::seconds(30);
    if (now() > *give_up_at) return;
  }
}

}  // namespace

}  // namespace pabal::bench

int main(int argc, char** argv) {
  using namespace pabal::bench;
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  allow_many_files();
  Run run(parse(argc, argv));
  const Moment begin = now();
  const double cpu = own_cpu_seconds();
  drive(run);
  run.print_figures(seconds_since(begin), own_cpu_seconds() - cpu);
  return run.refused_count() == 0 || run.options().reconnect ? 0 : 1;
}
