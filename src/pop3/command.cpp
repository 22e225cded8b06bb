#include "pop3/command.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "base/wiped.hpp"

namespace pabal::pop3 {

namespace {

constexpr std::array<VerbInfo, kVerbs> kTable = {{
    {Verb::apop, "APOP", true, false},
    {Verb::auth, "AUTH", true, false},
    {Verb::capa, "CAPA", true, true},
    {Verb::dele, "DELE", false, true},
    {Verb::lang, "LANG", true, true},
    {Verb::list, "LIST", false, true},
    {Verb::noop, "NOOP", false, true},
    {Verb::pass, "PASS", true, false},
    {Verb::quit, "QUIT", true, true},
    {Verb::retr, "RETR", false, true},
    {Verb::rset, "RSET", false, true},
    {Verb::stat, "STAT", false, true},
    {Verb::stls, "STLS", true, false},
    {Verb::top, "TOP", false, true},
    {Verb::uidl, "UIDL", false, true},
    {Verb::user, "USER", true, false},
    {Verb::utf8, "UTF8", true, false},
}};

std::optional<Verb> verb_of(std::string_view keyword) noexcept {
  for (const auto& entry : kTable) {
    if (equal_ignoring_case(entry.name, keyword)) return entry.verb;
  }
  return std::nullopt;
}

// The next argument of `rest`, which is cut off it; empty where there is none. Arguments are separated by spaces.
std::string_view take_argument(std::string_view& rest) noexcept {
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  const auto end = std::min(rest.find(' '), rest.size());
  const auto argument = rest.substr(0, end);
  rest.remove_prefix(end);
  return argument;
}

bool only_spaces(std::string_view text) noexcept { return text.find_first_not_of(' ') == std::string_view::npos; }

std::unexpected<Error> wrong_arguments() { return fail(ErrorKind::syntax, "wrong arguments"); }

// A message number: no message is beyond 32 bits, so what is larger simply names none.
std::optional<std::uint64_t> number(std::string_view text) noexcept { return parse_decimal(text, UINT32_MAX); }

Result<Command> with_message(Command command, std::string_view rest, bool required) {
  const auto text = take_argument(rest);
  if (text.empty()) {
    if (required) return wrong_arguments();
    return command;
  }
  command.message = number(text);
  if (!command.message || !only_spaces(rest)) return wrong_arguments();
  return command;
}

Result<Command> with_top(Command command, std::string_view rest) {
  command.message = number(take_argument(rest));
  const auto lines = number(take_argument(rest));
  if (!command.message || !lines || !only_spaces(rest)) return wrong_arguments();
  command.lines = *lines;
  return command;
}

Result<Command> with_mechanism(Command command, std::string_view rest) {
  command.argument = to_upper(take_argument(rest));
  const auto response = take_argument(rest);
  if (!only_spaces(rest)) return wrong_arguments();
  if (!response.empty()) command.initial_response = std::string(response);
  return command;
}

}  // namespace

const std::array<VerbInfo, kVerbs>& all_verbs() noexcept { return kTable; }

const VerbInfo& info(Verb verb) noexcept { return kTable[static_cast<std::size_t>(verb)]; }

Result<Command> parse_command(std::string_view line) {
  const auto space = std::min(line.find(' '), line.size());
  const auto verb = verb_of(line.substr(0, space));
  if (!verb) return fail(ErrorKind::unsupported, "unknown command");
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::ranges::any_of(line, is_control) || !is_utf8(line)) return fail(ErrorKind::syntax, "wrong characters");

  auto rest = line.substr(std::min(space + 1, line.size()));
  Command command;
  command.verb = *verb;
  switch (*verb) {
    case Verb::capa:
    case Verb::noop:
    case Verb::quit:
    case Verb::rset:
    case Verb::stat:
    case Verb::stls:
    case Verb::utf8:
      if (!only_spaces(rest)) return wrong_arguments();
      return command;
    case Verb::list:
    case Verb::uidl:
      return with_message(std::move(command), rest, false);
    case Verb::dele:
    case Verb::retr:
      return with_message(std::move(command), rest, true);
    case Verb::top:
      return with_top(std::move(command), rest);
    case Verb::auth:
      return with_mechanism(std::move(command), rest);
    case Verb::lang:
      command.argument = std::string(take_argument(rest));
      if (!only_spaces(rest)) return wrong_arguments();
      return command;
    case Verb::user:
      command.argument = std::string(trim(rest));
      if (command.argument.empty()) return wrong_arguments();
      return command;
    case Verb::pass:
      // RFC 1939 §7: PASS has exactly one argument, so spaces belong to the password.
      if (rest.empty()) return wrong_arguments();
      command.argument = std::string(rest);
      return command;
    case Verb::apop:
      command.argument = std::string(rest);
      return command;
  }
  return fail(ErrorKind::unsupported, "unknown command");
}

void wipe(Result<Command>& command) noexcept {
  if (!command) return;
  pabal::wipe(command->argument);
  pabal::wipe(command->initial_response);
}

Line next_line(std::string_view input, bool response, const LineLimits& limits) noexcept {
  const bool long_one = response || starts_with_ignoring_case(input, "AUTH ");
  const std::size_t limit = long_one ? limits.authentication : limits.command;
  const auto end = input.substr(0, limit).find('\n');
  if (end != std::string_view::npos) {
    auto text = input.substr(0, end);
    if (text.ends_with('\r')) text.remove_suffix(1);
    return {.state = Line::State::whole, .text = text, .size = end + 1};
  }
  if (input.size() >= limit) return {.state = Line::State::too_long, .text = {}, .size = limit};
  return {};
}

Skipped skip_line(std::string_view input) noexcept {
  const auto end = input.find('\n');
  if (end == std::string_view::npos) return {.size = input.size(), .ended = false};
  return {.size = end + 1, .ended = true};
}

}  // namespace pabal::pop3
