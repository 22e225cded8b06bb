#include "dns/zone_file.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "dns/zone_lexer.hpp"

namespace pabal::dns {
namespace {

using std::chrono::seconds;

constexpr std::size_t most_file_octets = 64UL << 20;
constexpr std::string_view known_types = "one of the types A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TLSA, TXT";

/// "3600", "1h30m", "2w": RFC 1035's seconds, and the units that name servers added.
std::optional<seconds> parse_ttl(std::string_view text, seconds most = most_ttl) {
  std::uint64_t all = 0;
  std::uint64_t number = 0;
  bool has_digit = false;
  for (const char c : text) {
    if (is_digit(c)) {
      number = number * 10 + static_cast<std::uint64_t>(c - '0');
      has_digit = true;
    } else {
      if (!has_digit) return std::nullopt;
      std::uint64_t unit = 0;
      switch (ascii_lower(c)) {
        case 's':
          unit = 1;
          break;
        case 'm':
          unit = 60;
          break;
        case 'h':
          unit = 3600;
          break;
        case 'd':
          unit = 86400;
          break;
        case 'w':
          unit = 604800;
          break;
        default:
          return std::nullopt;
      }
      all += number * unit;
      number = 0;
      has_digit = false;
    }
    if (number > UINT32_MAX || all > UINT32_MAX) return std::nullopt;
  }
  if (text.empty()) return std::nullopt;
  all += number;
  if (all > static_cast<std::uint64_t>(most.count())) return std::nullopt;
  return seconds(all);
}

int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Escapes taken away (RFC 1035 §5.1); nothing where one is none.
std::optional<std::string> unescaped(std::string_view text) {
  std::string made;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      made += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    if (!is_digit(text[i])) {
      made += text[i];
      continue;
    }
    const auto number = text.size() - i < 3 ? std::nullopt : parse_decimal(text.substr(i, 3), 255);
    if (!number) return std::nullopt;
    made += static_cast<char>(*number);
    i += 2;
  }
  return made;
}

/// The tokens of an entry from the record's data on. What isn't as expected is remembered as the fault; what is taken
/// after that means nothing.
class Fields {
 public:
  Fields(std::span<const ZoneToken> tokens, std::size_t line, const Name& origin)
      : tokens_(tokens), line_(line), origin_(origin) {}

  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
  [[nodiscard]] std::size_t line() const noexcept { return line_; }
  [[nodiscard]] bool empty() const noexcept { return tokens_.empty(); }

  void expect(std::string_view what, std::string_view instead = {}) {
    if (!fault_.empty()) return;
    fault_ = fmt::format("expected {}", what);
    if (!instead.empty()) fault_ += fmt::format(", not \"{}\"", printable(instead, 60));
  }

  template <class Number>
  void number(Number& to, std::string_view what) {
    const auto* token = take(what);
    if (token == nullptr) return;
    const auto value = parse_decimal(token->text, std::numeric_limits<Number>::max());
    if (!value || token->quoted)
      return expect(fmt::format("{} up to {}", what, std::numeric_limits<Number>::max()), token->text);
    to = static_cast<Number>(*value);
  }
  void time(std::uint32_t& to, std::string_view what, seconds most = seconds(UINT32_MAX)) {
    const auto* token = take(what);
    if (token == nullptr) return;
    const auto value = parse_ttl(token->text, most);
    if (!value || token->quoted) return expect(fmt::format("{}, like 3600 or 1h", what), token->text);
    to = static_cast<std::uint32_t>(value->count());
  }
  void name(Name& to, std::string_view what) {
    const auto* token = take(what);
    if (token == nullptr) return;
    auto made = token->text == "@" && !token->quoted ? Result<Name>(origin_) : Name::parse(token->text, origin_);
    if (!made) return expect(fmt::format("{} ({})", what, made.error().peer), token->text);
    to = *std::move(made);
  }
  void data(A& to) { address(to, parse_a, "an IPv4 address"); }
  void data(Aaaa& to) { address(to, parse_aaaa, "an IPv6 address"); }
  void data(Mx& to) {
    number(to.preference, "a preference");
    name(to.exchange, "a host name");
  }
  void data(Txt& to) {
    do {
      const auto* token = take("text in quotation marks");
      if (token == nullptr) return;
      auto octets = unescaped(token->text);
      if (!octets) return expect("\\ with three digits up to 255 or a character behind it", token->text);
      if (octets->size() > 255) return expect("strings of at most 255 octets (put several side by side)", token->text);
      to.strings.push_back(*std::move(octets));
    } while (!empty());
  }
  void data(Cname& to) { name(to.target, "a name"); }
  void data(Ptr& to) { name(to.target, "a name"); }
  void data(Ns& to) { name(to.host, "a host name"); }
  void data(Soa& to) {
    name(to.primary, "the primary server's name");
    name(to.mailbox, "the responsible mailbox");
    number(to.serial, "a serial number");
    time(to.refresh, "the refresh time");
    time(to.retry, "the retry time");
    time(to.expire, "the expiry time");
    time(to.minimum, "the minimum time");
  }
  void data(Srv& to) {
    number(to.priority, "a priority");
    number(to.weight, "a weight");
    number(to.port, "a port");
    name(to.target, "a host name");
  }
  void data(Tlsa& to) {
    number(to.usage, "a certificate usage");
    number(to.selector, "a selector");
    number(to.matching, "a matching type");
    constexpr std::string_view wanted = "pairs of hexadecimal digits";
    std::string digits;
    do {
      const auto* token = take(wanted);
      if (token == nullptr) return;
      digits += token->text;
    } while (!empty());
    if (digits.empty() || digits.size() % 2 != 0) return expect(wanted, digits);
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      const int high = hex_value(digits[i]);
      const int low = hex_value(digits[i + 1]);
      if (high < 0 || low < 0) return expect(wanted, digits);
      to.data += static_cast<char>(high * 16 + low);
    }
  }

 private:
  /// Null, with a fault, where there is no more.
  const ZoneToken* take(std::string_view what) {
    if (!fault_.empty()) return nullptr;
    if (tokens_.empty()) {
      expect(fmt::format("{} behind it", what));
      return nullptr;
    }
    const auto* token = &tokens_.front();
    tokens_ = tokens_.subspan(1);
    line_ = token->line;
    return token;
  }
  template <class Address, class Parse>
  void address(Address& to, Parse parse, std::string_view what) {
    const auto* token = take(what);
    if (token == nullptr) return;
    const auto made = parse(token->text);
    if (!made) return expect(what, token->text);
    to = *made;
  }

  std::span<const ZoneToken> tokens_;
  std::size_t line_;
  const Name& origin_;
  std::string fault_;
};

template <class T>
Record record_of(Fields& fields) {
  T made;
  fields.data(made);
  return made;
}

Record read_record(Type type, Fields& fields) {
  switch (type) {
    case Type::a:
      return record_of<A>(fields);
    case Type::ns:
      return record_of<Ns>(fields);
    case Type::cname:
      return record_of<Cname>(fields);
    case Type::soa:
      return record_of<Soa>(fields);
    case Type::ptr:
      return record_of<Ptr>(fields);
    case Type::mx:
      return record_of<Mx>(fields);
    case Type::txt:
      return record_of<Txt>(fields);
    case Type::aaaa:
      return record_of<Aaaa>(fields);
    case Type::srv:
      return record_of<Srv>(fields);
    case Type::tlsa:
      return record_of<Tlsa>(fields);
  }
  fields.expect(known_types);
  return A{};
}

class ZoneParser {
 public:
  explicit ZoneParser(std::string file) { zone_.file = std::move(file); }

  [[nodiscard]] Result<ZoneFile> parse(std::string_view text) {
    ZoneLexer lexer(text);
    while (const auto entry = lexer.next()) {
      const auto taken = take(*entry);
      if (!taken) return pass(taken);
    }
    if (!lexer.fault().empty()) return refuse(lexer.line(), "expected " + lexer.fault());
    return std::move(zone_);
  }

 private:
  [[nodiscard]] std::unexpected<Error> refuse(std::size_t line, std::string_view words) const {
    return fail(ErrorKind::syntax, fmt::format("{}:{}: {}", zone_.file, line, words));
  }

  [[nodiscard]] Result<void> take(const ZoneEntry& entry) {
    const auto& first = entry.tokens.front();
    if (!entry.owner_left_out && !first.quoted && first.text.starts_with('$')) return take_directive(entry);
    return take_record(entry);
  }

  [[nodiscard]] Result<void> take_directive(const ZoneEntry& entry) {
    const auto& word = entry.tokens.front();
    Fields fields(std::span(entry.tokens).subspan(1), word.line, origin_);
    if (equal_ignoring_case(word.text, "$ORIGIN")) {
      Name origin;
      fields.name(origin, "a name");
      origin_ = std::move(origin);
    } else if (equal_ignoring_case(word.text, "$TTL")) {
      std::uint32_t ttl = 0;
      fields.time(ttl, "a time", most_ttl);
      ttl_ = seconds(ttl);
    } else {
      fields.expect("$ORIGIN or $TTL", word.text);
    }
    return end(fields);
  }

  [[nodiscard]] Result<void> take_record(const ZoneEntry& entry) {
    auto tokens = std::span(entry.tokens);
    const std::size_t line = tokens.front().line;
    if (!entry.owner_left_out) {
      Fields fields(tokens.first(1), line, origin_);
      Name owner;
      fields.name(owner, "a name");
      if (!fields.fault().empty()) return refuse(line, fields.fault());
      owner_ = std::move(owner);
      tokens = tokens.subspan(1);
    } else if (!owner_) {
      return refuse(line, "expected a name at the beginning of the line: no record before it has one");
    }

    std::optional<seconds> ttl;
    std::optional<Type> type;
    bool has_class = false;
    for (; !tokens.empty() && !type; tokens = tokens.subspan(1)) {
      const auto& token = tokens.front();
      if (!ttl && !token.text.empty() && is_digit(token.text.front())) {
        ttl = parse_ttl(token.text);
        if (!ttl)
          return refuse(token.line, fmt::format("expected a TTL up to {}, not \"{}\"", most_ttl.count(),
                                                printable(token.text, 60)));
      } else if (!has_class && equal_ignoring_case(token.text, "IN")) {
        has_class = true;
      } else {
        type = type_named(token.text);
        if (!type)
          return refuse(token.line, fmt::format("expected {}, not \"{}\"", known_types, printable(token.text, 60)));
      }
    }
    if (!type) return refuse(line, fmt::format("expected {} behind the name", known_types));
    if (ttl) last_ttl_ = *ttl;

    Fields fields(tokens, line, origin_);
    auto record = read_record(*type, fields);
    const auto ended = end(fields);
    if (!ended) return ended;
    const auto effective = ttl ? *ttl : ttl_ ? *ttl_ : last_ttl_.value_or(default_ttl);
    zone_.records.push_back(
        {.owner = *owner_, .ttl = effective, .record = std::move(record), .origin = origin_, .line = line});
    return {};
  }

  [[nodiscard]] Result<void> end(Fields& fields) const {
    if (fields.fault().empty() && !fields.empty()) fields.expect("the end of the line");
    if (!fields.fault().empty()) return refuse(fields.line(), fields.fault());
    return {};
  }

  ZoneFile zone_;
  Name origin_;
  std::optional<Name> owner_;
  std::optional<seconds> ttl_;       ///< $TTL
  std::optional<seconds> last_ttl_;  ///< the last that a record had
};

}  // namespace

Result<ZoneFile> parse_zone(std::string_view text, std::string file) { return ZoneParser(std::move(file)).parse(text); }

Result<ZoneFile> read_zone(FileSystem& files, const std::string& file) {
  const auto text = read_file(files, file, most_file_octets);
  if (!text) return pass(text);
  return parse_zone(*text, file);
}

std::string text_of(const ZoneRecord& record) {
  return fmt::format("{} {} IN {} {}", record.owner.is_root() ? "." : record.owner.text() + ".", record.ttl.count(),
                     name_of(type_of(record.record)), text_of(record.record));
}

}  // namespace pabal::dns
