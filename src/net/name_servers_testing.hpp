// NameServers: real name servers on loopback for tests: knot with signed and unsigned zones, and unbound before it as a
// provider's resolver would be. Nothing here is used by the server itself.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace pabal::net {

/// A program that runs until its owner is destroyed. Its output goes to a file.
class ChildProcess {
 public:
  /// Throws std::runtime_error where it can't be started.
  ChildProcess(const std::vector<std::string>& command, const std::string& output_file);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  ChildProcess& operator=(ChildProcess&&) = delete;
  /// Its exit status; waits for it.
  [[nodiscard]] int wait();
  /// SIGTERM, and waits.
  void stop();

 private:
  pid_t pid_ = -1;
};

/// Runs it to its end and gives what it printed. Throws where it fails and must not.
[[nodiscard]] std::string output_of(const std::vector<std::string>& command, const std::string& folder,
                                    bool must_succeed = true);

/// A UDP and TCP port of 127.0.0.1 that nobody has.
[[nodiscard]] std::uint16_t free_port();

struct TestZone {
  std::string name;
  std::string text;
  bool sign = false;
  /// After signing, this text is replaced in the zone, so that signatures are wrong. Empty: nothing.
  std::string forge_from{};
  std::string forge_to{};
};

class NameServers {
 public:
  /// Whether the programs are here.
  [[nodiscard]] static bool installed();
  /// Throws std::runtime_error with what went wrong. `also`: names of zones that the resolver asks the server for
  /// although it hasn't them, so that it says REFUSED.
  NameServers(const std::vector<TestZone>& zones, const std::vector<std::string>& also);
  ~NameServers();
  NameServers(const NameServers&) = delete;
  NameServers& operator=(const NameServers&) = delete;

  /// "127.0.0.1@PORT" of the resolver.
  [[nodiscard]] const std::string& resolver() const noexcept { return resolver_; }
  /// File with the DS records of all signed zones.
  [[nodiscard]] std::string trust_anchor() const { return folder_ + "/anchor"; }
  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }

 private:
  void write_knot_conf(const std::vector<TestZone>& zones, bool sign) const;
  void start_knot();

  std::string folder_;
  std::uint16_t knot_port_ = 0;
  std::string resolver_;
  std::unique_ptr<ChildProcess> knot_;
  std::unique_ptr<ChildProcess> unbound_;
};

}  // namespace pabal::net
