#include "message/header_writer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "codec/date.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kMostReferences = 100;
constexpr std::size_t kLongestParameter = 10'000;

std::unexpected<Error> refuse(ErrorKind kind, std::string_view name, std::string_view why) {
  return fail(kind, fmt::format("header field {}: {}", printable(name, 80), why));
}

// RFC 5322 §3.6's table, and RFC 2045's fields.
bool stands_once(std::string_view lower_name) noexcept {
  static constexpr std::string_view names[] = {"date",
                                               "from",
                                               "sender",
                                               "reply-to",
                                               "to",
                                               "cc",
                                               "bcc",
                                               "message-id",
                                               "in-reply-to",
                                               "references",
                                               "subject",
                                               "mime-version",
                                               "content-type",
                                               "content-transfer-encoding",
                                               "content-id",
                                               "content-description",
                                               "content-disposition"};
  return std::ranges::find(names, lower_name) != std::end(names);
}

bool is_token_character(char c) noexcept {
  return c > ' ' && c < 0x7F && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

std::string address_text(const EmailAddress& address, HeaderStyle style) {
  return style == HeaderStyle::utf8 ? address.display() : address.text();
}

// The mailbox on one line, if that is short enough.
std::string short_form(const Correspondent& one, HeaderStyle style) {
  std::string address = address_text(one.address, style);
  const std::string name = clean_text(one.name);
  if (name.empty()) return address;
  const std::string phrase = plain_phrase(name, style);
  if (phrase.empty() || phrase.size() + address.size() > FieldFolder::soft_limit - 5) return {};
  return fmt::format("{} <{}>", phrase, address);
}

void write_mailbox(FieldFolder& folder, const Correspondent& one, HeaderStyle style) {
  if (const std::string text = short_form(one, style); !text.empty()) {
    folder.piece(text);
    return;
  }
  folder.phrase(clean_text(one.name), style);
  folder.piece(fmt::format("<{}>", address_text(one.address, style)));
}

bool needs_utf8(const Recipient& recipient) noexcept {
  if (const auto* one = std::get_if<Correspondent>(&recipient)) return one->address.needs_smtputf8();
  return std::ranges::any_of(std::get<CorrespondentGroup>(recipient).members,
                             [](const Correspondent& one) { return one.address.needs_smtputf8(); });
}

// One parameter, its RFC 2231 pieces each on a line of its own where that is needed.
void write_parameter(FieldFolder& folder, const FieldParameter& parameter, HeaderStyle style) {
  const std::string value = clean_text(parameter.value);
  const bool raw = style == HeaderStyle::utf8 && value.size() < 300;
  std::string_view text;
  const std::string formatted = format_parameter(parameter.name, value, raw);
  text = formatted;
  while (!text.empty()) {
    text.remove_prefix(2);  // "; "
    const std::size_t end =
        text.find('"') != std::string_view::npos ? text.size() : std::min(text.find("; "), text.size());
    folder.piece(";", "");
    folder.piece(text.substr(0, end));
    text.remove_prefix(end);
  }
}

}  // namespace

bool is_field_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 76 &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
}

bool is_message_id(std::string_view id, HeaderStyle style) noexcept {
  if (id.empty() || id.size() > 900) return false;
  if (!is_ascii(id) && (style == HeaderStyle::ascii || !is_utf8(id))) return false;
  return std::ranges::none_of(
      id, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7F || c == '<' || c == '>'; });
}

std::string make_message_id(SystemTime now, Random& random, std::string_view host) {
  return fmt::format("{}.{}@{}", make_token(to_database(now), random), make_token(0, random).substr(9), host);
}

std::vector<std::string> references_for_answer(std::span<const std::string> parent_references,
                                               std::string_view parent_id) {
  std::vector<std::string> ids;
  for (const auto& id : parent_references) {
    if (is_message_id(id) && id != parent_id) ids.push_back(id);
  }
  if (is_message_id(parent_id)) ids.emplace_back(parent_id);
  if (ids.size() > kMostReferences)
    ids.erase(ids.begin() + 1, ids.begin() + 1 + static_cast<std::ptrdiff_t>(ids.size() - kMostReferences));
  return ids;
}

Result<void> HeaderWriter::begin(std::string_view name) {
  if (!is_field_name(name)) return refuse(ErrorKind::syntax, name, "not a field name");
  std::string lower = to_lower(name);
  if (stands_once(lower) && names_.contains(lower)) return refuse(ErrorKind::exists, name, "it may stand only once");
  names_.insert(std::move(lower));
  return {};
}

bool HeaderWriter::has(std::string_view name) const { return names_.contains(to_lower(name)); }

Result<void> HeaderWriter::text(std::string_view name, std::string_view utf8) {
  if (auto begun = begin(name); !begun) return begun;
  FieldFolder folder(out_, name);
  folder.text(clean_text(utf8), style_);
  folder.end();
  return {};
}

Result<void> HeaderWriter::addresses(std::string_view name, std::span<const Recipient> list) {
  if (list.empty()) return {};
  if (style_ == HeaderStyle::ascii && std::ranges::any_of(list, needs_utf8))
    return refuse(ErrorKind::unsupported, name, "an address that only SMTPUTF8 can carry");
  for (const auto& recipient : list) {
    const auto* group = std::get_if<CorrespondentGroup>(&recipient);
    if (group != nullptr && clean_text(group->name).empty())
      return refuse(ErrorKind::syntax, name, "a group without a name");
  }
  if (auto begun = begin(name); !begun) return begun;
  FieldFolder folder(out_, name);
  bool first = true;
  const auto write = [&](const Correspondent& one, bool comma) {
    if (comma) folder.piece(",", "");
    // An address that would be folded within begins a line instead.
    const std::string text = short_form(one, style_);
    if (!first && text.empty()) folder.break_line();
    write_mailbox(folder, one, style_);
    first = false;
  };
  bool comma = false;
  for (const auto& recipient : list) {
    if (const auto* one = std::get_if<Correspondent>(&recipient)) {
      write(*one, comma);
    } else {
      const auto& group = std::get<CorrespondentGroup>(recipient);
      if (comma) folder.piece(",", "");
      const std::string group_name = clean_text(group.name);
      folder.phrase(group_name, style_);
      // RFC 2047 §5 (3): white space behind an encoded word.
      folder.piece(":", plain_phrase(group_name, style_).empty() ? " " : "");
      first = false;
      bool inner = false;
      for (const auto& member : group.members) {
        write(member, inner);
        inner = true;
      }
      folder.piece(";", "");
    }
    comma = true;
  }
  folder.end();
  return {};
}

Result<void> HeaderWriter::address(std::string_view name, const Correspondent& one) {
  const Recipient list[] = {one};
  return addresses(name, list);
}

Result<void> HeaderWriter::date(std::string_view name, SystemTime time, int offset_minutes) {
  if (auto begun = begin(name); !begun) return begun;
  FieldFolder folder(out_, name);
  folder.piece(codec::format_date(time, offset_minutes));
  folder.end();
  return {};
}

Result<void> HeaderWriter::message_ids(std::string_view name, std::span<const std::string> ids) {
  if (ids.empty()) return {};
  for (const auto& id : ids) {
    if (!is_message_id(id, style_)) return refuse(ErrorKind::syntax, name, "not a message id");
  }
  if (auto begun = begin(name); !begun) return begun;
  FieldFolder folder(out_, name);
  for (const auto& id : ids) folder.piece(fmt::format("<{}>", id));
  folder.end();
  return {};
}

Result<void> HeaderWriter::message_id(std::string_view name, const std::string& id) {
  return message_ids(name, {&id, 1});
}

Result<void> HeaderWriter::check(std::string_view name, std::string_view value,
                                 std::span<const FieldParameter> parameters) const {
  const auto is_value = [](char c) { return is_token_character(c) || c == '/'; };
  if (value.empty() || value.size() > 200 || !std::ranges::all_of(value, is_value))
    return refuse(ErrorKind::syntax, name, "not a token");
  const auto is_name = [](char c) { return is_token_character(c) && c != '*' && c != '\'' && c != '%'; };
  for (const auto& parameter : parameters) {
    if (parameter.name.empty() || parameter.name.size() > 40 || !std::ranges::all_of(parameter.name, is_name))
      return refuse(ErrorKind::syntax, name, "not a parameter's name");
    if (parameter.value.size() > kLongestParameter) return refuse(ErrorKind::syntax, name, "a parameter is too long");
  }
  return {};
}

Result<void> HeaderWriter::parameterized(std::string_view name, std::string_view value,
                                         std::span<const FieldParameter> parameters) {
  if (auto good = check(name, value, parameters); !good) return good;
  if (auto begun = begin(name); !begun) return begun;
  FieldFolder folder(out_, name);
  folder.piece(value);
  for (const auto& parameter : parameters) write_parameter(folder, parameter, style_);
  folder.end();
  return {};
}

Result<void> HeaderWriter::content_type(std::string_view value, std::span<const FieldParameter> parameters,
                                        std::string_view file_name) {
  constexpr std::string_view name = "Content-Type";
  if (auto good = check(name, value, parameters); !good) return good;
  if (file_name.size() > kLongestParameter) return refuse(ErrorKind::syntax, name, "the file name is too long");
  if (auto begun = begin(name); !begun) return begun;
  FieldFolder folder(out_, name);
  folder.piece(value);
  for (const auto& parameter : parameters) write_parameter(folder, parameter, style_);
  const std::string clean = clean_text(file_name);
  if (!clean.empty()) {
    folder.piece(";", "");
    const bool raw =
        (is_ascii(clean) || style_ == HeaderStyle::utf8) && clean.size() < 300 && clean.find("=?") == std::string::npos;
    if (raw) {
      folder.piece("name=" + quoted_string(clean));
    } else {
      const auto words = encoded_words(clean, 66);
      folder.break_line();
      folder.piece("name=\"" + words.front());
      for (std::size_t i = 1; i < words.size(); ++i) folder.piece(words[i]);
      folder.piece("\"", "");
    }
  }
  folder.end();
  return {};
}

Result<void> HeaderWriter::structured(std::string_view name, std::string_view value) {
  const bool printable_text =
      std::ranges::all_of(value, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7F; });
  if (!printable_text) return refuse(ErrorKind::syntax, name, "a control character");
  if (!is_ascii(value) && (style_ == HeaderStyle::ascii || !is_utf8(value)))
    return refuse(ErrorKind::unsupported, name, "not ASCII");
  for (const auto word : split(value, ' ')) {
    if (word.size() > 900) return refuse(ErrorKind::syntax, name, "a word is too long for a line");
  }
  if (auto begun = begin(name); !begun) return begun;
  FieldFolder folder(out_, name);
  for (const auto word : split(value, ' ')) {
    if (!word.empty()) folder.piece(word);
  }
  folder.end();
  return {};
}

Result<void> HeaderWriter::copy(const HeaderField& field) {
  std::string_view rest = field.body;
  if (!is_ascii(rest) && (style_ == HeaderStyle::ascii || !is_utf8(rest)))
    return refuse(ErrorKind::unsupported, field.name, "not ASCII");
  std::size_t room = FieldFolder::hard_limit - std::min(field.name.size() + 1, FieldFolder::hard_limit);
  for (bool first = true; first || !rest.empty(); first = false) {
    const std::size_t end = std::min(rest.find("\r\n"), rest.size());
    const std::string_view line = rest.substr(0, end);
    const bool continued = first || ((line.starts_with(' ') || line.starts_with('\t')) &&
                                     line.find_first_not_of(" \t") != std::string_view::npos);
    const bool clean = line.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
    if (!continued || !clean || line.size() > room) return refuse(ErrorKind::syntax, field.name, "a line is broken");
    if (end + 2 == rest.size()) return refuse(ErrorKind::syntax, field.name, "an empty line");
    rest.remove_prefix(std::min(rest.size(), end + 2));
    room = FieldFolder::hard_limit;
  }
  if (auto begun = begin(field.name); !begun) return begun;
  out_.append(field.name).append(":").append(field.body).append("\r\n");
  return {};
}

}  // namespace pabal::message
