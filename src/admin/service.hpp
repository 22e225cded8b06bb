// What an operator may do, said once. The command line speaks to it through the control socket of a running server, or
// opens the data folder itself and calls it directly; an HTTP API and a web page will speak to the same.
//
// A request is a JSON object {"command":"account add","address":"alice@seoul.example",…}; the commands and their
// members are the table in service.cpp. A result is a JSON object; what is refused is an Error whose words are for the
// operator.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "account/authenticator.hpp"
#include "account/directory.hpp"
#include "account/domain_keys.hpp"
#include "account/key_rotation.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "dns/resolver.hpp"
#include "store/store.hpp"

namespace pabal::admin {

/// A service that mail programs look for by SRV records (RFC 6186, RFC 8314).
struct PublicService {
  std::string name;  ///< "submissions", "pop3s"…
  std::uint16_t port = 0;
};

/// What the settings say that admin answers need.
struct Facts {
  std::string hostname;
  std::vector<std::string> addresses = {};  ///< of the smtp listeners, where they are not wildcards
  std::vector<PublicService> services = {};
  std::vector<ShardId> shards = {};                         ///< where new accounts may go
  std::size_t threads = 2;                                  ///< for hashing passwords side by side
  std::vector<account::KeyAlgorithm> dkim_algorithms = {};  ///< of the keys that a new domain gets
  account::RotationPolicy rotation = {};
  std::vector<std::string> report_mailboxes = {};  ///< where others' reports are read ([reports] mailboxes)
};

struct ServiceState;  // state.hpp

class Service {
 public:
  /// All must outlive the Service.
  Service(account::Directory& directory, account::Authenticator& authenticator, account::DomainKeys& keys,
          store::Store& store, Facts facts);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Carries out one request. Blocks (disk, password hashing): call it from a thread of the command line or of control.
  /// Any thread.
  [[nodiscard]] Result<json::value> execute(const json::object& request);

  /// From the next request on; any thread.
  void change_report_mailboxes(std::vector<std::string> mailboxes);

  /// Called, from whatever thread executes, when letters in the queue want to be looked at. Before the first execute().
  void when_queue_changes(std::function<void()> tell);
  /// Who answers questions to the DNS, all at once and in their order, for commands that have some; may block. Before
  /// the first execute(); without it they fail.
  using AskDns = std::function<Result<std::vector<dns::Answer>>(std::vector<dns::Question>)>;
  void ask_dns(AskDns ask);

  /// The names of all commands, in the order of the table.
  [[nodiscard]] static std::vector<std::string_view> commands();

 private:
  std::unique_ptr<ServiceState> state_;
};

}  // namespace pabal::admin
