// flush_limit: how often this disk can make 10 KiB, or 64 times 10 KiB, safe. What a store could do if it cost nothing
// else.
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "support/socket.hpp"

namespace pabal::bench {

namespace {

/// Messages a second that are written, `at_once` of them for each fdatasync, for some seconds.
double rate(const std::string& path, std::size_t size, std::size_t at_once, bool recycled, double seconds) {
  const std::size_t room = 256ULL << 20;
  const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.open()) die(path);
  const std::string octets(size * at_once, 'm');
  if (recycled) {
    // Really written once, so that later writes change no metadata.
    const std::string piece(1 << 20, '0');
    for (std::size_t at = 0; at < room; at += piece.size()) {
      if (::pwrite(file.get(), piece.data(), piece.size(), static_cast<off_t>(at)) !=
          static_cast<ssize_t>(piece.size())) {
        die(path);
      }
    }
    if (::fsync(file.get()) != 0) die("fsync");
  }
  std::size_t at = 0;
  std::size_t count = 0;
  const Moment begin = now();
  while (seconds_since(begin) < seconds) {
    if (recycled && at + octets.size() > room) at = 0;
    if (::pwrite(file.get(), octets.data(), octets.size(), static_cast<off_t>(at)) !=
        static_cast<ssize_t>(octets.size())) {
      die(path);
    }
    at += octets.size();
    if (::fdatasync(file.get()) != 0) die("fdatasync");
    count += at_once;
  }
  const double result = static_cast<double>(count) / seconds_since(begin);
  if (::unlink(path.c_str()) != 0) die(path);
  return result;
}

}  // namespace

}  // namespace pabal::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: flush_limit FOLDER [SECONDS [SIZE]]\n");
    return 2;
  }
  const std::string path = std::string(argv[1]) + "/flush_limit.tmp";
  const double seconds = argc > 2 ? std::strtod(argv[2], nullptr) : 3;
  const std::size_t size = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 10240;
  using pabal::bench::rate;
  fmt::print("limit_append_1={:.0f}\n", rate(path, size, 1, false, seconds));
  fmt::print("limit_append_64={:.0f}\n", rate(path, size, 64, false, seconds));
  fmt::print("limit_recycled_1={:.0f}\n", rate(path, size, 1, true, seconds));
  fmt::print("limit_recycled_64={:.0f}\n", rate(path, size, 64, true, seconds));
  return 0;
}
