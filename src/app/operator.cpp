#include "app/operator.hpp"

#include "app/folder.hpp"
#include "app/local_letter.hpp"
#include "app/patience.hpp"
#include "app/site.hpp"
#include "delivery/local_mda.hpp"

namespace pabal::app {

struct OpenData {
  Machine machine;
  std::unique_ptr<Site> site;
  std::string hostname;
  std::string data;
  LetterLimits limits;
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
        if (!ours) {
          if (auto made = make_data_folder(config, opened.data_->machine.files); !made) return pass(made);
          if (auto became = become_user(config); !became) return pass(became);
          ours = true;
        }
        auto site = Site::open(config, opened.data_->machine, Log::to_stderr(LogLevel::warning, false));
        if (!site) return pass(site);
        opened.data_->site = std::move(*site);
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
    delivery::LocalMda mda(data_->site->store(), machine.clock, Log::to_stderr(LogLevel::warning, false),
                           machine.metrics, &srs);
    LocalPost post{&data_->site->directory(), &mda, &machine.clock, &machine.random, data_->hostname, data_->limits};
    post.ways = {.forwards = true, .relays = true};
    return run_blocking(post_letter(std::move(post), request, *body));
  }
  return data_->site->admin().execute(request);
}

}  // namespace pabal::app
