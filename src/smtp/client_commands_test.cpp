#include "smtp/client_commands.hpp"

#include <gtest/gtest.h>

#include "smtp/parameters.hpp"

namespace pabal::smtp {
namespace {

Capabilities everything() {
  return parse_capabilities({.code = 250,
                             .status = "",
                             .text = "x\nSIZE 1000\n8BITMIME\nCHUNKING\nBINARYMIME\nSMTPUTF8\nDSN\nREQUIRETLS\n"
                                     "MT-PRIORITY\nDELIVERBY"});
}
constexpr ParseRules kEveryRule{.spaces_after_colon = false,
                                .missing_brackets = false,
                                .dsn = true,
                                .binary_mime = true,
                                .require_tls = true,
                                .priority = true};

Mail mail_with_everything() {
  Mail mail;
  mail.sender = EmailAddress::parse("\xEB\xB0\xA5@seoul.example").value();
  mail.size = 12345;
  mail.body = Body::eight_bit_mime;
  mail.smtputf8 = true;
  mail.require_tls = true;
  mail.priority = -3;
  mail.ret = "HDRS";
  mail.envid = "a+b=c d";
  return mail;
}

TEST(ClientCommands, MailSaysWhatIsNeededAndOffered) {
  const auto mail = mail_with_everything();
  EXPECT_EQ(mail_command(mail, "120;RT", everything()),
            "MAIL FROM:<\xEB\xB0\xA5@seoul.example> SIZE=12345 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb+3Dc+20d "
            "REQUIRETLS MT-PRIORITY=-3 BY=120;RT");
  EXPECT_EQ(mail_command(mail, "120;RT", Capabilities()), "MAIL FROM:<\xEB\xB0\xA5@seoul.example>");
  EXPECT_EQ(mail_command(Mail(), "", everything()), "MAIL FROM:<>");
  Mail binary;
  binary.body = Body::binary_mime;
  EXPECT_EQ(mail_command(binary, "", everything()), "MAIL FROM:<> BODY=BINARYMIME");
  auto no_chunks = everything();
  no_chunks.chunking = false;
  EXPECT_EQ(mail_command(binary, "", no_chunks), "MAIL FROM:<>");
  Mail long_envid;
  long_envid.envid = std::string(101, 'x');
  EXPECT_EQ(mail_command(long_envid, "", everything()), "MAIL FROM:<>");
}

TEST(ClientCommands, OurServerReadsWhatOurClientWrites) {
  const auto mail = mail_with_everything();
  const auto read = parse_command(mail_command(mail, "", everything()), kEveryRule);
  ASSERT_TRUE(read);
  const auto& back = std::get<Mail>(*read);
  EXPECT_EQ(back.sender, mail.sender);
  EXPECT_EQ(back.size, mail.size);
  EXPECT_EQ(back.body, mail.body);
  EXPECT_EQ(back.envid, mail.envid);
  EXPECT_EQ(back.ret, mail.ret);
  EXPECT_EQ(back.priority, mail.priority);
  EXPECT_TRUE(back.smtputf8 && back.require_tls);
}

TEST(ClientCommands, Rcpt) {
  struct Case {
    std::string_view address;
    std::string_view notify;
    std::string_view orcpt;
    std::string_view command;
  };
  const Case cases[] = {
      {"bob@busan.example", "", "", "RCPT TO:<bob@busan.example>"},
      {"\"a b\"@busan.example", "", "", "RCPT TO:<\"a b\"@busan.example>"},
      {"bob@[192.0.2.1]", "", "", "RCPT TO:<bob@[192.0.2.1]>"},
      {"bob@busan.example", "SUCCESS,DELAY", "rfc822;b+c@busan.example",
       "RCPT TO:<bob@busan.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bc@busan.example"},
      {"bob@busan.example", "NEVER", "no type", "RCPT TO:<bob@busan.example> NOTIFY=NEVER"},
      {"bob@busan.example", "", "utf-8;\xEB\xB0\xA5+1@busan.example",
       "RCPT TO:<bob@busan.example> ORCPT=utf-8;\\x{BC25}\\x{2B}1@busan.example"},
      {"bob@busan.example", "", "utf-8;\xFF@busan.example", "RCPT TO:<bob@busan.example>"},
  };
  for (const auto& [address, notify, orcpt, command] : cases) {
    const Rcpt rcpt{
        .recipient = EmailAddress::parse(address).value(), .notify = std::string(notify), .orcpt = std::string(orcpt)};
    EXPECT_EQ(rcpt_command(rcpt, false, everything()), command);
    EXPECT_TRUE(parse_command(rcpt_command(rcpt, false, everything()), kEveryRule)) << command;
    EXPECT_EQ(rcpt_command(rcpt, false, Capabilities()), command.substr(0, command.find('>') + 1));
  }
  const Rcpt rcpt{.recipient = EmailAddress::parse("bob@busan.example").value(),
                  .notify = "",
                  .orcpt = "utf-8;\xEB\xB0\xA5@busan.example"};
  EXPECT_EQ(rcpt_command(rcpt, true, everything()),
            "RCPT TO:<bob@busan.example> ORCPT=utf-8;\xEB\xB0\xA5@busan.example");
  EXPECT_EQ(rcpt_command(Rcpt(), false, everything()), "RCPT TO:<postmaster>");
}

TEST(ClientCommands, XtextRoundTrip) {
  std::string every;
  for (int i = 0; i < 256; ++i) every += static_cast<char>(i);
  EXPECT_EQ(decode_xtext(encode_xtext(every)), every);
}

}  // namespace
}  // namespace pabal::smtp
