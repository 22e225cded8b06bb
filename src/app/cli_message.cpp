// pabal parse: a message file, or an mbox of them, as JMAP Email objects or for people.
#include <cstdio>

#include <CLI/CLI.hpp>
#include <xxhash.h>

#include "app/cli.hpp"
#include "app/letter_source.hpp"
#include "base/text.hpp"
#include "message/email_json.hpp"
#include "message/mbox.hpp"

namespace pabal::app {
namespace {

std::string blob_id(std::string_view message) {
  const auto hash = XXH3_128bits(message.data(), message.size());
  return fmt::format("G{:016x}{:016x}", hash.high64, hash.low64);
}

std::string_view view(const json::value& value) {
  const auto* string = value.if_string();
  return string == nullptr ? std::string_view() : std::string_view(string->data(), string->size());
}

// How many octets at the beginning of well-formed UTF-8 are a character that a terminal takes for a command (C0, DEL,
// C1: U+009B is CSI in one character), or that turns the direction of what follows, which makes "fdp.exe" look like
// "exe.pdf"; 0: none.
std::size_t command_at(std::string_view rest) {
  const auto at = [rest](std::size_t i) { return i < rest.size() ? static_cast<unsigned char>(rest[i]) : 0U; };
  const auto within = [](unsigned value, unsigned least, unsigned most) { return value >= least && value <= most; };
  if (rest.starts_with('\n') || rest.starts_with('\t')) return 0;
  if (at(0) < 0x20 || at(0) == 0x7F) return 1;
  if (at(0) == 0xC2 && within(at(1), 0x80, 0x9F)) return 2;
  if (rest.starts_with("\u061C")) return 2;
  // U+200E, U+200F, U+202A to U+202E; U+2066 to U+2069.
  if (rest.starts_with("\xE2\x80") && (within(at(2), 0x8E, 0x8F) || within(at(2), 0xAA, 0xAE))) return 3;
  if (rest.starts_with("\xE2\x81") && within(at(2), 0xA6, 0xA9)) return 3;
  return 0;
}

// What came with the mail goes to a terminal without those.
std::string shown(std::string_view utf8) {
  std::string out;
  while (!utf8.empty()) {
    const auto command = command_at(utf8);
    if (command == 0) out += utf8.front();
    utf8.remove_prefix(std::max<std::size_t>(command, 1));
  }
  return out;
}

std::string addresses(const json::value& list) {
  std::string out;
  const auto* array = list.if_array();
  if (array == nullptr) return out;
  for (const auto& one : *array) {
    const auto name = view(one.at("name"));
    const auto email = view(one.at("email"));
    if (!out.empty()) out += ", ";
    out += name.empty() ? std::string(email) : fmt::format("{} <{}>", name, email);
  }
  return out;
}

void show_part(const json::object& part, std::size_t indent, std::string& out) {
  out.append(indent * 2, ' ');
  const auto id = view(part.at("partId"));
  if (!id.empty()) out.append(id).append("  ");
  out += view(part.at("type"));
  if (part.at("subParts").is_array()) {
    out += '\n';
    for (const auto& child : part.at("subParts").get_array()) show_part(child.get_object(), indent + 1, out);
    return;
  }
  if (!view(part.at("charset")).empty()) out.append("; ").append(view(part.at("charset")));
  out += fmt::format("  {} octets", part.at("size").to_number<std::uint64_t>());
  if (!view(part.at("disposition")).empty()) out.append("  ").append(view(part.at("disposition")));
  if (!view(part.at("name")).empty()) out += fmt::format("  \"{}\"", view(part.at("name")));
  out += '\n';
  const auto* packed = part.if_contains("tnef");
  if (packed == nullptr) return;
  for (const auto& one : packed->get_array()) {
    out.append(indent * 2 + 2, ' ');
    out += fmt::format("in it  {}  {} octets  \"{}\"\n", view(one.at("type")),
                       one.at("size").to_number<std::uint64_t>(), view(one.at("name")));
  }
}

// Main header fields, the tree of parts, the text.
std::string for_people(const json::object& email) {
  std::string out;
  const auto line = [&out](std::string_view name, std::string_view value) {
    if (!value.empty()) out += fmt::format("{:<12}{}\n", name, value);
  };
  line("Date:", view(email.at("sentAt")));
  for (const auto& [name, property] : {std::pair{"From:", "from"},
                                       {"Sender:", "sender"},
                                       {"Reply-To:", "replyTo"},
                                       {"To:", "to"},
                                       {"Cc:", "cc"},
                                       {"Bcc:", "bcc"}}) {
    line(name, addresses(email.at(property)));
  }
  line("Subject:", view(email.at("subject")));
  if (const auto* ids = email.at("messageId").if_array()) line("Message-ID:", view(ids->front()));
  out += fmt::format("{:<12}{} octets\n\n", "Size:", email.at("size").to_number<std::uint64_t>());
  show_part(email.at("bodyStructure").get_object(), 0, out);
  const auto& values = email.at("bodyValues").get_object();
  for (const auto& part : email.at("textBody").get_array()) {
    const auto* value = values.if_contains(view(part.at("partId")));
    if (value == nullptr) continue;
    out += fmt::format("\n--- {} ({})\n", view(part.at("partId")), view(part.at("type")));
    out += view(value->at("value"));
    if (!out.ends_with('\n')) out += '\n';
  }
  return shown(out);
}

bool print_message(std::string_view message, bool as_json, bool first) {
  const auto email = message::email_json(message, {.blob_id = blob_id(message), .header_forms = as_json});
  std::string out = as_json ? json::serialize(email) : for_people(email);
  if (as_json) out += '\n';
  if (!as_json && !first) out.insert(0, "\n==========\n\n");
  return std::fwrite(out.data(), 1, out.size(), stdout) == out.size();
}

int cannot_write() { return refuse(Error{ErrorKind::io, "standard output can't be written", ""}); }

int parse_one(const std::string& path, bool as_json) {
  const auto message = read_letter(path);
  if (!message) return refuse(message.error());
  return print_message(*message, as_json, true) ? exit_done : cannot_write();
}

int parse_mbox(const std::string& path, bool as_json) {
  auto source = LetterSource::open(path);
  if (!source) return refuse(source.error());
  message::MboxReader reader;
  bool first = true;
  for (bool more = true; more;) {
    auto piece = source->next();
    if (!piece) return refuse(piece.error());
    more = !piece->empty();
    if (more) {
      reader.feed(*piece);
    } else {
      reader.end();
    }
    while (const auto message = reader.next()) {
      if (!print_message(*message, as_json, first)) return cannot_write();
      first = false;
    }
  }
  return exit_done;
}

}  // namespace

void add_message_commands(CLI::App& root, Invocation& invocation) {
  CLI::App* parse =
      root.add_subcommand("parse", "a message as a JMAP Email object (RFC 8621 §4), with all parts and texts");
  parse
      ->add_option_function<std::string>(
          "FILE", [&invocation](const std::string& value) { invocation.text["file"] = value; },
          "the message; - is standard input")
      ->required();
  parse->add_flag("--json", invocation.json, "the Email object as JSON, in one line");
  parse->add_flag("--mbox", invocation.flag, "the file is an mbox (mboxrd, mboxo): each of its messages");
  parse->footer(
      "id, threadId, mailboxIds, keywords and receivedAt are null: a file has none. Each field of the message\n"
      "is there in all forms that it may have, as \"header:Subject:asText\" and, with all instances, "
      "\"header:Subject:asText:all\".");
  parse->callback([&invocation] {
    invocation.action = [&invocation] {
      const auto& path = invocation.text.at("file");
      return invocation.flag ? parse_mbox(path, invocation.json) : parse_one(path, invocation.json);
    };
  });
}

}  // namespace pabal::app
