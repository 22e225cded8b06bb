// Any SEARCH program on a few letters: what the steps say, each as soon as it can, is what a plain reading of the
// program over the whole letter says.
#include <algorithm>
#include <cstdlib>

#include "imap/command.hpp"
#include "imap/date.hpp"
#include "message/header.hpp"
#include "message/header_forms.hpp"
#include "server/imap/search_match.hpp"

namespace {

using namespace pabal;
using namespace pabal::server::imap;
using Key = pabal::imap::SearchKey;

constexpr std::string_view kLetters[] = {
    "From: Bob <bob@busan.example>\r\nTo: alice@seoul.example\r\nSubject: Hello\r\nDate: Sun, 22 Nov 2026 10:00:00 "
    "+0900\r\n\r\nthe post rides\r\n",
    "From: carol@x\r\nSubject: =?utf-8?B?7YyM67Cc?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xED\x95\x9C "
    "post\r\n",
    "X: y\r\n\r\n",
    "Subject: a\r\nCc: d@e\r\nBcc: f\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHELLO\r\n--b--\r\n",
};

struct Known {
  std::string_view octets;
  std::uint32_t number = 0;
  store::MessageRow row;
  store::EmailRow email;
  message::Derived derived;
  message::SearchText text;
  std::shared_ptr<const store::MailboxSnapshot> snapshot;
};

std::vector<Known> known_letters() {
  std::vector<Known> all;
  std::vector<store::MessageRow> rows;
  for (const auto octets : kLetters) {
    Known one;
    one.octets = octets;
    one.number = static_cast<std::uint32_t>(all.size() + 1);
    one.row.uid = one.number * 10;
    one.row.email = EmailId{one.number + 100};
    one.row.change = ChangeNumber{one.number * 5};
    one.row.set_size(octets.size());
    one.row.set_flags(one.number % 2 == 0 ? store::flag::seen : store::flag::deleted);
    one.email.email = one.row.email;
    one.email.thread = ThreadId{7};
    one.email.received = SystemTime(std::chrono::seconds(1'790'000'000 + (one.number * 86'400)));
    one.derived = message::derive(octets);
    one.text = message::search_text(octets, SIZE_MAX);
    rows.push_back(one.row);
    all.push_back(std::move(one));
  }
  const auto snapshot = store::MailboxSnapshot::make({}, rows, {{}});
  for (auto& one : all) one.snapshot = snapshot;
  return all;
}

std::string fold(std::string_view text) { return codec::key_of(codec::Collation::unicode_casemap, text); }
bool holds(std::string_view text, std::string_view part) { return fold(text).find(fold(part)) != std::string::npos; }

// The words of the standard, one after the other, with everything at hand. What is of flags, numbers and days is asked
// of the tested code by itself: those keys have one step.
bool plain(const Key& key, const Known& letter, const SearchTerms::Facts& facts) {
  const auto child = [&](std::size_t i) { return plain(key.children[i], letter, facts); };
  const auto each = [&](const Key& one) { return plain(one, letter, facts); };
  switch (key.kind) {
    case Key::Kind::and_:
      return std::ranges::all_of(key.children, each);
    case Key::Kind::or_:
      return child(0) || child(1);
    case Key::Kind::not_:
      return !child(0);
    case Key::Kind::from:
      return holds(letter.text.from, key.text);
    case Key::Kind::to:
      return holds(letter.text.to, key.text);
    case Key::Kind::cc:
      return holds(letter.text.cc, key.text);
    case Key::Kind::bcc:
      return holds(letter.text.bcc, key.text);
    case Key::Kind::subject:
      return holds(letter.text.subject, key.text);
    case Key::Kind::body:
      return holds(letter.text.body, key.text);
    case Key::Kind::text:
      return holds(letter.text.header, key.text) || holds(letter.text.body, key.text);
    case Key::Kind::header: {
      message::HeaderReader fields(letter.octets);
      while (const auto field = fields.next()) {
        if (fold(field->name) == fold(key.name) && holds(message::text_form(field->body), key.text)) return true;
      }
      return false;
    }
    default: {
      const SearchTerms alone(key, facts);
      return matches(alone, {.snapshot = letter.snapshot.get(),
                             .row = &letter.row,
                             .number = letter.number,
                             .email = &letter.email,
                             .derived = &letter.derived,
                             .saved = letter.email.received}) == Truth::yes;
    }
  }
}

bool mentions_fuzzy(const Key& key) { return pabal::imap::mentions(key, Key::Kind::fuzzy); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Known> letters = known_letters();
  const std::string command = "a SEARCH " + std::string(reinterpret_cast<const char*>(data), size);
  const auto parsed = pabal::imap::parse_command(command, {});
  if (!parsed) return 0;
  const auto* search = std::get_if<pabal::imap::Search>(&parsed->arguments);
  if (search == nullptr || mentions_fuzzy(search->program.key)) return 0;
  const SearchTerms::Facts facts{.now = SystemTime(std::chrono::seconds(1'790'500'000)),
                                 .messages = static_cast<std::uint32_t>(letters.size()),
                                 .largest_uid = static_cast<std::uint32_t>(letters.size() * 10),
                                 .saved = {{20, 30}}};
  const SearchTerms terms(search->program.key, facts);
  for (const auto& letter : letters) {
    Candidate candidate{.snapshot = letter.snapshot.get(), .row = &letter.row, .number = letter.number};
    const auto first = matches(terms, candidate);
    candidate.email = &letter.email;
    candidate.derived = &letter.derived;
    candidate.saved = letter.email.received;
    const auto second = matches(terms, candidate);
    LetterTexts texts(terms, letter.octets);
    while (!texts.ask(1)) {
    }
    candidate.leaves = &texts;
    const auto third = matches(terms, candidate);
    const auto right = plain(search->program.key, letter, facts) ? Truth::yes : Truth::no;
    if (third != right) std::abort();
    if ((first != Truth::unknown && first != right) || (second != Truth::unknown && second != right)) std::abort();
  }
  return 0;
}
