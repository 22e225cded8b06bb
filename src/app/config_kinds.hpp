// The kinds of settings that the table is made of: each a function that makes a Setting from the words about it, the
// member that it fills, and the range that is allowed.
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/config_table.hpp"
#include "app/config_values.hpp"
#include "base/text.hpp"

namespace pabal::app::kinds {

using std::chrono::milliseconds;

/// Where a setting stands and what it says of itself.
struct Words {
  std::string_view section;
  std::string_view name;
  std::string_view doc;
  bool live = false;
};

template <class Owner, class Get>
using ValueOf = std::remove_cvref_t<std::invoke_result_t<Get, Owner&>>;

template <class Owner, class Get>
const ValueOf<Owner, Get>& look(Get get, const Owner& owner) {
  return get(const_cast<Owner&>(owner));  // the accessors only pick a member
}

inline std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

/// A value that is written as text in the file: `read` takes it or says no.
template <class Owner, class Get, class Read, class Show>
Setting<Owner> from_text(Words words, std::string type, std::string range, Get get, Read read, Show show) {
  const std::string at_first = show(look<Owner>(get, Owner{}));
  return {.section = words.section,
          .name = words.name,
          .type = std::move(type),
          .range = range,
          .default_text = at_first.empty() ? "" : in_quotes(at_first),
          .doc = words.doc,
          .live = words.live,
          .set = [get, read, range](Owner& owner, const Value& value, const ReadContext& context) -> std::string {
            const auto* text = std::get_if<std::string>(&value);
            if (text != nullptr && read(get(owner), *text, context)) return {};
            return range;
          },
          .copy = [get](Owner& to, const Owner& from) { get(to) = look<Owner>(get, from); },
          .get = [get, show](const Owner& owner) { return show(look<Owner>(get, owner)); }};
}

template <class Owner, class Get>
Setting<Owner> number(Words words, Get get, std::int64_t least, std::int64_t most) {
  using T = ValueOf<Owner, Get>;
  std::string range = fmt::format("a whole number from {} to {}", least, most);
  return {.section = words.section,
          .name = words.name,
          .type = "number",
          .range = range,
          .default_text = fmt::to_string(look<Owner>(get, Owner{})),
          .doc = words.doc,
          .live = words.live,
          .set = [get, least, most, range](Owner& owner, const Value& value, const ReadContext&) -> std::string {
            const auto* written = std::get_if<std::int64_t>(&value);
            if (written == nullptr || *written < least || *written > most) return range;
            get(owner) = static_cast<T>(*written);
            return {};
          },
          .copy = [get](Owner& to, const Owner& from) { get(to) = look<Owner>(get, from); },
          .get = [get](const Owner& owner) { return fmt::to_string(look<Owner>(get, owner)); }};
}

template <class Owner, class Get>
Setting<Owner> boolean(Words words, Get get) {
  return {.section = words.section,
          .name = words.name,
          .type = "true or false",
          .range = "true or false",
          .default_text = look<Owner>(get, Owner{}) ? "true" : "false",
          .doc = words.doc,
          .live = words.live,
          .set = [get](Owner& owner, const Value& value, const ReadContext&) -> std::string {
            const auto* written = std::get_if<bool>(&value);
            if (written == nullptr) return "true or false";
            get(owner) = *written;
            return {};
          },
          .copy = [get](Owner& to, const Owner& from) { get(to) = look<Owner>(get, from); },
          .get = [get](const Owner& owner) { return std::string(look<Owner>(get, owner) ? "true" : "false"); }};
}

/// Octets: "50M", or a bare number.
template <class Owner, class Get>
Setting<Owner> size(Words words, Get get, std::uint64_t least, std::uint64_t most) {
  using T = ValueOf<Owner, Get>;
  const std::string range = fmt::format("a size from {} to {}, like \"50M\"", size_text(least), size_text(most));
  auto take = [get, least, most](Owner& owner, const Value& value) {
    std::optional<std::uint64_t> octets;
    if (const auto* text = std::get_if<std::string>(&value)) octets = parse_size(*text);
    if (const auto* whole = std::get_if<std::int64_t>(&value); whole != nullptr && *whole >= 0) {
      octets = static_cast<std::uint64_t>(*whole);
    }
    if (!octets || *octets < least || *octets > most) return false;
    get(owner) = static_cast<T>(*octets);
    return true;
  };
  return {.section = words.section,
          .name = words.name,
          .type = "size",
          .range = range,
          .default_text = in_quotes(size_text(look<Owner>(get, Owner{}))),
          .doc = words.doc,
          .live = words.live,
          .set = [take, range](Owner& owner, const Value& value, const ReadContext&) -> std::string {
            return take(owner, value) ? std::string() : range;
          },
          .copy = [get](Owner& to, const Owner& from) { get(to) = look<Owner>(get, from); },
          .get = [get](const Owner& owner) { return size_text(look<Owner>(get, owner)); }};
}

template <class Owner, class Get>
Setting<Owner> duration(Words words, Get get, milliseconds least, milliseconds most) {
  using T = ValueOf<Owner, Get>;
  return from_text<Owner>(
      words, "duration",
      fmt::format("a duration from {} to {}, like \"30m\"", duration_text(least), duration_text(most)), get,
      [least, most](T& value, const std::string& text, const ReadContext&) {
        const auto read = parse_duration(text);
        if (!read || *read < least || *read > most) return false;
        const auto whole = std::chrono::duration_cast<T>(*read);
        if (whole != *read) return false;
        value = whole;
        return true;
      },
      [](const T& value) { return duration_text(std::chrono::duration_cast<milliseconds>(value)); });
}

/// Any text that `good` likes.
template <class Owner, class Get, class Good>
Setting<Owner> text(Words words, std::string expected, Get get, Good good) {
  return from_text<Owner>(
      words, "text", std::move(expected), get,
      [good](std::string& value, const std::string& written, const ReadContext&) {
        if (!good(written)) return false;
        value = written;
        return true;
      },
      [](const std::string& value) { return value; });
}

template <class Owner, class Get>
Setting<Owner> path(Words words, Get get) {
  return from_text<Owner>(
      words, "path", "a path that isn't empty", get,
      [](std::string& value, const std::string& written, const ReadContext& context) {
        if (written.empty() || written.contains('\0')) return false;
        value = context.path(written);
        return true;
      },
      [](const std::string& value) { return value; });
}

/// One of a few words.
template <class T>
struct Choice {
  std::string_view word;
  T value;
};
template <class Owner, class Get>
Setting<Owner> choice(Words words, Get get, std::vector<Choice<ValueOf<Owner, Get>>> choices) {
  using T = ValueOf<Owner, Get>;
  std::string range = "one of";
  for (const auto& c : choices)
    fmt::format_to(std::back_inserter(range), "{} \"{}\"", &c == choices.data() ? "" : ",", c.word);
  return from_text<Owner>(
      words, "word", range, get,
      [choices](T& value, const std::string& written, const ReadContext&) {
        for (const auto& c : choices) {
          if (c.word == written) return value = c.value, true;
        }
        return false;
      },
      [choices](const T& value) {
        for (const auto& c : choices) {
          if (c.value == value) return std::string(c.word);
        }
        return std::string();
      });
}

/// A list of texts, each taken in by `read` (which gives nothing for one that it doesn't like).
template <class Owner, class Get, class Read, class Show>
Setting<Owner> list(Words words, std::string expected, Get get, Read read, Show show) {
  using T = ValueOf<Owner, Get>;
  std::string range = "a list of " + expected;
  const auto all = [show](const T& values) {
    std::vector<std::string> texts;
    for (const auto& value : values) texts.push_back(in_quotes(show(value)));
    return fmt::format("[{}]", fmt::join(texts, ", "));
  };
  return {.section = words.section,
          .name = words.name,
          .type = "list",
          .range = range,
          .default_text = all(look<Owner>(get, Owner{})),
          .doc = words.doc,
          .live = words.live,
          .set = [get, read, range](Owner& owner, const Value& value, const ReadContext& context) -> std::string {
            const auto* written = std::get_if<std::vector<std::string>>(&value);
            if (written == nullptr) return range;
            T values;
            for (const std::string& one : *written) {
              auto item = read(one, context);
              if (!item) return fmt::format("{}; {} is none", range, in_quotes(printable(one)));
              values.push_back(std::move(*item));
            }
            get(owner) = std::move(values);
            return {};
          },
          .copy = [get](Owner& to, const Owner& from) { get(to) = look<Owner>(get, from); },
          .get = [get, all](const Owner& owner) { return all(look<Owner>(get, owner)); }};
}

inline std::optional<boost::asio::ip::address> ip_address(const std::string& written) {
  boost::system::error_code error;
  auto address = boost::asio::ip::make_address(written, error);
  if (error) return std::nullopt;
  return address;
}

inline bool is_address(const std::string& written) { return ip_address(written).has_value(); }

inline std::string itself(const std::string& value) { return value; }

}  // namespace pabal::app::kinds
