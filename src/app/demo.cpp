#include "app/demo.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "app/cli.hpp"
#include "app/local_letter.hpp"
#include "app/mail_system.hpp"
#include "app/signals.hpp"
#include "base/async.hpp"
#include "base/json.hpp"
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
  std::string out = fmt::format(
      "# Written by pabal demo.\nhostname = \"mail.{0}\"\ndata = \"data\"\n\n[dns]\nzones = [\"../demo.zone\"]\n\n"
      "[queue]\nremote_port = 10025\nbind = [\"{1}\"]\n",
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

// What the two know of each other: who takes mail for the domain, and where that host is; and who may send for it.
std::string zone() {
  std::string out =
      "; Written by pabal demo: the part of the DNS that the two sites need.\n$ORIGIN example.\n$TTL 60\n"
      "@ IN SOA ns hostmaster 1 3600 600 86400 60\n@ IN NS ns\nns IN A 127.0.0.1\n";
  for (const DemoSite& site : {seoul, busan}) {
    fmt::format_to(std::back_inserter(out),
                   "{0} IN MX 10 mail.{0}\n{0} IN TXT \"v=spf1 mx -all\"\n"
                   "_dmarc.{0} IN TXT \"v=DMARC1; p=none\"\nmail.{0} IN A {1}\n",
                   site.name, site.address);
  }
  return out;
}

std::string first_letter(SystemTime now) {
  return fmt::format(
      "From: Alice <{0}>\r\nTo: Bob <{1}>\r\nSubject: Hello Bob\r\nDate: {2}\r\nMessage-ID: <hello.{3}@{4}>\r\n"
      "\r\nHello Bob, this is Alice. My server found yours by the MX record of your domain.\r\n",
      seoul.person(), busan.person(), codec::format_date(now), to_database(now), seoul.domain());
}

// What a step of the way looked like: "  C: EHLO mail.seoul.example", a line each.
void print_steps(const json::value& attempt, std::string_view name) {
  const json::value* steps = attempt.get_object().if_contains(name);
  if (steps == nullptr || !steps->is_array()) return;
  for (const json::value& step : steps->get_array()) {
    if (!step.is_object()) continue;
    for (const auto& [member, mark] : {std::pair("client", "seoul"), {"server", "busan"}}) {
      const json::value* words = step.get_object().if_contains(member);
      if (words == nullptr || !words->is_string()) continue;
      std::cout << fmt::format("    {}: {}\n", mark, std::string_view(words->get_string()));
    }
  }
}

/// Alice writes to Bob; the letter's way is told from its trace.
Result<void> write_to_bob(MailSystem& system) {
  const auto posted = run_blocking(post_letter(
      system.local_post(), {{"sender", seoul.person()}, {"recipients", json::array{json::string(busan.person())}}},
      first_letter(system.machine().clock.now())));
  if (!posted) return pass(posted);
  const std::string id(posted->at("id").get_string());
  std::cout << fmt::format("\nAlice writes to Bob. Her server has put the letter into its queue as {}.\n", id);
  for (int tries = 0; tries < 200; ++tries) {
    const auto traces = system.site().store().traces(id);
    if (!traces) return pass(traces);
    const auto trace = traces->empty() ? Result<json::value>(json::object()) : parse_json(traces->front());
    if (!trace) return pass(trace);
    const json::value* attempts = trace->get_object().if_contains("attempts");
    if (attempts != nullptr && attempts->is_array() && !attempts->get_array().empty()) {
      const json::value& attempt = attempts->get_array().front();
      if (const json::value* route = attempt.get_object().if_contains("route"); route != nullptr && route->is_array()) {
        std::cout << "  It asks the DNS where letters for busan.example go:\n";
        for (const json::value& line : route->get_array()) {
          if (line.is_string()) std::cout << fmt::format("    {}\n", std::string_view(line.get_string()));
        }
      }
      std::cout << "  It speaks to that host:\n";
      print_steps(attempt, "opening");
      print_steps(attempt, "said");
      std::cout << "  The letter is in Bob's mailbox, and no longer in the queue.\n" << std::flush;
      return {};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  std::cout << "  It still waits there: pabal queue list shows why.\n" << std::flush;
  return {};
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

Write to the other site as Alice, to somebody who isn't there, and read the bounce; see what the queue holds, and what happened to a letter:

  swaks --server 127.0.0.2 --port 10587 --tls --auth-user alice@seoul.example --auth-password demo --from alice@seoul.example --to nobody@busan.example
  curl -sk --user alice@seoul.example:demo pop3s://127.0.0.2:10995/2
  pabal queue list --config {0}/seoul/pabal.toml
  pabal trace ID --config {0}/seoul/pabal.toml

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
  if (auto made = files.make_folder(folder); !made) return refuse(made.error());
  if (auto written = replace_file(files, folder + "/demo.zone", zone()); !written) return refuse(written.error());
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
  if (auto written = write_to_bob(*systems.front()); !written) return refuse(written.error());
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
