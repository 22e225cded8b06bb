#include "server/common/shared.hpp"

#include "base/text.hpp"

namespace pabal::server::common {

namespace {

Counter logins(Metrics& metrics, std::string_view protocol, std::string_view result) {
  return metrics.counter(fmt::format("pabal_{}_logins_total", protocol),
                         fmt::format("{} logins by result.", to_upper(protocol)), {{"result", std::string(result)}});
}
Counter commands_of(Metrics& metrics, std::string_view protocol, std::string_view name) {
  return metrics.counter(fmt::format("pabal_{}_commands_total", protocol),
                         fmt::format("{} commands, refused ones included.", to_upper(protocol)),
                         {{"command", std::string(name)}});
}

}  // namespace

Shared::Shared(std::string_view protocol_name, const std::vector<std::string_view>& command_names, const Clock& time,
               Metrics& metrics, const ConnectionLimits& limits)
    : protocol(protocol_name),
      clock(&time),
      connection_limits(limits),
      sessions(metrics.gauge(fmt::format("pabal_{}_sessions", protocol),
                             fmt::format("{} connections that are open.", to_upper(protocol)))),
      wrong_commands(commands_of(metrics, protocol, "wrong")),
      logins_good(logins(metrics, protocol, "good")),
      logins_bad(logins(metrics, protocol, "refused")) {
  commands.reserve(command_names.size());
  for (const auto name : command_names) commands.push_back(commands_of(metrics, protocol, name));
}

}  // namespace pabal::server::common
