#include "app/demo_site.hpp"

#include <fmt/format.h>

#include "app/local_letter.hpp"
#include "app/operator.hpp"
#include "base/async.hpp"
#include "codec/date.hpp"

namespace pabal::app {
namespace {

std::string settings(const DemoSite& site) {
  struct Port {
    const char* protocol;
    const char* tls;
    int number;
  };
  // A letter that has to wait is tried again soon: nobody wants to watch for half an hour.
  std::string out = fmt::format(
      "# Written by pabal demo.\nhostname = \"mail.{}\"\ndata = \"data\"\n\n[dns]\nzones = [\"../demo.zone\"]\n\n"
      "[queue]\nremote_port = 10025\nbind = [\"{}\"]\nretry = \"5s\"\nretry_max = \"20s\"\n\n"
      "[sender_checks]\ntrusted_networks = [\"127.0.0.1/32\"]\ndeadline = \"3s\"\n",
      site.domain(), site.address);
  for (const Port port :
       {Port{"smtp", "starttls", 10025}, Port{"submission", "starttls", 10587}, Port{"submission", "implicit", 10465},
        Port{"imap", "starttls", 10143}, Port{"imap", "implicit", 10993}, Port{"pop3", "starttls", 10110},
        Port{"pop3", "implicit", 10995}, Port{"metrics", "off", 19464}}) {
    fmt::format_to(std::back_inserter(out),
                   "\n[[listener]]\nprotocol = \"{}\"\naddress = \"{}\"\nport = {}\ntls = \"{}\"\n", port.protocol,
                   site.address, port.number, port.tls);
  }
  return out;
}

std::string welcome(const DemoSite& site, SystemTime now) {
  return fmt::format(
      "From: Pabal <postmaster@{0}>\r\nTo: {1}\r\nSubject: =?UTF-8?B?7YyM67CcIO2MjOuwnCE=?= Welcome to Pabal\r\nDate: "
      "{2}\r\n"
      "Message-ID: <welcome.{3}@{0}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
      "charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
      "\r\n안녕하세요! This letter went through the same delivery as every other: it was on the disk before it was "
      "said to be.\r\n",
      site.domain(), site.person(), codec::format_date(now), to_database(now));
}

/// The site's settings, written anew.
Result<Config> config_of(FileSystem& files, const std::string& folder, const DemoSite& site) {
  const std::string place = folder + "/" + site.name;
  const std::string file = place + "/pabal.toml";
  if (auto made = files.make_folder(place); !made) return pass(made);
  if (auto written = replace_file(files, file, settings(site)); !written) return pass(written);
  return read_config(files, file);
}

Result<void> there(const Result<json::value>& result) {
  if (result || result.error().kind == ErrorKind::exists) return {};
  return pass(result);
}

/// The site's domain is made while nobody serves it yet, with its keys, so that the DNS has them from the start.
Result<std::string> key_records(FileSystem& files, const std::string& folder, const DemoSite& site) {
  const auto config = config_of(files, folder, site);
  if (!config) return pass(config);
  auto data = Operator::open(*config);
  if (!data) return pass(data);
  if (auto domain = there(data->execute({{"command", "domain add"}, {"domain", site.domain()}})); !domain) {
    return pass(domain);
  }
  // A folder of an older version has none.
  const auto keys = data->execute({{"command", "dkim list"}});
  if (!keys) return pass(keys);
  if (keys->at("keys").as_array().empty()) {
    if (auto made = data->execute({{"command", "dkim rotate"}, {"domain", site.domain()}}); !made) return pass(made);
  }
  const auto records = data->execute({{"command", "domain dns"}, {"domain", site.domain()}});
  if (!records) return pass(records);
  std::string out;
  for (const json::value& record : records->at("records").as_array()) {
    if (record.at("purpose").as_string() != "DKIM") continue;
    fmt::format_to(std::back_inserter(out), "{} IN TXT {}\n", record.at("name").as_string().c_str(),
                   record.at("data").as_string().c_str());
  }
  return out;
}

/// The domain, the person and a first letter, where they aren't there yet.
Result<void> furnish(MailSystem& system, const DemoSite& site) {
  admin::Service& admin = system.site().admin();
  // Its keys' records are in the zone, so they may be used.
  if (auto keys = admin.execute({{"command", "dkim update"}}); !keys) return pass(keys);
  const auto account = admin.execute({{"command", "account add"}, {"address", site.person()}, {"password", "demo"}});
  if (auto made = there(account); !made || !account) return made;
  const auto posted = run_blocking(
      post_letter(system.local_post(), {{"sender", ""}, {"recipients", json::array{json::string(site.person())}}},
                  welcome(site, system.machine().clock.now())));
  if (!posted) return pass(posted);
  return {};
}

}  // namespace

const DemoSite& seoul() {
  static const DemoSite site{"seoul", "127.0.0.2", "alice"};
  return site;
}
const DemoSite& busan() {
  static const DemoSite site{"busan", "127.0.0.3", "bob"};
  return site;
}
const DemoSite& daegu() {
  static const DemoSite site{"daegu", "127.0.0.4", "carol"};
  return site;
}

namespace {

/// What the DNS would say about them.
Result<std::string> demo_zone(FileSystem& files, const std::string& folder) {
  std::string out =
      "; Written by pabal demo: what the DNS would say about its companies.\n$ORIGIN example.\n$TTL 60\n"
      "@ IN SOA ns.example. hostmaster.example. 1 3600 600 86400 60\n@ IN NS ns.example.\nns IN A 127.0.0.1\n";
  for (const auto& site : {seoul(), busan(), daegu()}) {
    fmt::format_to(std::back_inserter(out),
                   "\n{0} IN MX 10 mail.{0}\nmail.{0} IN A {1}\n{0} IN TXT \"v=spf1 ip4:{1} -all\"\n"
                   "_dmarc.{0} IN TXT \"v=DMARC1; p=none; rua=mailto:postmaster@{0}.example\"\n",
                   site.name, site.address);
    auto keys = key_records(files, folder, site);
    if (!keys) return keys;
    out += *keys;
  }
  return out;
}

}  // namespace

Result<void> prepare_sites(FileSystem& files, const std::string& folder) {
  const auto zone = demo_zone(files, folder);
  if (!zone) return pass(zone);
  return replace_file(files, folder + "/demo.zone", *zone);
}

Result<std::unique_ptr<MailSystem>> start_site(FileSystem& files, const std::string& folder, const DemoSite& site) {
  auto config = config_of(files, folder, site);
  if (!config) return pass(config);
  net::ActivatedSockets none;
  auto system =
      MailSystem::start(std::move(*config), Log::to_stderr(LogLevel::warning, false).with({"site", site.name}), none);
  if (!system) return system;
  if (auto furnished = furnish(**system, site); !furnished) return pass(furnished);
  return system;
}

}  // namespace pabal::app
