#include "base/error.hpp"

#include <cerrno>
#include <system_error>

namespace pabal {

std::string_view name_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::syntax:
      return "syntax";
    case ErrorKind::state:
      return "state";
    case ErrorKind::policy:
      return "policy";
    case ErrorKind::auth:
      return "auth";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::exists:
      return "exists";
    case ErrorKind::limit:
      return "limit";
    case ErrorKind::quota:
      return "quota";
    case ErrorKind::busy:
      return "busy";
    case ErrorKind::io:
      return "io";
    case ErrorKind::no_space:
      return "no_space";
    case ErrorKind::damaged:
      return "damaged";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::closed:
      return "closed";
    case ErrorKind::unsupported:
      return "unsupported";
  }
  return "unknown";
}

bool Error::temporary() const noexcept {
  return kind == ErrorKind::busy || kind == ErrorKind::io || kind == ErrorKind::no_space ||
         kind == ErrorKind::damaged || kind == ErrorKind::timeout || kind == ErrorKind::closed;
}

std::unexpected<Error> fail(ErrorKind kind, std::string peer, std::string log) {
  if (log.empty()) log = peer;
  return std::unexpected<Error>(Error{kind, std::move(peer), std::move(log)});
}

std::unexpected<Error> fail_errno(std::string_view action, std::string_view object, int error_number) {
  std::string log(action);
  log.append(" ").append(object).append(": ").append(std::generic_category().message(error_number));
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  return fail(full ? ErrorKind::no_space : ErrorKind::io, full ? "insufficient storage" : "local error in processing",
              std::move(log));
}

std::string thrown_text(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "not a standard exception";
  }
}

std::unexpected<Error> fail_thrown(std::string_view what, const std::exception_ptr& thrown) {
  return fail(ErrorKind::io, "local error", std::string(what) + " threw: " + thrown_text(thrown));
}

}  // namespace pabal
