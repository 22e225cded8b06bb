#include "imap/append.hpp"

#include "imap/cursor.hpp"

namespace pabal::imap {

namespace {

// A literal comes next whose octets aren't here.
bool literal_is_awaited(const Cursor& in) {
  const auto literal = in.literal_next();
  return literal && literal->size > in.rest().size() - literal->spec;
}

}  // namespace

AppendScanner::Step AppendScanner::step(std::string_view octets, const ParseRules& rules) {
  Cursor in(octets, rules);
  Step step;
  switch (state_) {
    case State::start:
      step = start(in);
      break;
    case State::message:
      step = message(in);
      break;
    case State::data:
      step = data(in);
      break;
    case State::first_part:
    case State::part:
      step = part(in);
      break;
    case State::utf8_ended:
      in.expect(')');
      [[fallthrough]];
    case State::text_ended:
      state_ = State::message_ended;
      step = {AppendMessageEnd{}, in.position()};
      break;
    case State::message_ended:
      step = message_ended(in);
      break;
  }
  if (in.refusal()) return {*in.refusal(), 0};
  return step;
}

AppendScanner::Step AppendScanner::start(Cursor& in) {
  auto beginning = parse_beginning(in);
  if (!in.ok()) return {};
  Command command;
  command.tag = std::move(beginning.tag);
  command.uid = beginning.uid;
  command.verb = *beginning.verb;
  replace_ = command.verb == Verb::replace;
  in.space();
  SequenceSet message;
  if (replace_) {
    message = in.sequence_set();
    const auto& only = message;
    const auto named = only.resolve(UINT32_MAX);
    if (in.ok() && (only.is_saved_result() || named.count() != 1)) in.bad("one message is replaced");
    in.space();
  }
  if (literal_is_awaited(in)) return {NeedMore{}, 0};
  auto mailbox = in.mailbox();
  if (!mailbox) return {};
  if (replace_) {
    command.arguments = Replace{std::move(message), std::move(*mailbox)};
  } else {
    command.arguments = Append{std::move(*mailbox)};
  }
  state_ = State::message;
  return {Begun{std::move(command)}, in.position()};
}

AppendScanner::Step AppendScanner::message(Cursor& in) {
  AppendMessage message;
  in.space();
  if (in.peek() == '(') {
    message.flags = in.flag_list();
    in.space();
  }
  if (in.peek() == '"') {
    message.date = in.date_time();
    in.space();
  }
  if (in.take_text("UTF8 (")) {
    message.utf8 = true;
  } else if (in.take_text("CATENATE (")) {
    message.catenate = true;
  }
  utf8_ = message.utf8;
  catenate_ = message.catenate;
  state_ = catenate_ ? State::first_part : State::data;
  return {std::move(message), in.position()};
}

AppendScanner::Step AppendScanner::data(Cursor& in) {
  const auto literal = in.literal_next();
  if (!literal || literal->spec != in.rest().size() || (utf8_ && !literal->binary)) {
    in.bad("a message is missing");
    return {};
  }
  state_ = utf8_ ? State::utf8_ended : catenate_ ? State::part : State::text_ended;
  return {AppendText{literal->size, literal->binary, literal->synchronizing}, literal->spec};
}

AppendScanner::Step AppendScanner::part(Cursor& in) {
  if (state_ == State::part) {
    if (in.take(')')) {
      state_ = State::message_ended;
      return {AppendMessageEnd{}, in.position()};
    }
    in.space();
  }
  if (in.take_text("TEXT ")) {
    const auto before = in.position();
    auto step = data(in);
    step.used += before;
    return step;
  }
  if (!in.take_text("URL ")) in.bad("TEXT or URL");
  if (literal_is_awaited(in)) return {NeedMore{}, 0};
  AppendUrl url{in.astring()};
  state_ = State::part;
  return {std::move(url), in.position()};
}

AppendScanner::Step AppendScanner::message_ended(Cursor& in) {
  if (in.rest().find_first_not_of(' ') == std::string_view::npos) return {Ended{}, in.rest().size()};
  // RFC 8508 §3: one message takes the other's place.
  if (replace_) in.bad("one message replaces another");
  state_ = State::message;
  return message(in);
}

}  // namespace pabal::imap
