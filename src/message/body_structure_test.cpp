#include "message/body_structure.hpp"

#include <gtest/gtest.h>

#include "message/preview.hpp"

namespace pabal::message {
namespace {

// A tree in short: "mixed(alternative(plain html) related(html image#cid)) plain@ plain:name": '@' an attachment,
// '%' inline, ':' a file name, '#' a content id.
class Builder {
 public:
  explicit Builder(std::string_view shape) : shape_(shape) {}
  std::string run() {
    entity();
    return out_;
  }

 private:
  void entity() {
    std::string word;
    while (at_ < shape_.size() && std::string_view("() ").find(shape_[at_]) == std::string_view::npos) {
      word += shape_[at_++];
    }
    const std::string name = word.substr(0, word.find_first_of("@%:#"));
    if (at_ < shape_.size() && shape_[at_] == '(') {
      const std::string boundary = "b" + std::to_string(++boundaries_);
      out_ += "Content-Type: multipart/" + name + "; boundary=" + boundary + "\r\n\r\n";
      while (shape_[at_] != ')') {
        ++at_;
        out_ += "--" + boundary + "\r\n";
        entity();
        out_ += "\r\n";
      }
      ++at_;
      out_ += "--" + boundary + "--";
      return;
    }
    static const std::pair<std::string_view, std::string_view> types[] = {{"plain", "text/plain"},
                                                                          {"html", "text/html"},
                                                                          {"calendar", "text/calendar"},
                                                                          {"image", "image/png"},
                                                                          {"audio", "audio/mpeg"},
                                                                          {"pdf", "application/pdf"},
                                                                          {"sig", "application/pgp-signature"},
                                                                          {"message", "message/rfc822"}};
    for (const auto& [key, type] : types) {
      if (name == key) out_ += "Content-Type: " + std::string(type) + "\r\n";
    }
    const bool named = word.find(':') != std::string::npos;
    const std::string file = named ? "; filename=f" : "";
    if (word.find('@') != std::string::npos) {
      out_ += "Content-Disposition: attachment" + file + "\r\n";
    } else if (word.find('%') != std::string::npos) {
      out_ += "Content-Disposition: inline" + file + "\r\n";
    } else if (named) {
      out_.insert(out_.size() - 2, "; name=f");
    }
    if (word.find('#') != std::string::npos) out_ += "Content-ID: <c@x>\r\n";
    out_ += name == "message"
                ? "\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\nx\r\n--in--"
                : "\r\nbody";
  }

  std::string_view shape_;
  std::size_t at_ = 0;
  int boundaries_ = 0;
  std::string out_;
};

std::string ids(const BodyStructure& body, const std::vector<std::uint32_t>& places) {
  std::string out;
  for (const auto place : places) {
    if (!out.empty()) out += ' ';
    out += body.parts[place].part_id;
  }
  return out;
}

TEST(BodyStructure, Lists) {
  struct Row {
    std::string_view shape;
    std::string_view lists;  ///< text | html | attachments, '+' where it has attachments
  };
  static const Row rows[] = {
      {"plain", "1 | 1 | "},
      {"html", "1 | 1 | "},
      {"plain@", " |  | 1+"},
      {"pdf", " |  | 1+"},
      {"pdf%", " |  | 1"},
      {"image", "1 | 1 | "},
      {"calendar", " |  | 1+"},
      {"message", " |  | 1+"},
      {"alternative(plain html)", "1 | 2 | "},
      {"alternative(html plain)", "2 | 1 | "},
      {"alternative(plain)", "1 | 1 | "},
      {"alternative(html)", "1 | 1 | "},
      {"alternative(plain html calendar)", "1 | 2 | 3+"},
      {"alternative(plain html image)", "1 | 2 | 3+"},
      {"mixed(plain pdf@)", "1 | 1 | 2+"},
      {"mixed(plain pdf%)", "1 | 1 | 2"},
      {"mixed(plain plain)", "1 2 | 1 2 | "},
      {"mixed(plain plain:)", "1 | 1 | 2+"},
      {"mixed(plain: plain)", "1 2 | 1 2 | "},
      {"mixed(plain image plain)", "1 2 3 | 1 2 3 | "},
      {"mixed(plain image: plain)", "1 2 3 | 1 2 3 | "},
      {"mixed(plain html)", "1 2 | 1 2 | "},
      {"mixed(pdf plain)", "2 | 2 | 1+"},
      {"related(html image#)", "1 | 1 | 2"},
      {"related(html image#@)", "1 | 1 | 2+"},
      {"related(html image)", "1 | 1 | 2+"},
      {"related(html plain)", "1 | 1 | 2+"},
      {"alternative(plain related(html image#))", "1 | 2.1 | 2.2"},
      {"alternative(related(plain image) html)", "1.1 | 2 | 1.2+"},
      {"alternative(plain mixed(html image html))", "1 | 2.1 2.2 2.3 | 2.2+"},
      {"mixed(alternative(plain html) pdf@ plain)", "1.1 3 | 1.2 3 | 2+"},
      {"mixed(alternative(plain related(html image#)) image@)", "1.1 | 1.2.1 | 1.2.2 2+"},
      {"signed(plain sig)", "1 | 1 | 2"},
      {"report(plain message)", "1 | 1 | 2+"},
      {"digest(message message)", " |  | 1 2+"},
      {"mixed(mixed(mixed(plain)))", "1.1.1 | 1.1.1 | "},
      // The example of RFC 8621 §4.1.4.
      {"mixed(plain mixed(alternative(mixed(plain image% plain) related(html image)) image@ pdf message) plain)",
       "1 2.1.1.1 2.1.1.2 2.1.1.3 3 | 1 2.1.2.1 3 | 2.1.1.2 2.1.2.2 2.2 2.3 2.4+"},
  };
  for (const auto& row : rows) {
    const std::string message = Builder(row.shape).run();
    const auto tree = parse_mime(message);
    const auto body = body_structure(tree);
    EXPECT_EQ(ids(body, body.text_body) + " | " + ids(body, body.html_body) + " | " + ids(body, body.attachments) +
                  (body.has_attachment ? "+" : ""),
              row.lists)
        << row.shape;
  }
}

TEST(BodyStructure, AMultipartWithoutPartsIsText) {
  const std::string_view message = "Content-Type: multipart/mixed; boundary=b\r\n\r\nno boundary here\r\n";
  const auto tree = parse_mime(message);
  const auto body = body_structure(tree);
  ASSERT_EQ(body.parts.size(), 1U);
  EXPECT_EQ(body.parts[0].type, "text/plain");
  EXPECT_EQ(body.parts[0].part_id, "1");
  EXPECT_EQ(preview_of(message, tree, body), "no boundary here");
}

TEST(BodyStructure, FieldsOfParts) {
  const std::string_view message =
      "Content-Type: TEXT/Plain; Charset=\"EUC-KR\"\r\nContent-ID: (c) <a@b> \r\nContent-Language: ko, en-GB (x)\r\n"
      "Content-Location: http://x/\r\n y\r\nContent-Disposition: INLINE; filename*=utf-8''%EC%95%88.txt\r\n\r\nx";
  const auto tree = parse_mime(message);
  const auto body = body_structure(tree);
  const auto& root = tree.root();
  EXPECT_EQ(body.parts[0].type, "text/plain");
  EXPECT_EQ(body.parts[0].disposition, "inline");
  EXPECT_EQ(body.parts[0].name, "안.txt");
  EXPECT_EQ(charset_of(root), "EUC-KR");
  EXPECT_EQ(content_id_of(root), "a@b");
  EXPECT_EQ(languages_of(root), (std::vector<std::string>{"ko", "en-GB"}));
  EXPECT_EQ(location_of(root), "http://x/ y");
  EXPECT_EQ(part_blob_id("B1", "1.2"), "B1-1_2");
}

TEST(Preview, Texts) {
  struct Row {
    std::string_view text;
    std::string_view preview;
  };
  static const Row rows[] = {
      {"", ""},
      {"Hello  \t world\n\n\nagain", "Hello world again"},
      {"> quoted\n> more\nAnswer", "Answer"},
      {"On Monday Bob wrote:\n> quoted\n\nAnswer", "Answer"},
      {"> only\n>> quotes", "only quotes"},
      {"-- \nname", "name"},
      {"text\n-- \nname", "text"},
      {"=====\nTitle\n=====\ntext", "Title text"},
      {"text\n-----Original Message-----\nFrom: x", "text"},
      {"zero\u200B\u00A0width\uFEFF", "zero width"},
      {"From a list:\nitem", "From a list: item"},
  };
  for (const auto& row : rows) EXPECT_EQ(preview_of_text(row.text), row.preview) << row.text;
}

TEST(Preview, AtMost256Characters) {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "가";
  EXPECT_EQ(preview_of_text(text).size(), 256U * 3);
  std::string emoji;
  for (int i = 0; i < 400; ++i) emoji += "😀";
  EXPECT_EQ(preview_of_text(emoji).size(), 128U * 4);
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  EXPECT_EQ(preview_of_text(words).size(), 256U);
}

TEST(Preview, OfMessages) {
  const std::string_view html =
      "Content-Type: text/html; charset=utf-8\r\n\r\n<style>p{}</style><div style=\"display:none\">First words</div>"
      "<p>Hello &amp; welcome</p><blockquote>old</blockquote>";
  const auto tree = parse_mime(html);
  EXPECT_EQ(preview_of(html, tree, body_structure(tree)), "First words Hello & welcome");
  std::string styles = "Content-Type: text/html\r\n\r\n<style>";
  styles.append(60'000, 'x');
  styles += "</style>text";
  const auto styled = parse_mime(styles);
  EXPECT_EQ(preview_of(styles, styled, body_structure(styled)), "text");
  const std::string_view flowed =
      "Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\nwords are bro \r\nken here\r\n";
  const auto flowed_tree = parse_mime(flowed);
  EXPECT_EQ(preview_of(flowed, flowed_tree, body_structure(flowed_tree)), "words are broken here");
}

}  // namespace
}  // namespace pabal::message
