#include "server/imap/fetch_headers.hpp"

#include <algorithm>

#include "imap/body_section.hpp"
#include "imap/response.hpp"
#include "message/derived.hpp"
#include "server/imap/fetch_letter.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::FetchItem::Kind;
using Text = grammar::Section::Text;

bool is_of_header(const grammar::FetchItem& item) {
  if (item.kind == Kind::rfc822_header) return true;
  if (item.kind != Kind::section || !item.section.part.empty()) return false;
  return item.section.text == Text::header || item.section.text == Text::header_fields ||
         item.section.text == Text::header_fields_not;
}

}  // namespace

bool tells_headers_alone(const grammar::FetchItems& items) {
  return std::ranges::any_of(items, needs_letter) && std::ranges::all_of(items, [](const auto& item) {
           return needs_letter(item) ? is_of_header(item) : !needs_what_is_derived(item);
         });
}

bool print_headers(std::string& out, const FetchPrinter& printer, const Wanted& wanted, const store::EmailRow& row,
                   const SystemTime* saved, store::EmailOctets& letter, std::uint64_t most) {
  if (row.parsed_version != message::kDerivedVersion) return false;
  const auto place = message::header_in(row.parsed);
  if (!place) return false;
  // What is put before a letter when it is delivered belongs to its header.
  const auto size = place->end + row.prefix_size;
  std::string header;
  if (place->begin != 0 || size > most || !letter.try_read(0, size, header) || header.size() != size) return false;
  printer.begin(out, wanted);
  std::string fields;
  bool first = true;
  for (const auto& item : printer.items()) {
    if (!first) out.push_back(' ');
    first = false;
    if (!needs_letter(item)) {
      printer.item(out, item, wanted, &row, saved, nullptr);
      continue;
    }
    grammar::append_item_name(out, item);
    out.push_back(' ');
    const bool filtered = item.kind != Kind::rfc822_header && item.section.text != Text::header;
    fields.clear();
    if (filtered) {
      grammar::HeaderFieldsFilter filter(item.section);
      filter.write(header, fields);
      filter.finish(fields);
    } else {
      fields = header;
    }
    append_literal(out, fields, item.partial);
    // Many parts of one header may be many times as long as it is.
    if (out.size() > most_printed_headers) {
      out.clear();
      return false;
    }
  }
  out.append(")\r\n");
  return true;
}

}  // namespace pabal::server::imap
