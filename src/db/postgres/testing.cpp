#include "db/postgres/testing.hpp"

#include <chrono>
#include <filesystem>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include "base/file.hpp"
#include "db/postgres/statement.hpp"

namespace pabal::db::postgres {

namespace {

constexpr const char* programs = "/usr/lib/postgresql/15/bin/";

/// Starts a program, as user postgres where we are root (the server refuses to be root). Its words go to `log`.
Result<pid_t> spawn(const std::vector<std::string>& words, const std::string& log) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const passwd* const user = ::getuid() == 0 ? ::getpwnam("postgres") : nullptr;
  if (::getuid() == 0 && user == nullptr) return fail(ErrorKind::not_found, "no user postgres");
  const pid_t child = ::fork();
  if (child < 0) return fail_errno("fork for", words[0], errno);
  if (child > 0) return child;
  // In the child: nothing but system calls.
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(out, 1);
  ::dup2(out, 2);
  if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) {
    ::_exit(126);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

Result<void> run(const std::vector<std::string>& words, const std::string& log) {
  auto child = spawn(words, log);
  if (!child) return pass(child);
  int status = 0;
  ::waitpid(*child, &status, 0);
  if (status == 0) return {};
  RealFileSystem files;
  return fail(ErrorKind::io, "local error",
              fmt::format("{} ended with {}: {}", words[0], status, read_file(files, log).value_or("no log")));
}

}  // namespace

std::string TestCluster::where(const std::string& database) const {
  return fmt::format("host={} user=postgres dbname={}", folder_, database);
}

Result<std::unique_ptr<TestCluster>> TestCluster::start() {
  const std::string initdb = std::string(programs) + "initdb";
  if (!std::filesystem::exists(initdb)) return fail(ErrorKind::not_found, "PostgreSQL 15 is not installed");
  std::string folder = (std::filesystem::temp_directory_path() / "pabal-postgres-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return fail_errno("make folder", folder, errno);
  if (::getuid() == 0) {
    const passwd* const user = ::getpwnam("postgres");
    if (user == nullptr || ::chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) {
      return fail_errno("chown", folder, errno);
    }
  }
  std::unique_ptr<TestCluster> cluster(new TestCluster(folder, 0));
  const std::string log = folder + ".log";
  if (auto made = run({initdb, "-D", folder + "/data", "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C",
                       "--no-sync"},
                      log);
      !made) {
    return pass(made);
  }
  auto server = spawn({std::string(programs) + "postgres", "-D", folder + "/data", "-k", folder, "-c",
                       "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60", "-c", "shared_buffers=32MB"},
                      log);
  if (!server) return pass(server);
  cluster->server_ = *server;
  for (int i = 0; i < 600; ++i) {
    if (cluster->execute("SELECT 1")) return cluster;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  RealFileSystem files;
  return fail(ErrorKind::timeout, "local error",
              "PostgreSQL doesn't start: " + read_file(files, log).value_or("no log"));
}

Result<TestCluster*> TestCluster::shared() {
  static auto cluster = start();
  if (!cluster) return pass(std::as_const(cluster));
  return cluster->get();
}

TestCluster::~TestCluster() {
  if (server_ != 0) {
    ::kill(server_, SIGQUIT);
    ::waitpid(server_, nullptr, 0);
  }
  std::error_code ignored;  // what can't be removed from the temporary folder does no harm
  std::filesystem::remove_all(folder_, ignored);
  std::filesystem::remove(folder_ + ".log", ignored);
}

Result<void> TestCluster::execute(const std::string& sql) const {
  const Handle handle(PQconnectdb(where("postgres").c_str()));
  if (PQstatus(handle.get()) != CONNECTION_OK) return fail_postgres(handle.get(), nullptr, "connect");
  const ResultHandle result(PQexec(handle.get(), sql.c_str()));
  if (!succeeded(result.get())) return fail_postgres(handle.get(), result.get(), sql);
  return {};
}

Result<std::string> TestCluster::make_database() {
  const auto name = fmt::format("test{}", ++made_);
  if (auto made = execute("CREATE DATABASE " + name); !made) return pass(made);
  return where(name);
}

Result<void> TestCluster::cut_connections(const std::string& database) {
  const auto name = database.substr(database.rfind('=') + 1);
  return execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'");
}

}  // namespace pabal::db::postgres
