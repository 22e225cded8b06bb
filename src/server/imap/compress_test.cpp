// COMPRESS=DEFLATE (RFC 4978).
#include <gtest/gtest.h>

#include "net/deflate.hpp"
#include "server/imap/session_world.hpp"

namespace pabal::server::imap {
namespace {

constexpr std::string_view kLogin = "l LOGIN alice@seoul.example demo\r\n";
constexpr std::string_view kBegun = "OK Compressed from here on.\r\n";

std::string inflated(std::string_view octets) {
  net::Inflater inflater;
  std::string out;
  while (!octets.empty()) {
    if (!inflater.read(octets, out, 1 << 20)) return out + "(broken)";
  }
  return out;
}

TEST(ImapCompress, BothWaysAfterItsAnswer) {
  for (const std::size_t limit : {SIZE_MAX, std::size_t{1}}) {
    SessionWorld c;
    c.piece_limit = limit;
    c.world.deliver("Subject: x\r\n\r\nHello\r\n");
    net::Deflater deflater;
    std::string compressed;
    deflater.write("b CAPABILITY\r\nc SELECT INBOX\r\nd FETCH 1 BODY.PEEK[TEXT]\r\n", compressed);
    deflater.rest();
    deflater.write("e IDLE\r\nDONE\r\nf COMPRESS DEFLATE\r\ng LOGOUT\r\n", compressed);
    // What is sent with the command, behind it, is compressed already.
    const auto out = c.run(std::string(kLogin) + "a COMPRESS DEFLATE\r\n" + compressed);
    const auto begun = out.find(kBegun);
    ASSERT_NE(begun, std::string::npos) << out;
    EXPECT_NE(out.substr(0, begun).find("COMPRESS=DEFLATE"), std::string::npos);
    const auto said = inflated(out.substr(begun + kBegun.size()));
    EXPECT_TRUE(said.starts_with("* CAPABILITY ")) << said;
    EXPECT_EQ(said.find("COMPRESS=DEFLATE"), std::string::npos) << said;
    EXPECT_TRUE(
        said.ends_with("* 1 FETCH (BODY[TEXT] {7}\r\nHello\r\n)\r\nd OK Done.\r\n+ idling\r\ne OK Done.\r\n"
                       "f NO [COMPRESSIONACTIVE] compression is active already\r\n* BYE Goodbye.\r\n"
                       "g OK Done.\r\n"))
        << said;
  }
}

TEST(ImapCompress, IsRefused) {
  SessionWorld c;
  EXPECT_NE(c.run("a COMPRESS DEFLATE\r\n").find("a BAD log in first"), std::string::npos);
  EXPECT_EQ(c.say("a COMPRESS LZMA\r\n"), "a BAD DEFLATE is what there is.\r\n");
  // Plain text behind it ends the connection, and nothing of it is done.
  const auto out = c.run(std::string(kLogin) + "a COMPRESS DEFLATE\r\nb CREATE Made\r\n");
  EXPECT_TRUE(out.ends_with(kBegun)) << out;
  EXPECT_EQ(c.say("a LIST \"\" Made\r\n"), "a OK Done.\r\n");
}

}  // namespace
}  // namespace pabal::server::imap
