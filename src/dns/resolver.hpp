// Resolver: who answers questions about names. Behind it stand zone files (zone_resolver.hpp), a cache
// (caching_resolver.hpp), libunbound (net/unbound_resolver.hpp), and a table in tests (scripted_resolver.hpp).
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "dns/name.hpp"
#include "dns/record.hpp"

namespace pabal::dns {

enum class Status : std::uint8_t {
  ok,         ///< there are records
  no_data,    ///< the name exists, without records of this type
  no_name,    ///< there is no such name (NXDOMAIN)
  failed,     ///< no usable answer: SERVFAIL, REFUSED, nonsense, aliases that lead in circles
  timed_out,  ///< none in time
  bogus,      ///< there is one, and DNSSEC says that it is forged or broken (RFC 4035 §4.3)
};

/// "ok", "no such name"…: for traces and logs.
[[nodiscard]] std::string_view words_of(Status status) noexcept;

struct Answer {
  Status status = Status::failed;
  /// The whole answer, aliases included, was proven by DNSSEC; so is the absence that no_data and no_name tell.
  bool secure = false;
  /// The name that the records are of: the one asked for, or where its CNAMEs lead.
  Name name{};
  /// All of the type that was asked for; empty but for `ok`. In no order that means anything.
  std::vector<Record> records{};
  /// How long it may be believed; that of the failure where it is one.
  std::chrono::seconds ttl{0};
  /// What went wrong, for an operator; empty where nothing did.
  std::string why{};

  /// Whether the DNS said what there is: records, none, or no such name. What else there is may pass.
  [[nodiscard]] bool is_definite() const noexcept {
    return status == Status::ok || status == Status::no_data || status == Status::no_name;
  }
  /// The records as what they are.
  template <class T>
  [[nodiscard]] std::vector<T> all() const {
    std::vector<T> found;
    for (const auto& record : records) {
      if (const auto* one = std::get_if<T>(&record)) found.push_back(*one);
    }
    return found;
  }
};

/// An answer as a line: `ok secure mx.example 300s: 10 mx1.example.`; for traces and tests.
[[nodiscard]] std::string text_of(const Answer& answer);

class Resolver {
 public:
  virtual ~Resolver() = default;
  /// Asks, follows aliases (but for Type::cname itself), and always gives an answer; how long that takes at most is the
  /// implementation's to say. Any executor; goes on at home. The resolver must live until then.
  [[nodiscard]] virtual Async<Answer> resolve(Name name, Type type) = 0;
};

struct Question {
  Name name{};
  Type type = Type::a;
};
/// Asks all questions at once, and gives the answers in their order.
[[nodiscard]] Async<std::vector<Answer>> resolve_all(Resolver& resolver, std::vector<Question> questions);

}  // namespace pabal::dns
