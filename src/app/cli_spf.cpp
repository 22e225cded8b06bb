// pabal spf: what a domain's SPF record says of a client, and why.
#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli.hpp"
#include "app/cli_dns.hpp"
#include "mailauth/spf.hpp"

namespace pabal::app {
namespace {

constexpr const char* explanation =
    "The MAIL FROM address is checked; where it is empty or missing, the HELO name. The answer says what was looked "
    "up,\n"
    "what each term of the record came to, and why the result follows (RFC 7208). All results are exit status 0.\n"
    "With --json: {\"result\", \"explanation\", \"mechanism\", \"lookups\", …, \"evaluation\": the whole tree}.";

void text_option(CLI::App& command, Invocation& invocation, const std::string& name, const std::string& help) {
  command.add_option_function<std::string>(
      "--" + name, [&invocation, name](const std::string& value) { invocation.text[name] = value; }, help);
}

std::string text_of(const Invocation& invocation, std::string_view name) {
  const auto found = invocation.text.find(name);
  return found == invocation.text.end() ? std::string() : found->second;
}

int check(const Invocation& invocation) {
  const auto address = mailauth::IpAddress::parse(text_of(invocation, "ip"));
  auto mail_from = text_of(invocation, "mail-from");
  if (mail_from.starts_with('<') && mail_from.ends_with('>')) mail_from = mail_from.substr(1, mail_from.size() - 2);
  mailauth::SpfQuery query{.address = *address,
                           .helo = text_of(invocation, "helo"),
                           .mail_from = std::move(mail_from),
                           .receiver = text_of(invocation, "receiver"),
                           .now = RealClock().now()};
  RealFileSystem files;
  const RealClock clock;
  auto service = open_command_dns(invocation, files, clock);
  if (!service) return refuse(service.error());
  const auto outcome = run_blocking(mailauth::check_spf((*service)->resolver(), std::move(query)));
  const auto shown = invocation.json ? json::serialize(mailauth::to_json(outcome)) + "\n" : mailauth::teach(outcome);
  if (std::fwrite(shown.data(), 1, shown.size(), stdout) == shown.size()) return exit_done;
  return refuse(Error{ErrorKind::io, "standard output can't be written", ""});
}

}  // namespace

void add_spf_command(CLI::App& root, Invocation& invocation) {
  CLI::App* command = root.add_subcommand("spf", "whether a client may send mail for a domain (SPF), and why");
  text_option(*command, invocation, "ip", "the client's address, IPv4 or IPv6");
  text_option(*command, invocation, "helo", "the name from its HELO or EHLO");
  text_option(*command, invocation, "mail-from", "the address from its MAIL FROM; empty: the null reverse-path");
  text_option(*command, invocation, "receiver", "our own name, for the macro %{r}");
  add_dns_options(*command, invocation);
  command->add_flag("--json", invocation.json, "the outcome as JSON, in one line");
  command->footer(explanation);
  command->get_option("--ip")->required();
  command->callback([&invocation] {
    if (!mailauth::IpAddress::parse(text_of(invocation, "ip"))) {
      throw CLI::ValidationError("--ip", "an IPv4 or IPv6 address was expected");
    }
    if (text_of(invocation, "helo").empty() && text_of(invocation, "mail-from").empty()) {
      throw CLI::ValidationError("--mail-from", "it or --helo is needed");
    }
    invocation.action = [&invocation] { return check(invocation); };
  });
}

}  // namespace pabal::app
