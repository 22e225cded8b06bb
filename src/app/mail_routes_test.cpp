// [[route]] and the smart host: what the file says, and the routes that come of it.
#include "app/mail_routes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "dns/scripted_resolver.hpp"

namespace pabal::app {
namespace {

Result<Config> parsed(std::string_view text) {
  return parse_config("hostname = \"mail.seoul.example\"\n" + std::string(text), "/etc/pabal/p.toml");
}

std::string dump(std::string_view text) {
  const auto config = parsed(text);
  if (!config) return "error: " + config.error().peer;
  std::string all;
  for (const auto& set : route_settings_of(*config).set) {
    if (!all.empty()) all += "; ";
    all += fmt::format("{} {} {} {}{}{}", set.domain, set.host, set.port,
                       set.tls ? queue::name_of(*set.tls) : std::string_view("automatic"),
                       set.implicit_tls ? " implicit" : "", set.lmtp ? " lmtp" : "");
    if (set.credentials) all += fmt::format(" {}:{}", set.credentials->user, set.credentials->password);
    for (const auto& source : set.sources) all += " from " + source.to_string();
  }
  return all;
}

struct Case {
  std::string text;
  std::string expected;
};

TEST(MailRoutes, Table) {
  const std::string at = "error: /etc/pabal/p.toml:";
  const Case cases[] = {
      {"", ""},
      {"[queue]\nsmart_host = \"Relay.Example:587\"", "* relay.example 587 automatic"},
      {"[queue]\nsmart_host = \"[2001:db8::1]:25\"", "* 2001:db8::1 25 automatic"},
      {"[queue]\nsmart_host = \"192.0.2.1:25\"\n[[route]]\ndomain = \"*\"\nhost = \"192.0.2.2\"",
       "* 192.0.2.2 0 automatic"},
      {"[[route]]\ndomain = \"Busan.Example\"\nhost = \"unix:lmtp\"\nlmtp = true\n[[route]]\ndomain = "
       "\"*.파발.example\"\n"
       "tls = \"encrypted\"\nbind = [\"192.0.2.9\", \"2001:db8::9\"]",
       "busan.example unix:/etc/pabal/lmtp 0 automatic lmtp; *.xn--ih3bl33b.example  0 encrypted from 192.0.2.9 from "
       "2001:db8::9"},
      {"[[route]]\ndomain = \"*\"\nhost = \"relay.example\"\nimplicit_tls = true\nuser = \"u\"\npassword = \"p\"",
       "* relay.example 0 automatic implicit u:p"},
      {"[[route]]\ndomain = \"*\"\nhost = \"relay.example\"\nimplicit_tls = true\ntls = \"verified\"",
       "* relay.example 0 verified implicit"},
      {"[[route]]\ndomain = \"a.example\"\ntls = \"dane\"", "a.example  0 dane"},

      {"[[route]]\nhost = \"a\"", at + "2:1: route: expected a domain"},
      {"[route]\ndomain = \"*\"", at + "2:1: route: expected tables [[route]]"},
      {"[[route]]\ndomain = \"a*\"", at + "3:10: domain: expected a domain, \"*.\" and a domain, or \"*\", not \"a*\""},
      {"[[route]]\ndomain = \"a\"\nhost = \"b c\"",
       at + "4:8: host: expected a host name, an IP address or \"unix:PATH\", not \"b c\""},
      {"[[route]]\ndomain = \"a\"\n[[route]]\ndomain = \"A\"", at + "5:10: domain: expected one route for a"},
      {"[[route]]\ndomain = \"a\"\nhost = \"b\"\nuser = \"u\"", at + "2:1: route: expected user and password together"},
      {"[[route]]\ndomain = \"a\"\nhost = \"b\"\ntls = \"none\"\nimplicit_tls = true",
       at + "6:16: implicit_tls: expected another tls than \"none\""},
      {"[[route]]\ndomain = \"a\"\nport = 25",
       at + "2:1: route: expected a host, since port, implicit_tls, lmtp and user are its own"},
      {"[[route]]\ndomain = \"a\"\nbind = [\"x\"]",
       at + "4:8: bind: expected a list of IP addresses; \"x\" is none, not a list"},
      {"[[route]]\ndomain = \"a\"\ntlss = \"none\"", at + "4:1: tlss: no such setting in [route]; tls is meant?"},
  };
  for (const auto& c : cases) EXPECT_EQ(dump(c.text), c.expected) << c.text;
}

TEST(MailRoutes, KnowsOurselves) {
  const auto config = parsed(
      "[queue]\nremote_port = 10025\nbind = [\"192.0.2.1\"]\n[[listener]]\nprotocol = \"smtp\"\naddress = "
      "\"127.0.0.2\"\nport = 10025\n[[listener]]\nprotocol = \"submission\"\n[[listener]]\nprotocol = "
      "\"smtp\"\naddress = "
      "\"unix:s\"");
  ASSERT_TRUE(config) << config.error().peer;
  const auto settings = route_settings_of(*config);
  EXPECT_EQ(settings.own_names, std::vector<std::string>{"mail.seoul.example"});
  ASSERT_EQ(settings.own_endpoints.size(), 1U);
  EXPECT_EQ(settings.own_endpoints[0].text(), "127.0.0.2:10025");
  EXPECT_EQ(settings.remote_port, 10025);
  EXPECT_EQ(settings.sources.size(), 1U);
  EXPECT_FALSE(settings.own_addresses.empty());  // loopback at the least
}

TEST(MailRoutes, AChangedRouteTakesANewStart) {
  const auto changed = changed_settings(*parsed(""), *parsed("[[route]]\ndomain = \"a\"\nhost = \"b\""));
  EXPECT_EQ(changed.need_restart, std::vector<std::string>{"route"});
}

TEST(MailRoutes, AsTheSettingsWantThem) {
  dns::ScriptedResolver resolver("busan.example. MX 10 mx.busan.example.\nmx.busan.example. A 127.0.0.3\n");
  const RealClock clock;
  SystemRandom random;
  const auto made = MailRoutes::make(*parsed("[queue]\nremote_port = 10025"), resolver, clock, random);
  ASSERT_TRUE(made) << made.error().log;
  const auto found = run_blocking((*made)->routes().find(*Domain::parse("busan.example"), store::TlsWish::none));
  ASSERT_TRUE(found) << found.error().words;
  EXPECT_EQ(found->hops.at(0).addresses.at(0).text(), "127.0.0.3:10025");
  EXPECT_EQ((*made)->policies().counts().policies, 0U);
}

}  // namespace
}  // namespace pabal::app
