#include "message/parameters.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace pabal::message {
namespace {

std::string dump(std::string_view body) {
  const auto parsed = parse_parameters(body);
  std::string out = parsed.value;
  for (const auto& parameter : parsed.parameters) {
    out += fmt::format("|{}={}", parameter.name, parameter.value);
    if (!parameter.language.empty()) out += "@" + parameter.language;
  }
  return out;
}

TEST(Parameters, AsTheyCome) {
  struct Case {
    std::string_view body;
    std::string_view result;
  };
  static constexpr Case cases[] = {
      {"", ""},
      {"text/plain", "text/plain"},
      {" Text / Plain ; Charset = UTF-8", "text/plain|charset=UTF-8"},
      {"text/plain (comment (nested)); charset=\"utf-8\" (more)", "text/plain|charset=utf-8"},
      {"text/plain; charset=utf-8;", "text/plain|charset=utf-8"},
      {"text/plain;; ; charset=utf-8", "text/plain|charset=utf-8"},
      {"text/plain charset=utf-8", "text/plain|charset=utf-8"},
      {"text/plain; charset", "text/plain"},
      {"text/plain; =x; a=b", "text/plain|a=b"},
      {"a/b; n=1; n=2", "a/b|n=1"},
      {"a/b; name=my file.txt; size=1", "a/b|name=my file.txt|size=1"},
      {"a/b; name=my file.txt size=1", "a/b|name=my file.txt|size=1"},
      {"a/b; name=\"quo\\\"ted\"", "a/b|name=quo\"ted"},
      {"a/b; name=\"C:\\dir\\file.txt\"", "a/b|name=C:\\dir\\file.txt"},
      {"a/b; name=\"never closed", "a/b|name=never closed"},
      {"a/b;\r\n name=\"folded\r\n name\"", "a/b|name=folded name"},
      // RFC 2231
      {"a/b; URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/\"", "a/b|url=ftp://cs.utk.edu/"},
      {"a/b; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "a/b|title=This is ***fun***@en-us"},
      {"a/b; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
       "a/b|title=This is even more ***fun*** isn't it!@en"},
      {"attachment; filename*1=b; filename*0=a", "attachment|filename=ab"},
      {"attachment; filename*0=a; filename*2=c", "attachment|filename=a"},
      {"attachment; filename=plain.txt; filename*=utf-8''%ED%8C%8C%EB%B0%9C.txt", "attachment|filename=파발.txt"},
      {"attachment; filename*=utf-8''%ED%8C%8C%EB%B0%9C.txt; filename=plain.txt", "attachment|filename=파발.txt"},
      {"attachment; filename*0*=utf-8''%ED%8C; filename*1*=%8C", "attachment|filename=파"},
      {"attachment; filename*=''%ED%8C%8C", "attachment|filename=파"},
      {"attachment; filename=plain.txt; filename*0=pla; filename*1=in2.txt", "attachment|filename=plain2.txt"},
      {"attachment; filename*1*=utf-8''%ED%8C; filename*2*=%8C", "attachment|filename=파"},
      {"attachment; filename*2=a; filename*3=b", "attachment|filename="},
      {"attachment; filename=a; filename*2=b", "attachment|filename=a"},
      {"attachment; filename*0*=euc-kr'ko'%C6%C4; filename*1=\"\xB9\xDF\"; filename*2=.txt",
       "attachment|filename=파발.txt@ko"},
      {"attachment; FileName*=UTF-8''a.txt; filename=b.txt", "attachment|filename=a.txt"},
      {"attachment; filename*=utf-8'a.txt", "attachment|filename=utf-8'a.txt"},
      {"attachment; filename*999999=a", "attachment|filename*999999=a"},
      {"attachment; filename*=%zz%4", "attachment|filename=%zz%4"},
      {"attachment; filename*=euc-kr''%C6%C4%B9%DF", "attachment|filename=파발"},
      // habits
      {"attachment; filename=\"=?utf-8?B?7YyM67CcLnR4dA==?=\"", "attachment|filename=파발.txt"},
      {"attachment; filename=\"=?utf-8?B?7YyM?=\r\n =?utf-8?B?67Cc?=\"", "attachment|filename=파발"},
      {"attachment; filename==?euc-kr?B?xsS53y50eHQ=?=", "attachment|filename=파발.txt"},
      {"attachment; filename=\"a;b.txt\"; size=1", "attachment|filename=a;b.txt|size=1"},
      {"attachment; filename=\"a\"b\".txt; size=1", "attachment|filename=a\"b|size=1"},
      {"attachment, filename=a.txt", "attachment|filename=a.txt"},
      {"attachment; filename = a.txt", "attachment|filename=a.txt"},
      {"attachment; filename='a.txt'", "attachment|filename='a.txt'"},
      {"attachment; filename=a(b).txt", "attachment|filename=a(b).txt"},
      {"attachment; filename=파발 문서.txt; size=1", "attachment|filename=파발 문서.txt|size=1"},
      {"attachment; filename=\xC6\xC4\xB9\xDF \xB9\xAE.txt", "attachment|filename=파발 문.txt"},
      {"attachment; filename=\"파발.txt\"", "attachment|filename=파발.txt"},
      {"attachment; filename=\"\xC6\xC4\xB9\xDF.txt\"", "attachment|filename=파발.txt"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(dump(c.body), c.result) << c.body;
    for (std::size_t n = 0; n < c.body.size(); ++n) dump(c.body.substr(0, n));
  }
}

// Each would take minutes if its time were quadratic.
TEST(Parameters, LimitsAndHostileInput) {
  std::string many = "a/b";
  for (int i = 0; i < 100'000; ++i) many += fmt::format("; n{}=v", i);
  EXPECT_EQ(parse_parameters(many).parameters.size(), 200U);
  std::string pieces = "a/b";
  for (int i = 0; i < 100'000; ++i) pieces += fmt::format("; n*{}=v", i);
  EXPECT_EQ(parse_parameters(pieces).parameters.at(0).value.size(), 1'000U);
  EXPECT_LE(parse_parameters("a/b; n=" + std::string(1'000'000, 'x')).parameters.at(0).value.size(), 1'000'000U);
  for (const std::string_view piece : {";", "=", "\"", "(", "a=", "a=b;", " ", "a ", "\"\"", "\\", "a*0*=''",
                                       "a=\"b\" c\"", "a=b c=", "=?utf-8?Q?", "%"}) {
    std::string text = "a/b; n=";
    while (text.size() < 1U << 20) text += piece;
    const auto began = std::chrono::steady_clock::now();
    EXPECT_LE(parse_parameters(text).parameters.size(), 200U);
    EXPECT_LE(parse_parameters("a/b; n=\"" + text).parameters.size(), 200U);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10)) << piece;
  }
}

TEST(Parameters, FileNames) {
  EXPECT_EQ(file_name("attachment; filename=\"Q1/2.pdf\"", ""), "Q1/2.pdf");
  EXPECT_EQ(file_name("attachment; filename*=utf-8''Q1%2F2%0D%0A.pdf", ""), "Q1/2.pdf");
  EXPECT_EQ(file_name("attachment", "text/plain; name=a.txt"), "a.txt");
  EXPECT_EQ(file_name("attachment; filename=\"\"", ""), std::nullopt);
  EXPECT_EQ(file_name("", ""), std::nullopt);
  EXPECT_EQ(safe_file_name("../../etc/passwd"), "passwd");
  EXPECT_EQ(safe_file_name("C:\\x\\y.doc"), "y.doc");
  EXPECT_EQ(safe_file_name("a\r\n\tb.txt"), "ab.txt");
  EXPECT_EQ(safe_file_name("파발.txt"), "파발.txt");
  for (const std::string_view none : {"", ".", "..", "a/", "a/..", "\\", "\x01", ".\x7F."}) {
    EXPECT_EQ(safe_file_name(none), std::nullopt) << none;
  }
}

TEST(Parameters, OneByItsName) {
  EXPECT_EQ(parameter_of("text/plain; charset=utf-8", "charset"), "utf-8");
  EXPECT_EQ(parameter_of("text/plain; charset*=us-ascii''euc-kr", "charset"), "euc-kr");
  EXPECT_EQ(parameter_of("text/plain; CharSet*0=euc; charset*1=-kr", "charset"), "euc-kr");
  EXPECT_EQ(parameter_of("text/plain; x=\"charset*\"", "charset"), std::nullopt);
  EXPECT_EQ(parameter_of("*", "charset"), std::nullopt);
}

TEST(Parameters, Written) {
  EXPECT_EQ(format_parameter("name", "a.txt", false), "; name=a.txt");
  EXPECT_EQ(format_parameter("name", "a b\"c.txt", false), "; name=\"a b\\\"c.txt\"");
  EXPECT_EQ(format_parameter("name", "파발.txt", true), "; name=\"파발.txt\"");
  EXPECT_EQ(format_parameter("filename", "파발.txt", false), "; filename*=utf-8''%ED%8C%8C%EB%B0%9C.txt");
  EXPECT_EQ(format_parameter("name", "a\r\nBcc: x", false), "; name=\"a  Bcc: x\"");
  for (const std::string_view name :
       {"아주 긴 한글 파일 이름은 여러 조각으로 나뉘어야 한다.pdf", "plain", "", "'%*",
        "a very long name of plain words that does not fit into one line of the header.txt"}) {
    EXPECT_EQ(dump("attachment" + format_parameter("filename", name, false)),
              fmt::format("attachment|filename={}", name));
  }
}

}  // namespace
}  // namespace pabal::message
