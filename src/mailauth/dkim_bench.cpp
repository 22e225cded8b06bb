// What verifying and signing a letter of 10 KiB costs. `signatures_alone` is what the two signatures of `sign_both`
// cost by themselves, as `openssl speed` measures them.
#include <benchmark/benchmark.h>

#include "mailauth/dkim_signer.hpp"
#include "mailauth/letter_verifier.hpp"
#include "mailauth/sha256.hpp"
#include "mailauth/verifying_testing.hpp"

namespace pabal::mailauth {
namespace {

std::string letter() {
  std::string text =
      "Received: from mail.example.org (mail.example.org [192.0.2.1]) by mx.example.com with ESMTPS;\r\n"
      "\tSun, 22 Nov 2026 10:00:00 +0000\r\n"
      "From: Alice <alice@example.org>\r\n"
      "To: Bob <bob@example.com>\r\n"
      "Subject: A letter of ten kibibytes\r\n"
      "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
      "Message-ID: <1234567890@mail.example.org>\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "\r\n";
  while (text.size() < 10'240)
    text += "The relay post of old Korea carried letters on horseback from town to town.\r\n";
  return text;
}

const DkimSigningKey& rsa() {
  static const auto key = DkimSigningKey::generate_rsa(2048);
  return *key;
}
const DkimSigningKey& ed25519() {
  static const auto key = DkimSigningKey::generate_ed25519();
  return *key;
}

std::string sign(const std::string& text, std::vector<DkimIdentity> identities) {
  DkimSigner signer({.identities = std::move(identities), .now = testing::noon});
  signer.take(text);
  return *signer.finish();
}
DkimIdentity identity(const DkimSigningKey& key) {
  return {.key = key, .domain = "example.org", .selector = std::string(name_of(key.type()))};
}

void verify(benchmark::State& state, const DkimSigningKey& key) {
  const auto text = letter();
  const auto whole = sign(text, {identity(key)}) + text;
  const testing::Records records = {{std::string(name_of(key.type())) + "._domainkey.example.org", key.record()}};
  KeyCache keys;
  std::vector<dns::Answer> answers;
  for (auto _ : state) {
    LetterVerifier verifier(keys);
    verifier.take(whole);
    verifier.end();
    if (answers.empty()) answers.push_back(testing::answer_of(records, verifier.questions().front()));
    const auto outcomes = verifier.finish(answers, testing::noon);
    if (outcomes.dkim.front().result != DkimResult::pass) state.SkipWithError("it doesn't verify");
  }
}
void verify_rsa_2048(benchmark::State& state) { verify(state, rsa()); }
BENCHMARK(verify_rsa_2048)->Unit(benchmark::kMicrosecond);
void verify_ed25519(benchmark::State& state) { verify(state, ed25519()); }
BENCHMARK(verify_ed25519)->Unit(benchmark::kMicrosecond);

void rsa_2048_alone(benchmark::State& state) {
  const std::string digest(32, 'x');
  const auto signature = rsa().sign(digest);
  KeyCache keys;
  const auto record = keys.read(rsa().record());
  for (auto _ : state) {
    if (!(*record)->key->verify(digest, *signature)) state.SkipWithError("it doesn't verify");
  }
}
BENCHMARK(rsa_2048_alone)->Unit(benchmark::kMicrosecond);

void without_signatures(benchmark::State& state) {
  const auto text = letter();
  KeyCache keys;
  for (auto _ : state) {
    LetterVerifier verifier(keys);
    verifier.take(text);
    benchmark::DoNotOptimize(verifier.finish(std::vector<dns::Answer>(), testing::noon));
  }
}
BENCHMARK(without_signatures)->Unit(benchmark::kMicrosecond);

void sign_both(benchmark::State& state) {
  const auto text = letter();
  for (auto _ : state) benchmark::DoNotOptimize(sign(text, {identity(ed25519()), identity(rsa())}));
}
BENCHMARK(sign_both)->Unit(benchmark::kMicrosecond);

void signatures_alone(benchmark::State& state) {
  const std::string digest(32, 'x');
  for (auto _ : state) {
    benchmark::DoNotOptimize(ed25519().sign(digest));
    benchmark::DoNotOptimize(rsa().sign(digest));
  }
}
BENCHMARK(signatures_alone)->Unit(benchmark::kMicrosecond);

void body(benchmark::State& state, Canonicalization form) {
  const auto text = letter();
  for (auto _ : state) {
    std::size_t size = 0;
    CanonicalBody canonical(form, [&size](std::string_view octets) { size += octets.size(); });
    canonical.take(text);
    canonical.end();
    benchmark::DoNotOptimize(size);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
void body_simple(benchmark::State& state) { body(state, Canonicalization::simple); }
BENCHMARK(body_simple);
void body_relaxed(benchmark::State& state) { body(state, Canonicalization::relaxed); }
BENCHMARK(body_relaxed);

}  // namespace
}  // namespace pabal::mailauth
