#include "message/imap_forms.hpp"

#include <algorithm>
#include <array>

#include "address/domain.hpp"
#include "base/text.hpp"
#include "message/compact_form.hpp"
#include "message/encoded_word.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kLongestQuoted = 1'000;

// What is in a text, looked at once and without a branch for each octet.
struct Kinds {
  bool control = false;  ///< can't be quoted
  bool special = false;  ///< wants a backslash
  bool high = false;
};
Kinds kinds_of(std::string_view text) noexcept {
  unsigned control = 0;
  unsigned special = 0;
  unsigned all = 0;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    control |= static_cast<unsigned>(octet < 0x20) | static_cast<unsigned>(octet == 0x7F);
    special |= static_cast<unsigned>(octet == '"') | static_cast<unsigned>(octet == '\\');
    all |= octet;
  }
  return {.control = control != 0, .special = special != 0, .high = (all & 0x80U) != 0};
}

// Unstructured text for a client that knows no UTF-8.
std::string readable_text(const std::string& text, ImapForm form) {
  return form.utf8 || is_ascii(text) ? text : encode_text(text);
}
std::string readable_domain(const std::string& text, ImapForm form) {
  if (form.utf8 || is_ascii(text)) return text;
  const auto parsed = Domain::parse(text);
  return parsed ? std::string(parsed->ascii()) : text;
}

class Printer {
 public:
  explicit Printer(ImapForm form) : form_(form) {}
  [[nodiscard]] std::string take() && { return std::move(out_); }

  void envelope(const Envelope& envelope) {
    out_ += '(';
    maybe(envelope.date);
    out_ += ' ';
    maybe_readable(envelope.subject);
    // RFC 9051 §7.5.2: a missing Sender or Reply-To, and an empty one, is From.
    const auto& from = envelope.from;
    const auto said = [](const Envelope::Addresses& list) {
      return list &&
             std::ranges::any_of(*list, [](const auto& group) { return group.named || !group.mailboxes.empty(); });
    };
    for (const auto* list :
         {&from, said(envelope.sender) ? &envelope.sender : &from, said(envelope.reply_to) ? &envelope.reply_to : &from,
          &envelope.to, &envelope.cc, &envelope.bcc}) {
      out_ += ' ';
      addresses(*list);
    }
    and_maybe(envelope.in_reply_to);
    and_maybe(envelope.message_id);
    out_ += ')';
  }

  // Prints the part at `place`; returns the place behind it and all within it.
  std::size_t body(const std::vector<DerivedPart>& parts, std::size_t place, bool extended) {
    const DerivedPart& part = parts[place];
    std::size_t next = place + 1;
    out_ += '(';
    if (part.kind == PartKind::multipart) {
      for (std::uint32_t i = 0; i < part.children; ++i) next = body(parts, next, extended);
      out_ += ' ';
      string(part.subtype);
      if (extended) {
        out_ += ' ';
        parameters(part.parameters);
        rest(part);
      }
    } else {
      next = single(parts, place, extended);
    }
    out_ += ')';
    return next;
  }

  void string(std::string_view text) { append_imap_string(out_, text, form_); }

 private:
  void nil() { out_ += "NIL"; }
  void maybe(const std::optional<std::string>& text) {
    if (text) {
      string(*text);
    } else {
      nil();
    }
  }
  void and_maybe(const std::optional<std::string>& text) {
    out_ += ' ';
    maybe(text);
  }
  // NIL for an empty one too.
  void word(std::string_view text) {
    if (text.empty()) {
      nil();
    } else {
      string(text);
    }
  }

  [[nodiscard]] std::string readable(const std::string& text) const { return readable_text(text, form_); }
  void maybe_readable(const std::optional<std::string>& text) {
    if (text) {
      string(readable(*text));
    } else {
      nil();
    }
  }
  [[nodiscard]] std::string domain(const std::string& text) const { return readable_domain(text, form_); }

  void addresses(const Envelope::Addresses& groups) {
    const auto before = out_.size();
    out_ += '(';
    if (groups) {
      for (const auto& group : *groups) {
        // RFC 9051 §7.5.2: a group begins with its name as mailbox and NIL as host, and ends with NIL twice.
        if (group.named) {
          out_ += "(NIL NIL ";
          string(readable(group.name));
          out_ += " NIL)";
        }
        for (const auto& mailbox : group.mailboxes) address(mailbox);
        if (group.named) out_ += "(NIL NIL NIL NIL)";
      }
    }
    if (out_.size() == before + 1) {
      out_.resize(before);
      nil();
      return;
    }
    out_ += ')';
  }

  void address(const MailboxSpec& mailbox) {
    out_ += '(';
    word(readable(mailbox.name));
    out_ += ' ';
    word(mailbox.route);
    out_ += ' ';
    // A NIL mailbox or host would say that a group ends or begins.
    string(mailbox.local_part);
    out_ += ' ';
    string(domain(mailbox.domain));
    out_ += ')';
  }

  void parameters(const std::vector<RawParameter>& list) {
    if (list.empty()) {
      nil();
      return;
    }
    out_ += '(';
    for (const auto& parameter : list) {
      if (&parameter != list.data()) out_ += ' ';
      string(parameter.name);
      out_ += ' ';
      string(parameter.value);
    }
    out_ += ')';
  }

  std::size_t single(const std::vector<DerivedPart>& parts, std::size_t place, bool extended) {
    const DerivedPart& part = parts[place];
    std::size_t next = place + 1;
    const bool message_type = equal_ignoring_case(part.type, "message");
    const bool global = message_type && equal_ignoring_case(part.subtype, "global");
    const bool embedded = part.kind == PartKind::message && (!global || form_.rev2) &&
                          (global || equal_ignoring_case(part.subtype, "rfc822"));
    // The grammar wants an envelope behind message/rfc822; where its octets can't be read (they are encoded, which
    // RFC 2046 §5.2.1 forbids, or lie too deep) it is shown as what it is then.
    const bool unreadable =
        message_type && !embedded && (equal_ignoring_case(part.subtype, "rfc822") || (global && form_.rev2));
    string(unreadable ? std::string_view("application") : part.type);
    out_ += ' ';
    string(unreadable ? std::string_view("octet-stream") : part.subtype);
    out_ += ' ';
    parameters(part.parameters);
    and_maybe(part.content_id);
    out_ += ' ';
    maybe_readable(part.description);
    out_ += ' ';
    string(part.encoding.empty() ? std::string_view("7bit") : part.encoding);
    out_ += fmt::format(" {}", part.body_end - part.body_begin);
    if (embedded) {
      out_ += ' ';
      envelope(part.envelope.value_or(Envelope{}));
      out_ += ' ';
      next = body(parts, next, extended);
      out_ += fmt::format(" {}", part.lines);
    } else {
      if (!unreadable && equal_ignoring_case(part.type, "text")) out_ += fmt::format(" {}", part.lines);
      if (part.kind == PartKind::message) next = behind(parts, place);
    }
    if (extended) {
      and_maybe(part.md5);
      rest(part);
    }
    return next;
  }

  // Disposition, language, location: what both kinds of parts end with.
  void rest(const DerivedPart& part) {
    out_ += ' ';
    if (part.disposition) {
      out_ += '(';
      string(*part.disposition);
      out_ += ' ';
      parameters(part.disposition_parameters);
      out_ += ')';
    } else {
      nil();
    }
    out_ += ' ';
    language(part.language);
    and_maybe(part.location);
  }

  void language(const std::optional<std::string>& field) {
    std::size_t count = 0;
    std::string tags;
    if (field) {
      for (const auto piece : split(*field, ',')) {
        const auto tag = trim(piece);
        if (tag.empty()) continue;
        if (count++ > 0) tags += ' ';
        append_imap_string(tags, tag, form_);
      }
    }
    if (count == 0) {
      nil();
    } else if (count == 1) {
      out_ += tags;
    } else {
      out_.append("(").append(tags).append(")");
    }
  }

  // The place behind a part and all within it.
  static std::size_t behind(const std::vector<DerivedPart>& parts, std::size_t place) noexcept {
    std::size_t wanted = 1;
    for (; wanted > 0 && place < parts.size(); ++place) wanted = wanted - 1 + parts[place].children;
    return place;
  }

  ImapForm form_;
  std::string out_;
};

// Prints an envelope as it stands in the compact form (derived_code.cpp), with no copy of its texts between.
class CompactPrinter {
 public:
  CompactPrinter(std::string& out, CompactReader in, ImapForm form) : out_(&out), in_(in), form_(form) {}

  [[nodiscard]] bool print() {
    out_->push_back('(');
    maybe();
    out_->push_back(' ');
    if (auto subject = take_maybe()) {
      readable(*subject);
    } else {
      nil();
    }
    std::array<List, 6> lists;
    for (auto& list : lists) list = pass_list();
    const auto& [from, sender, reply_to, to, cc, bcc] = lists;
    // RFC 9051 §7.5.2: a missing Sender or Reply-To, and an empty one, is From.
    for (const auto& list : {from, sender.said ? sender : from, reply_to.said ? reply_to : from, to, cc, bcc}) {
      out_->push_back(' ');
      addresses(list);
    }
    out_->push_back(' ');
    maybe();
    out_->push_back(' ');
    maybe();
    out_->push_back(')');
    return in_.ok();
  }

 private:
  struct List {
    CompactReader begin{std::string_view()};
    std::size_t groups = 0;
    bool said = false;
  };

  void nil() { out_->append("NIL"); }
  void string(std::string_view text) { append_imap_string(*out_, text, form_); }
  void readable(std::string_view text) {
    if (form_.utf8 || is_ascii(text)) return string(text);
    string(readable_text(std::string(text), form_));
  }
  std::optional<std::string_view> take_maybe() {
    if (in_.take_nothing()) return std::nullopt;
    return in_.known_text();
  }
  void maybe() {
    if (const auto text = take_maybe()) {
      string(*text);
    } else {
      nil();
    }
  }

  // Looks where a list ends, and whether it names anybody.
  List pass_list() {
    List list;
    const auto count = in_.count();
    list.begin = in_;
    list.groups = count == 0 ? 0 : count - 1;
    for (std::size_t i = 0; i < list.groups && in_.ok(); ++i) {
      const auto head = in_.number();
      const bool named = (head & 1U) != 0;
      if (named) in_.known_text();
      if (head >> 1 > in_.left()) in_.fail();
      list.said = list.said || named || head >> 1 > 0;
      for (auto n = head >> 1; n > 0 && in_.ok(); --n) {
        for (int field = 0; field < 4; ++field) in_.known_text();
      }
    }
    return list;
  }

  void addresses(const List& list) {
    auto in = list.begin;
    const auto before = out_->size();
    out_->push_back('(');
    for (std::size_t i = 0; i < list.groups && in.ok(); ++i) {
      const auto head = in.number();
      const bool named = (head & 1U) != 0;
      if (named) {
        out_->append("(NIL NIL ");
        readable(in.known_text());
        out_->append(" NIL)");
      }
      for (auto n = head >> 1; n > 0 && in.ok(); --n) address(in);
      if (named) out_->append("(NIL NIL NIL NIL)");
    }
    if (out_->size() == before + 1) {
      out_->resize(before);
      return nil();
    }
    out_->push_back(')');
  }

  void address(CompactReader& in) {
    const auto name = in.known_text();
    const auto local_part = in.known_text();
    const auto domain = in.known_text();
    const auto route = in.known_text();
    out_->push_back('(');
    if (name.empty()) {
      nil();
    } else {
      readable(name);
    }
    out_->push_back(' ');
    if (route.empty()) {
      nil();
    } else {
      string(route);
    }
    out_->push_back(' ');
    string(local_part);
    out_->push_back(' ');
    if (form_.utf8 || is_ascii(domain)) {
      string(domain);
    } else {
      string(readable_domain(std::string(domain), form_));
    }
    out_->push_back(')');
  }

  std::string* out_;
  CompactReader in_;
  ImapForm form_;
};

}  // namespace

bool append_imap_envelope(std::string& out, std::string_view compact, ImapForm form) {
  const auto in = envelope_in(compact);
  if (!in) return false;
  const auto before = out.size();
  CompactPrinter printer(out, *in, form);
  if (printer.print()) return true;
  out.resize(before);
  return false;
}

void append_imap_string(std::string& out, std::string_view text, ImapForm form) {
  const auto kinds = kinds_of(text);
  if (text.size() > kLongestQuoted || kinds.control || (kinds.high && (!form.utf8 || !is_utf8(text)))) {
    // NUL can't be in a literal either.
    std::string octets(text);
    std::erase(octets, '\0');
    out += fmt::format("{{{}}}\r\n", octets.size());
    out += octets;
    return;
  }
  out += '"';
  if (!kinds.special) {
    out += text;
  } else {
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  out += '"';
}

std::string imap_envelope(const Envelope& envelope, ImapForm form) {
  Printer printer(form);
  printer.envelope(envelope);
  return std::move(printer).take();
}

std::string imap_body_structure(const std::vector<DerivedPart>& parts, bool extended, ImapForm form) {
  Printer printer(form);
  printer.body(parts, 0, extended);
  return std::move(printer).take();
}

}  // namespace pabal::message
