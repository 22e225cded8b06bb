// Signer: letters that begin here prove whose they are (DKIM, RFC 6376), and letters that we send on say what we found
// when they came (ARC, RFC 8617). Which key signs follows from the letter:
//
//   From's domains, each that has keys here, or whose parent has (notices come from the host's name); where none has,
//   Sender's. All keys in use of each sign: one of RSA and one of Ed25519.
//
// What stands in From is its writer's to choose, and whose letters we sign are many: an account's are signed for the
// addresses that it may send as, a program's for the domains that programs of this machine may write for, whatever else
// lets a letter pass.
//
// A letter of a domain without a key in use goes unsigned, and its trace says why. A key that can't be read, or a
// signature that can't be made, is an error of a passing kind: the letter waits, it doesn't go out unsigned silently.
//
// All work is done on a pool: reading keys, hashing, and the half millisecond that an RSA signature takes. Keys are
// parsed once and remembered until some key changes.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "account/directory.hpp"
#include "account/domain_keys.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "delivery/mda.hpp"
#include "mailauth/dkim_signer.hpp"
#include "store/incoming.hpp"

namespace pabal::delivery {

struct SignerOptions {
  bool sign = true;
  bool seal = true;
  /// Who seals what is sent on where the address that led there is of no domain with keys; empty: nobody.
  std::string seal_domain = {};
  std::string hostname = {};               ///< programs of this machine write for the domain that it is in
  std::vector<std::string> programs = {};  ///< and for these, A-labels; "*" for all
  /// What we wrote ourselves quotes strangers: nobody shall show it around as our word for ever (x=).
  std::chrono::seconds own_expire_after = std::chrono::days(7);
};

/// Who wants a signature.
struct SignedFor {
  Writer writer = Writer::ourselves;
  std::optional<AccountId> account = std::nullopt;  ///< of Writer::account; without one nothing is signed
};

class Signer {
 public:
  /// All must outlive it; the pool should be of its own, since a big letter takes its thread for long. Any thread;
  /// coroutines go on at home.
  Signer(account::DomainKeys& keys, account::Directory& directory, Pool& pool, const Clock& clock,
         SignerOptions options);
  ~Signer();
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  /// Fields to be put before a letter, with CRLFs, and by whom.
  struct Marks {
    std::string fields = {};  ///< empty: none
    MarksTrace trace = {};
  };

  /// The DKIM signatures of a letter of ours; it must live and stay as it is until then. Errors: busy, io.
  [[nodiscard]] Async<Result<Marks>> sign(const store::Incoming* letter, SignedFor who);
  /// Of one that we wrote ourselves.
  [[nodiscard]] Async<Result<Marks>> sign(std::string letter);
  /// A letter that was changed on its way out (made 7-bit), so that its signatures hold no more: those that we put on
  /// top of it are made anew, by the keys in use now. What has none is given back as it is. Errors: busy, io.
  [[nodiscard]] Async<Result<std::string>> sign_again(std::string letter);
  /// Whether a letter of ours from an address of this domain would be signed.
  [[nodiscard]] Async<Result<bool>> can_sign(Domain domain);
  /// The ARC set of a letter that `address` sends on. Nothing is put on one whose chain has ended (RFC 8617 §5.1.2).
  [[nodiscard]] Async<Result<Marks>> seal(const store::Incoming* letter, EmailAddress address, Findings findings);

  /// From now on.
  void change(SignerOptions options);

 private:
  struct Octets;
  struct Authors;
  /// For whom a letter is signed, in the order in which they are tried.
  struct Chosen {
    std::vector<Domain> from;
    std::vector<Domain> sender;
    std::string why_none;  ///< in words, where no key is found for them
    std::optional<std::chrono::seconds> expires_after;
  };
  using Identities = std::shared_ptr<const std::vector<mailauth::DkimIdentity>>;
  struct Parsed {
    std::uint64_t version = 0;
    std::unordered_map<std::string, Identities> of;
  };
  [[nodiscard]] Result<Identities> identities_of(const std::string& domain);
  [[nodiscard]] Result<Identities> nearest_identities(const Domain& domain);
  [[nodiscard]] bool may_write(const Domain& domain);
  [[nodiscard]] Async<Result<bool>> may_write(SignedFor who, EmailAddress author);
  [[nodiscard]] Async<Result<Chosen>> choose(Authors authors, SignedFor who);
  [[nodiscard]] bool surely_unsigned(const Chosen& chosen);
  [[nodiscard]] Result<Identities> signing_for(const Chosen& chosen);
  [[nodiscard]] Result<Marks> sign_now(const Octets& letter, const Chosen& chosen);
  [[nodiscard]] Result<std::string> sign_again_now(std::string letter);
  [[nodiscard]] Result<Marks> seal_now(const Octets& letter, const EmailAddress& address, const Findings& findings);

  account::DomainKeys* keys_;
  account::Directory* directory_;
  Pool* pool_;
  const Clock* clock_;
  Guarded<SignerOptions> options_;
  Guarded<Parsed> parsed_;
};

}  // namespace pabal::delivery
