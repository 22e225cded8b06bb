// ClaimedFindings: header fields in somebody else's hand that bear our name: that we have looked at the letter, and
// what we found (RFC 8601 §5, RFC 7208 §9.1). They are taken out of every letter that comes in, whoever hands it in.
// What a user puts into his own mailbox (IMAP's APPEND) is his affair: it never came to us as mail.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "message/header.hpp"

namespace pabal::mailauth {

/// What we are called in such fields. Views: the settings have the names.
struct OwnNames {
  std::string_view authserv_id;
  std::string_view hostname;
};

/// Collects them while somebody reads a header.
class ClaimedFindings {
 public:
  struct Span {
    std::size_t begin;
    std::size_t end;
  };

  explicit ClaimedFindings(OwnNames ours) noexcept : ours_(ours) {}

  /// The header's next field. True: it bears our name, and is to go.
  bool take(const message::HeaderField& field);
  /// A header that breaks off: for us text stands behind the break; who reads on to the empty line takes it for our
  /// word. `header` is all of it.
  void take_broken(std::string_view header);

  /// Why the letter can't be taken at all, in words for its sender.
  [[nodiscard]] const std::optional<std::string_view>& fault() const noexcept { return fault_; }
  /// The fields that are to go, in their order. Few: who sends more of them is told off.
  [[nodiscard]] const std::vector<Span>& spans() const noexcept { return spans_; }

 private:
  OwnNames ours_;
  std::vector<Span> spans_;
  std::optional<std::string_view> fault_;
};

/// Takes them out of a letter that is there as a whole. Errors: policy.
[[nodiscard]] Result<void> take_out_claimed_findings(std::string& letter, OwnNames ours);

}  // namespace pabal::mailauth
