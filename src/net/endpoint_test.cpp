#include "net/endpoint.hpp"

#include <gtest/gtest.h>

namespace pabal::net {
namespace {

namespace ip = boost::asio::ip;

TEST(Endpoint, Text) {
  struct Case {
    const char* address;
    const char* host;
    const char* text;
    bool loopback;
  };
  for (const auto& [address, host, text, loopback] : {
           Case{"192.0.2.1", "192.0.2.1", "192.0.2.1:25", false},
           Case{"127.3.2.1", "127.3.2.1", "127.3.2.1:25", true},
           Case{"2001:db8::1", "2001:db8::1", "[2001:db8::1]:25", false},
           Case{"::1", "::1", "[::1]:25", true},
           Case{"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1:25", false},
           Case{"::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1:25", true},
       }) {
    const auto endpoint = Endpoint::of(ip::make_address(address), 25);
    EXPECT_EQ(endpoint.host(), host);
    EXPECT_EQ(endpoint.text(), text);
    EXPECT_EQ(endpoint.is_loopback(), loopback) << address;
  }
  EXPECT_EQ(Endpoint::unix_socket("/run/x").text(), "unix:/run/x");
  EXPECT_TRUE(Endpoint::unix_socket("").is_loopback());
}

TEST(Network, ParsesAndContains) {
  struct Case {
    const char* network;
    const char* address;
    bool inside;
  };
  for (const auto& [network, address, inside] : {
           Case{"10.0.0.0/8", "10.255.0.1", true},
           Case{"10.0.0.0/8", "11.0.0.0", false},
           Case{"10.0.0.0/8", "::ffff:10.1.2.3", true},
           Case{"192.0.2.128/25", "192.0.2.127", false},
           Case{"192.0.2.128/25", "192.0.2.128", true},
           Case{"192.0.2.1", "192.0.2.1", true},
           Case{"192.0.2.1", "192.0.2.2", false},
           Case{"0.0.0.0/0", "203.0.113.9", true},
           Case{"0.0.0.0/0", "2001:db8::", false},
           Case{"2001:db8::/33", "2001:db8:7fff::1", true},
           Case{"2001:db8::/33", "2001:db8:8000::1", false},
           Case{"::/0", "2001:db8::", true},
           Case{"::1", "::1", true},
       }) {
    const auto parsed = Network::parse(network);
    ASSERT_TRUE(parsed) << network;
    EXPECT_EQ(parsed->contains(ip::make_address(address)), inside) << network << ' ' << address;
  }
  for (const char* wrong : {"", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "x/8", "2001:db8::1/64",
                            "::/129", "10.0.0/8", "fe80::1%1/128"}) {
    EXPECT_FALSE(Network::parse(wrong)) << wrong;
  }
  EXPECT_EQ(Network::parse("10.0.0.0/8")->text(), "10.0.0.0/8");
}

}  // namespace
}  // namespace pabal::net
