// The message library beside GMime, in one run on one machine: structure and header fields of whole messages, and
// base64; and what delivery derives from a letter. Prints name=value; megabytes are 10^6 octets. A figure is the best
// of several rounds, so that a busy machine disturbs it little.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmime/gmime.h>

#include "base/random.hpp"
#include "codec/transfer.hpp"
#include "message/header.hpp"
#include "message/mime.hpp"
#include "store/facts.hpp"

namespace {

using namespace pabal;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 7;

// What the compiler must not leave out is added up here.
std::size_t kept = 0;

struct Unref {
  void operator()(gpointer object) const noexcept { g_object_unref(object); }
};
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

/// Megabytes a second of the best round; each goes over `octets` octets, several times where they are few.
double rate(std::size_t octets, const std::function<void()>& work) {
  const std::size_t times = std::max<std::size_t>(1, 20'000'000 / std::max<std::size_t>(octets, 1));
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto began = Clock::now();
    for (std::size_t i = 0; i < times; ++i) work();
    const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
    best = std::max(best, static_cast<double>(octets * times) / seconds / 1e6);
  }
  return best;
}

void parse_ours(std::string_view octets) {
  const auto tree = message::parse_mime(octets);
  for (const auto& part : tree.parts) {
    message::HeaderReader reader(octets.substr(part.header_begin, part.body_begin - part.header_begin),
                                 part.header_begin);
    while (const auto field = reader.next()) kept += field->name.size();
  }
}

void parse_gmime(std::string_view octets) {
  const Owned<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(octets.data(), octets.size()));
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  const Owned<GMimeMessage> parsed(g_mime_parser_construct_message(parser.get(), nullptr));
  kept += parsed == nullptr ? 0 : 1;
}

void compare(std::string_view name, const std::vector<std::string>& messages) {
  std::size_t octets = 0;
  for (const auto& message : messages) octets += message.size();
  const double ours = rate(octets, [&] {
    for (const auto& message : messages) parse_ours(message);
  });
  const double theirs = rate(octets, [&] {
    for (const auto& message : messages) parse_gmime(message);
  });
  fmt::print("message_parse_{}_mb_s={:.0f}\n", name, ours);
  fmt::print("peer_gmime_parse_{}_mb_s={:.0f}\n", name, theirs);
  fmt::print("message_parse_{}_of_gmime={:.1f}\n", name, ours / theirs);
}

/// A usual letter of 10 KiB: trace fields, a text and the same as HTML.
std::string usual_letter() {
  std::string out;
  for (int hop = 0; hop < 4; ++hop) {
    out += fmt::format(
        "Received: from mx{0}.a.example (mx{0}.a.example [192.0.2.{0}])\r\n\tby mx{1}.b.example with ESMTPS id "
        "12{0}\r\n"
        "\tfor <bob@b.example>; Sun, 22 Nov 2026 03:34:2{0} +0000\r\n",
        hop, hop + 1);
  }
  out +=
      "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.example; s=2026; h=from:to:subject:date;\r\n"
      "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=c2lnbmF0dXJl\r\nFrom: =?utf-8?B?7JWI64WV?= "
      "<a@a.example>\r\n"
      "To: Bob <bob@b.example>, Carol <carol@c.example>\r\nSubject: Re: =?utf-8?Q?=ED=8C=8C=EB=B0=9C?= and other "
      "relays\r\n"
      "Date: Sun, 22 Nov 2026 03:34:21 +0000\r\nMessage-ID: <3@a.example>\r\nIn-Reply-To: <2@b.example>\r\n"
      "References: <1@a.example> <2@b.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; "
      "boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
      "quoted-printable\r\n\r\n";
  while (out.size() < 4'500) out += "The relay post of old Korea =E2=80=93 on horseback, from station to station.\r\n";
  out += "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>\r\n";
  while (out.size() < 10'000) out += "<p>The relay post of <b>old Korea</b>, from station to station.</p>\r\n";
  return out + "</body></html>\r\n--b--\r\n";
}

/// Microseconds for all that stands beside the row of such a letter: the derived form and its keys of threads.
double derive_us() {
  const std::string letter = usual_letter();
  const double megabytes_a_second = rate(letter.size(), [&] {
    const auto facts = store::facts_of(letter);
    kept += facts.parsed.size() + facts.thread_keys.size();
  });
  return static_cast<double>(letter.size()) / megabytes_a_second;
}

std::string with_attachments() {
  SeededRandom random(1);
  std::string text;
  while (text.size() < 4'000)
    text += "The relay post of old Korea carried letters on horseback, from station to station.\r\n";
  std::string out =
      "Received: from a.example (a.example [192.0.2.1])\r\n\tby b.example with ESMTPS id 123\r\n\tfor <bob@b.example>; "
      "Sun, 22 Nov 2026 03:34:21 +0000\r\nFrom: Alice <alice@a.example>\r\nTo: Bob <bob@b.example>\r\nSubject: Two "
      "files\r\nDate: Sun, 22 Nov 2026 03:34:21 +0000\r\nMessage-ID: <1@a.example>\r\nMIME-Version: 1.0\r\n"
      "Content-Type: multipart/mixed; boundary=\"outer\"\r\n\r\n--outer\r\nContent-Type: multipart/alternative; "
      "boundary=inner\r\n\r\n--inner\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" +
      text + "\r\n--inner\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>" + text + "</p>\r\n--inner--\r\n";
  for (const std::string_view name : {"a.pdf", "b.png"}) {
    out += fmt::format(
        "--outer\r\nContent-Type: application/octet-stream; name={0}\r\nContent-Transfer-Encoding: base64\r\n"
        "Content-Disposition: attachment; filename={0}\r\n\r\n{1}",
        name, codec::encode_base64_body(random.octets(34'000)));
  }
  return out + "--outer--\r\n";
}

std::vector<std::string> files_under(const std::filesystem::path& folder) {
  std::vector<std::string> found;
  if (!std::filesystem::exists(folder)) return found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    found.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  g_mime_init();
  compare("attachments", {with_attachments()});
  if (const auto small = files_under(argc > 1 ? argv[1] : "../shared/suites/spam-dev"); !small.empty()) {
    compare("small", small);
  } else {
    fmt::print("# skipped: no corpus of small messages\n");
  }
  fmt::print("message_derive_10k_us={:.1f}\n", derive_us());
  SeededRandom random(2);
  const std::string encoded = codec::encode_base64_body(random.octets(300'000));
  fmt::print("message_base64_decode_mb_s={:.0f}\n",
             rate(encoded.size(), [&] { kept += codec::decode_base64_body(encoded).octets.size(); }));
  std::string spoilt = encoded;  // as mailers that indent do it
  for (std::size_t i = 0; (i = spoilt.find('\n', i)) != std::string::npos; i += 2) spoilt.insert(i + 1, " ");
  fmt::print("message_base64_decode_indented_mb_s={:.0f}\n",
             rate(spoilt.size(), [&] { kept += codec::decode_base64_body(spoilt).octets.size(); }));
  fmt::print("# {}\n", kept % 10);
  return 0;
}
