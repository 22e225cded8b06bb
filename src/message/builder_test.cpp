#include "message/builder.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "codec/transfer.hpp"
#include "message/content.hpp"
#include "message/flowed.hpp"
#include "message/mime.hpp"
#include "message/strict_check.hpp"

namespace pabal::message {
namespace {

std::string body_of(std::string_view message, const Part& part) {
  return std::string(message.substr(part.body_begin, part.body_end - part.body_begin));
}

// "type encoding bodysize" of each part, indented by depth.
std::string outline(std::string_view message) {
  std::string out;
  for (const auto& part : parse_mime(message).parts) {
    out += fmt::format("{}{}/{}", std::string(part.depth, ' '), part.type, part.subtype);
    if (!part.encoding.empty()) out += fmt::format(" {}", trim(part.encoding));
    if (const auto name = file_name(part.disposition, part.content_type)) out += fmt::format(" {}", *name);
    out += '\n';
  }
  return out;
}

std::string build(Entity body, WriteOptions options = {}, HeaderStyle style = HeaderStyle::ascii) {
  OutgoingMessage message(style);
  EXPECT_TRUE(message.header().address("From", {"", EmailAddress::parse("a@x").value()}));
  message.set_body(std::move(body));
  SeededRandom random(1);
  auto text = message.text(random, options);
  if (!text) return "no: " + text.error().log;
  const auto findings = strict_check(
      *text, {.utf8_header = style == HeaderStyle::utf8, .eight_bit = options.carriage != Carriage::seven_bit});
  if (options.carriage != Carriage::binary) EXPECT_EQ(findings, std::vector<std::string>()) << *text;
  return *std::move(text);
}

std::string encoding_of(std::string_view text, Carriage carriage = Carriage::seven_bit) {
  const std::string message = build(Entity::text(std::string(text)), {carriage});
  const auto tree = parse_mime(message);
  return tree.root().encoding.empty() ? "7bit" : std::string(trim(tree.root().encoding));
}

TEST(Builder, PlainMessage) {
  EXPECT_EQ(build(Entity::text("Hello\nthere")),
            "From: a@x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\nthere\r\n");
  EXPECT_EQ(build(Entity::text("")),
            "From: a@x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");
}

TEST(Builder, EncodingIsChosenByContent) {
  EXPECT_EQ(encoding_of("plain\n"), "7bit");
  EXPECT_EQ(encoding_of("a few é among many letters that are plain\n"), "quoted-printable");
  EXPECT_EQ(encoding_of("안녕하세요 여러분\n"), "base64");
  EXPECT_EQ(encoding_of("안녕하세요 여러분\n", Carriage::eight_bit), "8bit");
  EXPECT_EQ(encoding_of("From here on\n"), "quoted-printable");
  EXPECT_EQ(encoding_of(std::string(998, 'x')), "7bit");
  EXPECT_EQ(encoding_of(std::string(999, 'x')), "quoted-printable");
  EXPECT_EQ(encoding_of(std::string(999, 'x'), Carriage::eight_bit), "quoted-printable");
  EXPECT_EQ(encoding_of(std::string("a\0b", 3), Carriage::eight_bit), "base64");
}

TEST(Builder, OctetsArriveAsTheyWere) {
  SeededRandom random(5);
  for (const std::size_t size : {0U, 1U, 56U, 57U, 58U, 1000U, 58'368U, 58'369U, 200'000U}) {
    for (const auto type : {"application/octet-stream", "text/csv"}) {
      for (const auto carriage : {Carriage::seven_bit, Carriage::eight_bit, Carriage::binary}) {
        for (const bool ascii : {false, true}) {
          std::string octets = random.octets(size);
          if (ascii) {
            for (char& c : octets) c = static_cast<char>('a' + (static_cast<unsigned char>(c) % 26));
            for (std::size_t i = 60; i + 1 < size; i += 60) octets[i] = '\r', octets[i + 1] = '\n';
          }
          for (const bool within : {false, true}) {
            std::vector<Entity> parts;
            parts.push_back(Entity::octets(type, source_of(octets)));
            parts.push_back(Entity::text("x"));
            const std::string message =
                build(within ? Entity::mixed(std::move(parts)) : std::move(parts.front()), {carriage});
            const auto tree = parse_mime(message);
            const Part& part = tree.parts[within ? 1 : 0];
            auto body = codec::decode_body(codec::transfer_encoding(part.encoding), body_of(message, part)).octets;
            // A message of octets alone gets a last line end where it is not encoded.
            if (!within && carriage == Carriage::binary && body.ends_with("\r\n") && !octets.ends_with("\r\n"))
              body.resize(body.size() - 2);
            ASSERT_EQ(body, octets) << size << type << static_cast<int>(carriage) << ascii << within;
          }
        }
      }
    }
  }
}

TEST(Builder, Multiparts) {
  std::vector<Entity> related;
  related.push_back(Entity::text("<p>Hi <img src=\"cid:logo@x\"></p>", "html"));
  related.push_back(Entity::inline_part("logo@x", "logo.png", "image/png", source_of("PNG")));
  std::vector<Entity> alternative;
  alternative.push_back(Entity::flowed_text("Hi"));
  alternative.push_back(Entity::related(std::move(related)));
  std::vector<Entity> mixed;
  mixed.push_back(Entity::alternative(std::move(alternative)));
  mixed.push_back(Entity::attachment("보고서.hwp", "application/x-hwp", source_of("HWP")));
  mixed.push_back(Entity::message(source_of("From: b@y\r\nSubject: old\r\n\r\nold\r\n")));
  const std::string message = build(Entity::mixed(std::move(mixed)));
  EXPECT_EQ(outline(message),
            "multipart/mixed\n"
            " multipart/alternative\n"
            "  text/plain\n"
            "  multipart/related\n"
            "   text/html\n"
            "   image/png base64 logo.png\n"
            " application/x-hwp base64 보고서.hwp\n"
            " message/rfc822\n"
            "  text/plain\n");
  EXPECT_NE(message.find("type=\"text/html\""), std::string::npos) << message;
  EXPECT_NE(message.find("Content-ID: <logo@x>"), std::string::npos);
}

// Gives the boundary that is in the content already, and then others.
class StubbornRandom final : public Random {
 public:
  [[nodiscard]] std::string octets(std::size_t count) override {
    return std::string(count, calls_++ < 2 ? '\0' : '\1');
  }

 private:
  int calls_ = 0;
};

TEST(Builder, BoundaryNeverOccursInTheContent) {
  OutgoingMessage message;
  std::vector<Entity> parts;
  parts.push_back(Entity::text("text\r\n--=_AAAAAAAAAAAAAAAAAAAAAAAA\r\nmore"));
  parts.push_back(Entity::message(source_of("A: b\r\n\r\n--=_AAAAAAAAAAAAAAAAAAAAAAAAxyz")));
  message.set_body(Entity::mixed(std::move(parts)));
  StubbornRandom random;
  const auto text = message.text(random);
  ASSERT_TRUE(text);
  EXPECT_EQ(outline(*text), "multipart/mixed\n text/plain\n message/rfc822\n  text/plain\n");
}

TEST(Builder, EmbeddedMessagesAreNeverEncoded) {
  const std::string eight_bit = "Subject: x\r\n\r\n\xED\x95\x9C\r\n";
  EXPECT_EQ(build(Entity::message(source_of(eight_bit))),
            "no: an embedded message does not fit the way of the message around it");
  EXPECT_EQ(outline(build(Entity::message(source_of(eight_bit)), {Carriage::eight_bit})),
            "message/rfc822 8bit\n text/plain\n");
  EXPECT_EQ(outline(build(Entity::message(source_of(eight_bit), "message/global"))), "message/global base64\n");
}

TEST(Builder, NothingIsInjected) {
  Entity entity = Entity::attachment("a\r\nBcc: x@y", "text/plain", source_of("x"));
  entity.description = "d\r\nBcc: x@y";
  const std::string message = build(std::move(entity));
  EXPECT_EQ(message.find("\nBcc:"), std::string::npos);
  for (auto spoil :
       {+[](Entity& e) { e.type = "text/plain\r\nBcc: x@y"; }, +[](Entity& e) { e.type = "text/plain; a=b"; },
        +[](Entity& e) { e.content_id = "a>\r\nBcc: x@y"; }, +[](Entity& e) { e.disposition = "inline\r\nBcc: x@y"; },
        +[](Entity& e) { e.language = "ko\r\nBcc: x@y"; }, +[](Entity& e) { e.location = "\r\nBcc: x@y"; },
        +[](Entity& e) { e.parameters.push_back({"a\r\nBcc: x@y", "b", {}}); }}) {
    Entity bad = Entity::text("x");
    spoil(bad);
    EXPECT_TRUE(build(std::move(bad)).starts_with("no: "));
  }
  OutgoingMessage own;
  EXPECT_TRUE(own.header().text("Content-Type", "text/html"));
  own.set_body(Entity::text("x"));
  SeededRandom random(1);
  EXPECT_FALSE(own.text(random));
}

// A source that can't be read to its end, and a sink that is full after some octets.
class BrokenSource final : public ContentSource {
 public:
  [[nodiscard]] std::uint64_t size() const override { return 200'000; }
  [[nodiscard]] Result<void> read(std::uint64_t offset, std::size_t count, std::string& out) override {
    if (offset > 100'000) return fail(ErrorKind::io, "unreadable");
    out.append(count, 'x');
    return {};
  }
};
class FullSink final : public Sink {
 public:
  [[nodiscard]] Result<void> write(std::string_view octets) override {
    room_ -= std::min(room_, octets.size());
    if (room_ == 0) return fail(ErrorKind::no_space, "full");
    return {};
  }

 private:
  std::size_t room_ = 100'000;
};

TEST(Builder, FailuresAreHandedOn) {
  OutgoingMessage broken;
  broken.set_body(Entity::octets("image/png", std::make_shared<BrokenSource>()));
  SeededRandom random(1);
  EXPECT_EQ(broken.text(random).error().kind, ErrorKind::io);
  OutgoingMessage big;
  big.set_body(Entity::octets("image/png", source_of(std::string(500'000, 'x'))));
  FullSink sink;
  EXPECT_EQ(big.write(sink, random).error().kind, ErrorKind::no_space);
  const OutgoingMessage empty;
  EXPECT_EQ(empty.text(random).error().kind, ErrorKind::state);
  EXPECT_EQ(build(Entity::mixed({})), "no: a multipart without parts");
}

TEST(Builder, FlowedText) {
  const std::string words = "The relay post of old Korea carried letters on horseback from one station to the next.";
  struct Case {
    std::string text;
    std::string expected;
  };
  const Case cases[] = {
      {"short\nlines", "short\r\nlines\r\n"},
      {"trailing  \n", "trailing\r\n"},
      {"-- \nme", "-- \r\nme\r\n"},
      {" indented\nFrom me\n", "  indented\r\n From me\r\n"},
      {words, "The relay post of old Korea carried letters on horseback from one station \r\nto the next.\r\n"},
      {"> quoted\n>> twice\n> > spaced\n>\n", "> quoted\r\n>> twice\r\n>> spaced\r\n>\r\n"},
      {"> " + words,
       "> The relay post of old Korea carried letters on horseback from one station \r\n> to the next.\r\n"},
      {std::string(100, 'x') + " y", std::string(100, 'x') + " \r\ny\r\n"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(write_flowed(with_crlf(text)).text, expected) << text;
  // Text without spaces is broken too, and says so.
  std::string kana;
  for (int i = 0; i < 100; ++i) kana += "かな";
  OutgoingMessage message;
  message.set_body(Entity::flowed_text("a\rb\n" + kana));
  SeededRandom random(1);
  const auto octets = message.text(random, {Carriage::eight_bit});
  ASSERT_TRUE(octets);
  const auto tree = parse_mime(*octets);
  EXPECT_TRUE(flowed_format(tree.root()).flowed);
  EXPECT_TRUE(flowed_format(tree.root()).del_sp);
  EXPECT_EQ(tree.root().encoding, "8bit");
  EXPECT_EQ(unflow(encoded_body(*octets, tree.root()), true), "a\nb\n" + kana + "\n");
  EXPECT_EQ(with_crlf("a\rb\nc\r\nd\n\n"), "a\r\nb\r\nc\r\nd\r\n\r\n");
}

TEST(Builder, Utf8Style) {
  OutgoingMessage message(HeaderStyle::utf8);
  ASSERT_TRUE(message.header().address("From", {"김영희", EmailAddress::parse("영희@서울.example").value()}));
  ASSERT_TRUE(message.header().text("Subject", "안녕"));
  message.set_body(Entity::attachment("파일.txt", "text/plain", source_of("x")));
  SeededRandom random(1);
  const auto text = message.text(random, {Carriage::eight_bit});
  ASSERT_TRUE(text);
  EXPECT_EQ(strict_check(*text, {.utf8_header = true, .eight_bit = true}), std::vector<std::string>());
  EXPECT_FALSE(strict_check(*text).empty());
  EXPECT_NE(text->find("filename=\"파일.txt\""), std::string::npos) << *text;
}

TEST(StrictCheck, Findings) {
  const auto count = [](std::string_view message) { return strict_check(message).size(); };
  EXPECT_EQ(count("MIME-Version: 1.0\r\n\r\nx\r\n"), 0U);
  EXPECT_GT(count("MIME-Version: 1.0\r\n\r\nx"), 0U);
  EXPECT_GT(count("MIME-Version: 1.0\r\n\r\nx\n"), 0U);
  EXPECT_GT(count("MIME-Version: 1.0\r\n\r\nx\ry\r\n"), 0U);
  EXPECT_GT(count("\r\nx\r\n"), 0U);
  EXPECT_GT(count("MIME-Version: 1.0\r\nFrom x\r\nA: b\r\n\r\nx\r\n"), 0U);
  EXPECT_GT(count("MIME-Version: 1.0\r\nA: b\r\n \r\n c\r\n\r\nx\r\n"), 0U);
  EXPECT_GT(count("MIME-Version: 1.0\r\n\r\n" + std::string(999, 'x') + "\r\n"), 0U);
  EXPECT_GT(count("MIME-Version: 1.0\r\n\r\n\x80\r\n"), 0U);
}

}  // namespace
}  // namespace pabal::message
