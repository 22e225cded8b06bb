// The structure of any octets: each octet belongs to exactly one piece of one part, and header readers agree with it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "message/header.hpp"
#include "message/mime.hpp"

namespace {

using namespace pabal::message;

void demand(bool holds) {
  if (!holds) std::abort();
}

void check_part(std::string_view message, const MimeTree& tree, std::uint32_t place) {
  const Part& part = tree.parts[place];
  demand(part.boundary_begin <= part.header_begin && part.header_begin <= part.body_begin);
  demand(part.body_begin <= part.body_end && part.body_end <= part.end && part.end - part.body_end <= 2);
  demand(part.body_lines == static_cast<std::uint64_t>(std::ranges::count(
                                message.substr(part.body_begin, part.body_end - part.body_begin), '\n')));
  std::uint64_t at = part.body_begin;
  for (auto child = part.first_child; child != Part::none; child = tree.parts[child].next_sibling) {
    const Part& inner = tree.parts[child];
    demand(child > place && inner.parent == place && inner.depth == part.depth + 1);
    const bool preamble = child == part.first_child && part.kind == PartKind::multipart;
    demand(preamble ? inner.boundary_begin >= at : inner.boundary_begin == at);
    at = inner.end;
  }
  if (part.close_end != 0) {
    demand(part.first_child == Part::none ? part.close_begin >= at : part.close_begin == at);
    demand(part.close_begin < part.close_end && part.close_end <= part.end);
  } else if (part.first_child != Part::none && !tree.limited) {
    demand(at == part.end);
  }
  demand((part.kind == PartKind::message) == (part.kind == PartKind::message && part.first_child != Part::none));
  demand(part.kind != PartKind::leaf || (part.first_child == Part::none && part.close_end == 0));

  const auto section = message.substr(part.header_begin, part.body_begin - part.header_begin);
  HeaderReader reader(section, part.header_begin);
  std::uint64_t last = part.header_begin;
  while (const auto field = reader.next()) {
    demand(field->begin >= last && field->end > field->begin && field->end <= part.body_begin);
    demand(!field->name.empty() && message.substr(field->begin).starts_with(field->name));
    last = field->end;
  }
  if (!tree.limited) demand(reader.position() == part.body_begin);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  for (const MimeLimits& limits : {MimeLimits{}, MimeLimits{.max_depth = 3, .max_parts = 5, .max_header_octets = 64}}) {
    const MimeTree tree = parse_mime(message, limits);
    demand(!tree.parts.empty() && tree.root().header_begin == 0 && tree.root().end == size);
    demand(tree.parts.size() <= limits.max_parts);
    for (std::uint32_t i = 0; i < tree.parts.size(); ++i) check_part(message, tree, i);
  }
  return 0;
}
