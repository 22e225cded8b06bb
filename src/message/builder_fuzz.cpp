// The builder fed with arbitrary values: what comes out passes the strict checker and reads as exactly what was given;
// no value makes a field or a part of its own.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "codec/transfer.hpp"
#include "message/builder.hpp"
#include "message/encoded_word.hpp"
#include "message/mime.hpp"
#include "message/strict_check.hpp"

using namespace pabal;
using namespace pabal::message;

namespace {

// Values cut from the fuzzer's octets.
class Input {
 public:
  explicit Input(std::string_view octets) : octets_(octets) {}
  [[nodiscard]] unsigned choice(unsigned count) {
    if (octets_.empty()) return 0;
    const unsigned value = static_cast<unsigned char>(octets_.front()) % count;
    octets_.remove_prefix(1);
    return value;
  }
  [[nodiscard]] std::string value() {
    std::size_t size = choice(64);
    if (size >= 60) size = (size - 59) * 400;
    const std::string out(octets_.substr(0, size));
    octets_.remove_prefix(out.size());
    return out;
  }

 private:
  std::string_view octets_;
};

struct Written {
  std::string name;
  std::string text;  ///< what decode_text must give; empty where only the name is compared
  bool compare = false;
};

std::vector<Written> write_header(Input& in, OutgoingMessage& message) {
  std::vector<Written> expected;
  for (unsigned left = in.choice(8); left > 0; --left) {
    const std::string name = in.choice(2) == 0 ? "Subject" : in.value();
    const std::string value = in.value();
    if (starts_with_ignoring_case(name, "content-") || equal_ignoring_case(name, "mime-version")) continue;
    switch (in.choice(5)) {
      case 0:
        if (message.header().text(name, value)) expected.push_back({name, clean_text(value), true});
        break;
      case 1: {
        const auto address = EmailAddress::parse(in.value());
        if (address && message.header().address(name, {value, *address})) expected.push_back({name, {}, false});
        break;
      }
      case 2:
        if (message.header().message_id(name, value)) expected.push_back({name, {}, false});
        break;
      case 3:
        if (message.header().structured(name, value)) expected.push_back({name, {}, false});
        break;
      default:
        if (message.header().copy({.name = name, .body = value})) expected.push_back({name, {}, false});
        break;
    }
  }
  return expected;
}

Entity body(Input& in, unsigned depth) {
  Entity entity;
  switch (in.choice(depth < 4 ? 5 : 4)) {
    case 0:
      entity = Entity::text(in.value());
      break;
    case 1:
      entity = Entity::flowed_text(in.value());
      break;
    case 2:
      entity = Entity::attachment(in.value(), "application/octet-stream", source_of(in.value()));
      break;
    case 3:
      entity = Entity::octets("text/plain", source_of(in.value()));
      break;
    default: {
      std::vector<Entity> parts;
      for (unsigned left = 1 + in.choice(3); left > 0; --left) parts.push_back(body(in, depth + 1));
      entity = Entity::mixed(std::move(parts));
      break;
    }
  }
  if (in.choice(4) == 0) entity.description = in.value();
  if (in.choice(4) == 0) entity.content_id = in.value();
  if (in.choice(8) == 0) entity.type = in.value();
  if (in.choice(8) == 0) entity.disposition = in.value();
  if (in.choice(4) == 0) entity.parameters.push_back({in.value(), in.value(), {}});
  return entity;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in({reinterpret_cast<const char*>(data), size});
  const bool utf8 = in.choice(2) == 1;
  OutgoingMessage message(utf8 ? HeaderStyle::utf8 : HeaderStyle::ascii);
  const auto expected = write_header(in, message);
  const auto carriage = in.choice(2) == 0 ? Carriage::seven_bit : Carriage::eight_bit;
  message.set_body(body(in, 0));
  SeededRandom random(size);
  const auto text = message.text(random, {carriage});
  if (!text) return 0;
  // Fields may be copied that are right in form and stand twice, or have names of MIME's.
  for (const auto& finding : strict_check(*text, {.utf8_header = utf8, .eight_bit = carriage == Carriage::eight_bit})) {
    if (finding.find(" times") == std::string::npos) __builtin_trap();
  }
  HeaderReader reader(*text);
  for (const auto& field : expected) {
    const auto read = reader.next();
    if (!read || read->name != field.name) __builtin_trap();
    if (field.compare && decode_text(read->body) != field.text) __builtin_trap();
  }
  const auto version = reader.next();
  if (!version || version->name != "MIME-Version") __builtin_trap();
  return 0;
}
