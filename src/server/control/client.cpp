#include "server/control/client.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

namespace pabal::server::control {
namespace {

ErrorKind kind_of(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(ErrorKind::unsupported); ++i) {
    if (name_of(static_cast<ErrorKind>(i)) == name) return static_cast<ErrorKind>(i);
  }
  return ErrorKind::io;
}

}  // namespace

Result<std::optional<Client>> Client::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return fail(ErrorKind::limit, path + ": a socket's path has at most 107 octets; choose a shorter data folder");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  net::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("open", "a socket", errno);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) return std::optional<Client>();
    return fail_errno("connect to", path, errno);
  }
  return std::optional<Client>(Client(std::move(socket)));
}

Result<void> Client::send(std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t sent = ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail_errno("write to", "the control socket", errno);
    octets.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::string> Client::receive_line() {
  std::array<char, 65536> buffer;
  while (true) {
    if (const std::size_t end = received_.find('\n'); end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("read from", "the control socket", errno);
    if (got == 0) return fail(ErrorKind::closed, "the server ended before it answered");
    received_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<json::value> Client::request(json::object request, const std::optional<std::string>& body) {
  if (body) request["body"] = body->size();
  // A server that refuses a request early answers and closes: what it says counts more than the failed write.
  auto sent = send(json::serialize(request) + "\n");
  if (sent && body) sent = send(*body);
  const auto line = receive_line();
  if (!line) return sent ? pass(line) : pass(sent);
  return read_answer(*line);
}

Result<json::value> read_answer(std::string_view line) {
  auto answer = parse_json(line);
  if (!answer) return pass(answer);
  const json::object* object = answer->if_object();
  const json::value* ok = object == nullptr ? nullptr : object->if_contains("ok");
  if (ok == nullptr || !ok->is_bool()) return fail(ErrorKind::syntax, "the server's answer can't be understood");
  if (ok->get_bool()) {
    const json::value* result = object->if_contains("result");
    return result == nullptr ? json::value() : *result;
  }
  const auto text = [object](std::string_view name) {
    const json::value* value = object->if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string().c_str()) : std::string();
  };
  return fail(kind_of(text("kind")), text("reason"));
}

}  // namespace pabal::server::control
