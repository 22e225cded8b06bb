#include "net/name_servers_testing.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <sstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "net/listener.hpp"

namespace pabal::net {
namespace {

constexpr const char* knotd = "/usr/sbin/knotd";
constexpr const char* keymgr = "/usr/sbin/keymgr";
constexpr const char* kdig = "/usr/bin/kdig";
constexpr const char* unbound = "/usr/sbin/unbound";

std::string text_of_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream out(path);
  out << text;
  if (!out.flush()) throw std::runtime_error("can't write " + path);
}

/// Asks again and again until it is so, for a minute: a busy machine takes its time.
template <class Condition>
void wait_until(Condition condition, const std::string& what) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("waited in vain: " + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

bool binds(int type, std::uint16_t& port) {
  const FileDescriptor socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return false;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  port = ntohs(address.sin_port);
  return true;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command, const std::string& output_file) {
  std::vector<char*> words;
  std::vector<std::string> copies = command;
  for (auto& word : copies) words.push_back(word.data());
  words.push_back(nullptr);
  const auto parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("can't fork");
  if (pid_ > 0) return;
  // Nobody is left behind where the test is killed.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  const int output = ::open(output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execv(words.front(), words.data());
  ::_exit(127);
}

ChildProcess::~ChildProcess() { stop(); }

int ChildProcess::wait() {
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void ChildProcess::stop() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGTERM);
  [[maybe_unused]] const int status = wait();
}

std::string output_of(const std::vector<std::string>& command, const std::string& folder, bool must_succeed) {
  const auto file = fmt::format("{}/output", folder);
  std::filesystem::remove(file);
  const int status = ChildProcess(command, file).wait();
  auto text = text_of_file(file);
  if (must_succeed && status != 0)
    throw std::runtime_error(fmt::format("{} ended with {}: {}", fmt::join(command, " "), status, text));
  return text;
}

std::uint16_t free_port() {
  for (int tries = 0; tries < 100; ++tries) {
    std::uint16_t port = 0;
    if (binds(SOCK_DGRAM, port) && binds(SOCK_STREAM, port)) return port;
  }
  throw std::runtime_error("no free port");
}

bool NameServers::installed() {
  for (const auto* program : {knotd, keymgr, kdig, unbound}) {
    if (::access(program, X_OK) != 0) return false;
  }
  return true;
}

NameServers::NameServers(const std::vector<TestZone>& zones, const std::vector<std::string>& also) {
  auto folder = (std::filesystem::temp_directory_path() / "pabal-dns-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("can't make a folder");
  folder_ = folder;
  const auto zone_file = [&](const TestZone& zone) { return folder_ + "/" + zone.name + ".zone"; };
  for (const auto& zone : zones) write_text(zone_file(zone), "$TTL 3600\n$ORIGIN " + zone.name + ".\n" + zone.text);

  knot_port_ = free_port();
  // First knot signs; then, with what is to be forged, it serves the signed files as they are.
  write_knot_conf(zones, true);
  start_knot();
  std::string anchor;
  for (const auto& zone : zones) {
    if (!zone.sign) continue;
    wait_until([&] { return text_of_file(zone_file(zone)).contains("RRSIG"); }, zone.name + " is signed");
    anchor += output_of({keymgr, "-c", folder_ + "/knot.conf", zone.name, "ds"}, folder_);
  }
  write_text(trust_anchor(), anchor);
  knot_.reset();
  for (const auto& zone : zones) {
    if (zone.forge_from.empty()) continue;
    auto text = text_of_file(zone_file(zone));
    const auto at = text.find(zone.forge_from);
    if (at == std::string::npos) throw std::runtime_error("nothing to forge in " + zone.name);
    text.replace(at, zone.forge_from.size(), zone.forge_to);
    write_text(zone_file(zone), text);
  }
  write_knot_conf(zones, false);
  start_knot();

  const auto port = free_port();
  auto conf = fmt::format(
      "server:\n directory: \"{0}\"\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n"
      " interface: 127.0.0.1@{1}\n port: {1}\n access-control: 127.0.0.0/8 allow\n do-not-query-localhost: no\n"
      " module-config: \"iterator\"\n num-threads: 1\n verbosity: 1\n"
      "remote-control:\n control-enable: no\n",
      folder_, port);
  auto names = also;
  for (const auto& zone : zones) names.push_back(zone.name);
  for (const auto& name : names)
    conf += fmt::format("stub-zone:\n name: \"{}\"\n stub-addr: 127.0.0.1@{}\n", name, knot_port_);
  write_text(folder_ + "/unbound.conf", conf);
  const std::vector<std::string> command = {unbound, "-d", "-c", folder_ + "/unbound.conf"};
  unbound_ = std::make_unique<ChildProcess>(command, folder_ + "/unbound.log");
  resolver_ = fmt::format("127.0.0.1@{}", port);
  wait_until(
      [&] {
        return output_of({kdig, "@127.0.0.1", "-p", std::to_string(port), "+short", "+timeout=1", "+retry=0",
                          zones.front().name, "SOA"},
                         folder_, false)
            .contains("admin");
      },
      "unbound answers");
}

NameServers::~NameServers() {
  unbound_.reset();
  knot_.reset();
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
}

void NameServers::write_knot_conf(const std::vector<TestZone>& zones, bool sign) const {
  auto conf = fmt::format(
      "server:\n    rundir: \"{0}\"\n    listen: 127.0.0.1@{1}\n    udp-workers: 1\n    tcp-workers: 1\n"
      "    background-workers: 1\n"
      "database:\n    storage: \"{0}\"\n"
      "log:\n  - target: stderr\n    any: info\n"
      "policy:\n  - id: test\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n"
      "template:\n  - id: default\n    storage: \"{0}\"\n    file: \"%s.zone\"\n"
      "zone:\n",
      folder_, knot_port_);
  for (const auto& zone : zones) {
    conf += fmt::format("  - domain: {}\n", zone.name);
    if (sign && zone.sign) conf += "    dnssec-signing: on\n    dnssec-policy: test\n";
  }
  write_text(folder_ + "/knot.conf", conf);
}

void NameServers::start_knot() {
  const std::vector<std::string> command = {knotd, "-c", folder_ + "/knot.conf"};
  knot_ = std::make_unique<ChildProcess>(command, folder_ + "/knot.log");
}

}  // namespace pabal::net
