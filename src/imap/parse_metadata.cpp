// GETMETADATA and SETMETADATA (RFC 5464 §5).
#include <algorithm>

#include "base/text.hpp"
#include "imap/cursor.hpp"

namespace pabal::imap {

namespace {

// RFC 5464 §4.1: begins with "/", no empty component, no wildcard, no controls, ASCII; not "/" at the end. Without
// regard to case, so in lower case.
std::string entry(Cursor& in) {
  auto name = in.astring();
  bool right = name.starts_with('/') && !name.ends_with('/') && name.find("//") == std::string::npos &&
               name.find_first_of("*%") == std::string::npos;
  for (const char c : name) right = right && c > 0x1F && c < 0x7F;
  if (!right) in.bad("not a metadata entry");
  return to_lower(name);
}

void options(Cursor& in, MetadataOptions& out) {
  while (in.ok()) {
    if (in.take_word("MAXSIZE")) {
      in.space();
      out.max_size = in.number();
    } else if (in.take_word("DEPTH")) {
      in.space();
      if (in.take_word("infinity")) {
        out.depth = MetadataOptions::Depth::infinity;
      } else if (in.take_word("1")) {
        out.depth = MetadataOptions::Depth::one;
      } else if (!in.take_word("0")) {
        in.bad("0, 1 or infinity");
      }
    } else {
      in.bad("unknown option");
    }
    if (in.take(')')) return;
    in.space();
  }
}

}  // namespace

std::vector<std::string> parse_metadata_entries(Cursor& in) {
  std::vector<std::string> out;
  if (!in.take('(')) {
    out.push_back(entry(in));
    return out;
  }
  while (in.ok()) {
    // Each once, however often it is named.
    auto one = entry(in);
    if (std::ranges::find(out, one) == out.end()) out.push_back(std::move(one));
    if (in.take(')')) break;
    in.space();
  }
  return out;
}

GetMetadata parse_get_metadata(Cursor& in) {
  GetMetadata get;
  // The grammar has the options before the mailbox, the examples of RFC 5464 §4.2 behind it: both are in use.
  bool before = false;
  if (in.take('(')) {
    before = true;
    options(in, get.options);
    in.space();
  }
  get.mailbox = in.mailbox_or_empty();
  in.space();
  if (!before && (starts_with_ignoring_case(in.rest(), "(MAXSIZE") || starts_with_ignoring_case(in.rest(), "(DEPTH"))) {
    in.skip(1);
    options(in, get.options);
    in.space();
  }
  get.entries = parse_metadata_entries(in);
  return get;
}

SetMetadata parse_set_metadata(Cursor& in) {
  SetMetadata set;
  set.mailbox = in.mailbox_or_empty();
  in.space();
  in.expect('(');
  while (in.ok()) {
    auto name = entry(in);
    in.space();
    auto value = in.nstring8();
    set.values.emplace_back(std::move(name), std::move(value));
    if (in.take(')')) break;
    in.space();
  }
  return set;
}

}  // namespace pabal::imap
