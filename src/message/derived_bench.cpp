// What delivery derives: the budget is 40 µs for a letter of 10 KiB.
#include <benchmark/benchmark.h>

#include "codec/transfer.hpp"
#include "message/derived.hpp"
#include "message/imap_forms.hpp"

namespace pabal::message {
namespace {

std::string words(std::size_t size) {
  std::string out;
  while (out.size() < size) out += "The relay post of old Korea carried letters on horseback, from post to post.\r\n";
  out.resize(size);
  return out;
}

constexpr std::string_view kHeader =
    "Received: from mail.seoul.example (mail.seoul.example [192.0.2.1]) by mx.busan.example with ESMTPS id "
    "1234567890;\r\n"
    "\tThu, 30 Oct 2014 14:12:01 +0900\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=seoul.example; s=s1; h=from:to:subject:date;\r\n"
    "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"
    "From: =?utf-8?B?7JWI64WV?= <alice@seoul.example>\r\nTo: Bob <bob@busan.example>, carol@busan.example\r\n"
    "Subject: =?utf-8?Q?Re:_=ED=8C=8C=EB=B0=9C_and_a_few_more_words?=\r\nDate: Thu, 30 Oct 2014 14:12:00 +0900\r\n"
    "Message-ID: <20141030141200.12345@seoul.example>\r\nIn-Reply-To: <20141029141200.54321@busan.example>\r\n"
    "References: <20141028141200.11111@busan.example> <20141029141200.54321@busan.example>\r\nMIME-Version: 1.0\r\n";

std::string plain(std::size_t size) {
  return std::string(kHeader) + "Content-Type: text/plain; charset=utf-8\r\n\r\n" + words(size);
}

// A letter as most are: the same in text and HTML.
std::string alternative(std::size_t size) {
  std::string html = "<html><head><style>p{margin:0}</style></head><body>";
  while (html.size() < size / 2)
    html += "<p class=\"x\">The relay post of old Korea &amp; its <b>horses</b>. 파발</p>\r\n";
  return std::string(kHeader) + "Content-Type: multipart/alternative; boundary=\"b-1\"\r\n\r\n--b-1\r\n" +
         "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
         codec::encode_quoted_printable(words(size / 2)) +
         "\r\n--b-1\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
         codec::encode_quoted_printable(html) + "\r\n--b-1--\r\n";
}

std::string html_only(std::size_t size) {
  std::string html = "<html><head><style>";
  html += words(size / 2);
  html += "</style></head><body>";
  while (html.size() < size)
    html += "<tr><td style=\"font-size:12px\">The relay post &nbsp; of old <b>Korea</b></td></tr>\r\n";
  return std::string(kHeader) + "Content-Type: text/html; charset=euc-kr\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
         codec::encode_base64_body(html);
}

std::string attachment(std::size_t size) {
  return std::string(kHeader) + "Content-Type: multipart/mixed; boundary=\"b-1\"\r\n\r\n--b-1\r\n" +
         "Content-Type: text/plain; charset=utf-8\r\n\r\n" + words(500) +
         "\r\n--b-1\r\nContent-Type: application/pdf; name=\"x.pdf\"\r\nContent-Disposition: attachment; "
         "filename=\"x.pdf\"\r\n"
         "Content-Transfer-Encoding: base64\r\n\r\n" +
         codec::encode_base64_body(words(size * 3 / 4)) + "\r\n--b-1--\r\n";
}

void run(benchmark::State& state, const std::string& message) {
  std::size_t stored = 0;
  for (auto unused : state) {
    static_cast<void>(unused);
    auto octets = encode_derived(derive(message));
    stored = octets.size();
    benchmark::DoNotOptimize(octets);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(message.size()) * state.iterations());
  state.counters["stored"] = static_cast<double>(stored);
}

constexpr std::size_t kSize = 10U << 10;
BENCHMARK_CAPTURE(run, derive_plain, plain(kSize));
BENCHMARK_CAPTURE(run, derive_alternative, alternative(kSize));
BENCHMARK_CAPTURE(run, derive_html, html_only(kSize * 3 / 4));
BENCHMARK_CAPTURE(run, derive_attachment, attachment(kSize));
BENCHMARK_CAPTURE(run, derive_attachment_1m, attachment(1U << 20));

void print_envelope(benchmark::State& state) {
  const auto octets = encode_derived(derive(alternative(kSize)));
  for (auto unused : state) {
    static_cast<void>(unused);
    const auto derived = decode_derived(octets);
    benchmark::DoNotOptimize(imap_envelope(*derived->envelope, {}));
  }
}
BENCHMARK(print_envelope);

void print_compact_envelope(benchmark::State& state) {
  const auto octets = encode_derived(derive(alternative(kSize)));
  std::string out;
  for (auto unused : state) {
    static_cast<void>(unused);
    out.clear();
    benchmark::DoNotOptimize(append_imap_envelope(out, octets, {}));
  }
}
BENCHMARK(print_compact_envelope);

}  // namespace
}  // namespace pabal::message
