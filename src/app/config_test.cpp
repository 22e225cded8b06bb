#include "app/config.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "app/config_values.hpp"

namespace pabal::app {
namespace {

std::string dump(const Config& c) {
  std::string out = fmt::format("{} data={}", c.hostname, c.data);
  for (const auto& l : c.listeners) {
    out += " [" + l.text();
    for (const auto& network : l.proxy_protocol) out += " proxy " + network.text();
    out += l.allow_plaintext_auth ? " plaintext" : "";
    out += l.require_tls ? " only-tls]" : "]";
  }
  for (const auto& f : c.certificates) out += fmt::format(" cert={},{}", f.certificate, f.key);
  for (const auto& s : c.shards) out += fmt::format(" {}={}", s.postgresql ? "pg" : "sqlite", s.place);
  return out;
}

std::string parsed(std::string_view text) {
  auto config = parse_config(text, "/etc/pabal/p.toml");
  return config ? dump(*config) : "error: " + config.error().peer;
}

constexpr std::string_view named = "hostname = \"mx.example.org\"\n";

struct Case {
  std::string text;
  std::string result;
};

TEST(Config, Good) {
  const std::string start = "mx.example.org data=/etc/pabal/data";
  const std::string shard = " sqlite=shard0";
  const Case cases[] = {
      {"", start + shard},
      {"data = \"../d\"", "mx.example.org data=/etc/d" + shard},
      {"data = \"/var/lib/pabal\"", "mx.example.org data=/var/lib/pabal" + shard},
      {"[[listener]]\nprotocol = \"smtp\"", start + " [smtp 0.0.0.0 25 starttls]" + shard},
      {"[[listener]]\nprotocol = \"submission\"\ntls = \"implicit\"",
       start + " [submission 0.0.0.0 465 implicit]" + shard},
      {"[[listener]]\nprotocol = \"submission\"\nrequire_tls = true",
       start + " [submission 0.0.0.0 587 starttls only-tls]" + shard},
      {"[[listener]]\nprotocol = \"lmtp\"\naddress = \"unix:lmtp\"",
       start + " [lmtp unix:/etc/pabal/lmtp off]" + shard},
      {"[[listener]]\nprotocol = \"pop3\"\naddress = \"::1\"\nport = 1110\nproxy_protocol = [\"10.0.0.0/8\", \"::1\"]\n"
       "allow_plaintext_auth = true",
       start + " [pop3 ::1 1110 starttls proxy 10.0.0.0/8 proxy ::1/128 plaintext]" + shard},
      {"[[listener]]\nprotocol = \"metrics\"\n[[listener]]\nprotocol = \"imap\"",
       start + " [metrics 0.0.0.0 9464 off] [imap 0.0.0.0 143 starttls]" + shard},
      {"[tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"", start + " cert=/etc/pabal/a.pem,/etc/pabal/b.pem" + shard},
      {"[[tls.certificates]]\ncertificate = \"/a\"\nkey = \"/b\"\n[[tls.certificates]]\ncertificate = \"/c\"\nkey = "
       "\"/d\"",
       start + " cert=/a,/b cert=/c,/d" + shard},
      {"[store]\nshards = [\"sqlite:a\", \"postgresql://h/db\"]", start + " sqlite=a pg=postgresql://h/db"},
      {"[dns]\nservers = [\"127.0.0.1@5353\", \"::1\"]\nzones = [\"demo.zone\"]\ntrust_anchor = \"root.key\"",
       start + shard},
      {"[queue]\nretry = \"10s\"\nbind = [\"192.0.2.1\"]\nsmart_host = \"relay.example:587\"", start + shard},
      {"[store]\nsegment_size = 67108864\nspill_at = \"256K\"\ntrace_kept = \"0s\"", start + shard},
      {"[log]\nlevel = \"debug\"\njson = true", start + shard},
      {"[dkim]\nalgorithms = [\"rsa-3072\"]\npassphrase_file = \"p\"\nrotate_every = \"180d\"\n[arc]\ndomain = \"a.b\"",
       start + shard},
  };
  for (const auto& c : cases) EXPECT_EQ(parsed(std::string(named) + c.text), c.result) << c.text;
}

TEST(Config, WhatIsWrongAndWhere) {
  const std::string at = "error: /etc/pabal/p.toml:";
  const Case cases[] = {
      {"hostnam = \"x.y\"", at + "2:1: hostnam: no such setting at the top of the file; hostname is meant?"},
      {"qqq = 1", at + "2:1: qqq: no such setting at the top of the file"},
      {"[stor]\nx = 1", at + "2:2: stor: no such setting (a section of this name); store is meant?"},
      {"[store]\nshard = []", at + "3:1: shard: no such setting in [store]; shards is meant?"},
      {"[limits]\nio_threads = 257", at + "3:14: io_threads: expected a whole number from 0 to 256, not 257"},
      {"[limits]\nio_threads = \"many\"", at + "3:14: io_threads: expected a whole number from 0 to 256, not \"many\""},
      {"[limits]\nio_threads = 1.5",
       at + "3:14: io_threads: expected a whole number from 0 to 256, not a number with a point"},
      {"data = \"\"", at + "2:8: data: expected a path that isn't empty, not \"\""},
      {"[log]\njson = \"yes\"", at + "3:8: json: expected true or false, not \"yes\""},
      {"[log]\nlevel = \"loud\"",
       at + "3:9: level: expected one of \"debug\", \"info\", \"warning\", \"error\", not \"loud\""},
      {"[queue]\nretry = \"30\"", at + "3:9: retry: expected a duration from 1s to 1d, like \"30m\", not \"30\""},
      {"[queue]\nretry = \"2d\"", at + "3:9: retry: expected a duration from 1s to 1d, like \"30m\", not \"2d\""},
      {"[queue]\nretry = \"1500ms\"",
       at + "3:9: retry: expected a duration from 1s to 1d, like \"30m\", not \"1500ms\""},
      {"[queue]\nretry = \"5h\"", "error: /etc/pabal/p.toml: [queue]: expected retry to be at most retry_max"},
      {"[dkim]\nalgorithms = [\"dsa\"]",
       at + "3:14: algorithms: expected a list of \"rsa-2048\", \"rsa-3072\", \"rsa-4096\" and \"ed25519\"; "
            "\"dsa\" is none, not a list"},
      {"[arc]\ndomain = \"a b\"", at + "3:10: domain: expected a domain, or empty text, not \"a b\""},
      {"[queue]\nsmart_host = \"relay\"", at + "3:14: smart_host: expected \"host:port\" or empty text, not \"relay\""},
      {"[store]\nsegment_size = \"1K\"",
       at + "3:16: segment_size: expected a size from 1M to 4G, like \"50M\", not \"1K\""},
      {"[store]\nblobs = \"s3://b\"", at + "3:9: blobs: expected one of \"segments\", \"database\", not \"s3://b\""},
      {"[store]\nshards = [\"mysql:x\"]", at + "3:10: shards: expected a list of \"sqlite:NAME\" and "
                                               "\"postgresql://…\" places; \"mysql:x\" is none, not a list"},
      {"[store]\nshards = [\"sqlite:../x\"]", at + "3:10: shards: expected a list of \"sqlite:NAME\" and "
                                                   "\"postgresql://…\" places; \"sqlite:../x\" is none, not a list"},
      {"[store]\nshards = [\"sqlite:a\", \"sqlite:a\"]",
       "error: /etc/pabal/p.toml: shards: expected each place once, not twice a"},
      {"[[listener]]\nport = 25", at + "2:1: listener: expected a protocol"},
      {"[[listener]]\nprotocol = \"ftp\"", at + "3:12: protocol: expected one of \"smtp\", \"submission\", \"lmtp\", "
                                                "\"imap\", \"pop3\", \"managesieve\", \"http\", "
                                                "\"metrics\", not \"ftp\""},
      {"[[listener]]\nprotocol = \"smtp\"\nport = 0", at + "4:8: port: expected a whole number from 1 to 65535, not 0"},
      {"[[listener]]\nprotocol = \"smtp\"\naddress = \"mx.example.org\"",
       at + "4:11: address: expected an IP address or \"unix:PATH\", not \"mx.example.org\""},
      {"[[listener]]\nprotocol = \"lmtp\"\naddress = \"unix:x\"\nport = 24", at + "5:8: port: a Unix socket has none"},
      {"[[listener]]\nprotocol = \"metrics\"\ntls = \"starttls\"", at + "4:7: tls: metrics has no \"starttls\""},
      {"[[listener]]\nprotocol = \"smtp\"\nproxy_protocol = [\"10.0.0.0/33\"]",
       at + "4:18: proxy_protocol: expected a list of networks, like \"10.0.0.0/8\"; \"10.0.0.0/33\" is none, not a "
            "list"},
      {"[listener]\nprotocol = \"smtp\"", at + "2:1: listener: expected tables [[listener]]"},
      {"[[listener]]\nprotocol = \"smtp\"\n[[listener]]\nprotocol = \"lmtp\"\nport = 25",
       "error: /etc/pabal/p.toml: expected each address and port once; the listeners at /etc/pabal/p.toml:2:1 and "
       "/etc/pabal/p.toml:4:1 are the same"},
      {"tls = true", at + "2:7: tls: expected a table [tls]"},
      {"[tls]\nkey = \"k\"", at + "2:1: expected certificate and key together, certificate is missing"},
      {"[tls]\ncertificates = [1]",
       at + "3:16: certificates: expected tables [[tls.certificates]] with certificate and key"},
      {"[[tls.certificates]]", at + "2:1: expected certificate and key"},
      {"a = ", at + "2:5: Error while parsing key-value pair: encountered end-of-file"},
      {"data = \"x\"\ndata = \"y\"",
       at + "3:8: Error while parsing key-value pair: cannot redefine existing string 'data'"},
      {"x = 1\ny = 2", at + "2:1: x: no such setting at the top of the file\n/etc/pabal/p.toml:3:1: y: no such setting "
                            "at the top of the file"},
  };
  for (const auto& c : cases) EXPECT_EQ(parsed(std::string(named) + c.text), c.result) << c.text;
  EXPECT_EQ(parsed("hostname = \"mx\""),
            at + "1:12: hostname: expected a full domain name, like \"mail.seoul.example\", not \"mx\"");
}

TEST(Config, SizesAndDurations) {
  const std::pair<std::string_view, std::string> sizes[] = {
      {"0", "0"},     {"50M", "50M"},   {"50m", "50M"},  {"50MB", "50M"},          {"50MiB", "50M"},
      {"1024", "1K"}, {"1536", "1536"}, {"4096K", "4M"}, {"8388607T", "8388607T"}, {"8388608T", "no"},
      {"", "no"},     {"M", "no"},      {"-1", "no"},    {"1.5M", "no"},           {"5 M", "no"},
      {"5X", "no"}};
  for (const auto& [text, result] : sizes) {
    const auto size = parse_size(text);
    EXPECT_EQ(size ? size_text(*size) : "no", result) << text;
  }
  const std::pair<std::string_view, std::string> durations[] = {{"0s", "0s"},
                                                                {"30m", "30m"},
                                                                {"60m", "1h"},
                                                                {"90s", "90s"},
                                                                {"500ms", "500ms"},
                                                                {"5d", "5d"},
                                                                {"", "no"},
                                                                {"5", "no"},
                                                                {"m", "no"},
                                                                {"5w", "no"},
                                                                {"99999999999999999999d", "no"}};
  for (const auto& [text, result] : durations) {
    const auto duration = parse_duration(text);
    EXPECT_EQ(duration ? duration_text(*duration) : "no", result) << text;
  }
}

TEST(Config, WhatNeedsANewStart) {
  const auto config = [](std::string_view text) {
    return *parse_config(std::string(named) + std::string(text), "p.toml");
  };
  const Config first = config("");
  const auto needs_restart = [&](const Config& wanted) { return changed_settings(first, wanted).need_restart; };
  const auto live = [&](const Config& wanted) { return changed_settings(first, wanted).live; };
  using Names = std::vector<std::string>;
  EXPECT_EQ(needs_restart(config("")), Names());
  EXPECT_EQ(live(config("")), Names());
  const auto certificate = config("[tls]\ncertificate=\"a\"\nkey=\"b\"");
  EXPECT_EQ(needs_restart(certificate), Names());
  EXPECT_EQ(needs_restart(config("data=\"x\"\n[queue]\nremote_port=26\n[[listener]]\nprotocol=\"smtp\"")),
            (Names{"data", "[queue] remote_port", "listener"}));
}

TEST(Config, WhatAReloadChanges) {
  const auto config = [](std::string_view text) {
    return *parse_config(std::string(named) + std::string(text), "p.toml");
  };
  Config running = config("[[listener]]\nprotocol=\"pop3\"");
  const Config wanted = config(
      "data=\"x\"\n[smtp]\nmax_recipients=200\n[limits]\nconnections=7\n[[listener]]\nprotocol=\"pop3\"\n"
      "allow_plaintext_auth=true\nproxy_protocol=[\"10.0.0.0/8\"]");
  const auto changed = changed_settings(running, wanted);
  EXPECT_EQ(changed.need_restart, std::vector<std::string>{"data"});
  EXPECT_EQ(changed.live,
            (std::vector<std::string>{"[limits] connections", "[smtp] max_recipients",
                                      "[[listener]] allow_plaintext_auth", "[[listener]] proxy_protocol"}));
  take_live_settings(running, wanted);
  EXPECT_EQ(running.smtp.max_recipients, 200U);
  EXPECT_EQ(running.connections.connections, 7U);
  EXPECT_TRUE(running.listeners.front().allow_plaintext_auth);
  ASSERT_EQ(running.listeners.front().proxy_protocol.size(), 1U);
  EXPECT_EQ(changed_settings(running, wanted).live, std::vector<std::string>());
  EXPECT_EQ(changed_settings(running, wanted).need_restart, std::vector<std::string>{"data"});
}

}  // namespace
}  // namespace pabal::app
