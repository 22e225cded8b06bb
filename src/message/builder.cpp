#include "message/builder.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/body_encoder.hpp"
#include "message/flowed.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kPiece = std::size_t{57} * 1024;
constexpr int kBoundaryTries = 8;
constexpr std::size_t kMaxDepth = 90;  // the reader's limit is 100

enum class Encoding : std::uint8_t { identity, quoted_printable, base64 };

// What was decided on an entity before anything is written.
struct Plan {
  const Entity* entity = nullptr;
  Encoding encoding = Encoding::identity;
  Carriage needs = Carriage::seven_bit;  ///< as it is encoded, with all in it
  std::string text;                      ///< the octets of a TextBody
  bool del_sp = false;                   ///< and how its lines were broken (RFC 3676 §4)
  std::string boundary;
  std::vector<Plan> parts;
};

Result<void> for_each_piece(ContentSource& source, auto&& take) {
  const std::uint64_t size = source.size();
  std::string piece;
  for (std::uint64_t offset = 0; offset < size;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - offset));
    piece.clear();
    if (auto read = source.read(offset, count, piece); !read) return read;
    if (piece.size() != count) return fail(ErrorKind::io, "local error", "a body's source gave less than it promised");
    if (Result<void> taken = take(std::string_view(piece)); !taken) return taken;
    offset += count;
  }
  return {};
}

std::size_t count_multiparts(const Entity& entity) {
  const auto* multipart = std::get_if<MultipartBody>(&entity.body);
  if (multipart == nullptr) return 0;
  std::size_t count = 1;
  for (const auto& part : multipart->parts) count += count_multiparts(part);
  return count;
}

// Decides for a whole tree.
class Planner {
 public:
  Planner(Carriage carriage, Random& random, std::size_t multiparts) : carriage_(carriage) {
    static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (std::size_t i = 0; i < multiparts; ++i) {
      // "=_" occurs neither in base64 nor in quoted-printable (RFC 2045 §6.7); the rest is 144 random bits.
      std::string boundary = "=_";
      for (const char c : random.octets(24)) boundary += letters[static_cast<unsigned char>(c) & 63U];
      boundaries_.insert(std::move(boundary));
    }
    next_boundary_ = boundaries_.begin();
    collided_ = boundaries_.size() < multiparts;
  }

  [[nodiscard]] Result<Plan> plan(const Entity& entity, bool top) {
    Plan plan;
    plan.entity = &entity;
    auto done = std::visit([&](const auto& body) { return decide(plan, body, top); }, entity.body);
    if (!done) return pass(done);
    return plan;
  }
  [[nodiscard]] bool collided() const noexcept { return collided_; }

 private:
  Result<void> decide(Plan& plan, const TextBody& body, bool /*top*/) {
    plan.text = with_crlf(body.utf8);
    if (body.flowed) {
      auto flowed = write_flowed(plan.text);
      plan.text = std::move(flowed.text);
      plan.del_sp = flowed.del_sp;
    }
    ContentFacts facts(boundaries_);
    facts.take(plan.text);
    facts.finish();
    choose(plan, facts, true);
    return {};
  }

  Result<void> decide(Plan& plan, const OctetsBody& body, bool top) {
    if (!starts_with_ignoring_case(plan.entity->type, "text/")) {
      plan.encoding = Encoding::base64;
      if (carriage_ == Carriage::binary) {
        auto facts = look_at(*body.source);
        if (!facts) return pass(facts);
        choose(plan, *facts, false);
      }
      return {};
    }
    auto facts = look_at(*body.source);
    if (!facts) return pass(facts);
    choose(plan, *facts, facts->clean_lines());
    // A message must end with a line end; these octets have none, and may not be given one.
    if (top && plan.encoding == Encoding::identity && !facts->ends_with_line_end()) {
      plan.encoding = facts->base64_is_shorter() ? Encoding::base64 : Encoding::quoted_printable;
      plan.needs = Carriage::seven_bit;
    }
    return {};
  }

  Result<void> decide(Plan& plan, const MessageBody& body, bool /*top*/) {
    auto facts = look_at(*body.source);
    if (!facts) return pass(facts);
    plan.needs = facts->needs();
    if (plan.needs <= carriage_) {
      collided_ |= facts->collides();
      return {};
    }
    // RFC 6532 §3.7: message/global may be encoded; of the others none may (RFC 2046 §5.2.1).
    if (!starts_with_ignoring_case(plan.entity->type, "message/global"))
      return fail(ErrorKind::unsupported, "an embedded message does not fit the way of the message around it");
    plan.encoding = facts->base64_is_shorter() || !facts->clean_lines() ? Encoding::base64 : Encoding::quoted_printable;
    plan.needs = Carriage::seven_bit;
    return {};
  }

  Result<void> decide(Plan& plan, const MultipartBody& body, bool /*top*/) {
    if (body.parts.empty()) return fail(ErrorKind::syntax, "a multipart without parts");
    if (++depth_ > kMaxDepth) return fail(ErrorKind::limit, "multiparts are too deep");
    plan.boundary = *next_boundary_++;
    for (const auto& part : body.parts) {
      auto planned = this->plan(part, false);
      if (!planned) return pass(planned);
      plan.needs = std::max(plan.needs, planned->needs);
      plan.parts.push_back(*std::move(planned));
    }
    --depth_;
    return {};
  }

  [[nodiscard]] Result<ContentFacts> look_at(ContentSource& source) const {
    ContentFacts facts(boundaries_);
    auto read = for_each_piece(source, [&](std::string_view piece) -> Result<void> {
      facts.take(piece);
      return {};
    });
    if (!read) return pass(read);
    facts.finish();
    return facts;
  }

  void choose(Plan& plan, const ContentFacts& facts, bool lines) {
    plan.needs = facts.needs();
    if (plan.needs <= carriage_ && !(lines && facts.from_line())) {
      plan.encoding = Encoding::identity;
      collided_ |= facts.collides();
      return;
    }
    plan.encoding = !lines || facts.base64_is_shorter() ? Encoding::base64 : Encoding::quoted_printable;
    plan.needs = Carriage::seven_bit;
  }

  Carriage carriage_;
  ContentFacts::Boundaries boundaries_;
  ContentFacts::Boundaries::const_iterator next_boundary_;
  std::size_t depth_ = 0;
  bool collided_ = false;
};

std::vector<FieldParameter> parameters_of(const Plan& plan) {
  std::vector<FieldParameter> parameters;
  const Entity& entity = *plan.entity;
  const auto* text = std::get_if<TextBody>(&entity.body);
  for (const auto& parameter : entity.parameters) {
    const bool own = (text != nullptr && (equal_ignoring_case(parameter.name, "charset") ||
                                          equal_ignoring_case(parameter.name, "format") ||
                                          equal_ignoring_case(parameter.name, "delsp"))) ||
                     equal_ignoring_case(parameter.name, "boundary") || equal_ignoring_case(parameter.name, "name");
    if (!own) parameters.push_back(parameter);
  }
  if (text != nullptr) {
    parameters.push_back({"charset", "utf-8", {}});
    if (text->flowed) parameters.push_back({"format", "flowed", {}});
    if (plan.del_sp) parameters.push_back({"delsp", "yes", {}});
  }
  if (!plan.boundary.empty()) parameters.push_back({"boundary", plan.boundary, {}});
  return parameters;
}

std::string_view encoding_name(const Plan& plan) noexcept {
  switch (plan.encoding) {
    case Encoding::base64:
      return "base64";
    case Encoding::quoted_printable:
      return "quoted-printable";
    case Encoding::identity:
      return plan.needs == Carriage::binary ? "binary" : plan.needs == Carriage::eight_bit ? "8bit" : "7bit";
  }
  return "binary";
}

// The Content- fields of one entity.
Result<std::string> content_fields(const Plan& plan, HeaderStyle style) {
  const Entity& entity = *plan.entity;
  HeaderWriter header(style);
  const auto parameters = parameters_of(plan);
  Result<void> done = header.content_type(entity.type, parameters, entity.file_name);
  // RFC 2045 §6.1: 7bit is what the field's absence says.
  if (const auto name = encoding_name(plan); done && name != "7bit")
    done = header.structured("Content-Transfer-Encoding", name);
  if (done && !(entity.disposition.empty() && entity.file_name.empty())) {
    std::vector<FieldParameter> disposition;
    if (!clean_text(entity.file_name).empty()) disposition.push_back({"filename", entity.file_name, {}});
    done = header.parameterized("Content-Disposition", entity.disposition.empty() ? "attachment" : entity.disposition,
                                disposition);
  }
  if (done && !entity.content_id.empty()) done = header.message_id("Content-ID", entity.content_id);
  if (done && !entity.description.empty()) done = header.text("Content-Description", entity.description);
  if (done && !entity.language.empty()) done = header.structured("Content-Language", entity.language);
  if (done && !entity.location.empty()) done = header.structured("Content-Location", entity.location);
  if (!done) return pass(done);
  return header.fields();
}

// Writes what was planned.
class Writer {
 public:
  Writer(Sink& sink, HeaderStyle style) : sink_(&sink), style_(style) {}

  // `within`: a boundary follows, whose line end the body need not bring.
  Result<void> write(const Plan& plan, std::string_view fields, bool within) {
    auto content = content_fields(plan, style_);
    if (!content) return pass(content);
    out_.append(fields).append(*content).append("\r\n");
    if (!plan.boundary.empty()) return write_parts(plan, within);
    if (const auto* body = std::get_if<OctetsBody>(&plan.entity->body)) return write_body(plan, *body->source, within);
    if (const auto* body = std::get_if<MessageBody>(&plan.entity->body)) return write_body(plan, *body->source, within);
    begin_body(plan);
    if (auto put = put_piece(plan.text); !put) return put;
    return end_body(within);
  }
  Result<void> finish() { return flush(0); }

 private:
  Result<void> write_parts(const Plan& plan, bool within) {
    std::string_view before = "--";
    for (const auto& part : plan.parts) {
      out_.append(before).append(plan.boundary).append("\r\n");
      if (auto written = write(part, {}, true); !written) return written;
      before = "\r\n--";
    }
    out_.append("\r\n--").append(plan.boundary).append(within ? "--" : "--\r\n");
    return flush(kPiece);
  }

  Result<void> write_body(const Plan& plan, ContentSource& source, bool within) {
    begin_body(plan);
    auto read = for_each_piece(source, [&](std::string_view piece) { return put_piece(piece); });
    if (!read) return read;
    return end_body(within);
  }

  void begin_body(const Plan& plan) {
    encoding_ = plan.encoding;
    base64_ = {};
    const bool text = std::holds_alternative<TextBody>(plan.entity->body) ||
                      starts_with_ignoring_case(plan.entity->type, "text/") ||
                      starts_with_ignoring_case(plan.entity->type, "message/");
    quoted_.emplace(!text);
    body_is_empty_ = true;
  }

  Result<void> put_piece(std::string_view piece) {
    if (!piece.empty()) body_is_empty_ = false;
    switch (encoding_) {
      case Encoding::base64:
        base64_.encode(piece, out_);
        break;
      case Encoding::quoted_printable:
        quoted_->encode(piece, out_);
        break;
      case Encoding::identity:
        out_.append(piece);
        break;
    }
    return flush(kPiece);
  }

  Result<void> end_body(bool within) {
    if (encoding_ == Encoding::base64) base64_.finish(out_);
    if (encoding_ == Encoding::quoted_printable) quoted_->finish(out_);
    if (within && !body_is_empty_) {
      // The boundary's own line end ends the last line of an encoding; that of text belongs to the text.
      if (encoding_ == Encoding::base64) out_.resize(out_.size() - 2);
      if (encoding_ == Encoding::quoted_printable && out_.ends_with("=\r\n")) out_.resize(out_.size() - 3);
    } else if (!within && encoding_ == Encoding::identity && !body_is_empty_ && !out_.ends_with("\r\n")) {
      out_.append("\r\n");
    }
    return flush(kPiece);
  }

  // Hands on what has come together, if it is that much; the last octets stay, since the end of a body looks at them.
  Result<void> flush(std::size_t at_least) {
    constexpr std::size_t kept = 4;
    if (at_least == 0) {
      auto written = sink_->write(out_);
      out_.clear();
      return written;
    }
    if (out_.size() < at_least) return {};
    auto written = sink_->write(std::string_view(out_).substr(0, out_.size() - kept));
    out_.erase(0, out_.size() - kept);
    return written;
  }

  Sink* sink_;
  HeaderStyle style_;
  std::string out_;
  Encoding encoding_ = Encoding::identity;
  codec::Base64Encoder base64_;
  std::optional<codec::QuotedPrintableEncoder> quoted_;
  bool body_is_empty_ = true;
};

}  // namespace

Entity Entity::text(std::string utf8, std::string_view subtype) {
  Entity entity;
  entity.type = fmt::format("text/{}", subtype);
  entity.body = TextBody{std::move(utf8), false};
  return entity;
}

Entity Entity::flowed_text(std::string utf8) {
  Entity entity;
  entity.type = "text/plain";
  entity.body = TextBody{std::move(utf8), true};
  return entity;
}

Entity Entity::octets(std::string type, std::shared_ptr<ContentSource> source) {
  Entity entity;
  entity.type = std::move(type);
  entity.body = OctetsBody{std::move(source)};
  return entity;
}

Entity Entity::attachment(std::string file_name, std::string type, std::shared_ptr<ContentSource> source) {
  Entity entity = octets(std::move(type), std::move(source));
  entity.disposition = "attachment";
  entity.file_name = std::move(file_name);
  return entity;
}

Entity Entity::inline_part(std::string content_id, std::string file_name, std::string type,
                           std::shared_ptr<ContentSource> source) {
  Entity entity = attachment(std::move(file_name), std::move(type), std::move(source));
  entity.disposition = "inline";
  entity.content_id = std::move(content_id);
  return entity;
}

Entity Entity::message(std::shared_ptr<ContentSource> source, std::string type) {
  Entity entity;
  entity.type = std::move(type);
  entity.body = MessageBody{std::move(source)};
  return entity;
}

Entity Entity::multipart(std::string_view subtype, std::vector<Entity> parts) {
  Entity entity;
  entity.type = fmt::format("multipart/{}", subtype);
  entity.body = MultipartBody{std::move(parts)};
  return entity;
}

Entity Entity::related(std::vector<Entity> parts) {
  std::string first = parts.empty() ? std::string() : parts.front().type;
  Entity entity = multipart("related", std::move(parts));
  entity.parameters.push_back({"type", std::move(first), {}});
  return entity;
}

Result<void> OutgoingMessage::write(Sink& sink, Random& random, const WriteOptions& options) const {
  if (!body_) return fail(ErrorKind::state, "a message without a body");
  for (const auto& name : header_.names()) {
    if (name == "mime-version" || name.starts_with("content-"))
      return fail(ErrorKind::syntax, fmt::format("the header field {} is written by itself", name));
  }
  const std::size_t multiparts = count_multiparts(*body_);
  for (int i = 0; i < kBoundaryTries; ++i) {
    Planner planner(options.carriage, random, multiparts);
    if (planner.collided()) continue;
    auto plan = planner.plan(*body_, true);
    if (!plan) return pass(plan);
    if (planner.collided()) continue;
    Writer writer(sink, header_.style());
    if (auto written = writer.write(*plan, header_.fields() + "MIME-Version: 1.0\r\n", false); !written) return written;
    return writer.finish();
  }
  return fail(ErrorKind::state, "local error", "every boundary occurs in the content");
}

Result<std::string> OutgoingMessage::text(Random& random, const WriteOptions& options) const {
  StringSink sink;
  if (auto written = write(sink, random, options); !written) return pass(written);
  return std::move(sink.text);
}

}  // namespace pabal::message
