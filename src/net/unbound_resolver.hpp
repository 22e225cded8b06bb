// UnboundResolver: the DNS itself, asked through libunbound, which follows aliases and validates DNSSEC (RFC 4035).
// libunbound appears in no other header.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "dns/resolver.hpp"

namespace pabal::net {

struct UnboundOptions {
  /// Who is asked: "ADDRESS" or "ADDRESS@PORT" (IPv6 without brackets). None: the system's (/etc/resolv.conf), or where
  /// that isn't there, the root servers and all below.
  std::vector<std::string> servers{};
  /// File with the key (DS or DNSKEY records) from which proofs start. Empty: Debian's for the root, where it is there.
  std::string trust_anchor{};
  /// Without validation no answer is ever secure or bogus.
  bool validate = true;
  /// After this a question is answered with `timed_out`.
  std::chrono::milliseconds timeout{20'000};
  /// Questions that libunbound works on at once; others wait (and their time runs). While some wait, one that has had a
  /// quarter of the time is given up: name servers that say nothing hold up nobody else for longer.
  std::size_t most_under_way = 1000;
};

/// Any thread. Its own two threads do the work: libunbound's, and one that waits for it. It must be destroyed when the
/// threads of those who asked have stopped, and before their io_contexts; it answers what is under way with `failed`.
class UnboundResolver final : public dns::Resolver {
 public:
  /// Starts its threads; not before root is given up. Errors name the file or the option.
  [[nodiscard]] static Result<std::unique_ptr<UnboundResolver>> make(FileSystem& files, const UnboundOptions& options);
  ~UnboundResolver() override;
  UnboundResolver(const UnboundResolver&) = delete;
  UnboundResolver& operator=(const UnboundResolver&) = delete;

  [[nodiscard]] Async<dns::Answer> resolve(dns::Name name, dns::Type type) override;

  /// The file of the anchor that proofs start from; empty where nothing is validated.
  [[nodiscard]] const std::string& trust_anchor() const noexcept { return trust_anchor_; }

 private:
  class Worker;
  UnboundResolver(std::unique_ptr<Worker> worker, std::string trust_anchor);
  std::unique_ptr<Worker> worker_;
  std::string trust_anchor_;
};

}  // namespace pabal::net
