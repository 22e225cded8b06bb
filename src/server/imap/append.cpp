// APPEND (RFC 9051 §6.3.12; MULTIAPPEND, RFC 3502; UTF8, RFC 6855 §4): its messages go into the store's buffers as they
// come, and are stored together when the command is whole.
#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/flags.hpp"

namespace pabal::server::imap {

namespace {
/// Octets of an APPEND's messages that may lie in memory.
constexpr std::uint64_t kInMemory = 4U << 20;
}  // namespace

// Octets of a message; a view into the stream's input.
Async<bool> Session::take_data(std::string_view octets) {
  heard();
  auto& content = appending_->letters.back().content;
  content.append(octets);
  appending_->octets += octets.size();
  // Many small messages together are as much memory as a big one.
  const bool much = appending_->octets > kInMemory && !content.has_file();
  if (!content.wants_spill() && !much) co_return true;
  if (much) appending_->octets -= content.size();
  const auto spilled = co_await content.spill();
  if (spilled) co_return true;
  log().error("append_failed", {{"why", spilled.error().log}});
  const auto tag = appending_->command.tag;
  appending_.reset();
  stream().expect_bulk(false);
  reader_.refuse();
  co_return co_await respond(tag, refused(spilled.error()), {});
}

Async<bool> Session::take_append(grammar::ReaderEvent event) {
  if (auto* begun = std::get_if<grammar::AppendBegun>(&event)) {
    shared_->commands[static_cast<std::size_t>(begun->command.verb)].add();
    auto tag = begun->command.tag;
    if (auto refusal = grammar::refusal(begun->command, facts())) {
      reader_.refuse();
      co_return co_await reject({.tag = std::move(tag), .refusal = std::move(*refusal)});
    }
    const auto& mailbox = std::get<grammar::Append>(begun->command.arguments).mailbox;
    // Whoever waits to be asked is told at once that it has no sense (RFC 9051 §6.3.12).
    const auto found = co_await store().find_mailbox(user_->place, mailbox.text());
    if (!found) {
      reader_.refuse();
      auto answer = refused(found.error());
      if (found.error().kind == ErrorKind::not_found) answer.code = "TRYCREATE";
      co_return co_await respond(std::move(tag), std::move(answer), {});
    }
    appending_ = std::make_unique<Appending>(Appending{.command = std::move(begun->command), .letters = {}});
    co_return true;
  }
  if (const auto* message = std::get_if<grammar::AppendMessage>(&event)) {
    store::AppendedLetter letter;
    letter.flags = flags_of(message->flags);
    if (message->date) letter.received = message->date->time;
    appending_->letters.push_back(std::move(letter));
    std::optional<Answer> no_more;
    if (message->catenate) no_more = no("CATENATE is not served.", "CANNOT");
    if (appending_->letters.size() > shared_->limits.max_messages_in_append)
      no_more = no("Too many messages.", "LIMIT");
    if (!no_more) co_return true;
    auto tag = std::move(appending_->command.tag);
    appending_.reset();
    reader_.refuse();
    co_return co_await respond(std::move(tag), std::move(*no_more), {});
  }
  if (const auto* text = std::get_if<grammar::AppendText>(&event)) {
    appending_->letters.back().content = store().receive(text->size);
    stream().expect_bulk(true);
    co_return true;
  }
  if (std::holds_alternative<grammar::AppendTextEnd>(event)) {
    stream().expect_bulk(false);
    co_return true;
  }
  if (!std::holds_alternative<grammar::AppendEnded>(event)) co_return true;
  const auto done = std::move(appending_);
  auto answer = co_await append(this, std::get<grammar::Append>(done->command.arguments).mailbox.text(),
                                std::move(done->letters));
  co_return co_await respond(std::move(done->command.tag), std::move(answer), {});
}

Async<Answer> append(Session* session, std::string mailbox, std::vector<store::AppendedLetter> letters) {
  for (const auto& letter : letters) {
    if (letter.content.size() == 0) co_return no("A message has at least one octet.", "CANNOT");
  }
  const auto done = co_await session->store().append(session->user().place, std::move(mailbox), std::move(letters));
  if (!done) {
    auto answer = refused(done.error());
    if (done.error().kind == ErrorKind::not_found) answer.code = "TRYCREATE";
    co_return answer;
  }
  co_return ok("Appended.", grammar::append_uid_code(done->uid_validity, grammar::NumberSet::of_sorted(done->uids)));
}

}  // namespace pabal::server::imap
