#include "message/downgrade.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/body_encoder.hpp"
#include "codec/transfer.hpp"
#include "message/header_writer.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kPiece = std::size_t{57} * 1024;

Carriage needs_of(std::string_view octets) {
  ContentFacts facts;
  facts.take(octets);
  facts.finish();
  return facts.needs();
}

bool is_type(const Part& part, std::string_view type, std::string_view subtype) noexcept {
  return equal_ignoring_case(part.type, type) && equal_ignoring_case(part.subtype, subtype);
}

enum class Recoding : std::uint8_t { none, quoted_printable, base64 };

class Downgrader {
 public:
  Downgrader(std::string_view message, const MimeTree& tree, const DowngradeOptions& options, Sink& sink)
      : message_(message), tree_(&tree), options_(options), sink_(&sink) {
    options_.ascii_headers |= options_.carriage == Carriage::seven_bit;
    look_at_parts();
  }

  Result<void> run() {
    if (tree_->limited && !fits(message_))
      return fail(ErrorKind::limit, "the message's structure is too big to convert");
    if (auto done = entity(tree_->root()); !done) return done;
    // What lies behind the last boundary was written with its multipart.
    return flush(0);
  }

 private:
  struct Inner {
    Carriage needs = Carriage::seven_bit;
    bool raw_header = false;  ///< of a part within
  };

  [[nodiscard]] std::string_view octets(std::uint64_t begin, std::uint64_t end) const noexcept {
    return message_.substr(begin, end - begin);
  }
  [[nodiscard]] Carriage needs(std::string_view text) const {
    if (!options_.only_nuls) return needs_of(text);
    return text.find('\0') == std::string_view::npos ? Carriage::eight_bit : Carriage::binary;
  }
  [[nodiscard]] bool fits(std::string_view text) const { return needs(text) <= options_.carriage; }

  // What each body takes with all in it, each octet looked at once: the children stand behind their parents.
  void look_at_parts() {
    bodies_.resize(tree_->parts.size());
    for (std::size_t i = tree_->parts.size(); i-- > 0;) {
      const Part& part = tree_->parts[i];
      Inner& inner = bodies_[i];
      std::uint64_t at = part.body_begin;
      for (auto child = part.first_child; child != Part::none; child = tree_->parts[child].next_sibling) {
        const Part& next = tree_->parts[child];
        const auto header = octets(next.header_begin, next.body_begin);
        inner.needs =
            std::max({inner.needs, needs(octets(at, next.header_begin)), needs(header), bodies_[child].needs});
        inner.raw_header |= bodies_[child].raw_header || !is_ascii(header);
        at = next.body_end;
      }
      inner.needs = std::max(inner.needs, needs(octets(at, part.body_end)));
    }
  }
  [[nodiscard]] const Inner& inner_of(const Part& part) const noexcept {
    return bodies_[static_cast<std::size_t>(&part - tree_->parts.data())];
  }

  // Everything of the part up to the line end that belongs to the boundary behind it.
  Result<void> entity(const Part& part) {
    const auto header = octets(part.header_begin, part.body_begin);
    const auto body = octets(part.body_begin, part.body_end);
    if (is_type(part, "multipart", "signed")) return signed_content(part, header, body);
    switch (part.kind) {
      case PartKind::leaf:
        return leaf(part, header, body);
      case PartKind::message:
        // Its header section is UTF-8 by right (RFC 6532 §3.7).
        if (is_type(part, "message", "global")) return leaf(part, header, body);
        return container(part, header, body);
      case PartKind::multipart:
        return container(part, header, body);
    }
    return {};
  }

  Result<void> signed_content(const Part& part, std::string_view header, std::string_view body) {
    const Carriage needs = inner_of(part).needs;
    if (needs > options_.carriage) return fail(ErrorKind::unsupported, "a signed part would have to be changed");
    if (auto done = write_header(part, header, Recoding::none, needs); !done) return done;
    return put(body);
  }

  Result<void> leaf(const Part& part, std::string_view header, std::string_view body) {
    ContentFacts facts;
    facts.take(body);
    facts.finish();
    if (const auto whole = options_.only_nuls ? needs(body) : facts.needs(); whole <= options_.carriage) {
      if (auto done = write_header(part, header, Recoding::none, whole); !done) return done;
      return put(body);
    }
    const auto coded = codec::transfer_encoding(part.encoding);
    const bool decoded = coded == codec::TransferEncoding::base64 || coded == codec::TransferEncoding::quoted_printable;
    // An encoded body that is not even ASCII is broken: what can be read of it is encoded anew.
    const std::string plain = decoded ? codec::decode_body(coded, body).octets : std::string();
    const std::string_view content = decoded ? std::string_view(plain) : body;
    const bool text = equal_ignoring_case(part.type, "text") || equal_ignoring_case(part.type, "message");
    const bool quoted = text && facts.clean_lines() && !decoded && !facts.base64_is_shorter() && !options_.only_nuls;
    const Recoding recoding = quoted ? Recoding::quoted_printable : Recoding::base64;
    if (auto done = write_header(part, header, recoding, Carriage::seven_bit); !done) return done;
    return recode(content, recoding, part.end > part.body_end);
  }

  // A multipart or an embedded message: its own header, then all between its children as it is.
  Result<void> container(const Part& part, std::string_view header, std::string_view body) {
    const Inner& inner_now = inner_of(part);
    const bool inner_fits = inner_now.needs <= options_.carriage;
    if (auto done = write_header(part, header, Recoding::none, std::min(inner_now.needs, options_.carriage)); !done)
      return done;
    if (inner_fits && !(options_.ascii_headers && inner_now.raw_header)) return put(body);
    std::uint64_t at = part.body_begin;
    for (auto child = part.first_child; child != Part::none; child = tree_->parts[child].next_sibling) {
      const Part& inner = tree_->parts[child];
      if (auto done = between(octets(at, inner.header_begin)); !done) return done;
      if (auto done = entity(inner); !done) return done;
      at = inner.body_end;
    }
    if (part.kind == PartKind::message) return {};
    return between(octets(at, part.body_end));
  }

  // Boundary lines, preamble and epilogue: nobody reads the latter, so what doesn't fit is made to (RFC 2046 §5.1.1);
  // a boundary can't be.
  Result<void> between(std::string_view text) {
    if (fits(text)) return put(text);
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(end);
      if (fits(line)) {
        if (auto done = put(line); !done) return done;
        continue;
      }
      if (line.starts_with("--") && !is_ascii(line)) return fail(ErrorKind::unsupported, "a boundary is not ASCII");
      std::string plain;
      for (const char c : trim_line_end(line)) {
        const bool high = static_cast<unsigned char>(c) >= 0x80 && options_.carriage == Carriage::seven_bit;
        plain += high ? '?' : c == '\r' || c == '\0' ? ' ' : c;
      }
      if (plain.size() > 998) plain.resize(998);
      if (auto done = put(plain); !done) return done;
      if (line.ends_with('\n')) {
        if (auto done = put("\r\n"); !done) return done;
      }
    }
    return {};
  }

  static std::string_view trim_line_end(std::string_view line) noexcept {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  // The header section with what the change asks of it. `needs`: what the body takes as it will be written.
  Result<void> write_header(const Part& part, std::string_view header, Recoding recoding, Carriage needs) {
    const bool claims_more =
        starts_with_ignoring_case(trim(part.encoding), "8") || starts_with_ignoring_case(trim(part.encoding), "binary");
    const bool new_encoding = recoding != Recoding::none ||
                              (claims_more && needs == Carriage::seven_bit && options_.carriage == Carriage::seven_bit);
    const bool plain = !options_.ascii_headers || is_ascii(header);
    if (!new_encoding && plain && header_fits(header)) return put(header);
    return rewrite_header(part, header, recoding, new_encoding);
  }

  [[nodiscard]] bool header_fits(std::string_view header) const {
    return options_.carriage != Carriage::seven_bit || fits(header);
  }

  Result<void> rewrite_header(const Part& part, std::string_view header, Recoding recoding, bool new_encoding) {
    std::string out;
    bool has_version = false;
    bool has_type = false;
    HeaderReader reader(header);
    while (const auto field = reader.next()) {
      const auto is = [&](std::string_view name) { return equal_ignoring_case(field->name, name); };
      if (new_encoding && is("Content-Transfer-Encoding")) continue;
      has_version |= is("MIME-Version");
      has_type |= is("Content-Type");
      if (options_.ascii_headers) {
        out += downgrade_field(*field);
      } else {
        out.append(field->name).append(":").append(field->body).append("\r\n");
      }
    }
    if (recoding != Recoding::none) {
      const bool message = part.parent == Part::none || tree_->parts[part.parent].kind == PartKind::message;
      if (message && !has_version) out += "MIME-Version: 1.0\r\n";
      if (!has_type) {
        // RFC 1428 §3: what was sent without a word about its charset.
        const bool utf8 = is_utf8(octets(part.body_begin, part.body_end));
        out += fmt::format("Content-Type: text/plain; charset={}\r\n", utf8 ? "utf-8" : "unknown-8bit");
      }
      out += fmt::format("Content-Transfer-Encoding: {}\r\n",
                         recoding == Recoding::base64 ? "base64" : "quoted-printable");
    }
    out += "\r\n";
    return put(out);
  }

  Result<void> recode(std::string_view content, Recoding recoding, bool line_end_follows) {
    codec::Base64Encoder base64;
    codec::QuotedPrintableEncoder quoted(false);
    const std::size_t begin_empty = content.size();
    while (!content.empty()) {
      const auto piece = content.substr(0, kPiece);
      content.remove_prefix(piece.size());
      if (recoding == Recoding::base64) {
        base64.encode(piece, out_);
      } else {
        quoted.encode(piece, out_);
      }
      if (auto done = flush(kPiece); !done) return done;
    }
    if (recoding == Recoding::base64) {
      base64.finish(out_);
    } else {
      quoted.finish(out_);
    }
    // The line end before the boundary, which is copied, ends the last line.
    if (line_end_follows && begin_empty > 0) {
      if (recoding == Recoding::base64) {
        out_.resize(out_.size() - 2);
      } else if (out_.ends_with("=\r\n")) {
        out_.resize(out_.size() - 3);
      }
    }
    return flush(kPiece);
  }

  Result<void> put(std::string_view text) {
    if (text.size() < kPiece) {
      out_.append(text);
      return flush(kPiece);
    }
    if (auto done = flush(0); !done) return done;
    return sink_->write(text);
  }

  Result<void> flush(std::size_t at_least) {
    constexpr std::size_t kept = 4;  // recode() looks at them
    if (out_.size() < at_least) return {};
    const std::size_t count = at_least == 0 ? out_.size() : out_.size() - kept;
    if (count == 0) return {};
    auto written = sink_->write(std::string_view(out_).substr(0, count));
    out_.erase(0, count);
    return written;
  }

  std::string_view message_;
  const MimeTree* tree_;
  DowngradeOptions options_;
  Sink* sink_;
  std::vector<Inner> bodies_;  ///< by place in the tree
  std::string out_;
};

}  // namespace

Carriage carriage_of(std::string_view message) { return needs_of(message); }

bool has_raw_header(std::string_view message, const MimeTree& tree) {
  return std::ranges::any_of(tree.parts, [&](const Part& part) {
    return !is_ascii(message.substr(part.header_begin, part.body_begin - part.header_begin));
  });
}

bool needs_smtputf8(std::string_view message) {
  if (is_ascii(message)) return false;
  const auto tree = parse_mime(message);
  // What lies beyond a limit was not looked at.
  return tree.limited || has_raw_header(message, tree);
}

Result<void> downgrade(std::string_view message, const MimeTree& tree, const DowngradeOptions& options, Sink& sink) {
  return Downgrader(message, tree, options, sink).run();
}

}  // namespace pabal::message
