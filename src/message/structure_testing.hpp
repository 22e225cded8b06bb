// For tests and fuzzers: what a message means, whatever its encodings and boundaries: types, names and decoded
// contents.
#pragma once
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/transfer.hpp"
#include "message/mime.hpp"
#include "message/parameters.hpp"

namespace pabal::message {

/// One line a part. Of line ends only that there is one counts, and not at the end.
[[nodiscard]] inline std::string structure(std::string_view message) {
  std::string out;
  const auto tree = parse_mime(message);
  for (const auto& part : tree.parts) {
    out += fmt::format("{}{}/{}", std::string(part.depth, ' '), to_lower(part.type), to_lower(part.subtype));
    if (part.parent != Part::none || part.kind == PartKind::leaf) {
      if (const auto name = file_name(part.disposition, part.content_type)) out += " " + *name;
    }
    if (part.kind == PartKind::leaf) {
      auto body = codec::decode_body(codec::transfer_encoding(part.encoding),
                                     message.substr(part.body_begin, part.body_end - part.body_begin))
                      .octets;
      std::erase(body, '\r');
      while (body.ends_with('\n')) body.pop_back();
      out += fmt::format(" {} {:x}", body.size(), std::hash<std::string>{}(body));
    }
    out += '\n';
  }
  return out;
}

}  // namespace pabal::message
