// pabal check: all that can be found out about who really sent a letter, each result with its reasons, and what a
// server would do with it.
#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli.hpp"
#include "app/cli_dns.hpp"
#include "app/letter_source.hpp"
#include "base/text.hpp"
#include "mailauth/letter_check.hpp"

namespace pabal::app {
namespace {

constexpr const char* explanation =
    "SPF is checked where --ip says which client the letter came from; DKIM, ARC and DMARC always. Says what was "
    "looked\n"
    "up, what the DNS said, why each result follows, and what a server with the settings' [sender_checks] (or the "
    "usual ones)\n"
    "would do. All results are exit status 0.\n"
    "With --json: {\"spf\": {\"result\", \"domain\", …}, \"dkim\": [{\"result\", \"domain\", \"selector\", \"reason\", "
    "…}],\n"
    "\"arc\": {\"cv\", …}, \"dmarc\": {\"result\", \"policy\", \"disposition\", …}, \"decision\": …}.";

std::string given_text(const Invocation& invocation, std::string_view name) {
  const auto found = invocation.text.find(name);
  return found == invocation.text.end() ? std::string() : found->second;
}

CLI::Option* letter_option(CLI::App& command, Invocation& invocation, const std::string& name,
                           const std::string& help) {
  return command.add_option_function<std::string>(
      name, [&invocation, name](const std::string& value) { invocation.text[name] = value; }, help);
}

// As the settings file has them, where one is named or the usual one is there.
Result<mailauth::CheckSettings> check_settings(const Invocation& invocation, FileSystem& files) {
  const auto given = invocation.text.find("config");
  const auto usual = files.exists(invocation.config);
  if (given == invocation.text.end() && !(usual && *usual)) return mailauth::CheckSettings();
  const auto config = read_config(files, given != invocation.text.end() ? given->second : invocation.config);
  if (!config) return pass(config);
  return config->smtp.auth.check;
}

Async<Result<mailauth::LetterVerdict>> check_from(mailauth::CheckTools tools, const mailauth::CheckSettings* settings,
                                                  mailauth::CheckedClient client, SystemTime now,
                                                  LetterSource* letter) {
  mailauth::LetterCheck check(tools, *settings, std::move(client), now);
  check.begin(co_await asio::this_coro::executor);
  while (true) {
    auto piece = letter->next();
    if (!piece) co_return pass(piece);
    if (piece->empty()) break;
    check.take(*piece);
  }
  co_return co_await check.finish();
}

int check_letter(const Invocation& invocation) {
  RealFileSystem files;
  const RealClock clock;
  auto letter = LetterSource::open(given_text(invocation, "FILE"));
  if (!letter) return refuse(letter.error());
  const auto settings = check_settings(invocation, files);
  if (!settings) return refuse(settings.error());
  auto suffixes = PublicSuffix::system();
  if (!suffixes) return refuse(suffixes.error());
  auto service = open_command_dns(invocation, files, clock);
  if (!service) return refuse(service.error());
  mailauth::KeyCache keys;
  auto mail_from = given_text(invocation, "--mail-from");
  if (mail_from.starts_with('<') && mail_from.ends_with('>')) mail_from = mail_from.substr(1, mail_from.size() - 2);
  mailauth::CheckedClient client{.address = mailauth::IpAddress::parse(given_text(invocation, "--ip")),
                                 .helo = given_text(invocation, "--helo"),
                                 .mail_from = std::move(mail_from),
                                 .sender_known = invocation.text.contains("--mail-from"),
                                 .receiver = given_text(invocation, "--receiver")};
  const auto at = parse_decimal(given_text(invocation, "--at"));
  const auto verdict =
      run_blocking(check_from({.resolver = &(*service)->resolver(), .suffixes = &*suffixes, .keys = &keys}, &*settings,
                              std::move(client), at ? SystemTime(std::chrono::seconds(*at)) : clock.now(), &*letter));
  if (!verdict) return refuse(verdict.error());
  const auto shown = invocation.json ? json::serialize(mailauth::to_json(*verdict)) + "\n" : mailauth::teach(*verdict);
  if (std::fwrite(shown.data(), 1, shown.size(), stdout) == shown.size()) return exit_done;
  return refuse(Error{ErrorKind::io, "standard output can't be written", ""});
}

}  // namespace

void add_check_command(CLI::App& root, Invocation& invocation) {
  CLI::App* command = root.add_subcommand("check", "who really sent a letter: SPF, DKIM, ARC and DMARC, and why");
  letter_option(*command, invocation, "FILE", "the letter; - is standard input")->required();
  letter_option(*command, invocation, "--ip", "the address of the client that it came from, IPv4 or IPv6");
  letter_option(*command, invocation, "--helo", "the name from its HELO or EHLO");
  letter_option(*command, invocation, "--mail-from", "the address from its MAIL FROM; empty: the null reverse-path");
  letter_option(*command, invocation, "--receiver", "our own name, for the macro %{r}");
  letter_option(*command, invocation, "--at", "as if it were that time, seconds since 1970")
      ->check([](const std::string& text) {
        return parse_decimal(text, std::uint64_t{1} << 37U) ? std::string() : "a number of seconds was expected";
      });
  add_dns_options(*command, invocation);
  command->add_flag("--json", invocation.json, "the verdict as JSON, in one line");
  command->footer(explanation);
  command->callback([&invocation] {
    const auto address = given_text(invocation, "--ip");
    if (!address.empty() && !mailauth::IpAddress::parse(address)) {
      throw CLI::ValidationError("--ip", "an IPv4 or IPv6 address was expected");
    }
    invocation.action = [&invocation] { return check_letter(invocation); };
  });
}

}  // namespace pabal::app
