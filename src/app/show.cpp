#include "app/show.hpp"

#include <utility>

#include <fmt/format.h>

#include "app/config_values.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "codec/date.hpp"

namespace pabal::app {
namespace {

/// Columns that a terminal needs for the text: as many as code points, two for wide ones (Hangul, Kanji, Kana).
std::size_t width(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octet = static_cast<unsigned char>(text[i]);
    if (octet < 0x80 || octet >= 0xC0) ++columns;
    const bool wide = octet >= 0xE3 && octet <= 0xED;  // U+3000 to U+DFFF
    if (wide) ++columns;
  }
  return columns;
}

std::string text_of(const json::value& value) {
  if (value.is_string()) return printable({value.get_string().data(), value.get_string().size()}, 10'000);
  if (value.is_null()) return "-";
  return json::serialize(value);
}

/// A member as text; "-" where there is none.
std::string member(const json::value& object, std::string_view name) {
  const json::object* members = object.if_object();
  const json::value* value = members == nullptr ? nullptr : members->if_contains(name);
  return value == nullptr ? "-" : text_of(*value);
}

std::string size_member(const json::value& object, std::string_view name) {
  std::string digits = member(object, name);
  const auto octets = parse_decimal(digits);
  return octets ? size_text(*octets) : digits;
}

/// Seconds since 1970 as a date that people read.
std::string time_member(const json::value& object, std::string_view name) {
  std::string digits = member(object, name);
  const auto seconds = parse_decimal(digits, 253402300799);
  if (!seconds) return digits;
  return codec::format_date(SystemTime(std::chrono::seconds(*seconds)));
}

const json::array& list_member(const json::value& object, std::string_view name) {
  static const json::array none;
  const json::object* members = object.if_object();
  const json::value* value = members == nullptr ? nullptr : members->if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

using Cells = std::vector<std::string> (*)(const json::value&);
std::string rows(const json::value& result, std::string_view list, const std::vector<std::string>& headings,
                 Cells cells) {
  std::vector<std::vector<std::string>> lines;
  for (const json::value& item : list_member(result, list)) lines.push_back(cells(item));
  return table(headings, lines);
}

std::string show_done(const json::value& result) {
  std::string out;
  for (const json::value& did : list_member(result, "done")) {
    out += fmt::format("; {} of {}: {}\n", member(did, "selector"), member(did, "domain"), member(did, "did"));
  }
  return out;
}

std::string show_records(const json::value& result) {
  std::string out = show_done(result);
  for (const json::value& note : list_member(result, "notes")) out += fmt::format("; {}\n", text_of(note));
  for (const json::value& record : list_member(result, "records")) {
    if (const auto comment = member(record, "comment"); comment != "-") out += fmt::format("; {}\n", comment);
    const auto check = member(record, "check");
    if (check != "-") {
      const auto why = member(record, "why");
      out += fmt::format("; {}{}\n",
                         check == "there"     ? "it is there"
                         : check == "missing" ? "IT IS MISSING"
                         : check == "differs" ? "IT DIFFERS"
                                              : "not known now",
                         why == "-" ? "" : ": " + why);
      for (const json::value& found : list_member(record, "found"))
        out += fmt::format(";   found: {}\n", text_of(found));
    }
    fmt::format_to(std::back_inserter(out), "{:<40} {} IN {:<5} {}\n", member(record, "name"), member(record, "ttl"),
                   member(record, "type"), member(record, "data"));
  }
  return out;
}

/// A long record in strings that a zone file can have (RFC 1035 §3.3).
std::string quoted_strings(std::string_view text) {
  constexpr std::size_t most = 255;
  std::string out;
  do {
    out += fmt::format("{}\"{}\"", out.empty() ? "" : " ", text.substr(0, most));
    text.remove_prefix(std::min(most, text.size()));
  } while (!text.empty());
  return out;
}

std::string show_key(const json::value& key) {
  return fmt::format("; {} {}{}\n{} 3600 IN TXT {}\n", member(key, "algorithm"),
                     member(key, "state") == "-" ? "in " + member(key, "file") : member(key, "state"),
                     member(key, "state") == "made" ? ": publish this record; the key is used once it was seen" : "",
                     member(key, "name"), quoted_strings(member(key, "record")));
}

std::string show_keys(const json::value& result) {
  return rows(result, "keys", {"DOMAIN", "SELECTOR", "ALGORITHM", "STATE", "SINCE"}, [](const json::value& k) {
    const auto state = member(k, "state");
    const auto since = state == "in use" ? "used" : state;
    return std::vector{member(k, "domain"), member(k, "selector"), member(k, "algorithm"), state,
                       time_member(k, since)};
  });
}

std::string show_update(const json::value& result) {
  std::string out = show_done(result);
  for (const json::value& failed : list_member(result, "failed")) {
    out += fmt::format("; {}: FAILED: {}\n", member(failed, "domain"), member(failed, "why"));
  }
  for (const json::value& record : list_member(result, "missing")) {
    out += fmt::format("; {} ({}): {} in the DNS\n", member(record, "name"), member(record, "state"),
                       member(record, "check"));
  }
  return out.empty() ? "All is as it should be.\n" : out;
}

std::string joined(const json::array& texts) {
  std::string out;
  for (const json::value& text : texts) out += (out.empty() ? "" : " ") + text_of(text);
  return out;
}

}  // namespace

std::string table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  widths.reserve(headings.size());
  for (const auto& heading : headings) widths.push_back(width(heading));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      out += cells[i];
      if (i + 1 < cells.size()) out.append(widths[i] - width(cells[i]) + 2, ' ');
    }
    out += '\n';
  };
  line(headings);
  for (const auto& row : rows) line(row);
  return out;
}

std::string outline(const json::value& value, std::size_t indent) {
  const std::string margin(indent, ' ');
  std::string out;
  const auto entry = [&](std::string_view label, const json::value& item) {
    const bool deep =
        (item.is_object() && !item.get_object().empty()) || (item.is_array() && !item.get_array().empty());
    out += margin;
    out += label;
    out += deep ? "\n" + outline(item, indent + 2) : " " + text_of(item) + "\n";
  };
  if (value.is_object()) {
    for (const auto& [name, item] : value.get_object())
      entry(fmt::format("{}:", std::string_view(name.data(), name.size())), item);
  } else if (value.is_array()) {
    for (const json::value& item : value.get_array()) entry("-", item);
  } else {
    out = margin + text_of(value) + "\n";
  }
  return out;
}

std::string show(std::string_view command, const json::value& result) {
  if (command == "domain list") {
    return rows(result, "domains", {"DOMAIN", "ACCOUNTS", "CATCH-ALL"}, [](const json::value& d) {
      return std::vector{member(d, "domain"), member(d, "accounts"), member(d, "catch_all")};
    });
  }
  if (command == "domain dns") return show_records(result);
  if (command == "dkim keygen" || command == "dkim import") return show_key(result);
  if (command == "dkim list") return show_keys(result);
  if (command == "dkim update") return show_update(result);
  if (command == "dkim rotate") {
    std::string out;
    for (const json::value& key : list_member(result, "keys")) out += show_key(key);
    return out;
  }
  if (command == "account list") {
    return rows(result, "accounts", {"ADDRESS", "STATE", "QUOTA", "SHARD"}, [](const json::value& a) {
      return std::vector{member(a, "address"), std::string(member(a, "enabled") == "true" ? "enabled" : "disabled"),
                         size_member(a, "quota"), member(a, "shard")};
    });
  }
  if (command == "alias list") {
    return rows(result, "aliases", {"ADDRESS", "TARGETS"}, [](const json::value& a) {
      return std::vector{member(a, "address"), joined(list_member(a, "targets"))};
    });
  }
  if (command == "queue list") {
    if (list_member(result, "letters").empty()) return "The queue is empty.\n";
    return rows(result, "letters", {"ID", "STATE", "FROM", "TO", "NEXT", "ATTEMPTS", "WHY"}, [](const json::value& l) {
      return std::vector{member(l, "id"),
                         member(l, "state"),
                         member(l, "sender"),
                         member(l, "recipient"),
                         time_member(l, "next_attempt"),
                         member(l, "attempts"),
                         member(l, "last_error")};
    });
  }
  if (command.starts_with("queue ") && result.is_object() && result.get_object().contains("changed")) {
    const auto count = member(result, "changed");
    return count + (count == "1" ? " recipient of a letter" : " recipients of letters") + "\n";
  }
  if (command == "queue domains") {
    if (list_member(result, "domains").empty()) return "Nothing waits for other systems.\n";
    return rows(result, "domains", {"DOMAIN", "WAITING", "HELD", "OLDEST", "NEXT"}, [](const json::value& d) {
      return std::vector{member(d, "destination"), member(d, "waiting"), member(d, "held"), time_member(d, "oldest"),
                         time_member(d, "next_attempt")};
    });
  }
  if (command == "store check") {
    if (list_member(result, "findings").empty()) return "All is well.\n";
    return rows(result, "findings", {"WHERE", "WHAT"},
                [](const json::value& f) { return std::vector{member(f, "where"), member(f, "what")}; });
  }
  return outline(result);
}

std::string QueuePages::add(const json::value& page, bool last) {
  const bool first = !std::exchange(begun_, true);
  const auto next = member(page, "next");
  if (!json_) {
    auto text = show("queue list", page);
    if (!first) text.erase(0, text.find('\n') + 1);  // the headings stand already
    if (last && next != "-") text += fmt::format("There are more: --after {}\n", next);
    return text;
  }
  std::string text = first ? R"({"letters":[)" : "";
  bool comma = !first;
  for (const json::value& letter : list_member(page, "letters")) {
    if (std::exchange(comma, true)) text += ',';
    text += json::serialize(letter);
  }
  if (!last) return text;
  text += ']';
  if (next != "-") text += R"(,"next":)" + json::serialize(page.at("next"));
  return text + "}\n";
}

}  // namespace pabal::app
