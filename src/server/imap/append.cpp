// APPEND (RFC 9051 §6.3.12; MULTIAPPEND, RFC 3502; UTF8, RFC 6855 §4; CATENATE, RFC 4469) and REPLACE (RFC 8508): their
// messages go into the store's buffers as they come, and are stored together when the command is whole.
#include "imap/response.hpp"
#include "message/downgrade.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/flags.hpp"
#include "server/imap/mailboxes.hpp"
#include "server/imap/url_part.hpp"

namespace pabal::server::imap {

namespace {

constexpr std::size_t kMostFiles = 200;         ///< open for one command
constexpr std::chrono::seconds kRightsLast{1};  ///< what was looked up so long ago is looked up again

// RFC 3516 §6: what is told of a message is what the base specification can carry. A body that has a NUL, which no
// literal but BINARY's can hold, is encoded (§4.4 allows it), and all see the same message; nothing else is changed,
// and nothing where that can't be done (a signed part). Bigger messages stay as they are; for them NUL is told as 0x80.
constexpr std::uint64_t kMostEncoded = 32U << 20;

std::optional<std::string> without_nuls(std::string_view letter) {
  message::StringSink sink;
  const auto done =
      message::downgrade(letter, message::parse_mime(letter),
                         {.carriage = message::Carriage::eight_bit, .ascii_headers = false, .only_nuls = true}, sink);
  if (!done) return std::nullopt;
  return std::move(sink.text);
}

Result<std::string> octets_of(const store::Incoming& content) {
  std::string out;
  std::string buffer;
  while (true) {
    const auto some = content.part(out.size(), std::size_t{1} << 20, buffer);
    if (!some) return pass(some);
    if (some->empty()) return out;
    out += *some;
  }
}

const std::string& target_of(const Command& command) {
  if (const auto* replace = std::get_if<grammar::Replace>(&command.arguments)) return replace->mailbox.text();
  return std::get<grammar::Append>(command.arguments).mailbox.text();
}

Answer no_target(const Error& error) {
  auto answer = refused(error);
  if (error.kind == ErrorKind::not_found) answer.code = "TRYCREATE";
  return answer;
}

// RFC 9051 §6.3.12: one that isn't there could be made.
Async<std::expected<Found, Answer>> find_target(Session* session, const Command* command) {
  auto target = co_await find_mailbox(session, target_of(*command), right::insert);
  if (!target && target.error().code == "NONEXISTENT") target.error().code = "TRYCREATE";
  co_return target;
}

Answer too_big() { return no("The message is too big.", "TOOBIG"); }
Answer full() { return no("The mailbox is full.", "OVERQUOTA"); }

}  // namespace

// The rest of it, as far as the client sends it without being asked, is thrown away.
Async<bool> Session::give_up_append(Answer answer) {
  const auto tag = appending_->command.tag;
  appending_.reset();
  stream().expect_bulk(false);
  reader_.refuse();
  co_return co_await respond(tag, std::move(answer), {});
}

// Octets of a message; a view into the stream's input, or into a window of a letter.
Async<bool> Session::take_data(std::string_view octets) {
  heard();
  auto& content = appending_->letters.back().content;
  content.append(octets);
  appending_->octets += octets.size();
  if (appending_->may_hold_nuls && !appending_->holds_nuls) {
    appending_->holds_nuls = octets.find('\0') != std::string_view::npos;
  }
  // Many small messages together are as much memory as a big one.
  const bool much = !content.has_file() && !appending_->memory->allows(appending_->octets);
  if (!content.wants_spill() && !much) co_return true;
  // A file stays open until the command ends.
  if (!content.has_file() && ++appending_->files > kMostFiles) {
    co_return co_await give_up_append(no("Too many big messages.", "LIMIT"));
  }
  appending_->octets -= std::min<std::uint64_t>(appending_->octets, content.memory().size());
  const auto spilled = co_await content.spill();
  if (spilled) co_return true;
  log().error("append_failed", {{"why", spilled.error().log}});
  co_return co_await give_up_append(refused(spilled.error()));
}

Async<bool> Session::end_letter() {
  if (!std::exchange(appending_->holds_nuls, false)) co_return true;
  appending_->may_hold_nuls = false;
  auto& content = appending_->letters.back().content;
  if (content.size() > kMostEncoded) co_return true;
  std::optional<std::string> encoded;
  {
    const auto turn = co_await shared_->big_letters.enter(content.size());
    co_await store().aside([&content, &encoded] {
      if (const auto letter = octets_of(content)) encoded = without_nuls(*letter);
    });
  }
  if (!encoded) co_return true;
  if (content.has_file()) {
    --appending_->files;
  } else {
    appending_->octets -= std::min<std::uint64_t>(appending_->octets, content.memory().size());
  }
  content = store().receive(encoded->size());
  for (std::string_view rest = *encoded; !rest.empty();) {
    const auto piece = rest.substr(0, std::size_t{1} << 16);
    rest.remove_prefix(piece.size());
    if (!co_await take_data(piece)) co_return false;
    if (!appending_) co_return true;
  }
  co_return true;
}

// RFC 4469 §3: a part that is fetched here.
Async<bool> Session::take_url(std::string url) {
  const auto part = co_await open_own_url(this, url);
  if (!part) {
    if (part.error().temporary()) co_return co_await give_up_append(refused(part.error()));
    co_return co_await give_up_append(no("A part can't be had.", bad_url_code(url)));
  }
  if (appending_->letters.back().content.size() + part->size() > shared_->limits.max_message_bytes) {
    co_return co_await give_up_append(too_big());
  }
  if (!co_await has_room(part->size())) co_return co_await give_up_append(full());
  const std::uint64_t window = shared_->limits.window_bytes;
  for (std::uint64_t at = 0; at < part->size(); at += window) {
    const auto octets = co_await part->read(at, std::min(window, part->size() - at));
    if (!octets) co_return co_await give_up_append(refused(octets.error()));
    if (!co_await take_data(*octets)) co_return false;
    if (!appending_) co_return true;
    if (turns_.step()) co_await net::give_way();
  }
  co_return true;
}

// Whether so many octets more fit into the account. The store has the last word when they are there.
Async<bool> Session::has_room(std::uint64_t octets) {
  auto& room = appending_->room;
  if (appending_->remembered && room && octets > *room) {
    appending_->remembered = false;
    // Others may have made some.
    if (const auto target = co_await find_target(this, &appending_->command)) room = target->room;
  }
  if (!room) co_return true;
  if (octets > *room) co_return false;
  *room -= octets;
  co_return true;
}

// What of a REPLACE is refused before its message comes: the message that goes must be there.
std::expected<store::Replaced, Answer> Session::replaced_by(const Command& command) {
  // RFC 8508 §4: the rights of setting \Deleted and of EXPUNGE.
  constexpr auto kLeave = right::delete_messages | right::expunge;
  if ((selected_->rights & kLeave) != kLeave) return std::unexpected(not_permitted());
  const auto& message = std::get<grammar::Replace>(command.arguments).message;
  auto named = named_by(message, command.uid);
  if (!named) return std::unexpected(std::move(named.error()));
  if (named->uids.count() != 1) {
    return std::unexpected(named->some_are_gone ? no("The message is gone.", "EXPUNGEISSUED")
                                                : no("There is no such message.", "NONEXISTENT"));
  }
  return store::Replaced{.mailbox = selected_->mailbox, .uid = named->uids.ranges().front().first};
}

// One who appends letters one by one need not wait for each look at their mailbox.
bool Session::remember_target(const std::string& name) {
  const auto known = std::exchange(known_target_, nullptr);
  if (!known || known->name != name || shared_->clock->steady() - known->looked_up > kRightsLast) return false;
  appending_ = std::make_unique<Appending>(Appending{.command = {},
                                                     .place = known->place,
                                                     .path = std::move(known->path),
                                                     .mailbox = std::nullopt,
                                                     .scope = known->scope,
                                                     .looked_up = known->looked_up,
                                                     .remembered = true,
                                                     .room = known->room,
                                                     .letters = {},
                                                     .replaced = {},
                                                     .memory = std::make_unique<AppendShare>(shared_->append_memory)});
  return true;
}

Async<bool> Session::begin_append(Command command) {
  shared_->commands[static_cast<std::size_t>(command.verb)].add();
  auto tag = command.tag;
  // Rights may be others by now.
  if (command.verb == Verb::replace && selected_ && !co_await take_news()) co_return false;
  if (auto refusal = grammar::refusal(command, facts())) {
    reader_.refuse();
    co_return co_await reject({.tag = std::move(tag), .refusal = std::move(*refusal)});
  }
  std::optional<store::Replaced> replaced;
  if (command.verb == Verb::replace) {
    auto found = replaced_by(command);
    if (!found) {
      reader_.refuse();
      co_return co_await respond(std::move(tag), std::move(found.error()), {});
    }
    replaced = *found;
  }
  if (!replaced && remember_target(target_of(command))) {
    appending_->command = std::move(command);
    co_return true;
  }
  // Whoever waits to be asked is told at once that it has no sense (RFC 9051 §6.3.12).
  auto target = co_await find_target(this, &command);
  std::optional<Answer> why;
  if (!target) {
    why = std::move(target.error());
  } else if (replaced && target->place.account != selected_->place.account) {
    // Both are one transaction (RFC 8508 §3.1), and that is of one account.
    why = no("Another's mailbox takes no replacement.", "CANNOT");
  }
  if (why) {
    reader_.refuse();
    co_return co_await respond(std::move(tag), std::move(*why), {});
  }
  if (replaced && target->room) {
    // What is replaced makes room.
    const auto& snapshot = selected_->view.snapshot();
    if (const auto at = snapshot.find(replaced->uid)) *target->room += snapshot[*at].size();
  }
  appending_ = std::make_unique<Appending>(Appending{.command = std::move(command),
                                                     .place = target->place,
                                                     .path = std::move(target->info.path),
                                                     .mailbox = target->info.id,
                                                     .scope = scope_of(target->rights),
                                                     .looked_up = shared_->clock->steady(),
                                                     .room = target->room,
                                                     .letters = {},
                                                     .replaced = replaced,
                                                     .memory = std::make_unique<AppendShare>(shared_->append_memory)});
  co_return true;
}

Async<bool> Session::begin_letter(grammar::AppendMessage message) {
  store::AppendedLetter letter;
  // RFC 4314 §4: flags that may not be set are left out.
  letter.flags = permitted(flags_of(message.flags), appending_->scope);
  if (message.date) {
    letter.received = message.date->time;
    // East of UTC as it was given; west of it in UTC, since James's scripts read no minus.
    letter.zone_minutes = std::max(message.date->offset_minutes, 0);
  }
  if (message.catenate) letter.content = store().receive(0);
  appending_->catenate = message.catenate;
  // Parts that are fetched may hold them, too.
  appending_->may_hold_nuls = message.catenate;
  appending_->letters.push_back(std::move(letter));
  const auto count = appending_->letters.size();
  const auto& limits = shared_->limits;
  if (limits.most_saved() != 0 && count > limits.most_saved()) {
    co_return co_await give_up_append(no("Too many messages.", fmt::format("MESSAGELIMIT {}", limits.most_saved())));
  }
  if (count <= limits.max_messages_in_append) co_return true;
  co_return co_await give_up_append(no("Too many messages.", "LIMIT"));
}

Async<bool> Session::begin_text(grammar::AppendText text) {
  const auto size = text.size;
  appending_->may_hold_nuls |= text.binary;
  // Who waits to be asked for it needn't send what there is no room for (RFC 9208 §4.3.1).
  if (!co_await has_room(size)) co_return co_await give_up_append(full());
  auto& content = appending_->letters.back().content;
  if (!appending_->catenate) {
    content = store().receive(size);
  } else if (content.size() + size > shared_->limits.max_message_bytes) {
    co_return co_await give_up_append(too_big());
  }
  stream().expect_bulk(true);
  co_return true;
}

Async<bool> Session::end_append() {
  const auto done = std::move(appending_);
  const auto& command = done->command;
  // Where the octets were long on their way rights are looked at once more, and another's may be others at any time.
  // (Names are looked at by the store.)
  if (done->place.reader || shared_->clock->steady() - done->looked_up > kRightsLast) {
    auto target = co_await find_target(this, &command);
    if (!target) co_return co_await respond(command.tag, std::move(target.error()), {});
    done->looked_up = shared_->clock->steady();
    done->room = target->room;
    if (target->place.account != done->place.account) {
      co_return co_await respond(command.tag, no("The mailbox was renamed meanwhile.", "TRYCREATE"), {});
    }
    for (auto& letter : done->letters) letter.flags = permitted(letter.flags, scope_of(target->rights));
  }
  auto answer =
      co_await append(this, done->place, {done->path, done->mailbox}, std::move(done->letters), done->replaced);
  if (answer.status == Answer::Status::ok && !done->place.reader && !done->replaced) {
    known_target_ = std::make_unique<KnownTarget>(target_of(command), done->place, std::move(done->path), done->scope,
                                                  done->looked_up, done->room);
  }
  co_return co_await respond(command.tag, std::move(answer), {.keep_numbers = false, .uid = command.uid, .own = true});
}

Async<bool> Session::take_append(grammar::ReaderEvent event) {
  if (auto* begun = std::get_if<grammar::AppendBegun>(&event))
    co_return co_await begin_append(std::move(begun->command));
  if (auto* message = std::get_if<grammar::AppendMessage>(&event)) co_return co_await begin_letter(std::move(*message));
  if (const auto* text = std::get_if<grammar::AppendText>(&event)) co_return co_await begin_text(*text);
  if (auto* url = std::get_if<grammar::AppendUrl>(&event)) co_return co_await take_url(std::move(url->url));
  if (std::holds_alternative<grammar::AppendTextEnd>(event)) stream().expect_bulk(false);
  if (std::holds_alternative<grammar::AppendMessageEnd>(event)) co_return co_await end_letter();
  if (std::holds_alternative<grammar::AppendEnded>(event)) co_return co_await end_append();
  co_return true;
}

Async<Answer> append(Session* session, store::Place place, store::AppendTarget target,
                     std::vector<store::AppendedLetter> letters, std::optional<store::Replaced> replaced) {
  for (const auto& letter : letters) {
    if (letter.content.size() == 0) co_return no("A message has at least one octet.", "CANNOT");
  }
  const auto done = co_await session->store().append(place, std::move(target), std::move(letters), replaced);
  if (!done) {
    if (replaced && done.error().kind == ErrorKind::exists) co_return no("The message is gone.", "EXPUNGEISSUED");
    co_return no_target(done.error());
  }
  auto code = grammar::append_uid_code(done->uid_validity, grammar::NumberSet::of_sorted(done->uids));
  if (!replaced) co_return ok("Appended.", std::move(code));
  // RFC 8508 §3.1: the new UID is told before the old message's removal.
  session->say(grammar::Condition::ok, code, "The replacement is there.");
  if (const auto looked = co_await session->refresh(); !looked) co_return refused(looked.error());
  co_return ok("Replaced.");
}

}  // namespace pabal::server::imap
