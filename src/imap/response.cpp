#include "imap/response.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "imap/characters.hpp"
#include "imap/date.hpp"
#include "imap/modified_utf7.hpp"

namespace pabal::imap {

namespace {

std::string_view word_of(Condition condition) noexcept {
  switch (condition) {
    case Condition::ok:
      return "OK";
    case Condition::no:
      return "NO";
    case Condition::bad:
      return "BAD";
    case Condition::bye:
      return "BYE";
    case Condition::preauth:
      return "PREAUTH";
  }
  return "BAD";
}

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

// Controls become spaces; octets that aren't UTF-8 become "?".
void append_clean(std::string& out, std::string_view text) {
  const bool utf8 = is_utf8(text);
  for (const char c : text) {
    if (is_control(c)) {
      out += ' ';
    } else if (!utf8 && static_cast<unsigned char>(c) >= 0x80) {
      out += '?';
    } else {
      out += c;
    }
  }
}

// "[code] text" and the line end.
void append_rest(std::string& out, std::string_view code, std::string_view text) {
  if (!code.empty()) {
    out += '[';
    const auto begin = out.size();
    append_clean(out, code);
    // "]" would end the code.
    std::replace(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), ']', ')');
    out += "] ";
  } else if (text.starts_with('[')) {
    out += "- ";
  }
  // RFC 9051 §9: there is always some text.
  if (text.empty()) text = "-";
  append_clean(out, text);
  out += "\r\n";
}

}  // namespace

void append_untagged(std::string& out, Condition condition, std::string_view code, std::string_view text) {
  append_tagged(out, "*", condition, code, text);
}

void append_tagged(std::string& out, std::string_view tag, Condition condition, std::string_view code,
                   std::string_view text) {
  // The reader's tags can't hold anything else; this holds for all callers.
  const bool clean = !tag.empty() && std::ranges::all_of(tag, is_tag_char);
  out += clean ? tag : std::string_view("*");
  out += ' ';
  out += word_of(condition);
  out += ' ';
  append_rest(out, code, text);
}

void append_refusal(std::string& out, std::string_view tag, const Refusal& refusal) {
  append_refusal(out, tag, refusal, refusal.text.english());
}

void append_refusal(std::string& out, std::string_view tag, const Refusal& refusal, std::string_view text) {
  switch (refusal.status) {
    case Refusal::Status::no:
      append_tagged(out, tag, Condition::no, refusal.code, text);
      return;
    case Refusal::Status::bad:
      append_tagged(out, tag, Condition::bad, refusal.code, text);
      return;
    case Refusal::Status::bye:
      append_untagged(out, Condition::bye, refusal.code, text);
      return;
  }
}

void append_continue(std::string& out, std::string_view text) {
  out += "+ ";
  append_clean(out, text);
  out += "\r\n";
}

void append_string(std::string& out, std::string_view text, ImapForm form) {
  message::append_imap_string(out, text, form);
}

void append_nstring(std::string& out, const std::optional<std::string>& text, ImapForm form) {
  if (text) {
    append_string(out, *text, form);
  } else {
    out += "NIL";
  }
}

void append_astring(std::string& out, std::string_view text, ImapForm form) {
  // NIL as an atom would be nothing.
  const bool plain = !text.empty() && !equal_ignoring_case(text, "NIL") && std::ranges::all_of(text, is_astring_char);
  if (plain) {
    out += text;
  } else {
    append_string(out, text, form);
  }
}

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_literal_size(std::string& out, std::uint64_t size, bool binary) {
  out += binary ? "~{" : "{";
  append_number(out, size);
  out += "}\r\n";
}

void append_mailbox(std::string& out, std::string_view utf8_name, ImapForm form) {
  append_astring(out, form.utf8 ? std::string(utf8_name) : to_modified_utf7(utf8_name), form);
}

void append_mailbox(std::string& out, const MailboxName& name, ImapForm form) {
  append_mailbox(out, name.text(), form);
}

void append_flag_list(std::string& out, SystemFlags system, std::span<const std::string> keywords, bool recent) {
  out += '(';
  append_flags(out, system, keywords, recent);
  out += ')';
}

void append_date_time(std::string& out, SystemTime time, int offset_minutes) {
  out += '"';
  out += format_date_time(time, offset_minutes);
  out += '"';
}

void append_search(std::string& out, std::string_view name, std::span<const std::uint32_t> numbers,
                   std::optional<std::uint64_t> modseq) {
  out += "* ";
  out += name;
  for (const auto number : numbers) {
    out += ' ';
    append_number(out, number);
  }
  if (modseq && !numbers.empty()) {
    out += " (MODSEQ ";
    append_number(out, *modseq);
    out += ')';
  }
  out += "\r\n";
}

void append_esearch(std::string& out, std::string_view tag, bool uid, const SearchResult& result, ImapForm form,
                    const SearchedMailbox* mailbox) {
  out += "* ESEARCH (TAG ";
  append_string(out, tag, form);
  if (mailbox != nullptr) {
    out += " MAILBOX ";
    append_mailbox(out, mailbox->name, form);
    out += " UIDVALIDITY ";
    append_number(out, mailbox->uid_validity);
  }
  out += ')';
  if (uid) out += " UID";
  const auto item = [&](std::string_view name, const auto& value) {
    if (!value) return;
    out += name;
    append_number(out, *value);
  };
  item(" MIN ", result.min);
  item(" MAX ", result.max);
  item(" COUNT ", result.count);
  if (result.all && !result.all->empty()) {
    out += " ALL ";
    result.all->append_text(out);
  }
  if (result.partial) {
    out += " PARTIAL (";
    out += result.partial->range.text();
    out += ' ';
    if (result.partial->numbers.empty()) {
      out += "NIL";
    } else {
      result.partial->numbers.append_text(out);
    }
    out += ')';
  }
  out += result.more;
  item(" MODSEQ ", result.modseq);
  out += "\r\n";
}

void append_ordered(std::string& out, std::span<const std::uint32_t> numbers) {
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    if (i > 0) out += ',';
    append_number(out, numbers[i]);
    if (end > i + 1) {
      out += ':';
      append_number(out, numbers[end - 1]);
    }
    i = end;
  }
}

void append_list(std::string& out, std::string_view response, std::string_view attributes, std::string_view utf8_name,
                 std::string_view extended, ImapForm form) {
  out.append("* ").append(response).append(" (").append(attributes).append(") \"/\" ");
  // LIST's empty pattern asks for the delimiter alone: the name is "".
  append_mailbox(out, utf8_name, form);
  out.append(extended).append("\r\n");
}

void append_status(std::string& out, const MailboxName& name, std::string_view items, ImapForm form) {
  out += "* STATUS ";
  append_mailbox(out, name, form);
  out.append(" (").append(items).append(")\r\n");
}

void append_vanished(std::string& out, const NumberSet& uids, bool earlier) {
  if (uids.empty()) return;
  out += earlier ? "* VANISHED (EARLIER) " : "* VANISHED ";
  uids.append_text(out);
  out += "\r\n";
}

void append_count(std::string& out, std::uint64_t number, std::string_view what) {
  out += "* ";
  append_number(out, number);
  out.append(" ").append(what).append("\r\n");
}

std::string append_uid_code(std::uint32_t uid_validity, const NumberSet& uids) {
  return fmt::format("APPENDUID {} {}", uid_validity, uids.text());
}

std::string copy_uid_code(std::uint32_t uid_validity, std::string_view from, std::string_view to) {
  return fmt::format("COPYUID {} {} {}", uid_validity, from, to);
}

}  // namespace pabal::imap
