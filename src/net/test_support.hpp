// Small helpers for tests that work with streams; nothing here is used by the server itself.
#pragma once
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "base/async.hpp"

namespace pabal::net {

/// Runs a coroutine, and whatever it spawns on its executor, to the end on an io_context of its own. What it throws is
/// thrown on.
template <class T>
T run_to_end(Async<T> work) {
  asio::io_context io(1);
  std::exception_ptr failure;
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(io.get_executor(), std::move(work),
                   [&failure](const std::exception_ptr& thrown) { failure = thrown; });
    io.run();
    if (failure) std::rethrow_exception(failure);
  } else {
    std::optional<T> result;
    asio::co_spawn(io.get_executor(), std::move(work), [&](const std::exception_ptr& thrown, T value) {
      failure = thrown;
      result = std::move(value);
    });
    io.run();
    if (failure) std::rethrow_exception(failure);
    return std::move(result).value();
  }
}

}  // namespace pabal::net
