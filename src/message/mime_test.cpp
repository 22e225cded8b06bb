#include "message/mime.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "message/suites_testing.hpp"

namespace pabal::message {
namespace {

// "multipart/mixed[text/plain(5) text/html(7)!]": bodies' sizes, '!' for truncated.
std::string dump(const MimeTree& tree, std::uint32_t place = 0) {
  const Part& part = tree.parts[place];
  std::string out = fmt::format("{}/{}", part.type, part.subtype);
  if (part.kind == PartKind::leaf) out += fmt::format("({})", part.body_end - part.body_begin);
  if (part.kind != PartKind::leaf) {
    out += part.kind == PartKind::multipart ? '[' : '<';
    for (auto child = part.first_child; child != Part::none; child = tree.parts[child].next_sibling) {
      if (child != part.first_child) out += ' ';
      out += dump(tree, child);
    }
    out += part.kind == PartKind::multipart ? ']' : '>';
  }
  if (part.truncated) out += '!';
  return out;
}

// What every tree promises: each octet of the message belongs to exactly one header, body, boundary line, preamble,
// epilogue or line end before a boundary.
void check(std::string_view message, const MimeTree& tree) {
  ASSERT_FALSE(tree.parts.empty());
  ASSERT_EQ(tree.root().boundary_begin, 0U);
  ASSERT_EQ(tree.root().header_begin, 0U);
  ASSERT_EQ(tree.root().end, message.size());
  ASSERT_EQ(tree.root().body_end, message.size());
  std::vector<std::uint32_t> line_ends(message.size() + 1);  // before each octet
  for (std::size_t i = 0; i < message.size(); ++i) line_ends[i + 1] = line_ends[i] + (message[i] == '\n' ? 1 : 0);
  std::size_t seen = 1;
  for (std::uint32_t i = 0; i < tree.parts.size(); ++i) {
    const Part& part = tree.parts[i];
    ASSERT_LE(part.boundary_begin, part.header_begin);
    ASSERT_LE(part.header_begin, part.body_begin);
    ASSERT_LE(part.body_begin, part.body_end);
    ASSERT_LE(part.body_end, part.end);
    ASSERT_LE(part.end - part.body_end, 2U);
    ASSERT_EQ(part.body_lines, line_ends[part.body_end] - line_ends[part.body_begin]) << i;
    std::uint64_t at = part.body_begin;
    for (auto child = part.first_child; child != Part::none; child = tree.parts[child].next_sibling) {
      ++seen;
      ASSERT_GT(child, i);
      const Part& inner = tree.parts[child];
      ASSERT_EQ(inner.parent, i);
      ASSERT_EQ(inner.depth, part.depth + 1);
      if (child == part.first_child && part.kind == PartKind::multipart) {
        ASSERT_GE(inner.boundary_begin, at);  // the preamble
      } else {
        ASSERT_EQ(inner.boundary_begin, at);
      }
      if (part.kind == PartKind::multipart) {
        ASSERT_EQ(message.substr(inner.boundary_begin, 2), "--");
      } else {
        ASSERT_EQ(inner.boundary_begin, inner.header_begin);
      }
      at = inner.end;
    }
    if (part.close_end != 0) {
      if (part.first_child == Part::none) at = part.close_begin;
      ASSERT_EQ(part.close_begin, at);
      ASSERT_LT(part.close_begin, part.close_end);
      at = part.close_end;  // and the epilogue
      ASSERT_LE(at, part.end);
    } else if (part.first_child != Part::none && !tree.limited) {
      ASSERT_EQ(at, part.end);
    }
    if (part.kind == PartKind::message) {
      ASSERT_NE(part.first_child, Part::none);
      ASSERT_EQ(tree.parts[part.first_child].header_begin, part.body_begin);
      ASSERT_EQ(tree.parts[part.first_child].end, part.end);
    }
    if (part.kind == PartKind::leaf) {
      ASSERT_EQ(part.first_child, Part::none);
      ASSERT_EQ(part.close_end, 0U);
    }
  }
  ASSERT_EQ(seen, tree.parts.size());
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? "\r\n" : std::string(1, c);
  return out;
}

struct Case {
  std::string_view text;
  std::string_view result;
};

constexpr std::string_view kMixed = "Content-Type: multipart/mixed; boundary=b\n\n";

TEST(Mime, Structures) {
  static const Case cases[] = {
      {"", "text/plain(0)"},
      {"\n", "text/plain(0)"},
      {"hello", "text/plain(5)"},
      {"Subject: x", "text/plain(0)"},
      {"Subject: x\n\nhello", "text/plain(5)"},
      {"Content-Type: Text/HTML; charset=x\n\nab", "Text/HTML(2)"},
      {"Content-Type: nonsense\n\nab", "text/plain(2)"},
      {"Content-Type: (a (b) \\) c) text (d) / html\n\nab", "text/html(2)"},
      {"Content-Type: text/html\nContent-Type: image/png\n\nab", "text/html(2)"},
      {"Content-Type:\n text/html\n\nab", "text/html(2)"},
      {"Content-Type : text/html\n\nab", "text/html(2)"},
      {"Subject: a\nno field\nContent-Type: text/html\n\nab", "text/html(2)"},
      {"From me Mon\nContent-Type: text/html\n\nab", "text/html(2)"},
      {"Content-Type: text/html\nthe empty line is missing here\nmore", "text/html(35)"},
      {"*--b\n\nab\n--b\n\ncd\n--b--\n", "multipart/mixed[text/plain(2) text/plain(2)]"},
      {"*preamble\n--b\n\nab\n--b--\nepilogue\n--b\nstill\n", "multipart/mixed[text/plain(2)]"},
      {"*--b\n\nab\n\n--b--", "multipart/mixed[text/plain(3)]"},
      {"*--b\n\nab\n--b \t\n\ncd\n--b--  \n", "multipart/mixed[text/plain(2) text/plain(2)]"},
      {"*--b\n\nab\n--bc\n--b-\n--b--x\n--b--", "multipart/mixed[text/plain(19)]"},
      {"*--b\n\nab", "multipart/mixed[text/plain(2)]!"},
      {"*nothing", "multipart/mixed[]!"},
      {"*--b--\n", "multipart/mixed[]"},
      {"*--b\n--b\n--b--", "multipart/mixed[text/plain(0) text/plain(0)]"},
      {"*--b\nContent-Type: text/html\n--b--", "multipart/mixed[text/html(0)]"},
      {"*--b\n\n--b--", "multipart/mixed[text/plain(0)]"},
      {"Content-Type: multipart/mixed\n\n--b\n\nx\n--b--", "multipart/mixed(12)"},
      {"Content-Type: multipart/mixed; boundary=\"\"\n\n--\n", "multipart/mixed(3)"},
      {"Content-Type: multipart/mixed boundary=b\n\n--b\n\nx\n--b--", "multipart/mixed[text/plain(1)]"},
      {"Content-Type: multipart/mixed,\n boundary=\"b \" x=y\n\n--b\n\nx\n--b--", "multipart/mixed[text/plain(1)]"},
      {"Content-Type: multipart/mixed x=\" boundary=b\"\n\n--b\n\nx\n--b--", "multipart/mixed(12)"},
      {"Content-Type: multipart/mixed; boundary=\"a b \"\n\n--a b\n\nx\n--a b--", "multipart/mixed[text/plain(1)]"},
      {"Content-Type: multipart/mixed; x=\"; boundary=c\"; boundary=b\n\n--b\n\nx\n--b--",
       "multipart/mixed[text/plain(1)]"},
      {"Content-Type: multipart/mixed; boundary*0=\"a\"; boundary*1=b\n\n--ab\n\nx\n--ab--",
       "multipart/mixed[text/plain(1)]"},
      {"*--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\n1\n--c\n\n2\n--c--\n--b\n\n3\n--b--",
       "multipart/mixed[multipart/alternative[text/plain(1) text/plain(1)] text/plain(1)]"},
      {"*--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\n1\n--b\n\n3\n--b--",
       "multipart/mixed[multipart/alternative[text/plain(1)]! text/plain(1)]"},
      {"*--b\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\n1\n--b--\n--b--",
       "multipart/mixed[multipart/alternative[text/plain(1)]]"},
      {"*--b\nContent-Type: message/rfc822\n\nSubject: x\n\nab\n--b--",
       "multipart/mixed[message/rfc822<text/plain(2)>]"},
      {"*--b\nContent-Type: message/rfc822\n\nSubject: x\n--b--", "multipart/mixed[message/rfc822<text/plain(0)>]"},
      {"*--b\nContent-Type: message/rfc822\n--b--", "multipart/mixed[message/rfc822<text/plain(0)>]"},
      {"*--b\nContent-Type: multipart/mixed; boundary=c\n--b--", "multipart/mixed[multipart/mixed[]!]"},
      {"*--b\nA: b\nno field\n--b--", "multipart/mixed[text/plain(8)]"},
      {"*--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDo=\n--b--",
       "multipart/mixed[message/rfc822(12)]"},
      {"Content-Type: message/rfc822\n\nContent-Type: message/global\n\nContent-Type: image/png\n\nx",
       "message/rfc822<message/global<image/png(1)>>"},
      {"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\nab\n--b\nContent-Type: "
       "text/plain\n\nc\n--b--",
       "multipart/digest[message/rfc822<text/plain(2)> text/plain(1)]"},
  };
  for (const auto& c : cases) {
    std::string text(c.text);
    if (text.starts_with('*')) text.replace(0, 1, kMixed);
    const MimeTree tree = parse_mime(text);
    check(text, tree);
    EXPECT_EQ(dump(tree), c.result) << text;
    // The structure is the same with CRLF; sizes are not compared where the body has line ends.
    const std::string crlf = with_crlf(text);
    const MimeTree other = parse_mime(crlf);
    check(crlf, other);
    EXPECT_EQ(other.parts.size(), tree.parts.size()) << text;
    for (std::size_t n = 0; n < crlf.size(); ++n)
      check(crlf.substr(0, n), parse_mime(std::string_view(crlf).substr(0, n)));
  }
}

TEST(Mime, OffsetsOfAPart) {
  const std::string text =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-ID: <x>\r\n\r\nline\r\n\r\n--b--\r\n";
  const MimeTree tree = parse_mime(text);
  const Part& part = tree.parts.at(1);
  EXPECT_EQ(text.substr(part.header_begin, part.body_begin - part.header_begin), "Content-ID: <x>\r\n\r\n");
  EXPECT_EQ(text.substr(part.body_begin, part.body_end - part.body_begin), "line\r\n");
  EXPECT_EQ(text.substr(part.body_end, part.end - part.body_end), "\r\n");
  EXPECT_EQ(part.body_lines, 1U);
  EXPECT_EQ(part.content_id, " <x>");
}

TEST(Mime, OffsetsOfBoundaries) {
  const std::string text =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\n1\r\n--b \r\n\r\n2\r\n--b--\r\nepilogue";
  const MimeTree tree = parse_mime(text);
  check(text, tree);
  const auto piece = [&](std::uint64_t begin, std::uint64_t end) { return text.substr(begin, end - begin); };
  const Part& root = tree.root();
  EXPECT_EQ(piece(root.body_begin, tree.parts.at(1).boundary_begin), "preamble\r\n");
  EXPECT_EQ(piece(tree.parts[1].boundary_begin, tree.parts[1].header_begin), "--b\r\n");
  EXPECT_EQ(piece(tree.parts.at(2).boundary_begin, tree.parts[2].header_begin), "--b \r\n");
  EXPECT_EQ(piece(root.close_begin, root.close_end), "--b--\r\n");
  EXPECT_EQ(piece(root.close_end, root.body_end), "epilogue");
}

TEST(Mime, Sections) {
  // RFC 9051 §6.4.5.1's example.
  const std::string text =
      std::string(kMixed) +
      "--b\n\n1\n--b\nContent-Type: application/octet-stream\n\n2\n--b\nContent-Type: message/rfc822\n\n"
      "Content-Type: multipart/mixed; boundary=c\n\n--c\n\n31\n--c\n\n32\n--c--\n--b\nContent-Type: multipart/mixed; "
      "boundary=d\n\n--d\nContent-Type: image/gif\n\n41\n--d\nContent-Type: message/rfc822\n\nSubject: "
      "x\n\n421\n--d--\n--b--\n";
  const MimeTree tree = parse_mime(text);
  const auto body = [&](std::vector<std::uint32_t> numbers) -> std::string {
    const Part* part = find_section(tree, numbers);
    return part == nullptr ? "none" : text.substr(part->body_begin, part->body_end - part->body_begin);
  };
  EXPECT_EQ(body({1}), "1");
  EXPECT_EQ(body({3, 1}), "31");
  EXPECT_EQ(body({3, 2}), "32");
  EXPECT_EQ(body({4, 1}), "41");
  EXPECT_EQ(body({4, 2, 1}), "421");
  EXPECT_EQ(body({4, 2}), "Subject: x\n\n421");
  for (const std::vector<std::uint32_t>& numbers :
       std::vector<std::vector<std::uint32_t>>{{0}, {5}, {1, 1}, {3, 3}, {4, 2, 2}, {4, 2, 1, 1}}) {
    EXPECT_EQ(body(numbers), "none");
  }
  const MimeTree simple = parse_mime("Subject: x\n\nbody");
  EXPECT_EQ(find_section(simple, std::vector<std::uint32_t>{1}), &simple.root());
  EXPECT_EQ(find_section(simple, std::vector<std::uint32_t>{1, 1}), nullptr);
}

TEST(Mime, Limits) {
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += fmt::format("Content-Type: multipart/mixed; boundary=b{}\n\n--b{}\n", i, i);
  MimeTree tree = parse_mime(deep);
  check(deep, tree);
  EXPECT_TRUE(tree.limited);
  EXPECT_EQ(tree.parts.size(), 100U);

  // The same with room for all.
  tree = parse_mime(deep, {.max_depth = 20'000});
  check(deep, tree);
  EXPECT_FALSE(tree.limited);
  EXPECT_EQ(tree.parts.size(), 10'001U);

  std::string many(kMixed);
  for (int i = 0; i < 30'000; ++i) many += "--b\n\nx\n";
  tree = parse_mime(many);
  check(many, tree);
  EXPECT_TRUE(tree.limited);
  EXPECT_EQ(tree.parts.size(), 20'000U);

  std::string letters;
  for (int i = 0; i < 1'000; ++i) letters += "Content-Type: message/rfc822\n\n";
  tree = parse_mime(letters);
  check(letters, tree);
  EXPECT_TRUE(tree.limited);
}

// RFC 2046 §5.2.2: put together, its pieces would be a letter that no filter has seen; each is opaque, its first one
// too, which begins with the header of the whole.
TEST(Mime, PartialMessagesAreLeaves) {
  const std::string first =
      "Content-Type: message/partial; id=\"x@y\"; number=1; total=2\n\nSubject: whole\nContent-Type: "
      "text/html\n\n<b>\n";
  const auto tree = parse_mime(first);
  check(first, tree);
  ASSERT_EQ(tree.parts.size(), 1U);
  EXPECT_EQ(tree.root().kind, PartKind::leaf);
  EXPECT_EQ(tree.root().subtype, "partial");
}

// Twice the input, about twice the time: measured generously, since the machine may be busy.
TEST(Mime, LinearTimeOnHostileInput) {
  const auto seconds = [](const std::string& text) {
    const auto began = std::chrono::steady_clock::now();
    const auto tree = parse_mime(text);
    EXPECT_FALSE(tree.parts.empty());
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  std::string headers;
  while (headers.size() < 8U << 20) headers += "X-A: b\n";
  std::string rubbish;
  while (rubbish.size() < 8U << 20) rubbish += "no field\nA: b\n";
  std::string comment = "Content-Type: text/";
  comment.append(8U << 20, '(');
  std::string nested;
  for (int i = 0; i < 99; ++i)
    nested += fmt::format("Content-Type: multipart/mixed; boundary=\"{:x>60}\"\n\n--{:x>60}\n", i, i);
  while (nested.size() < 8U << 20) nested += "--xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n";
  for (const auto* text : {&headers, &rubbish, &comment, &nested})
    EXPECT_LT(seconds(*text), 2.0) << text->substr(0, 40);

  // 10,000 multiparts inside of one another, then as many lines that nearly end one, then the ends of all.
  std::string open;
  std::string ends;
  for (int i = 0; i < 10'000; ++i) {
    open += fmt::format("Content-Type: multipart/mixed; boundary=\"{:0>60}\"\n\n--{:0>60}\n", i, i);
  }
  for (int i = 10'000; i-- > 0;) ends += fmt::format("\n--{:0>60}--", i);
  std::string deep = open + "\n";
  for (int i = 0; i < 100'000; ++i) deep += fmt::format("--{:0>60}x\n", i);
  deep += ends;
  const auto began = std::chrono::steady_clock::now();
  const auto tree = parse_mime(deep, {.max_depth = 20'000});
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
  check(deep, tree);
  EXPECT_EQ(tree.parts.size(), 10'001U);
}

TEST(Mime, RealMessagesAreCovered) {
  const auto files = suite_files({"mime", "spam-dev", "dsn"});
  if (files.empty()) GTEST_SKIP() << "the public suites are not beside the project";
  for (const auto& path : files) {
    const std::string text = file_contents(path);
    check(text, parse_mime(text));
    if (testing::Test::HasFatalFailure()) FAIL() << path;
  }
}

}  // namespace
}  // namespace pabal::message
