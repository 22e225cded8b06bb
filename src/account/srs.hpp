// SRS, the Sender Rewriting Scheme: a letter that an alias sends on to another system goes there under an address of
// ours, since the author's own system (SPF) would not have us send for it. What comes back to that address, bounces
// above all, is sent on to the author; a keyed hash and a date keep others from making such addresses and us from being
// a relay for ever.
//
//   author@a.example          by us, seoul.example   SRS0=hash=date=a.example=author@seoul.example
//   SRS0=rest@b.example       (forwarded before)     SRS1=hash=b.example==rest@seoul.example
//   SRS1=any=b.example==rest@c.example               SRS1=hash=b.example==rest@seoul.example
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "address/email_address.hpp"
#include "base/clock.hpp"

namespace pabal::account {

class Srs {
 public:
  /// Any secret; a key for the hash is made of it. Addresses are good for `valid` from the day on which they were made.
  explicit Srs(std::string_view secret, std::chrono::days valid = std::chrono::days(21));

  /// The reverse-path under which a letter of `sender` goes on from `domain`, one of ours. Nothing where it needs none
  /// (it is of that domain already) or can have none (a literal; too long for any address). Its local part may have
  /// more than 64 octets.
  [[nodiscard]] std::optional<EmailAddress> forward(const EmailAddress& sender, const Domain& domain,
                                                    SystemTime now) const;
  /// Where a letter to such an address goes. Errors: `not_found`, it is none of ours (also: forged); `policy`, its time
  /// is over.
  [[nodiscard]] Result<EmailAddress> reverse(const EmailAddress& recipient, SystemTime now) const;
  /// Whether it looks like one, so that reverse() is worth a try.
  [[nodiscard]] static bool has_form(const EmailAddress& address) noexcept;

 private:
  [[nodiscard]] std::string hash_of(std::string_view kind, std::string_view rest) const;

  std::string key_;
  std::int64_t valid_days_;
};

/// What an address of ours may have in its local part at most: SRS makes long ones of long ones.
inline constexpr std::size_t kSrsLocalPartOctets = 200;

}  // namespace pabal::account
