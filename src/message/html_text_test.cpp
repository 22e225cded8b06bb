#include "message/html_text.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::message {
namespace {

struct Row {
  std::string_view html;
  std::string_view text;
};

TEST(HtmlText, Tables) {
  static const Row rows[] = {
      {"", ""},
      {"plain", "plain"},
      {"<p>one</p><p>two", "one\n\ntwo"},
      {"<div>one<div>two</div></div>three", "one\ntwo\nthree"},
      {"a<br>b<br/>c<br><br>d", "a\nb\nc\n\nd"},
      {"  a \n\t b  <b> c</b>d", "a b cd"},
      {"<b>bold</b>ly", "boldly"},
      {"<table><tr><td>a<td>b</tr><tr><td>c</table>", "a b\nc"},
      {"<ul><li>a<li>b</ul>", "a\nb"},
      {"x<pre>a  b\n c</pre>y", "x\n\na  b\n c\n\ny"},
      {"&lt;&amp;&gt;&quot;&apos;&nbsp;&copy;", "<&>\"' ©"},
      {"&lt&amp&copy &notit; &unknown; & &; &#", "<&© ¬it; &unknown; & &; &#"},
      {"&#54028;&#xBC1C;&#x80;&#0;&#xD800;&#x110000;&#99999999999999999999;",
       "파발€\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"&#65 &#65x", "A Ax"},
      {"<script>if (a<b) x();</script>text<style>p{}</style>", "text"},
      {"<SCRIPT type=\"x\">...</p></Script >text", "text"},
      {"a<script>never closed <p>b", "a"},
      {"<head><title>T</title><meta x></head><body>b", "b"},
      {"a<!-- <p>b</p> -->c<!-->d<!--->e", "acde"},
      {"a<!-- never closed", "a"},
      {"<!DOCTYPE html><?xml x?>a<![if !mso]>b<![endif]>c", "abc"},
      {"<!--[if mso]>x<![endif]-->y", "y"},
      {"a < b <> </> <3 c", "a < b <> <3 c"},
      {"<a href=\"x>y\">link</a>", "link"},
      {"<a href='x>y'>link</a>", "link"},
      {"<a href=\"never closed>link</a>", "link"},
      {"<a href=x>y</a", "y"},
      {"<p", ""},
      {"<img src=x alt=\"pic\">a", "a"},
      {"zero\u200Bwidth\u00ADsoft\uFEFF", "zerowidthsoft"},
      {"a\u00A0\u00A0b\u3000c", "a b c"},
      {"می\u200Cخواهم", "می\u200Cخواهم"},
      {"👨\u200D👩\u200D👧", "👨\u200D👩\u200D👧"},
      {"<div style=\"display:none\">Preheader</div><p>Body", "Preheader\n\nBody"},
      {"<div style='display: none'>Pre&zwnj;&nbsp;&zwnj;&nbsp;&#847;&zwnj;</div><p>Body<div "
       "style=\"DISPLAY:NONE\">secret"
       "<div>x</div></div>after",
       "Pre\u200C\n\nBody\nafter"},
      {"a<p hidden>b<p>c", "a\n\nc"},
      {"a<span style=\"mso-hide:all\">b</span>c", "a\nc"},
      {"a<input hidden>b", "ab"},
      {"a<svg><text>x</text></svg>b", "a\nb"},
      {"<blockquote>q</blockquote>b", "q\n\nb"},
      {"a\x01\x7F\x62", "ab"},
      {"<h1>안녕</h1>하세요", "안녕\n\n하세요"},
      {"<o:p>office</o:p>", "office"},
      {"<verylongelementnamethatnobodyhas>x", "x"},
  };
  for (const auto& row : rows) EXPECT_EQ(html_to_text(row.html), row.text) << row.html;
}

TEST(HtmlText, Options) {
  EXPECT_EQ(html_to_text("a<img alt='pic &amp; text'>b", {.image_texts = true}), "a pic & text b");
  EXPECT_EQ(html_to_text("a<blockquote>b<blockquote>c</blockquote>d</blockquote>e", {.quotes = false}), "a\ne");
  EXPECT_EQ(html_to_text("a<div class=\"gmail_quote x\">b<div>c</div>d</div>e", {.quotes = false}), "a\ne");
  EXPECT_EQ(html_to_text("안녕하세요", {.max_octets = 7}), "안녕");
}

TEST(HtmlText, EveryPrefixIsText) {
  const std::string_view html =
      "<!DOCTYPE x><html><head><style>a{b:c}</style></head><body class=\"a\" id='b'>T&eacute;xt &#xBC1C;<!-- c -->"
      "<div style=\"display:none\">h</div><pre>  x\n</pre><a href=\"http://x/?a=b&c=d\">안녕</a></body></html>";
  for (std::size_t size = 0; size <= html.size(); ++size) {
    const auto prefix = html.substr(0, size);
    if (is_utf8(prefix)) {
      EXPECT_TRUE(is_utf8(html_to_text(prefix, {.image_texts = true}))) << prefix;
    }
  }
}

TEST(HtmlText, LinearOnHostileInput) {
  static const std::string_view units[] = {
      "<a \"",
      "<a '\"",
      "<!--",
      "<script>",
      "</",
      "<",
      "&",
      "&#",
      "<div hidden>",
      "<p hidden>",
      "<div style=\"x",
      "<div style=\"display",
      "<blockquote>",
      "<pre>",
      "<!",
      "<a b=c d='",
      "&amp",
      "</div>",
      "<svg>",
      "\xE2\x80\x8B",
      "<style></styl",
      "<title></x>",
  };
  for (const auto unit : units) {
    std::string html;
    while (html.size() < 4 << 20) html += unit;
    const auto began = std::chrono::steady_clock::now();
    EXPECT_TRUE(is_utf8(html_to_text(html, {.image_texts = true, .quotes = false})));
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_LT(took, std::chrono::seconds(5)) << unit;
  }
}

}  // namespace
}  // namespace pabal::message
