// TicketKeys: the keys under which TLS session tickets are sealed (RFC 5077, RFC 8446 §4.6.1). Whoever gets hold of one
// reads the early resumptions of TLS 1.2 that were made under it, so none is kept for long (RFC 9325 §3.4): every day
// there is a new one, and the one before still opens what it has sealed. They live in memory alone.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <optional>

#include <openssl/ssl.h>

#include "base/clock.hpp"
#include "base/guarded.hpp"

namespace pabal::net {

/// Any thread.
class TicketKeys {
 public:
  using Name = std::array<unsigned char, 16>;
  struct Key {
    Name name{};  ///< stands in the ticket, in clear
    std::array<unsigned char, 32> cipher{};
    std::array<unsigned char, 32> mac{};
    SteadyTime made;
  };
  static constexpr std::chrono::hours kLife{24};

  /// `now` is for tests.
  explicit TicketKeys(std::function<SteadyTime()> now = std::chrono::steady_clock::now) : now_(std::move(now)) {}
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  /// The key that seals now; nothing where there is no randomness to be had.
  [[nodiscard]] std::optional<Key> current();
  struct Found {
    Key key;
    bool old = false;  ///< no longer the one that seals
  };
  /// The key of this name, where it still opens tickets.
  [[nodiscard]] std::optional<Found> find(const Name& name);

  /// Makes the context, which keeps a share of the keys, use them.
  static void use(SSL_CTX* context, std::shared_ptr<TicketKeys> keys);

 private:
  struct Keys {
    std::optional<Key> current;
    std::optional<Key> previous;
  };
  static void change(Keys& keys, SteadyTime now);

  std::function<SteadyTime()> now_;
  Guarded<Keys> keys_;
};

}  // namespace pabal::net
