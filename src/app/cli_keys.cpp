// pabal dkim: the keys that domains sign with. (pabal dkim sign and verify: cli_dkim.cpp.)
#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "admin/key_pairs.hpp"
#include "app/cli.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "base/wiped.hpp"

namespace pabal::app {
namespace {

constexpr std::size_t longest_file = 64 << 10;

void put_option(json::object& request, const Invocation& invocation, std::string_view name) {
  if (const auto found = invocation.text.find(name); found != invocation.text.end()) request[name] = found->second;
}

/// A request whose members are the options of the same names.
int ask_server(const Invocation& invocation, std::string_view command) {
  json::object request{{"command", command}};
  for (const std::string_view name : {"domain", "selector", "algorithm"}) put_option(request, invocation, name);
  if (invocation.flag) request["force"] = true;
  return carry_out(invocation, request);
}

/// Without a server's data: the private key into a new file, and what goes into the DNS.
int make_file(const Invocation& invocation) {
  const std::string& path = invocation.text.at("out");
  const auto given = invocation.text.find("algorithm");
  const auto algorithm = account::key_algorithm(given == invocation.text.end() ? "rsa" : given->second);
  const auto selector = invocation.text.find("selector");
  if (!algorithm) {
    return refuse({ErrorKind::syntax, "--algorithm: expected rsa-2048, rsa-3072, rsa-4096 or ed25519", {}});
  }
  if (selector == invocation.text.end() || !account::is_selector(selector->second)) {
    return refuse({ErrorKind::syntax, "--out needs a --selector of letters, digits, hyphens and dots", {}});
  }
  const auto domain = Domain::parse(invocation.text.at("domain"));
  if (!domain) return refuse(domain.error());
  auto pair = admin::make_key_pair(*algorithm);
  if (!pair) return refuse(pair.error());
  const WipeAtEnd wiped(pair->private_pem);
  RealFileSystem files;
  auto file = files.open(path, OpenMode::create_new);
  auto written = file ? (*file)->write_at(pair->private_pem, 0) : pass(file);
  if (written) written = (*file)->sync();
  if (!written) return refuse(written.error());
  const account::DomainKey key{
      .domain = *domain, .selector = selector->second, .algorithm = *algorithm, .record = pair->record, .made = {}};
  print_result(invocation, "dkim keygen",
               json::object{{"domain", key.domain.ascii()},
                            {"selector", key.selector},
                            {"algorithm", account::name_of(key.algorithm)},
                            {"file", path},
                            {"name", key.record_name() + "."},
                            {"record", key.record}});
  return exit_done;
}

int keygen(const Invocation& invocation) {
  return invocation.text.contains("out") ? make_file(invocation) : ask_server(invocation, "dkim keygen");
}

int import_key(const Invocation& invocation) {
  RealFileSystem files;
  auto pem = read_file(files, invocation.text.at("key"), longest_file);
  if (!pem) return refuse(pem.error());
  const WipeAtEnd wiped(*pem);
  if (!is_utf8(*pem)) return refuse({ErrorKind::syntax, "--key: expected a private key in PEM", {}});
  json::object request{{"command", "dkim import"}, {"pem", *pem}};
  for (const std::string_view name : {"domain", "selector"}) put_option(request, invocation, name);
  return carry_out(invocation, request);
}

int change_passphrase(const Invocation& invocation) {
  json::object request{{"command", "dkim passphrase"}};
  const auto file = invocation.text.find("file");
  if (invocation.flag == (file != invocation.text.end())) {
    std::cerr << "pabal: expected a FILE with the new passphrase, or --none\n";
    return exit_usage;
  }
  std::string line;
  const WipeAtEnd wiped(line);
  if (!invocation.flag) {
    RealFileSystem files;
    auto text = read_file(files, file->second, longest_file);
    if (!text) return refuse(text.error());
    const WipeAtEnd wiped_text(*text);
    line = text->substr(0, text->find('\n'));
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || !is_utf8(line)) {
      return refuse({ErrorKind::syntax, fmt::format("{}: expected a passphrase in its first line", file->second), {}});
    }
    request["passphrase"] = line;
  }
  return carry_out(invocation, request);
}

}  // namespace

void add_key_commands(CLI::App& root, Invocation& invocation) {
  CLI::App* dkim = command_group(root, "dkim", "signatures on letters, and the keys that make them");
  const auto option = [&invocation](CLI::App* command, const std::string& flag, const std::string& name,
                                    const std::string& help) {
    return command->add_option_function<std::string>(
        flag, [&invocation, name](const std::string& value) { invocation.text[name] = value; }, help);
  };
  const auto when_chosen = [&invocation](CLI::App* command, int (*action)(const Invocation&)) {
    command->callback(
        [&invocation, action] { invocation.action = [&invocation, action] { return action(invocation); }; });
  };
  const auto algorithms = CLI::IsMember({"rsa", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519"});

  auto* make = data_command(*dkim, invocation, "keygen", "a new key for a domain, and the record to publish", true);
  option(make, "DOMAIN", "domain", "")->required();
  option(make, "--algorithm", "algorithm", "rsa (2048 bits) where none is given")->check(algorithms);
  option(make, "--selector", "selector", "the name that it stands under; made of the day where none is given");
  option(make, "--out", "out", "write the private key into this new file, for pabal dkim sign --key, and keep nothing");
  make->footer(
      "The key is used when its record was seen in the DNS: pabal domain dns DOMAIN --check. With --out no server and\n"
      "no settings are needed.");
  when_chosen(make, keygen);

  auto* import = data_command(*dkim, invocation, "import", "a key from elsewhere, to be used here", true);
  option(import, "DOMAIN", "domain", "")->required();
  option(import, "--selector", "selector", "the name that its record stands under")->required();
  option(import, "--key", "key", "the private key in PEM")->required();
  when_chosen(import, import_key);

  struct Verb {
    const char* name;
    const char* description;
    bool of_key;
    bool domain_required;
  };
  constexpr Verb verbs[] = {
      {"list", "all keys, or those of a domain, and where each is in its life", false, false},
      {"rotate", "new keys in the place of those in use; each is used once its record was seen in the DNS", false,
       true},
      {"use", "sign with this key from now on; the one of its kind that did is retired", true, true},
      {"retire", "sign no more with this key; its record is still needed", true, true},
      {"withdraw", "destroy the private key; its record may go", true, true},
      {"remove", "forget a key that isn't used", true, true},
      {"update", "look in the DNS for the keys' records now, and do what is due (the server does it by itself)", false,
       false},
  };
  for (const Verb& verb : verbs) {
    auto* command = data_command(*dkim, invocation, verb.name, verb.description, true);
    auto* domain = option(command, "DOMAIN", "domain", "");
    if (verb.domain_required) domain->required();
    if (verb.of_key) option(command, "SELECTOR", "selector", "")->required();
    const std::string name = verb.name;
    if (name == "rotate") option(command, "--algorithm", "algorithm", "of this kind alone")->check(algorithms);
    if (name == "use") command->add_flag("--force", invocation.flag, "although its record was never seen in the DNS");
    command->callback([&invocation, name] {
      invocation.action = [&invocation, name] { return ask_server(invocation, "dkim " + name); };
    });
  }

  auto* passphrase = data_command(*dkim, invocation, "passphrase", "seal private keys under another passphrase", true);
  option(passphrase, "FILE", "file", "the new passphrase is its first line");
  passphrase->add_flag("--none", invocation.flag, "keep them as they are, protected by the files' modes alone");
  passphrase->footer(
      "Then the file that [dkim] passphrase_file names must have the new one (or, with --none, the setting must go),\n"
      "before the server is started again.");
  when_chosen(passphrase, change_passphrase);
}

}  // namespace pabal::app
