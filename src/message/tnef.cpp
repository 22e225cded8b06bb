#include "message/tnef.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/charset.hpp"

namespace pabal::message {

namespace {

constexpr std::uint32_t kSignature = 0x223E9F78;
constexpr std::size_t kHeaderOctets = 6;
constexpr std::uint32_t kMostProperties = 5'000;  ///< of one object
constexpr std::uint32_t kMostValues = 10'000;     ///< of one property

// MS-OXTNEF §2.1.3.
enum Attribute : std::uint32_t {
  attribute_subject = 0x00018004,
  attribute_body = 0x0002800C,
  attribute_data = 0x0006800F,
  attribute_title = 0x00018010,
  attribute_rendering = 0x00069002,  ///< begins an attachment
  attribute_properties = 0x00069003,
  attribute_attachment = 0x00069005,
  attribute_code_page = 0x00069007,
};

// MS-OXPROPS.
enum Property : std::uint16_t {
  property_subject = 0x0037,
  property_body = 0x1000,
  property_html = 0x1013,
  property_data = 0x3701,
  property_file_name = 0x3704,
  property_long_file_name = 0x3707,
  property_mime_tag = 0x370E,
  property_content_id = 0x3712,
};

enum Type : std::uint16_t { type_object = 0x000D, type_text = 0x001E, type_unicode = 0x001F, type_binary = 0x0102 };
constexpr std::uint16_t kMultiple = 0x1000;

// Little-endian numbers and runs of octets, never past the end.
class Reader {
 public:
  Reader(std::string_view octets, std::size_t offset) noexcept : octets_(octets), offset_(offset) {}
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool at_end() const noexcept { return octets_.empty(); }
  /// Where the reader stands in the whole stream.
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }

  std::string_view take(std::size_t count) noexcept {
    if (count > octets_.size()) {
      ok_ = false;
      offset_ += octets_.size();
      octets_ = {};
      return {};
    }
    const auto taken = octets_.substr(0, count);
    octets_.remove_prefix(count);
    offset_ += count;
    return taken;
  }
  std::uint32_t number(std::size_t octets) noexcept {
    std::uint32_t value = 0;
    const auto taken = take(octets);
    for (std::size_t i = taken.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(taken[i]);
    return value;
  }
  std::uint32_t u32() noexcept { return number(4); }
  std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(number(2)); }
  // Values are filled up to a multiple of four.
  std::string_view padded(std::size_t count) noexcept {
    const auto taken = take(count);
    const std::size_t fill = (4 - count % 4) % 4;
    take(std::min(fill, octets_.size()));
    return taken;
  }

 private:
  std::string_view octets_;
  std::size_t offset_;
  bool ok_ = true;
};

std::string_view without_end(std::string_view text) noexcept { return text.substr(0, text.find('\0')); }

std::string safe_name(std::string name) {
  const auto slash = name.find_last_of("/\\");
  if (slash != std::string::npos) name.erase(0, slash + 1);
  std::erase_if(name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  return name;
}

std::string type_by_ending(std::string_view name) {
  struct Ending {
    std::string_view ending;
    std::string_view type;
  };
  static constexpr Ending endings[] = {
      {".pdf", "application/pdf"},
      {".doc", "application/msword"},
      {".xls", "application/vnd.ms-excel"},
      {".zip", "application/zip"},
      {".jpg", "image/jpeg"},
      {".jpeg", "image/jpeg"},
      {".png", "image/png"},
      {".gif", "image/gif"},
      {".bmp", "image/bmp"},
      {".txt", "text/plain"},
      {".htm", "text/html"},
      {".html", "text/html"},
      {".rtf", "application/rtf"},
      {".ics", "text/calendar"},
      {".vcf", "text/vcard"},
      {".eml", "message/rfc822"},
      {".hwp", "application/x-hwp"},
      {".csv", "text/csv"},
      {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
      {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
      {".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
  };
  for (const auto& [ending, type] : endings) {
    if (name.size() > ending.size() && equal_ignoring_case(name.substr(name.size() - ending.size()), ending)) {
      return std::string(type);
    }
  }
  return "application/octet-stream";
}

struct Value {
  std::uint16_t id = 0;
  std::uint16_t type = 0;
  std::string_view octets;
  std::size_t offset = 0;
};

class TnefReader {
 public:
  TnefReader(std::string_view octets, std::size_t max_attachments)
      : in_(octets.substr(kHeaderOctets), kHeaderOctets), max_attachments_(max_attachments) {}

  Tnef run() && {
    while (!in_.at_end() && !out_.damaged) {
      in_.take(1);  // its level: of the message or of an attachment, which the attribute itself tells
      const auto attribute = in_.u32();
      const auto length = in_.u32();
      const auto offset = in_.offset();
      const auto data = in_.take(length);
      if (!in_.ok()) {
        out_.damaged = true;
        break;
      }
      take(attribute, data, offset);
      in_.take(2);  // a sum of the octets, which many writers get wrong
      if (!in_.ok()) out_.damaged = true;
    }
    finish();
    return std::move(out_);
  }

 private:
  void take(std::uint32_t attribute, std::string_view data, std::size_t offset) {
    switch (attribute) {
      case attribute_code_page:
        code_page_ = Reader(data, 0).u32();
        break;
      case attribute_subject:
        if (out_.subject.empty()) out_.subject = narrow(data);
        break;
      case attribute_body:
        if (out_.text.empty()) out_.text = narrow(data);
        break;
      case attribute_properties:
        properties(data, offset, [this](const Value& value) { message_property(value); });
        break;
      case attribute_rendering:
        begin_attachment();
        break;
      case attribute_title:
        if (auto* attachment = current(); attachment != nullptr && attachment->name.empty()) {
          attachment->name = safe_name(narrow(data));
        }
        break;
      case attribute_data:
        if (auto* attachment = current(); attachment != nullptr) {
          attachment->begin = offset;
          attachment->size = data.size();
        }
        break;
      case attribute_attachment:
        properties(data, offset, [this](const Value& value) { attachment_property(value); });
        break;
      default:
        break;
    }
  }

  void begin_attachment() {
    open_ = out_.attachments.size() < max_attachments_;
    if (open_) out_.attachments.emplace_back();
  }
  TnefAttachment* current() noexcept { return open_ ? &out_.attachments.back() : nullptr; }

  void finish() {
    for (auto& attachment : out_.attachments) {
      if (attachment.type.empty()) attachment.type = type_by_ending(attachment.name);
    }
  }

  [[nodiscard]] std::string narrow(std::string_view octets) const {
    octets = without_end(octets);
    if (is_ascii(octets)) return std::string(octets);
    const auto label = code_page_ == 0 ? std::string() : fmt::format("cp{}", code_page_);
    return codec::to_utf8(octets, label).utf8;
  }
  [[nodiscard]] std::string text(const Value& value) const {
    if (value.type == type_unicode) {
      auto utf8 = codec::to_utf8(value.octets, "utf-16le").utf8;
      utf8.resize(std::min(utf8.find('\0'), utf8.size()));
      return utf8;
    }
    return narrow(value.octets);
  }

  void message_property(const Value& value) {
    switch (value.id) {
      case property_subject:
        out_.subject = text(value);
        break;
      case property_body:
        out_.text = text(value);
        break;
      case property_html:
        out_.html = value.type == type_binary ? codec::guess_to_utf8(value.octets).utf8 : text(value);
        break;
      default:
        break;
    }
  }

  void attachment_property(const Value& value) {
    constexpr std::size_t interface_id_octets = 16;
    auto* const attachment = current();
    if (attachment == nullptr) return;
    switch (value.id) {
      case property_long_file_name:
        attachment->name = safe_name(text(value));
        break;
      case property_file_name:
        if (attachment->name.empty()) attachment->name = safe_name(text(value));
        break;
      case property_mime_tag:
        attachment->type = to_lower(text(value));
        break;
      case property_content_id:
        attachment->content_id = text(value);
        break;
      case property_data:
        if (value.type == type_object && value.octets.size() >= interface_id_octets) {
          attachment->begin = value.offset + interface_id_octets;
          attachment->size = value.octets.size() - interface_id_octets;
          attachment->is_message = is_tnef(value.octets.substr(interface_id_octets));
        } else if (value.type == type_binary) {
          attachment->begin = value.offset;
          attachment->size = value.octets.size();
        }
        break;
      default:
        break;
    }
  }

  static std::optional<std::size_t> fixed_size(std::uint16_t type) noexcept {
    switch (type) {
      case 0x0002:
      case 0x0003:
      case 0x0004:
      case 0x000A:
      case 0x000B:
        return 4;
      case 0x0005:
      case 0x0006:
      case 0x0007:
      case 0x0014:
      case 0x0040:
        return 8;
      case 0x0048:
        return 16;
      default:
        return std::nullopt;
    }
  }

  // MS-OXTNEF §2.1.3.4: MsgPropertyList. What can't be understood ends it, since nobody knows where the next begins.
  template <class Take>
  void properties(std::string_view data, std::size_t offset, Take take) {
    Reader in(data, offset);
    const auto count = std::min(in.u32(), kMostProperties);
    for (std::uint32_t i = 0; i < count && in.ok() && !in.at_end(); ++i) {
      Value value;
      value.type = in.u16();
      value.id = in.u16();
      if (value.id >= 0x8000) skip_name(in);
      const bool multiple = (value.type & kMultiple) != 0;
      value.type = static_cast<std::uint16_t>(value.type & ~kMultiple);
      if (const auto size = fixed_size(value.type)) {
        const auto values = multiple ? in.u32() : 1;
        if (values > kMostValues) return;
        for (std::uint32_t n = 0; n < values && in.ok(); ++n) in.take(*size);
        continue;
      }
      const bool known = value.type == type_text || value.type == type_unicode || value.type == type_binary ||
                         value.type == type_object;
      const auto values = known ? in.u32() : kMostValues + 1;
      if (values > kMostValues) return;
      for (std::uint32_t n = 0; n < values && in.ok(); ++n) {
        const auto length = in.u32();
        value.offset = in.offset();
        value.octets = in.padded(length);
        if (in.ok() && n == 0) take(value);
      }
    }
  }

  // A named property: the set's id, and a number or a name.
  static void skip_name(Reader& in) {
    in.take(16);
    if (in.u32() == 0) {
      in.u32();
    } else {
      in.padded(in.u32());
    }
  }

  Reader in_;
  std::size_t max_attachments_;
  Tnef out_;
  std::uint32_t code_page_ = 0;
  bool open_ = false;
};

}  // namespace

bool is_tnef(std::string_view octets) noexcept {
  return octets.size() >= kHeaderOctets && Reader(octets, 0).u32() == kSignature;
}

bool is_tnef_type(std::string_view type) noexcept {
  return type == "application/ms-tnef" || type == "application/vnd.ms-tnef";
}

Tnef read_tnef(std::string_view octets, std::size_t max_attachments) {
  if (!is_tnef(octets)) {
    Tnef none;
    none.damaged = true;
    return none;
  }
  return TnefReader(octets, max_attachments).run();
}

}  // namespace pabal::message
