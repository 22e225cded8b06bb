// Service: how connections become sessions of one server. Sessions hold what they share, so that they may outlive the
// server, as another takes its place for those who come later.
#pragma once
#include <functional>
#include <memory>
#include <utility>

#include "net/server.hpp"
#include "net/stream.hpp"
#include "server/common/shared.hpp"

namespace pabal::server::common {

/// One session from its greeting to its end. `owned` is null where the caller keeps the stream. The session was made
/// before, so that what it was made of isn't in this frame, which the connection keeps.
template <class Session, class SessionShared>
[[nodiscard]] Async<> serve_session([[maybe_unused]] std::shared_ptr<SessionShared> shared,
                                    [[maybe_unused]] std::unique_ptr<net::Stream> owned,
                                    std::unique_ptr<Session> session) {
  auto work = session->run();
  co_await std::move(work);
}

class Service {
 public:
  using Serve = std::function<Async<>(net::Stream*, std::unique_ptr<net::Stream>, net::SessionFacts, Policy)>;

  /// For net::Server::bind.
  [[nodiscard]] net::SessionHandler handler(Policy policy) const {
    return [serve = serve_, policy = std::move(policy)](std::unique_ptr<net::Stream> stream, net::SessionFacts facts) {
      auto* const present = stream.get();
      return serve(present, std::move(stream), std::move(facts), policy);
    };
  }
  /// Serves one connection to its end. The stream must outlive the coroutine.
  [[nodiscard]] Async<> serve(net::Stream* stream, net::SessionFacts facts, Policy policy) const {
    return serve_(stream, nullptr, std::move(facts), std::move(policy));
  }

 protected:
  explicit Service(Serve serve) : serve_(std::move(serve)) {}

 private:
  Serve serve_;
};

/// What a server hands to its Service.
template <class Session, class SessionShared>
[[nodiscard]] Service::Serve sessions_of(std::shared_ptr<SessionShared> shared) {
  return [shared = std::move(shared)](net::Stream* stream, std::unique_ptr<net::Stream> owned, net::SessionFacts facts,
                                      Policy policy) {
    auto session = std::make_unique<Session>(*shared, *stream, std::move(facts), std::move(policy));
    return serve_session<Session, SessionShared>(shared, std::move(owned), std::move(session));
  };
}

}  // namespace pabal::server::common
