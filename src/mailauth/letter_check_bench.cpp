// What the whole check of a letter costs where the DNS is remembered: SPF, one RSA-2048 signature and DMARC of 10 KiB.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "dns/caching_resolver.hpp"
#include "dns/scripted_resolver.hpp"
#include "mailauth/authentication_results.hpp"
#include "mailauth/dkim_signer.hpp"
#include "mailauth/letter_check.hpp"

namespace pabal::mailauth {
namespace {

std::string letter_of(std::size_t size) {
  std::string text =
      "From: Alice <alice@seoul.example>\r\nTo: bob@busan.example\r\nSubject: hello\r\nDate: Sun, 22 Nov 2026 10:00:00 "
      "+0900\r\nMessage-ID: <1@seoul.example>\r\nMIME-Version: 1.0\r\n\r\n";
  while (text.size() < size) text += "It rains in Seoul, and the letter is long enough to be measured by.\r\n";
  return text;
}

void check_letter(benchmark::State& state) {
  const auto key = DkimSigningKey::generate_rsa(2048).value();
  const auto suffixes = PublicSuffix::system().value();
  dns::ScriptedResolver zone(fmt::format(R"($TTL 86400
seoul.example.              TXT "v=spf1 ip4:192.0.2.1 -all"
mail.seoul.example.         A   192.0.2.1
_dmarc.seoul.example.       TXT "v=DMARC1; p=reject"
s._domainkey.seoul.example. TXT ( "{}" "{}" )
1.2.0.192.in-addr.arpa.     PTR mail.seoul.example.
)",
                                         key.record().substr(0, 200), key.record().substr(200)));
  const RealClock clock;
  dns::CachingResolver resolver(zone, clock);
  KeyCache keys;
  const CheckSettings settings;
  const auto text = letter_of(10 << 10);
  DkimSigner signer({.identities = {{.key = key, .domain = "seoul.example", .selector = "s"}},
                     .fields = {},
                     .now = clock.now(),
                     .expires_after = {},
                     .identity = {}});
  signer.take(text);
  const auto letter = signer.finish().value() + text;
  asio::io_context home(1);
  for (auto _ : state) {
    std::optional<LetterVerdict> verdict;
    LetterCheck check({.resolver = &resolver, .suffixes = &suffixes, .keys = &keys}, settings,
                      {.address = IpAddress::parse("192.0.2.1"),
                       .helo = "mail.seoul.example",
                       .mail_from = "alice@seoul.example",
                       .receiver = "mx.busan.example"},
                      clock.now());
    check.begin(home.get_executor());
    for (std::size_t at = 0; at < letter.size(); at += 4096) check.take(std::string_view(letter).substr(at, 4096));
    asio::co_spawn(
        home,
        [](LetterCheck* one, std::optional<LetterVerdict>* out) -> Async<> { *out = co_await one->finish(); }(&check,
                                                                                                              &verdict),
        [](const std::exception_ptr&) {});
    home.restart();
    home.run();
    if (!verdict || verdict->dmarc.result != DmarcResult::pass || verdict->spf->result != SpfResult::pass ||
        summary_of(verdict->dkim) != DkimResult::pass) {
      state.SkipWithError("it doesn't pass");
      break;
    }
    benchmark::DoNotOptimize(authentication_results_field("mx.busan.example", verdict->results()));
    benchmark::DoNotOptimize(json::serialize(brief_json(*verdict)));
  }
}
BENCHMARK(check_letter)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace pabal::mailauth
