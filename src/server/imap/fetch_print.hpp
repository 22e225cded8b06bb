// What FETCH tells of a message without opening it: printed from the snapshot, the email's row and what was derived at
// delivery. It has all that it needs of the session, so that any thread can print.
#pragma once
#include <memory>
#include <string>

#include "imap/fetch_items.hpp"
#include "message/derived.hpp"
#include "server/imap/session.hpp"

namespace pabal::server::imap {

/// One message that is to be told.
struct Wanted {
  std::uint32_t number = 0;
  bool recent = false;
  store::MessageRow row;
};

/// Only a letter's octets tell it.
[[nodiscard]] bool needs_letter(const grammar::FetchItem& item);
/// What of the derived facts is printed, or says where the octets are.
[[nodiscard]] bool needs_what_is_derived(const grammar::FetchItem& item);
[[nodiscard]] bool asks_for(const grammar::FetchItems& items, grammar::FetchItem::Kind kind);

class FetchPrinter {
 public:
  /// Of the selected mailbox as the session sees it now. `uid`, `modseq`: these are told whether they are asked for or
  /// not.
  FetchPrinter(Session& session, grammar::FetchItems items, bool uid, bool modseq);

  [[nodiscard]] const grammar::FetchItems& items() const noexcept { return items_; }
  [[nodiscard]] bool needs_rows() const noexcept { return rows_; }
  [[nodiscard]] bool needs_derived() const noexcept { return derived_; }
  [[nodiscard]] bool needs_letters() const noexcept { return letters_; }
  /// Of letters no more than their headers (fetch_headers.hpp).
  [[nodiscard]] bool needs_headers_alone() const noexcept { return headers_alone_; }
  [[nodiscard]] bool needs_dates() const noexcept { return dates_; }
  /// Whether flags are told: Wanted::recent matters.
  [[nodiscard]] bool needs_recent() const noexcept { return flags_; }

  /// A whole response. False, and nothing is appended: the letter has to be opened for it.
  [[nodiscard]] bool print(std::string& out, const Wanted& wanted, const store::EmailRow* row,
                           const SystemTime* saved) const;
  /// `* n FETCH (`.
  void begin(std::string& out, const Wanted& wanted) const;
  /// An item that needs no letter.
  void item(std::string& out, const grammar::FetchItem& item, const Wanted& wanted, const store::EmailRow* row,
            const SystemTime* saved, const message::Derived* derived) const;

 private:
  grammar::FetchItems items_;
  std::shared_ptr<const store::MailboxSnapshot> snapshot_;
  grammar::ImapForm form_;
  bool uid_only_ = false;
  bool rows_ = false;
  bool letters_ = false;
  bool derived_ = false;
  bool headers_alone_ = false;
  bool short_envelopes_ = false;  ///< of what was derived only envelopes are told
  bool dates_ = false;
  bool flags_ = false;
};

}  // namespace pabal::server::imap
