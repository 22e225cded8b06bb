#include "message/tnef.hpp"

#include <gtest/gtest.h>

#include "codec/transfer.hpp"
#include "message/email_json.hpp"

namespace pabal::message {
namespace {

std::string le(std::uint64_t value, int octets) {
  std::string out;
  for (int i = 0; i < octets; ++i, value >>= 8) out += static_cast<char>(value & 0xFF);
  return out;
}
std::string attribute(int level, std::uint32_t id, const std::string& data) {
  return le(static_cast<std::uint64_t>(level), 1) + le(id, 4) + le(data.size(), 4) + data + le(0, 2);
}
std::string padded(std::string data) {
  while (data.size() % 4 != 0) data += '\0';
  return data;
}
std::string property(std::uint16_t type, std::uint16_t id, const std::string& data) {
  return le(type, 2) + le(id, 2) + le(1, 4) + le(data.size(), 4) + padded(data);
}
std::string properties(const std::vector<std::string>& list) {
  std::string out = le(list.size(), 4);
  for (const auto& one : list) out += one;
  return out;
}

std::string sample() {
  const std::string utf16("\x48\xC5\x55\xB1.\0p\0d\0f\0\0\0", 14);  // "안녕.pdf"
  return le(0x223E9F78, 4) + le(1, 2) + attribute(1, 0x00069007, le(949, 4) + le(0, 4)) +
         attribute(1, 0x00018004, std::string("\xBE\xC8\xB3\xE7\0", 5)) +
         attribute(
             1, 0x00069003,
             properties({property(0x1E, 0x1000, std::string("the text\0", 9)), le(0x0003, 2) + le(0x0017, 2) + le(1, 4),
                         le(0x0003, 2) + le(0x8001, 2) + std::string(16, 'g') + le(1, 4) + le(4, 4) +
                             std::string("n\0a\0", 4) + le(7, 4),
                         property(0x102, 0x1013, "<p>html</p>")})) +
         attribute(2, 0x00069002, std::string(14, 'r')) + attribute(2, 0x00018010, std::string("SHORT~1.PDF\0", 12)) +
         attribute(2, 0x0006800F, "octets of it") +
         attribute(2, 0x00069005,
                   properties({property(0x1F, 0x3707, utf16), property(0x1E, 0x3712, std::string("c@d\0", 4))})) +
         attribute(2, 0x00069002, std::string(14, 'r')) +
         attribute(2, 0x00018010, std::string("..\\..\\evil.exe\0", 15)) + attribute(2, 0x0006800F, "x");
}

std::string dump(const Tnef& tnef, std::string_view octets) {
  std::string out = tnef.subject + "|" + tnef.text + "|" + tnef.html;
  for (const auto& attachment : tnef.attachments) {
    out += "|" + attachment.name + " " + attachment.type + " " + attachment.content_id + "=" +
           std::string(octets.substr(attachment.begin, attachment.size));
  }
  return out + (tnef.damaged ? "!" : "");
}

TEST(Tnef, ListsWhatIsInIt) {
  const auto octets = sample();
  EXPECT_EQ(dump(read_tnef(octets), octets),
            "안녕|the text|<p>html</p>|안녕.pdf application/pdf c@d=octets of it|evil.exe application/octet-stream =x");
}

TEST(Tnef, IsShownInTheEmailObject) {
  const std::string message =
      "Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
      codec::encode_base64_body(sample());
  const auto email = email_json(message, {.blob_id = "B"});
  EXPECT_EQ(json::serialize(email.at("attachments").at(0).at("tnef")),
            R"([{"name":"안녕.pdf","type":"application/pdf","size":12,"cid":"c@d"},)"
            R"({"name":"evil.exe","type":"application/octet-stream","size":1,"cid":null}])");
}

TEST(Tnef, WhatIsNone) {
  EXPECT_FALSE(is_tnef(""));
  EXPECT_FALSE(is_tnef("PK\x03\x04zip"));
  EXPECT_TRUE(read_tnef("abc").damaged);
}

TEST(Tnef, EveryPrefixAndChangedOctet) {
  const auto octets = sample();
  for (std::size_t size = 0; size < octets.size(); ++size) {
    const auto prefix = octets.substr(0, size);
    for (const auto& attachment : read_tnef(prefix).attachments) EXPECT_LE(attachment.begin + attachment.size, size);
  }
  for (std::size_t at = 0; at < octets.size(); ++at) {
    for (const char c : {'\0', '\x7F', '\xFF'}) {
      auto changed = octets;
      changed[at] = c;
      for (const auto& attachment : read_tnef(changed).attachments) {
        EXPECT_LE(attachment.begin + attachment.size, changed.size());
      }
    }
  }
  EXPECT_EQ(read_tnef(octets, 1).attachments.size(), 1U);
}

}  // namespace
}  // namespace pabal::message
