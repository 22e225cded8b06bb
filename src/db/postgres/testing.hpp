// A PostgreSQL of a test's own: a throw-away cluster in a temporary folder, reachable over a Unix socket alone, without
// flushes.
#pragma once
#include <memory>
#include <string>
#include <sys/types.h>

#include "base/error.hpp"

namespace pabal::db::postgres {

class TestCluster {
 public:
  /// Makes and starts one, which takes about a second; `not_found` where PostgreSQL isn't installed. Run by root, the
  /// server runs as user postgres. It ends with the TestCluster, or with the thread that started it.
  [[nodiscard]] static Result<std::unique_ptr<TestCluster>> start();
  /// The one that all tests of a program share, started at its first use. Not for several threads at once.
  [[nodiscard]] static Result<TestCluster*> shared();
  ~TestCluster();
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;

  /// A fresh, empty database; what open() takes.
  [[nodiscard]] Result<std::string> make_database();
  /// Ends all connections to a database made here, as a network that fails would.
  [[nodiscard]] Result<void> cut_connections(const std::string& where);
  /// A command for the whole cluster.
  [[nodiscard]] Result<void> execute(const std::string& sql) const;

 private:
  TestCluster(std::string folder, pid_t server) : folder_(std::move(folder)), server_(server) {}
  [[nodiscard]] std::string where(const std::string& database) const;

  std::string folder_;
  pid_t server_;
  int made_ = 0;
};

}  // namespace pabal::db::postgres
