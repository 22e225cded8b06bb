// auth_letters: signed letters of many domains, and the records that prove them, for scripts/bench auth. Writes two
// files: letters for smtp_load --letters, and records, one a line, as zone files have them.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/clock.hpp"
#include "mailauth/dkim_signer.hpp"
#include "support/load_message.hpp"
#include "support/prepared_letters.hpp"
#include "support/socket.hpp"

namespace pabal::bench {

namespace {

using mailauth::DkimSigningKey;

struct Options {
  std::string letters_file;
  std::string records_file;
  std::size_t domains = 100;
  std::size_t letters = 2000;
  std::size_t size = 10240;
  std::string network = "192.0.2";  ///< clients are .1 to .250
};

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app("Makes DKIM-signed letters of many domains, and their DNS records.");
  app.add_option("--letters-file", options.letters_file)->required();
  app.add_option("--records-file", options.records_file)->required();
  app.add_option("--domains", options.domains)->check(CLI::Range(1, 10000));
  app.add_option("--letters", options.letters);
  app.add_option("--size", options.size, "octets of a letter before it is signed");
  app.add_option("--network", options.network, "the first three numbers of the clients' addresses");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return options;
}

std::FILE* open_new(const std::string& path) {
  errno = 0;
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) die(path);
  return file;
}

void close_well(std::FILE* file, const std::string& path) {
  if (std::fclose(file) != 0) die(path);
}

std::string domain_of(std::size_t number) { return fmt::format("d{}.example", number); }

/// An RSA-2048 key for each domain; making one takes long.
std::vector<DkimSigningKey> make_keys(std::size_t count) {
  std::vector<std::optional<DkimSigningKey>> made(count);
  std::vector<std::jthread> threads;
  const std::size_t workers = std::max(1U, std::thread::hardware_concurrency());
  threads.reserve(workers);
  for (std::size_t worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&made, worker, workers] {
      for (std::size_t i = worker; i < made.size(); i += workers) {
        auto key = DkimSigningKey::generate_rsa(2048);
        if (!key) die("no key: " + key.error().log);
        made[i] = *std::move(key);
      }
    });
  }
  threads.clear();
  std::vector<DkimSigningKey> keys;
  keys.reserve(count);
  for (auto& one : made) keys.push_back(*std::move(one));
  return keys;
}

void write_records(const Options& options, const std::vector<DkimSigningKey>& keys) {
  std::FILE* file = open_new(options.records_file);
  fmt::print(file, "example. 3600 IN SOA ns.example. admin.example. 1 3600 3600 3600 3600\n");
  fmt::print(file, "_spf.hosts.example. 3600 IN TXT \"v=spf1 ip4:{}.0/24 -all\"\n", options.network);
  const auto last = options.network.rfind('.');
  const auto middle = options.network.rfind('.', last - 1);
  const auto reverse =
      fmt::format("{}.{}.{}.in-addr.arpa.", options.network.substr(last + 1),
                  options.network.substr(middle + 1, last - middle - 1), options.network.substr(0, middle));
  for (int host = 1; host <= 250; ++host) {
    fmt::print(file, "m{}.hosts.example. 3600 IN A {}.{}\n{}.{} 3600 IN PTR m{}.hosts.example.\n", host,
               options.network, host, host, reverse, host);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto domain = domain_of(i);
    const auto record = keys[i].record();
    fmt::print(file, "{0}. 3600 IN TXT \"v=spf1 include:_spf.hosts.example -all\"\n", domain);
    fmt::print(file, "_dmarc.{0}. 3600 IN TXT \"v=DMARC1; p=reject; rua=mailto:dmarc@{0}\"\n", domain);
    fmt::print(file, "s1._domainkey.{}. 3600 IN TXT \"{}\" \"{}\"\n", domain, record.substr(0, 200),
               record.substr(200));
  }
  close_well(file, options.records_file);
}

std::string letter_of(const Options& options, std::size_t number, const std::string& domain) {
  std::string letter = fmt::format(
      "Received: from laptop.{1} (laptop.{1} [10.0.0.{2}]) by mail.{1} with ESMTPSA;\r\n"
      "\tSun, 22 Nov 2026 10:00:00 +0900\r\n"
      "Date: Sun, 22 Nov 2026 10:00:00 +0900\r\n"
      "From: Writer of letters <writer@{1}>\r\n"
      "To: Somebody <somebody@load.example>\r\n"
      "Message-ID: <{0:016}@{1}>\r\n"
      "Subject: Letter {0} of one who signs\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "\r\n",
      number, domain, 1 + number % 250);
  Mixer mixer(number);
  while (letter.size() < options.size) {
    const auto words =
        fmt::format("{:016x} horse, {:016x} rider and {:016x} letters.\r\n", mixer.next(), mixer.next(), mixer.next());
    letter += std::string_view(words).substr(
        words.size() - std::min(words.size(), std::max<std::size_t>(options.size - letter.size(), 3)));
  }
  return letter;
}

void write_letters(const Options& options, const std::vector<DkimSigningKey>& keys) {
  std::FILE* file = open_new(options.letters_file);
  for (std::size_t number = 0; number < options.letters; ++number) {
    const auto& key = keys[number % keys.size()];
    const auto domain = domain_of(number % keys.size());
    const auto letter = letter_of(options, number, domain);
    mailauth::DkimSigner signer(
        {.identities = {{.key = key, .domain = domain, .selector = "s1"}}, .now = RealClock().now()});
    signer.take(letter);
    const auto fields = signer.finish();
    if (!fields) die("not signed: " + fields.error().log);
    write_prepared(file, "writer@" + domain, *fields + letter);
  }
  close_well(file, options.letters_file);
}

}  // namespace

}  // namespace pabal::bench

int main(int argc, char** argv) {
  using namespace pabal::bench;
  const auto options = parse(argc, argv);
  const auto keys = make_keys(options.domains);
  write_records(options, keys);
  write_letters(options, keys);
  return 0;
}
