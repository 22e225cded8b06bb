// LIST, LSUB and STATUS (RFC 9051 §9: list, status; RFC 5258, 5819, 6154, 8440, 9590).
#include <array>

#include "imap/cursor.hpp"

namespace pabal::imap {

namespace {

void selection(Cursor& in, List& list) {
  if (in.take(')')) return;
  while (in.ok()) {
    if (in.take_word("SUBSCRIBED")) {
      list.select_subscribed = true;
    } else if (in.take_word("REMOTE")) {
      list.select_remote = true;
    } else if (in.take_word("RECURSIVEMATCH")) {
      list.select_recursive = true;
    } else if (in.take_word("SPECIAL-USE")) {
      list.select_special_use = true;
    } else {
      in.bad("unknown selection option");
    }
    if (in.take(')')) break;
    in.space();
  }
  // RFC 5258 §3: it needs something else to be recursive about, and REMOTE is no such thing.
  if (list.select_recursive && !list.select_subscribed && !list.select_special_use) {
    in.bad("RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE");
  }
}

void patterns(Cursor& in, List& list) {
  if (!in.take('(')) {
    list.patterns.push_back(in.list_mailbox());
    return;
  }
  list.extended = true;
  while (in.ok()) {
    list.patterns.push_back(in.list_mailbox());
    if (in.take(')')) return;
    in.space();
  }
}

void returns(Cursor& in, List& list) {
  in.space();
  in.expect('(');
  if (in.take(')')) return;
  while (in.ok()) {
    if (in.take_word("SUBSCRIBED")) {
      list.return_subscribed = true;
    } else if (in.take_word("CHILDREN")) {
      list.return_children = true;
    } else if (in.take_word("SPECIAL-USE")) {
      list.return_special_use = true;
    } else if (in.take_word("MYRIGHTS")) {
      list.return_my_rights = true;
    } else if (in.take_word("STATUS")) {
      in.space();
      list.return_status = parse_status_items(in);
    } else if (in.take_word("METADATA")) {
      in.space();
      list.return_metadata = parse_metadata_entries(in);
    } else {
      in.bad("unknown return option");
    }
    if (in.take(')')) return;
    in.space();
  }
}

}  // namespace

StatusItems parse_status_items(Cursor& in) {
  constexpr std::array<std::pair<std::string_view, StatusItems>, 11> words = {{
      {"MESSAGES", kStatusMessages},
      {"UIDNEXT", kStatusUidNext},
      {"UIDVALIDITY", kStatusUidValidity},
      {"UNSEEN", kStatusUnseen},
      {"DELETED", kStatusDeleted},
      {"SIZE", kStatusSize},
      {"RECENT", kStatusRecent},
      {"HIGHESTMODSEQ", kStatusHighestModseq},
      {"MAILBOXID", kStatusMailboxId},
      {"APPENDLIMIT", kStatusAppendLimit},
      {"DELETED-STORAGE", kStatusDeletedStorage},
  }};
  StatusItems items = 0;
  in.expect('(');
  while (in.ok()) {
    StatusItems item = 0;
    for (const auto& [word, bit] : words) {
      if (in.take_word(word)) {
        item = bit;
        break;
      }
    }
    if (item == 0) in.bad("unknown item of STATUS");
    items = static_cast<StatusItems>(items | item);
    if (in.take(')')) break;
    in.space();
  }
  return items;
}

List parse_list(Cursor& in) {
  List list;
  if (in.take('(')) {
    list.extended = true;
    selection(in, list);
    in.space();
  }
  list.reference = in.astring();
  in.space();
  patterns(in, list);
  if (in.take_text(" RETURN")) {
    list.extended = true;
    returns(in, list);
  }
  return list;
}

List parse_lsub(Cursor& in) {
  List list;
  list.select_subscribed = true;
  list.reference = in.astring();
  in.space();
  list.patterns.push_back(in.list_mailbox());
  return list;
}

}  // namespace pabal::imap
