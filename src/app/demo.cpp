#include "app/demo.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "app/cli.hpp"
#include "app/local_letter.hpp"
#include "app/mail_system.hpp"
#include "app/signals.hpp"
#include "base/async.hpp"
#include "codec/date.hpp"

namespace pabal::app {
namespace {

struct DemoSite {
  std::string name;     ///< "seoul"
  std::string address;  ///< "127.0.0.2"
  std::string user;     ///< "alice"

  [[nodiscard]] std::string domain() const { return name + ".example"; }
  [[nodiscard]] std::string person() const { return user + "@" + domain(); }
};

const DemoSite seoul{"seoul", "127.0.0.2", "alice"};
const DemoSite busan{"busan", "127.0.0.3", "bob"};

std::string settings(const DemoSite& site) {
  struct Port {
    const char* protocol;
    const char* tls;
    int number;
  };
  std::string out = fmt::format("# Written by pabal demo.\nhostname = \"mail.{}\"\ndata = \"data\"\n", site.domain());
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

/// The domain, the person and a first letter, where they aren't there yet.
Result<void> furnish(MailSystem& system, const DemoSite& site) {
  admin::Service& admin = system.site().admin();
  const auto there = [](const Result<json::value>& result) {
    return result || result.error().kind == ErrorKind::exists;
  };
  if (auto domain = admin.execute({{"command", "domain add"}, {"domain", site.domain()}}); !there(domain))
    return pass(domain);
  const auto account = admin.execute({{"command", "account add"}, {"address", site.person()}, {"password", "demo"}});
  if (!there(account)) return pass(account);
  if (!account) return {};
  const auto posted = run_blocking(
      post_letter(system.local_post(), {{"sender", ""}, {"recipients", json::array{json::string(site.person())}}},
                  welcome(site, system.machine().clock.now())));
  if (!posted) return pass(posted);
  return {};
}

void explain(const std::string& folder) {
  std::cout << fmt::format(R"(
Two mail systems are running on this machine:

  seoul.example  at 127.0.0.2   alice@seoul.example   password: demo
  busan.example  at 127.0.0.3   bob@busan.example     password: demo

  SMTP 10025, submission 10587 (STARTTLS) and 10465 (TLS), IMAP 10143 (STARTTLS) and 10993 (TLS), POP3 10110 (STARTTLS) and 10995 (TLS), metrics 19464

Send Bob a letter, as a stranger's mail server would:

  swaks --server 127.0.0.3 --port 10025 --tls --from you@example.org --to bob@busan.example --header "Subject: Hello"
  printf 'Subject: Hello\n\nHello Bob!\n' | curl -sk --ssl-reqd smtp://127.0.0.3:10025 --mail-from you@example.org --mail-rcpt bob@busan.example --crlf -T -

Send it as Bob himself, with his password:

  swaks --server 127.0.0.3 --port 10587 --tls --auth-user bob@busan.example --auth-password demo --from bob@busan.example --to bob@busan.example

Read Bob's mail: the list, and the first letter (one is there from the start)

  curl -sk --user bob@busan.example:demo pop3s://127.0.0.3:10995/
  curl -sk --user bob@busan.example:demo pop3s://127.0.0.3:10995/1

Ask the server what it knows:

  pabal account list --config {0}/busan/pabal.toml
  pabal domain dns busan.example --config {0}/busan/pabal.toml

Letters from one site to the other come with a later version: this one takes mail in, and sends none out.
The data is in {0}. Ctrl-C stops it.
)",
                           folder)
            << std::flush;
}

}  // namespace

int demo(const std::string& data) {
  RealFileSystem files;
  std::string folder = data.empty() ? std::string() : std::filesystem::absolute(data).lexically_normal().string();
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  if (data.empty()) {
    std::string pattern = "/tmp/pabal-demo-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) return refuse(fail_errno("make", pattern, errno).error());
    folder = pattern;
  }
  const Signals signals;
  net::ActivatedSockets none;
  std::vector<std::unique_ptr<MailSystem>> systems;
  for (const DemoSite& site : {seoul, busan}) {
    const std::string place = folder + "/" + site.name;
    const std::string file = place + "/pabal.toml";
    if (auto made = files.make_folder(place); !made) return refuse(made.error());
    if (auto written = replace_file(files, file, settings(site)); !written) return refuse(written.error());
    auto config = read_config(files, file);
    if (!config) return refuse(config.error());
    const Log log = Log::to_stderr(LogLevel::info, false).with({"site", site.name});
    auto system = MailSystem::start(std::move(*config), log, none);
    if (!system) return refuse(system.error());
    if (auto furnished = furnish(**system, site); !furnished) return refuse(furnished.error());
    systems.push_back(std::move(*system));
  }
  explain(folder);
  int number = signals.wait();
  while (number == SIGHUP) {
    for (const auto& system : systems) system->reload();
    number = signals.wait();
  }
  bool whole = true;
  for (const auto& system : systems) whole = system->stop() && whole;
  if (!whole) _exit(exit_done);
  systems.clear();
  if (data.empty()) {
    std::error_code error;
    std::filesystem::remove_all(folder, error);
    if (error) return refuse({ErrorKind::io, fmt::format("{}: can't be removed: {}", folder, error.message()), {}});
  }
  return exit_done;
}

}  // namespace pabal::app
