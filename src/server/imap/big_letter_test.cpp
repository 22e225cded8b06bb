// Letters and parts whose decoding takes long: done beside the sessions, and right however they are cut.
#include <gtest/gtest.h>

#include "codec/transfer.hpp"
#include "server/imap/session_world.hpp"

namespace pabal::server::imap {
namespace {

TEST(ImapBigLetter, BinaryOfABigPart) {
  SessionWorld c;
  c.limits.window_bytes = 4096;
  std::string octets;
  while (octets.size() < 1'000'000) octets += fmt::format("{}\n", octets.size());
  c.world.deliver("Content-Transfer-Encoding: base64\r\n\r\n" + codec::encode_base64_body(octets));
  const auto out = c.in_inbox("a FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1])\r\nb FETCH 1 BINARY.PEEK[1]<777777.20>\r\n");
  EXPECT_EQ(out, fmt::format("* 1 FETCH (BINARY.SIZE[1] {0} BINARY[1] ~{{{0}}}\r\n{1})\r\na OK Done.\r\n"
                             "* 1 FETCH (BINARY[1]<777777> ~{{20}}\r\n{2})\r\nb OK Done.\r\n",
                             octets.size(), octets, octets.substr(777'777, 20)));
}

// All of BODY's sections, and a beginning without a count: beyond the grammar, as other servers have it.
TEST(ImapBigLetter, BinaryOfAnySection) {
  SessionWorld c;
  c.world.deliver(
      "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
      "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n");
  EXPECT_EQ(c.in_inbox("a FETCH 1 (BINARY.SIZE[1.MIME] BINARY.PEEK[HEADER.FIELDS (SUBJECT)] BINARY.PEEK[1]<2>)\r\n"
                       "b FETCH 1 (BINARY.SIZE[HEADER.FIELDS (SUBJECT)] BINARY.SIZE[TEXT] BODY.PEEK[TEXT]<82>)\r\n"),
            "* 1 FETCH (BINARY.SIZE[1.MIME] 63 BINARY[HEADER.FIELDS (SUBJECT)] {14}\r\nSubject: s\r\n\r\n "
            "BINARY[1]<2> {3}\r\nllo)\r\na OK Done.\r\n"
            "* 1 FETCH (BINARY.SIZE[HEADER.FIELDS (SUBJECT)] 14 BINARY.SIZE[TEXT] 85 BODY[TEXT]<82> {3}\r\n-\r\n)\r\n"
            "b OK Done.\r\n");
}

// What a search looks into is read; an attachment's octets are not, however big.
TEST(ImapBigLetter, IsSearchedByItsTexts) {
  SessionWorld c;
  const std::string attachment = codec::encode_base64_body(std::string(200'000, 'x') + "attached words");
  const std::string big(2'000'000, 'z');
  for (const std::string_view filler : {std::string_view("some text"), std::string_view(big)}) {
    c.world.deliver(fmt::format(
        "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{}\r\n"
        "--b\r\nContent-Type: image/png; name=duck.png\r\nContent-Transfer-Encoding: base64\r\n\r\n{}--b\r\n"
        "Content-Type: text/html\r\n\r\n<p>the last part</p>\r\n--b--\r\n",
        filler, attachment));
  }
  EXPECT_EQ(c.in_inbox("a SEARCH BODY \"last part\"\r\nb SEARCH BODY \"some text\"\r\nc SEARCH BODY \"attached "
                       "words\"\r\nd SEARCH TEXT duck.png BODY zzzzzz\r\n"),
            "* SEARCH 1 2\r\na OK Done.\r\n* SEARCH 1\r\nb OK Done.\r\n* SEARCH\r\nc OK Done.\r\n* SEARCH 2\r\nd OK "
            "Done.\r\n");
}

// A NUL, which a binary letter may have in its header too, stands in no literal (RFC 9051 §4.3).
TEST(ImapBigLetter, NoLiteralHoldsANul) {
  SessionWorld c;
  c.world.deliver(std::string("Subject: a\0b\r\n\r\nc\0d\r\n", 21));
  EXPECT_EQ(c.in_inbox("a FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT])\r\n"),
            "* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {16}\r\nSubject: a\x80"
            "b\r\n\r\n BODY[TEXT] {5}\r\nc\x80"
            "d\r\n)\r\na OK Done.\r\n");
}

// BINARY of more than a part is 8-bit clean as well: of a letter that came so, small or big.
TEST(ImapBigLetter, BinaryOfAWholeLetterHasItsNuls) {
  using namespace std::string_literals;
  SessionWorld c;
  c.limits.window_bytes = 4096;
  const std::string big = "Subject: a\r\n\r\n" + std::string(10'000, '\0');
  c.world.deliver("Subject: a\0b\r\n\r\nc\0d\r\n"s);
  c.world.deliver(big);
  EXPECT_EQ(c.in_inbox("a FETCH 1 (BINARY.PEEK[] BINARY.PEEK[]<0.6> BINARY.PEEK[HEADER.FIELDS (SUBJECT)])\r\n"
                       "b FETCH 2 (BINARY.PEEK[] BINARY.SIZE[])\r\n"),
            "* 1 FETCH (BINARY[] ~{27}\r\nX: y\r\nSubject: a\0b\r\n\r\nc\0d\r\n BINARY[]<0> {6}\r\nX: y\r\n "
            "BINARY[HEADER.FIELDS (SUBJECT)] ~{16}\r\nSubject: a\0b\r\n\r\n)\r\na OK Done.\r\n"s +
                fmt::format("* 2 FETCH (BINARY[] ~{{{0}}}\r\nX: y\r\n{1} BINARY.SIZE[] {0})\r\nb OK Done.\r\n",
                            big.size() + 6, big));
}

// RFC 3516 §4.4 and §6: of what came with NULs all see one message, which the base specification can carry; the part
// is what it was.
TEST(ImapBigLetter, NulsOfAnAppendAreEncoded) {
  using namespace std::string_literals;
  for (const std::size_t limit : {SIZE_MAX, std::size_t{1}}) {
    SessionWorld c;
    c.piece_limit = limit;
    const auto letter =
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nline\nline\r\n--b\r\n"
        "Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\na\0b\r\n--b--\r\n"s;
    const auto out =
        c.in_inbox(fmt::format("a APPEND INBOX ~{{{}+}}\r\n{}\r\n", letter.size(), letter) +
                   fmt::format("b APPEND INBOX CATENATE (TEXT ~{{{}+}}\r\n{} URL \"/INBOX/;UID=1/;SECTION=1\")\r\n",
                               "Content-Transfer-Encoding: binary\r\n\r\n\0"s.size(),
                               "Content-Transfer-Encoding: binary\r\n\r\n\0"s) +
                   "c FETCH 1 (BODYSTRUCTURE BODY.PEEK[1] BODY.PEEK[2] BINARY.SIZE[2] BINARY.PEEK[2])\r\n"
                   "d FETCH 2 (BODY.PEEK[1] BINARY.PEEK[1])\r\n");
    EXPECT_TRUE(out.ends_with(
        "* 1 FETCH (BODYSTRUCTURE ((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 9 1 NIL NIL NIL NIL)"
        "(\"image\" \"png\" NIL NIL NIL \"base64\" 4 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL NIL NIL) "
        "BODY[1] {9}\r\nline\nline BODY[2] {4}\r\nYQBi BINARY.SIZE[2] 3 BINARY[2] ~{3}\r\na\0b)\r\nc OK Done.\r\n"
        "* 2 FETCH (BODY[1] {18}\r\nAGxpbmUKbGluZQ==\r\n BINARY[1] ~{10}\r\n\0line\nline)\r\nd OK Done.\r\n"s))
        << out;
  }
  // What has none, and what is signed, stays as it came.
  SessionWorld c;
  const auto plain = "Content-Transfer-Encoding: binary\r\n\r\na\nb"s;
  const auto sealed = "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\0\r\n--b\r\n\r\nsig\r\n--b--\r\n"s;
  const auto out = c.in_inbox(
      fmt::format("a APPEND INBOX ~{{{}+}}\r\n{} ~{{{}+}}\r\n{}\r\n", plain.size(), plain, sealed.size(), sealed) +
      "b FETCH 1:2 (RFC822.SIZE BINARY.PEEK[1])\r\n");
  EXPECT_TRUE(
      out.ends_with(fmt::format("* 1 FETCH (RFC822.SIZE {} BINARY[1] {{3}}\r\na\nb)\r\n"
                                "* 2 FETCH (RFC822.SIZE {} BINARY[1] ~{{1}}\r\n{})\r\nb OK Done.\r\n",
                                plain.size(), sealed.size(), std::string(1, '\0'))))
      << out;
}

// One that is too big for memory goes through a file both ways.
TEST(ImapBigLetter, NulsOfABigAppendAreEncoded) {
  SessionWorld c;
  c.limits.literal_plus = true;
  const std::string octets(3'000'000, '\0');
  const auto letter = "Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n" + octets;
  const auto out = c.in_inbox(fmt::format("a APPEND INBOX ~{{{}+}}\r\n{}\r\n", letter.size(), letter) +
                              "b FETCH 1 (BINARY.SIZE[1] BODY.PEEK[1]<0.8> BINARY.PEEK[1]<2999990>)\r\n");
  EXPECT_TRUE(
      out.ends_with(fmt::format("* 1 FETCH (BINARY.SIZE[1] 3000000 BODY[1]<0> {{8}}\r\nAAAAAAAA "
                                "BINARY[1]<2999990> ~{{10}}\r\n{})\r\nb OK Done.\r\n",
                                std::string(10, '\0'))))
      << out;
}

// The structure of many parts doesn't fit beside the row, and is derived when it is asked for.
TEST(ImapBigLetter, StructureOfManyParts) {
  SessionWorld c;
  std::string text = "Subject: many\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 900; ++i) {
    text += fmt::format("--b\r\nContent-Type: text/plain; name=\"{:0>60}\"\r\n\r\n{}\r\n", i, i);
  }
  c.world.deliver(text + "--b--\r\n");
  const auto out = c.in_inbox("a FETCH 1 (BODYSTRUCTURE)\r\nb FETCH 1 BODY.PEEK[900]\r\n");
  EXPECT_NE(out.find("00899\""), std::string::npos) << out.substr(0, 300);
  EXPECT_TRUE(out.ends_with("* 1 FETCH (BODY[900] {3}\r\n899)\r\nb OK Done.\r\n")) << out.substr(out.size() - 100);
}

// So many names in one command would each be compared with all before it.
TEST(ImapBigLetter, KeywordsOfOneCommandAreBounded) {
  SessionWorld c;
  c.world.deliver("A: b\r\n\r\n");
  std::string flags;
  for (int i = 0; i < 8000; ++i) flags += fmt::format("{}k{}", i == 0 ? "" : " ", i);
  EXPECT_EQ(c.in_inbox("a STORE 1 +FLAGS (" + flags + ")\r\nb NOOP\r\n"),
            "a NO [LIMIT] too many keywords\r\nb OK Done.\r\n");
}

}  // namespace
}  // namespace pabal::server::imap
