// Result and Error: how everything that a peer, a disk, DNS or a database can cause is told to the caller.
#pragma once
#include <cstdint>
#include <exception>
#include <expected>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pabal {

/// What kind of thing went wrong; temporary or permanent follows from it.
enum class ErrorKind : std::uint8_t {
  syntax,       ///< the input is not what the grammar allows
  state,        ///< right words, wrong moment
  policy,       ///< understood, and refused by a rule
  auth,         ///< the credentials are wrong or missing
  not_found,    ///< no such thing
  exists,       ///< already there
  limit,        ///< a named limit was passed
  quota,        ///< the account is full
  busy,         ///< would work later (temporary)
  io,           ///< disk, network or database failed (temporary)
  no_space,     ///< the disk is full (temporary)
  damaged,      ///< what was read is not what was written: of this thing alone, others may be whole (temporary)
  timeout,      ///< a deadline passed (temporary)
  closed,       ///< the other end is gone (temporary)
  unsupported,  ///< a known thing that we do not do
};

/// The kind's name as it stands in logs, e.g. "not_found".
[[nodiscard]] std::string_view name_of(ErrorKind kind) noexcept;

/// A failure with one wording for the peer and another for the log. The log's words may name files, statements and
/// addresses; the peer's never do.
struct Error {
  ErrorKind kind;
  std::string peer;
  std::string log;

  /// Whether trying the same again later may work (RFC 5321 §4.2.1: 4yz instead of 5yz).
  [[nodiscard]] bool temporary() const noexcept;
};

template <class T>
using Result = std::expected<T, Error>;

/// An unexpected Error. `log` defaults to the peer's words.
[[nodiscard]] std::unexpected<Error> fail(ErrorKind kind, std::string peer, std::string log = {});

/// An `io` error from errno (`no_space` where the disk or a disk quota is full): the peer hears "local error", the log
/// hears what was done to what, and why it failed.
[[nodiscard]] std::unexpected<Error> fail_errno(std::string_view action, std::string_view object, int error_number);

/// What an exception says: its what(), or that it is none of the standard's.
[[nodiscard]] std::string thrown_text(const std::exception_ptr& thrown);
/// An `io` error from an exception (memory exhausted, a bug) that left `what`.
[[nodiscard]] std::unexpected<Error> fail_thrown(std::string_view what, const std::exception_ptr& thrown);

/// Runs `work`, which gives a Result, and makes an exception that leaves it that Result's error: for threads that must
/// go on. Where there is no memory even for that, an exception leaves this too.
template <class Work>
[[nodiscard]] std::invoke_result_t<Work&> run_caught(std::string_view what, Work&& work) {
  try {
    return work();
  } catch (...) {
    return fail_thrown(what, std::current_exception());
  }
}

/// The error of one Result handed on as the error of another type.
template <class T>
[[nodiscard]] std::unexpected<Error> pass(Result<T>&& failed) {
  return std::unexpected<Error>(std::move(failed).error());
}
template <class T>
[[nodiscard]] std::unexpected<Error> pass(const Result<T>& failed) {
  return std::unexpected<Error>(failed.error());
}

}  // namespace pabal
