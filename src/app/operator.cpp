#include "app/operator.hpp"

#include "app/folder.hpp"
#include "app/local_letter.hpp"
#include "app/name_service.hpp"
#include "app/outgoing_mail.hpp"
#include "app/patience.hpp"
#include "app/report_commands.hpp"
#include "app/site.hpp"
#include "delivery/local_mda.hpp"

namespace pabal::app {

struct OpenData {
  Machine machine;
  std::unique_ptr<NameService> names;  ///< opened for the first command that asks
  std::unique_ptr<Site> site;
  DnsSettings dns;
  std::string hostname;
  std::string data;
  LetterLimits limits;
  delivery::SignerOptions signer;

  Result<std::vector<dns::Answer>> ask(std::vector<dns::Question> questions) {
    if (!names) {
      auto opened = NameService::open(dns, machine.files, machine.clock);
      if (!opened) return pass(opened);
      names = std::move(*opened);
    }
    return run_blocking(dns::resolve_all(names->resolver(), std::move(questions)));
  }
};

Operator::Operator() = default;
Operator::~Operator() = default;
Operator::Operator(Operator&&) noexcept = default;

Result<Operator> Operator::open(const Config& config) {
  bool ours = false;
  // A server that is just stopping holds the data and doesn't listen; one that starts listens before it has them. So
  // both are looked for anew each time.
  return take_patiently(
      [&]() -> Result<Operator> {
        auto server = server::control::Client::connect(control_socket(config));
        if (!server) return pass(server);
        Operator opened;
        if (*server) {
          opened.server_ = std::move(*server);
          return opened;
        }
        // Nobody serves: with the server's own rights, so that it can read later what is written here.
        opened.data_ = std::make_unique<OpenData>();
        opened.data_->hostname = config.hostname;
        opened.data_->data = config.data;
        opened.data_->limits = config.smtp;
        opened.data_->dns = config.dns;
        opened.data_->signer = signer_options(config);
        if (!ours) {
          if (auto made = make_data_folder(config, opened.data_->machine.files); !made) return pass(made);
          if (auto became = become_user(config); !became) return pass(became);
          ours = true;
        }
        auto site = Site::open(config, opened.data_->machine, Log::to_stderr(LogLevel::warning, false));
        if (!site) return pass(site);
        opened.data_->site = std::move(*site);
        opened.data_->site->admin().ask_dns(
            [data = opened.data_.get()](std::vector<dns::Question> all) { return data->ask(std::move(all)); });
        return opened;
      },
      [](const Error&) {});
}

Result<json::value> Operator::execute(const json::object& request, const std::optional<std::string>& body) {
  if (server_) return server_->request(request, body);
  if (body) {
    // Nobody serves: the letter goes into the mailboxes from here, by the same way; what is for elsewhere waits in the
    // queue for the server.
    Machine& machine = data_->machine;
    const auto secret = secret_key(machine.files, machine.random, data_->data);
    if (!secret) return pass(secret);
    const account::Srs srs(*secret);
    delivery::Signer signer(data_->site->keys(), data_->site->directory(), data_->site->pool(), machine.clock,
                            data_->signer);
    delivery::LocalMda mda(data_->site->store(), machine.clock, Log::to_stderr(LogLevel::warning, false),
                           machine.metrics, &srs, nullptr, &signer);
    LocalPost post{&data_->site->directory(), &mda, &machine.clock, &machine.random, data_->hostname, data_->limits};
    post.ways = {.forwards = true, .relays = true};
    return run_blocking(post_letter(std::move(post), request, *body));
  }
  if (const auto* command = request.if_contains("command"); command != nullptr && *command == "reports send") {
    return fail(ErrorKind::state, "no server runs that could send them");
  }
  if (auto done = execute_report(data_->site->book(), request)) return *std::move(done);
  return data_->site->admin().execute(request);
}

}  // namespace pabal::app
