#include "server/imap/fetch_letter.hpp"

#include <algorithm>

#include "codec/body_decoder.hpp"
#include "imap/body_section.hpp"
#include "imap/response.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::FetchItem::Kind;
using grammar::Section;

constexpr std::size_t kWindowsATurn = 16;

// What rev1's old names mean (RFC 3501 §6.4.5).
Section section_of(const grammar::FetchItem& item) {
  if (item.kind == Kind::rfc822_header) return {.part = {}, .text = Section::Text::header, .fields = {}};
  if (item.kind == Kind::rfc822_text) return {.part = {}, .text = Section::Text::text, .fields = {}};
  return item.section;
}

// Work over so many octets, away from the thread of all sessions unless it is nothing.
template <class Work>
Async<std::invoke_result_t<Work&>> off_home(Session* session, std::uint64_t octets, Work work) {
  if (octets <= session->shared().limits.window_bytes) co_return work();
  co_return co_await session->shared().workers.run(std::move(work));
}

Async<Result<std::string>> read_all(store::EmailOctets* octets, grammar::Span place) {
  std::string out;
  if (octets->try_read(place.begin, place.size(), out)) co_return out;
  co_return co_await octets->read(place.begin, place.size());
}

// RFC 9051 §4.3: a literal holds no NUL; BINARY gives the octets as they are.
void hide_nuls(std::string& text, std::size_t from) {
  for (auto nul = text.find('\0', from); nul != std::string::npos; nul = text.find('\0', nul)) text[nul] = '\x80';
}

void append_part(std::string& out, std::string_view text, const std::optional<grammar::Partial>& partial) {
  const auto span = grammar::part_of(text.size(), partial);
  const auto part = text.substr(span.begin, span.size());
  grammar::append_literal_size(out, part.size(), part.find('\0') != std::string_view::npos);
  out.append(part);
}

Async<Result<bool>> tell_string(Session* session, const std::string* text,
                                const std::optional<grammar::Partial>* partial) {
  append_part(session->out(), *text, *partial);
  co_return co_await session->drain();
}

Async<Result<bool>> tell_fields(Session* session, const grammar::FetchItem* item, grammar::Span place,
                                store::EmailOctets* octets) {
  grammar::HeaderFieldsFilter filter(item->section);
  std::string fields;
  const auto window = session->shared().limits.window_bytes;
  for (auto at = place.begin; at < place.end; at += window) {
    const auto part = co_await read_all(octets, {.begin = at, .end = std::min<std::uint64_t>(at + window, place.end)});
    if (!part) co_return pass(part);
    filter.write(*part, fields);
  }
  filter.finish(fields);
  if (item->kind == Kind::binary_size) {
    grammar::append_number(session->out(), fields.size());
    co_return true;
  }
  if (item->kind != Kind::binary) hide_nuls(fields, 0);
  co_return co_await tell_string(session, &fields, &item->partial);
}

// A literal of as many octets as it says, whatever happens: where they can't be had the connection ends. `binary`: a
// literal8, of the octets as they are.
Async<Result<bool>> tell_span(Session* session, grammar::Span span, store::EmailOctets* octets, bool binary = false) {
  grammar::append_literal_size(session->out(), span.size(), binary);
  const auto window = session->shared().limits.window_bytes;
  for (auto at = span.begin; at < span.end;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(window, span.end - at));
    auto& out = session->out();
    const auto from = out.size();
    if (!octets->try_read(at, count, out)) {
      out.resize(from);
      const auto part = co_await octets->read(at, count);
      if (!part) co_return pass(part);
      session->out().append(*part);
    }
    if (!binary) hide_nuls(session->out(), from);
    if (session->out().size() - from != count) {
      co_return fail(ErrorKind::io, "local error", "a letter is shorter than its row says");
    }
    at += count;
    if (!co_await session->drain()) co_return false;
  }
  co_return true;
}

// A part that is too big to be held, decoded as it passes. As a literal8, since whether there is a NUL among its octets
// isn't known before (RFC 3516 §4.2 lets any be one). `size` is what delivery found it to have.
Async<Result<bool>> tell_big_binary(Session* session, const grammar::FetchItem* item, codec::TransferEncoding encoding,
                                    grammar::Span place, std::uint64_t size, store::EmailOctets* octets) {
  const auto wanted = grammar::part_of(size, item->partial);
  grammar::append_literal_size(session->out(), wanted.size(), true);
  codec::BodyDecoder decoder(encoding);
  net::Turns turns(kWindowsATurn);
  const auto window = session->shared().limits.window_bytes;
  std::string decoded;
  auto skip = wanted.begin;
  auto left = wanted.size();
  const auto pass_on = [&] {
    const auto begin = std::min<std::uint64_t>(skip, decoded.size());
    const auto count = std::min<std::uint64_t>(left, decoded.size() - begin);
    session->out().append(decoded, begin, count);
    skip -= begin;
    left -= count;
    decoded.clear();
  };
  for (auto at = place.begin; at < place.end && left > 0; at += window) {
    const auto text = co_await read_all(octets, {.begin = at, .end = std::min<std::uint64_t>(at + window, place.end)});
    if (!text) co_return pass(text);
    decoder.decode(*text, decoded);
    pass_on();
    if (!co_await session->drain()) co_return false;
    if (turns.step()) co_await net::give_way();
  }
  decoder.finish(decoded);
  pass_on();
  if (left > 0) co_return fail(ErrorKind::io, "local error", "a part is shorter than its facts say");
  co_return co_await session->drain();
}

// BINARY (RFC 3516): the part without its transfer encoding.
Async<Result<bool>> tell_binary(Session* session, const grammar::FetchItem* item, const message::DerivedPart* part,
                                grammar::Span place, store::EmailOctets* octets) {
  const auto encoding = codec::transfer_encoding(part->encoding);
  if (item->kind == Kind::binary_size) {
    grammar::append_number(session->out(), part->kind == message::PartKind::leaf ? part->decoded_size : place.size());
    co_return true;
  }
  if (place.size() > session->shared().limits.window_bytes) {
    const auto size = part->kind == message::PartKind::leaf ? part->decoded_size : place.size();
    co_return co_await tell_big_binary(session, item, encoding, place, size, octets);
  }
  const bool plain =
      encoding != codec::TransferEncoding::base64 && encoding != codec::TransferEncoding::quoted_printable;
  auto encoded = co_await read_all(octets, place);
  if (!encoded) co_return pass(encoded);
  if (plain) co_return co_await tell_string(session, &*encoded, &item->partial);
  const auto decoded = codec::decode_body(encoding, *encoded).octets;
  co_return co_await tell_string(session, &decoded, &item->partial);
}

}  // namespace

void append_literal(std::string& out, std::string& text, const std::optional<grammar::Partial>& partial) {
  hide_nuls(text, 0);
  append_part(out, text, partial);
}

grammar::Span place_of(const grammar::SectionOctets& found, const Section& section, const store::EmailRow& row) {
  const bool from_the_top = found.begin == 0 && section.text != Section::Text::text &&
                            (section.part.empty() || section.text == Section::Text::mime);
  return {.begin = from_the_top ? 0 : found.begin + row.prefix_size, .end = found.end + row.prefix_size};
}

bool is_whole_letter(const grammar::FetchItem& item) noexcept {
  if (item.kind == Kind::rfc822) return true;
  return item.kind == Kind::section && item.section.part.empty() && item.section.text == Section::Text::none;
}

Async<Result<message::Derived>> derived_of(Session* session, const store::EmailRow* row, store::EmailOctets* octets) {
  if (row->parsed_version == message::kDerivedVersion) {
    auto known = message::decode_derived(row->parsed);
    if (known && known->envelope && !known->parts.empty()) co_return std::move(*known);
  }
  std::unique_ptr<store::EmailOctets> opened;
  if (octets == nullptr) {
    auto found = co_await session->store().open_email(session->selected()->place, row->email);
    if (!found) co_return pass(found);
    opened = std::move(*found);
    octets = opened.get();
  }
  const auto turn = co_await session->shared().big_letters.enter(octets->size());
  auto whole = co_await read_all(octets, {.begin = row->prefix_size, .end = octets->size()});
  if (!whole) co_return pass(whole);
  const auto size = whole->size();
  co_return co_await off_home(session, size, [text = std::move(*whole)] { return message::derive(text); });
}

bool is_undecodable(const grammar::FetchItem& item, const message::Derived& derived) {
  if (item.kind != Kind::binary && item.kind != Kind::binary_size) return false;
  if (item.section.text != Section::Text::none) return false;
  const auto part = grammar::find_part(derived.parts, item.section.part);
  return part && !item.section.part.empty() &&
         codec::transfer_encoding(derived.parts[*part].encoding) == codec::TransferEncoding::unknown;
}

Async<Result<bool>> tell_octets(Session* session, const grammar::FetchItem* item, const store::EmailRow* row,
                                const message::Derived* derived, store::EmailOctets* octets) {
  grammar::append_item_name(session->out(), *item);
  session->out().push_back(' ');
  if (is_whole_letter(*item)) {
    const auto part = grammar::part_of(octets->size(), item->partial);
    co_return co_await tell_span(session, {.begin = part.begin, .end = part.end}, octets);
  }
  const auto section = section_of(*item);
  const auto found = grammar::find_octets(derived->parts, row->size - row->prefix_size, section);
  if (!found) {
    // RFC 9051 §6.4.5: a part that isn't there is NIL, its size 0.
    session->out().append(item->kind == Kind::binary_size ? "0" : "NIL");
    co_return true;
  }
  const auto place = place_of(*found, section, *row);
  if (item->kind == Kind::binary || item->kind == Kind::binary_size) {
    if (found->part && !item->section.part.empty()) {
      co_return co_await tell_binary(session, item, &derived->parts[*found->part], place, octets);
    }
    if (item->kind == Kind::binary_size && !found->filtered) {
      grammar::append_number(session->out(), place.size());
      co_return true;
    }
  }
  if (found->filtered) co_return co_await tell_fields(session, item, place, octets);
  const auto part = grammar::part_of(place.size(), item->partial);
  const grammar::Span span{.begin = place.begin + part.begin, .end = place.begin + part.end};
  if (item->kind != Kind::binary) co_return co_await tell_span(session, span, octets);
  // Of what is small it is seen whether it needs a literal8; any may be one (RFC 3516 §4.2).
  if (span.size() > session->shared().limits.window_bytes) co_return co_await tell_span(session, span, octets, true);
  const auto text = co_await read_all(octets, span);
  if (!text) co_return pass(text);
  if (text->size() != span.size())
    co_return fail(ErrorKind::io, "local error", "a letter is shorter than its row says");
  const bool nul = text->find('\0') != std::string::npos;
  grammar::append_literal_size(session->out(), text->size(), nul);
  session->out().append(*text);
  co_return co_await session->drain();
}

}  // namespace pabal::server::imap
