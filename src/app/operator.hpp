// The command line's way to the data: the control socket where a server runs, else the data folder itself.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "app/config.hpp"
#include "base/json.hpp"
#include "server/control/client.hpp"

namespace pabal::app {

struct OpenData;

class Operator {
 public:
  /// `busy` where another process holds the data but doesn't answer.
  [[nodiscard]] static Result<Operator> open(const Config& config);
  ~Operator();
  Operator(Operator&&) noexcept;

  [[nodiscard]] Result<json::value> execute(const json::object& request,
                                            const std::optional<std::string>& body = std::nullopt);

 private:
  Operator();
  std::optional<server::control::Client> server_;
  std::unique_ptr<OpenData> data_;
};

}  // namespace pabal::app
