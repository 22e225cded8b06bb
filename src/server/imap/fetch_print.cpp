#include "server/imap/fetch_print.hpp"

#include <algorithm>

#include "imap/response.hpp"
#include "message/imap_forms.hpp"
#include "server/imap/fetch_headers.hpp"
#include "server/imap/fetch_letter.hpp"
#include "server/imap/flags.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::FetchItem::Kind;

grammar::FetchItem item_of(Kind kind) {
  grammar::FetchItem item;
  item.kind = kind;
  return item;
}

bool needs_row(const grammar::FetchItem& item) {
  if (is_whole_letter(item)) return false;
  switch (item.kind) {
    case Kind::flags:
    case Kind::uid:
    case Kind::rfc822_size:
    case Kind::modseq:
    case Kind::email_id:
    case Kind::save_date:
      return false;
    default:
      return true;
  }
}

}  // namespace

bool needs_what_is_derived(const grammar::FetchItem& item) {
  switch (item.kind) {
    case Kind::internal_date:
    case Kind::thread_id:
      return false;
    default:
      return needs_row(item);
  }
}

bool needs_letter(const grammar::FetchItem& item) {
  switch (item.kind) {
    case Kind::rfc822:
    case Kind::rfc822_header:
    case Kind::rfc822_text:
    case Kind::section:
    case Kind::binary:
    case Kind::binary_size:
      return true;
    default:
      return false;
  }
}

bool asks_for(const grammar::FetchItems& items, Kind kind) {
  return std::ranges::find(items, kind, &grammar::FetchItem::kind) != items.end();
}

FetchPrinter::FetchPrinter(Session& session, grammar::FetchItems items, bool uid, bool modseq)
    : items_(std::move(items)),
      snapshot_(session.selected()->view.pointer()),
      form_(session.form()),
      uid_only_(session.enabled().uid_only) {
  const auto asked = [&](Kind kind) { return asks_for(items_, kind); };
  // RFC 9051 §6.4.9: UID FETCH tells the UID in any case (UIDFETCH has it as it is); RFC 7162 §3.1.4.2 the MODSEQ
  // with CHANGEDSINCE.
  if (uid && !asked(Kind::uid) && !uid_only_) items_.insert(items_.begin(), item_of(Kind::uid));
  if (modseq && !asked(Kind::modseq)) items_.push_back(item_of(Kind::modseq));
  rows_ = std::ranges::any_of(items_, needs_row);
  derived_ = std::ranges::any_of(items_, needs_what_is_derived);
  letters_ = std::ranges::any_of(items_, needs_letter);
  headers_alone_ = tells_headers_alone(items_);
  short_envelopes_ = std::ranges::none_of(
      items_, [](const auto& item) { return needs_what_is_derived(item) && item.kind != Kind::envelope; });
  dates_ = asked(Kind::save_date);
  flags_ = asked(Kind::flags);
}

void FetchPrinter::begin(std::string& out, const Wanted& wanted) const {
  out.append("* ");
  grammar::append_number(out, uid_only_ ? wanted.row.uid : wanted.number);
  out.append(uid_only_ ? " UIDFETCH (" : " FETCH (");
}

// RFC 3501 §7.4.2 and RFC 8474: what needs no more than snapshot and row.
void FetchPrinter::item(std::string& out, const grammar::FetchItem& item, const Wanted& wanted,
                        const store::EmailRow* row, const SystemTime* saved, const message::Derived* derived) const {
  const auto put = [&](std::string_view name, std::string_view before, std::uint64_t number, std::string_view behind) {
    out.append(name).append(before);
    grammar::append_number(out, number);
    out.append(behind);
  };
  const auto id = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  switch (item.kind) {
    case Kind::flags:
      out.append("FLAGS (");
      append_flags(out, *snapshot_, wanted.row, wanted.recent);
      out.append(")");
      return;
    case Kind::uid:
      return put("UID", " ", wanted.row.uid, "");
    case Kind::rfc822_size:
      return put("RFC822.SIZE", " ", wanted.row.size(), "");
    case Kind::modseq:
      return put("MODSEQ", " (", id(wanted.row.change.value), ")");
    case Kind::email_id:
      return put("EMAILID", " (M", id(wanted.row.email.value), ")");
    case Kind::thread_id:
      return put("THREADID", " (T", id(row->thread.value), ")");
    case Kind::save_date:
      out.append("SAVEDATE ");
      if (saved == nullptr) {
        out.append("NIL");
      } else {
        grammar::append_date_time(out, *saved);
      }
      return;
    case Kind::internal_date:
      out.append("INTERNALDATE ");
      grammar::append_date_time(out, row->received, row->zone_minutes);
      return;
    case Kind::envelope:
      out.append("ENVELOPE ").append(message::imap_envelope(*derived->envelope, form_));
      return;
    case Kind::body_structure:
    case Kind::body: {
      const bool extended = item.kind == Kind::body_structure;
      out.append(extended ? "BODYSTRUCTURE " : "BODY ")
          .append(message::imap_body_structure(derived->parts, extended, form_));
      return;
    }
    case Kind::preview:
      out.append("PREVIEW ");
      grammar::append_string(out, derived->preview, form_);
      return;
    default:
      return;
  }
}

bool FetchPrinter::print(std::string& out, const Wanted& wanted, const store::EmailRow* row,
                         const SystemTime* saved) const {
  if (letters_) return false;
  std::optional<message::Derived> derived;
  if (derived_) {
    if (row->parsed_version != message::kDerivedVersion) return false;
    if (!short_envelopes_) {
      auto known = message::decode_derived(row->parsed);
      if (!known || !known->envelope || known->parts.empty()) return false;
      derived = std::move(*known);
    }
  }
  const auto before = out.size();
  begin(out, wanted);
  bool first = true;
  for (const auto& one : items_) {
    if (!first) out.push_back(' ');
    first = false;
    if (one.kind != Kind::envelope || derived) {
      item(out, one, wanted, row, saved, derived ? &*derived : nullptr);
      continue;
    }
    out.append("ENVELOPE ");
    if (message::append_imap_envelope(out, row->parsed, form_)) continue;
    out.resize(before);
    return false;
  }
  out.append(")\r\n");
  return true;
}

}  // namespace pabal::server::imap
