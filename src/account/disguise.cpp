#include "account/disguise.hpp"

namespace pabal::account {

Result<Disguise> Disguise::read(db::Connection& connection, const Secrets& secrets, Random& random, HashCost cost,
                                std::uint32_t iterations) {
  Disguise made(cost, iterations);
  auto found = connection.query("SELECT account_id, kind, secret FROM credential WHERE kind <> $1", {kind::app});
  if (!found) return pass(found);
  while (true) {
    const auto more = found->next();
    if (!more) return pass(more);
    if (!*more) break;
    const AccountId account{found->integer(0)};
    const auto what = found->text(1);
    if (what == kind::password) {
      if (const auto of_hash = cost_of(found->octets(2))) made.costs_.add(*of_hash);
      continue;
    }
    for (const ScramHash hash : {ScramHash::sha1, ScramHash::sha256}) {
      if (what != kind::scram(hash)) continue;
      const auto verifier = secrets.unseal(account, hash, found->octets(2));
      if (verifier) (hash == ScramHash::sha1 ? made.sha1_ : made.sha256_).add(verifier->iterations);
    }
  }
  const auto make_hash = [&](const HashCost& of_hash) -> Result<void> {
    auto hash = hash_password(random.octets(16), of_hash);
    if (!hash) return pass(hash);
    made.hashes_.emplace(of_hash, *std::move(hash));
    return {};
  };
  if (made.costs_.counts().empty()) {
    if (const auto done = make_hash(cost); !done) return pass(done);
  }
  for (const auto& [of_hash, count] : made.costs_.counts()) {
    if (const auto done = make_hash(of_hash); !done) return pass(done);
  }
  return made;
}

}  // namespace pabal::account
