// pabal dkim sign, pabal dkim verify, pabal arc sign: letters in files are signed, looked at and sealed, as the server
// does it with those that pass through it.
#include <algorithm>
#include <cstdio>
#include <ranges>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "address/domain.hpp"
#include "app/cli.hpp"
#include "app/cli_dns.hpp"
#include "app/letter_source.hpp"
#include "base/text.hpp"
#include "base/wiped.hpp"
#include "mailauth/arc_sealer.hpp"
#include "mailauth/dkim_signer.hpp"
#include "mailauth/letter_verifier.hpp"
#include "mailauth/results_reader.hpp"
#include "message/header.hpp"

namespace pabal::app {
namespace {

constexpr const char* sign_footer =
    "Prints the letter with its DKIM-Signature before it. Without --headers it covers what a reader sees, each field "
    "once "
    "more\n"
    "than there is, so that nobody can add one (RFC 6376 §5.4). --key and --selector may be given several times, in "
    "pairs:\n"
    "one signature each, over the same hash of the body. A file whose lines end with LF is signed as it would be sent, "
    "with CRLF.";
constexpr const char* verify_footer =
    "Says of each signature what it covers, what the DNS said of its key, and why the result follows. Exit status 0 "
    "where "
    "one\npasses, else 1.";
constexpr const char* seal_footer =
    "Prints the letter with a new ARC set before it (RFC 8617). What it says is taken from the letter's "
    "Authentication-Results\nfields that carry the name --authserv-id; where they tell of no arc=, the chain is "
    "validated "
    "now, with the keys from the DNS.\nA chain that ended with cv=fail, or has 50 sets, is left as it is.";

std::string text_of(const Invocation& invocation, std::string_view name) {
  const auto found = invocation.text.find(name);
  return found == invocation.text.end() ? std::string() : found->second;
}

CLI::Option* text_option(CLI::App* command, Invocation& invocation, const std::string& name, const std::string& help) {
  return command->add_option_function<std::string>(
      name, [&invocation, name](const std::string& value) { invocation.text[name] = value; }, help);
}

CLI::Option* list_option(CLI::App* command, Invocation& invocation, const std::string& name, const std::string& help) {
  return command
      ->add_option_function<std::vector<std::string>>(
          name,
          [&invocation, name](const std::vector<std::string>& values) {
            invocation.text[name] = fmt::format("{}", fmt::join(values, "\n"));
          },
          help)
      ->allow_extra_args(false);
}

int print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return exit_done;
  return refuse(Error{ErrorKind::io, "standard output can't be written", ""});
}

// Lines end as the letter's first one does.
int print_signed(std::string fields, const std::string& letter) {
  const auto end = letter.find('\n');
  const bool bare = end != std::string::npos && (end == 0 || letter[end - 1] != '\r');
  if (bare) std::erase(fields, '\r');
  const int printed = print(fields);
  return printed == exit_done ? print(letter) : printed;
}

SystemTime time_of(const Invocation& invocation) {
  const auto at = parse_decimal(text_of(invocation, "--at"));
  return at ? SystemTime(std::chrono::seconds(*at)) : RealClock().now();
}

std::vector<std::string> names_of(const Invocation& invocation) {
  std::vector<std::string> names;
  const auto text = text_of(invocation, "--headers");
  if (text.empty()) return names;
  for (const auto name : split(text, ':')) names.emplace_back(trim(name));
  return names;
}

Result<std::vector<mailauth::DkimIdentity>> identities_of(const Invocation& invocation) {
  const auto keys = text_of(invocation, "--key");
  const auto selectors = text_of(invocation, "--selector");
  const auto files = split(keys, '\n');
  const auto names = split(selectors, '\n');
  if (files.size() != names.size()) return fail(ErrorKind::syntax, "each --key wants a --selector of its own");
  const auto domain = Domain::parse(text_of(invocation, "--domain"));
  std::vector<mailauth::DkimIdentity> identities;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto pem = read_letter(std::string(files[i]));
    if (!pem) return pass(std::move(pem));
    const Wiped text(std::move(*pem));
    auto key = mailauth::DkimSigningKey::from_pem(text.get());
    if (!key) return pass(std::move(key));
    const auto selector = Domain::parse(names[i]);
    identities.push_back({.key = std::move(*key),
                          .domain = domain ? domain->ascii() : text_of(invocation, "--domain"),
                          .selector = selector ? selector->ascii() : std::string(names[i])});
  }
  return identities;
}

int sign(const Invocation& invocation) {
  auto identities = identities_of(invocation);
  if (!identities) return refuse(identities.error());
  const auto letter = read_letter(text_of(invocation, "FILE"));
  if (!letter) return refuse(letter.error());
  mailauth::DkimSigning signing{.identities = std::move(*identities), .fields = names_of(invocation)};
  const auto forms = text_of(invocation, "--canonicalization");
  if (forms.starts_with("simple")) signing.header_form = mailauth::Canonicalization::simple;
  if (!forms.empty() && !forms.ends_with("/relaxed")) signing.body_form = mailauth::Canonicalization::simple;
  signing.now = time_of(invocation);
  signing.identity = text_of(invocation, "--identity");
  if (const auto expire = parse_decimal(text_of(invocation, "--expire"), 1U << 30U)) {
    signing.expires_after = std::chrono::seconds(*expire);
  }
  mailauth::DkimSigner signer(std::move(signing));
  signer.take(*letter);
  auto fields = signer.finish();
  if (!fields) return refuse(fields.error());
  return print_signed(std::move(*fields), *letter);
}

Result<mailauth::SignatureOutcomes> verify_letter(const Invocation& invocation, const std::string& letter) {
  RealFileSystem files;
  const RealClock clock;
  auto dns = open_command_dns(invocation, files, clock);
  if (!dns) return pass(std::move(dns));
  mailauth::KeyCache keys;
  mailauth::LetterVerifier verifier(keys);
  verifier.take(letter);
  return run_blocking(verifier.finish((*dns)->resolver(), time_of(invocation)));
}

int verify(const Invocation& invocation) {
  const auto letter = read_letter(text_of(invocation, "FILE"));
  if (!letter) return refuse(letter.error());
  const auto outcomes = verify_letter(invocation, *letter);
  if (!outcomes) return refuse(outcomes.error());
  const auto summary = mailauth::summary_of(outcomes->dkim);
  std::string text;
  if (invocation.json) {
    json::array dkim;
    for (const auto& outcome : outcomes->dkim) dkim.push_back(mailauth::to_json(outcome));
    text = json::serialize(json::object{{"result", mailauth::name_of(summary)},
                                        {"dkim", std::move(dkim)},
                                        {"passed_over", outcomes->passed_over},
                                        {"arc", mailauth::to_json(outcomes->arc)}}) +
           "\n";
  } else {
    text = mailauth::teach(outcomes->dkim) + mailauth::teach(outcomes->arc);
    if (outcomes->passed_over > 0) {
      text += fmt::format("{} more signatures were not looked at.\n", outcomes->passed_over);
    }
  }
  if (const int printed = print(text); printed != exit_done) return printed;
  if (summary == mailauth::DkimResult::pass) return exit_done;
  return refuse(Error{ErrorKind::policy, fmt::format("no signature passes: {}", mailauth::name_of(summary)), ""});
}

// What the letter's Authentication-Results of this name say, together; without the name.
std::vector<std::string> results_of(const std::string& letter, std::string_view authserv_id) {
  std::vector<std::string> results;
  message::HeaderReader reader(letter);
  while (const auto field = reader.next()) {
    if (!equal_ignoring_case(field->name, "Authentication-Results")) continue;
    if (!equal_ignoring_case(mailauth::read_results(field->body).authserv_id, authserv_id)) continue;
    auto parts = mailauth::split_results(field->body);
    for (auto& part : parts | std::views::drop(1)) {
      if (!part.empty() && part != "none") results.push_back(std::move(part));
    }
  }
  return results;
}

// How the chain stood, as those results say; nothing where they don't, or say two things.
std::optional<mailauth::ArcStatus> told_status(const std::string& results) {
  std::optional<mailauth::ArcStatus> told;
  for (const auto& method : mailauth::read_results(results).methods) {
    if (method.method != "arc") continue;
    if (told) return mailauth::ArcStatus::fail;
    for (const auto status : {mailauth::ArcStatus::none, mailauth::ArcStatus::pass, mailauth::ArcStatus::fail}) {
      if (mailauth::name_of(status) == method.result) told = status;
    }
  }
  return told;
}

int seal(const Invocation& invocation) {
  auto identities = identities_of(invocation);
  if (!identities) return refuse(identities.error());
  if (identities->size() != 1) return refuse(Error{ErrorKind::syntax, "a seal has one key", ""});
  const auto letter = read_letter(text_of(invocation, "FILE"));
  if (!letter) return refuse(letter.error());
  const auto authserv_id = text_of(invocation, "--authserv-id");
  auto parts = results_of(*letter, authserv_id);
  auto status = told_status(fmt::format("{}; {}", authserv_id, fmt::join(parts, "; ")));
  if (!status) {
    const auto outcomes = verify_letter(invocation, *letter);
    if (!outcomes) return refuse(outcomes.error());
    status = outcomes->arc.cv;
    parts.insert(parts.begin(), fmt::format("arc={}", mailauth::name_of(*status)));
  }
  mailauth::ArcSealer sealer(
      {.identity = std::move(identities->front()), .fields = names_of(invocation), .now = time_of(invocation)});
  sealer.take(*letter);
  auto set = sealer.finish(fmt::format("{}; {}", authserv_id, fmt::join(parts, "; ")), *status);
  if (!set) return refuse(set.error());
  return print_signed(std::move(*set), *letter);
}

std::string right_forms(const std::string& text) {
  const std::vector<std::string_view> right = {"simple/simple",   "simple/relaxed", "relaxed/simple",
                                               "relaxed/relaxed", "simple",         "relaxed"};
  return std::ranges::find(right, text) == right.end() ? "simple or relaxed, twice, with a slash between" : "";
}

std::string right_number(const std::string& text) {
  return parse_decimal(text, std::uint64_t{1} << 37U) ? "" : "a number of seconds was expected";
}

// FILE, --key, --selector, --domain, --headers, --at
void signing_options(CLI::App* command, Invocation& invocation) {
  text_option(command, invocation, "FILE", "the letter; - is standard input")->required();
  list_option(command, invocation, "--key", "the private key, RSA or Ed25519, PEM")->required();
  list_option(command, invocation, "--selector", "the key's selector (s=)")->required();
  text_option(command, invocation, "--domain", "the domain that signs (d=)")->required();
  text_option(command, invocation, "--headers", "names of the fields to cover, colons between");
  text_option(command, invocation, "--at", "the time of the signature (t=), seconds since 1970; else now")
      ->check(right_number);
}

}  // namespace

void add_dkim_commands(CLI::App& root, Invocation& invocation) {
  CLI::App* dkim = command_group(root, "dkim", "signatures on letters, and the keys that make them");
  CLI::App* make = dkim->add_subcommand("sign", "sign a letter");
  signing_options(make, invocation);
  text_option(make, invocation, "--canonicalization", "header/body, each simple or relaxed; relaxed/relaxed otherwise")
      ->check(right_forms);
  text_option(make, invocation, "--expire", "the signature ends so many seconds later (x=)")->check(right_number);
  text_option(make, invocation, "--identity", "on whose behalf (i=), an address in the domain");
  make->footer(sign_footer);
  make->callback([&invocation] { invocation.action = [&invocation] { return sign(invocation); }; });

  CLI::App* look = dkim->add_subcommand("verify", "verify a letter's signatures");
  text_option(look, invocation, "FILE", "the letter; - is standard input")->required();
  text_option(look, invocation, "--at", "as if it were that time, seconds since 1970")->check(right_number);
  add_dns_options(*look, invocation);
  look->add_flag("--json", invocation.json, "the outcomes as JSON, in one line");
  look->footer(verify_footer);
  look->callback([&invocation] { invocation.action = [&invocation] { return verify(invocation); }; });

  CLI::App* arc = command_group(root, "arc", "seals on letters that are passed on");
  CLI::App* pass_on = arc->add_subcommand("sign", "seal a letter");
  signing_options(pass_on, invocation);
  text_option(pass_on, invocation, "--authserv-id", "the name in our Authentication-Results")->required();
  add_dns_options(*pass_on, invocation);
  pass_on->footer(seal_footer);
  pass_on->callback([&invocation] { invocation.action = [&invocation] { return seal(invocation); }; });
}

}  // namespace pabal::app
