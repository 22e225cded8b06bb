#include "smtp/received.hpp"

#include <gtest/gtest.h>

namespace pabal::smtp {
namespace {

TEST(Received, Whole) {
  const auto recipient = EmailAddress::parse("bob@busan.example").value();
  EXPECT_EQ(received_field({.helo = "mail.seoul.example",
                            .client = "192.0.2.1",
                            .client_is_v6 = false,
                            .host = "mail.busan.example",
                            .protocol = "ESMTPS",
                            .tls_version = "TLSv1.3",
                            .tls_cipher = "TLS_AES_256_GCM_SHA384",
                            .id = "0123456789abcdef",
                            .recipient = &recipient,
                            .utf8 = false,
                            .time = SystemTime(std::chrono::seconds(1795318461))}),
            "Received: from mail.seoul.example ([192.0.2.1])\r\n"
            "\tby mail.busan.example with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
            "\tid 0123456789abcdef\r\n"
            "\tfor <bob@busan.example>; Sun, 22 Nov 2026 03:34:21 +0000\r\n");
}

std::string from_line(std::string_view helo, std::string_view client, bool v6) {
  const auto field = received_field({.helo = helo,
                                     .client = client,
                                     .client_is_v6 = v6,
                                     .host = "h.example",
                                     .protocol = "SMTP",
                                     .tls_version = {},
                                     .tls_cipher = {},
                                     .id = "x",
                                     .recipient = nullptr,
                                     .utf8 = false,
                                     .time = SystemTime()});
  return field.substr(0, field.find("\r\n"));
}

TEST(Received, WhatTheClientSaysOfItselfCannotPassForOurWords) {
  EXPECT_EQ(from_line("a_b.example", "2001:db8::1", true), "Received: from a_b.example ([IPv6:2001:db8::1])");
  EXPECT_EQ(from_line("[192.0.2.7]", "192.0.2.1", false), "Received: from [192.0.2.7] ([192.0.2.1])");
  EXPECT_EQ(from_line("x(by", "192.0.2.1", false), "Received: from [192.0.2.1] (helo=x?by)");
  EXPECT_EQ(from_line("x)\x7f;y", "192.0.2.1", false), "Received: from [192.0.2.1] (helo=x???y)");
  EXPECT_EQ(from_line("", "192.0.2.1", false), "Received: from [192.0.2.1]");
  EXPECT_EQ(from_line("local.example", "", false), "Received: from local.example (local)");
}

TEST(Received, ProtocolNames) {
  EXPECT_EQ(protocol_name(Protocol::smtp, false, true, false, false), "SMTP");
  EXPECT_EQ(protocol_name(Protocol::smtp, true, false, false, false), "ESMTP");
  EXPECT_EQ(protocol_name(Protocol::smtp, true, true, false, false), "ESMTPS");
  EXPECT_EQ(protocol_name(Protocol::submission, true, false, true, false), "ESMTPA");
  EXPECT_EQ(protocol_name(Protocol::submission, true, true, true, false), "ESMTPSA");
  EXPECT_EQ(protocol_name(Protocol::submission, true, true, true, true), "UTF8SMTPSA");
  EXPECT_EQ(protocol_name(Protocol::lmtp, true, false, false, false), "LMTP");
  EXPECT_EQ(protocol_name(Protocol::lmtp, true, true, false, true), "UTF8LMTPS");
}

}  // namespace
}  // namespace pabal::smtp
