#include "imap/command.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "imap/characters.hpp"
#include "imap/cursor.hpp"

namespace pabal::imap {

namespace {

using Arguments = decltype(Command::arguments);

bool is_printable(char c) noexcept { return c > ' ' && c < 0x7F; }

Identification identification(Cursor& in) {
  Identification id;
  if (in.take_word("NIL")) return id;
  in.expect('(');
  if (in.take(')')) return id;
  while (in.ok()) {
    auto name = in.string();
    in.space();
    auto value = in.nstring();
    // RFC 2971 §3.3: at most thirty, names of thirty octets, values of 1024. Longer ones are cut by nobody's loss.
    if (id.fields.size() < 30) id.fields.emplace_back(std::move(name), std::move(value));
    if (in.take(')')) break;
    in.space();
  }
  return id;
}

Authenticate authenticate(Cursor& in) {
  Authenticate out;
  out.mechanism = to_upper(in.atom());
  if (in.take(' ')) {
    const auto response = in.run(is_printable);
    if (response.empty()) in.bad("an initial response is missing");
    out.response = std::string(response);
  }
  return out;
}

Login login(Cursor& in) {
  Login out;
  out.user = in.astring();
  in.space();
  out.password = in.astring();
  return out;
}

// 1*(SP word); `strings`: any astring, as written.
Words words(Cursor& in, bool strings) {
  Words out;
  while (in.ok()) {
    out.words.push_back(strings ? in.astring() : to_upper(in.atom()));
    if (in.peek() != ' ' || in.rest().find_first_not_of(' ') == std::string_view::npos) break;
    in.space();
  }
  return out;
}

Qresync qresync(Cursor& in) {
  Qresync out;
  in.space();
  in.expect('(');
  out.uid_validity = static_cast<std::uint32_t>(in.nonzero());
  in.space();
  out.modseq = in.modseq();
  // RFC 7162 §3.2.5: known-uids, then seq-match-data; either may be missing.
  if (in.take(' ')) {
    bool more = true;
    if (in.peek() != '(') {
      out.known_uids = in.number_set();
      more = in.take(' ');
    }
    if (more) {
      in.expect('(');
      auto numbers = in.number_set();
      in.space();
      auto uids = in.number_set();
      in.expect(')');
      if (numbers.count() != uids.count()) in.bad("as many numbers as UIDs are needed");
      out.match.emplace(std::move(numbers), std::move(uids));
    }
  }
  in.expect(')');
  return out;
}

std::optional<Select> select(Cursor& in) {
  auto name = in.mailbox();
  if (!name) return std::nullopt;
  Select out{.mailbox = std::move(*name), .condstore = false, .qresync = {}};
  if (!in.take_text(" (")) return out;
  while (in.ok()) {
    if (in.take_word("CONDSTORE")) {
      out.condstore = true;
    } else if (in.take_word("QRESYNC")) {
      out.qresync = qresync(in);
    } else {
      in.bad("unknown parameter");
    }
    if (in.take(')')) break;
    in.space();
  }
  return out;
}

std::string special_use(Cursor& in) {
  constexpr std::array<std::string_view, 8> known = {"\\All",  "\\Archive", "\\Drafts", "\\Flagged",
                                                     "\\Junk", "\\Sent",    "\\Trash",  "\\Important"};
  in.expect('\\');
  auto use = "\\" + std::string(in.atom());
  const auto found = std::ranges::find_if(known, [&](std::string_view name) { return equal_ignoring_case(name, use); });
  return found == known.end() ? use : std::string(*found);
}

// A name that may end with "/" (RFC 3501 §6.3.3).
std::optional<MailboxName> new_name(Cursor& in, bool* slash) {
  auto text = in.astring();
  const bool trailing = text.size() > 1 && text.ends_with(kHierarchy);
  if (trailing) text.pop_back();
  if (slash != nullptr) *slash = trailing;
  auto name = in.name_of(text);
  if (name && !name->may_be_created()) {
    in.refuse({Refusal::Status::no, "CANNOT", "a name with %, * or # can't be given"});
  }
  return name;
}

std::optional<Create> create(Cursor& in) {
  bool slash = false;
  auto name = new_name(in, &slash);
  if (!name) return std::nullopt;
  Create out{.mailbox = std::move(*name), .for_children = slash, .special_use = {}};
  if (!in.take_text(" (")) return out;
  // RFC 6154 §3: USE is the only parameter.
  if (!in.take_word("USE")) in.bad("unknown parameter");
  in.space();
  in.expect('(');
  if (in.take(')')) {
    in.expect(')');
    return out;
  }
  while (in.ok()) {
    out.special_use.push_back(special_use(in));
    if (in.take(')')) break;
    in.space();
  }
  in.expect(')');
  return out;
}

std::optional<OnMailbox> on_mailbox(Cursor& in) {
  auto name = in.mailbox();
  if (!name) return std::nullopt;
  return OnMailbox{std::move(*name)};
}

std::optional<Rename> rename(Cursor& in) {
  auto from = in.mailbox();
  in.space();
  auto to = new_name(in, nullptr);
  if (!from || !to) return std::nullopt;
  return Rename{std::move(*from), std::move(*to)};
}

std::optional<Status> status(Cursor& in) {
  auto name = in.mailbox();
  in.space();
  const auto items = parse_status_items(in);
  if (!name) return std::nullopt;
  return Status{std::move(*name), items};
}

Store store(Cursor& in) {
  Store out;
  out.set = in.sequence_set();
  in.space();
  if (in.take('(')) {
    // RFC 7162 §3.1.3: 0 is for what is in no flag's history.
    if (!in.take_word("UNCHANGEDSINCE")) in.bad("unknown modifier");
    in.space();
    out.unchanged_since = in.modseq(true);
    in.expect(')');
    in.space();
  }
  if (in.take('+')) {
    out.how = Store::How::add;
  } else if (in.take('-')) {
    out.how = Store::How::remove;
  }
  out.silent = in.take_word("FLAGS.SILENT");
  if (!out.silent && !in.take_word("FLAGS")) in.bad("FLAGS is missing");
  in.space();
  if (in.peek() == '(') {
    out.flags = in.flag_list();
    return out;
  }
  while (in.ok()) {
    in.flag(out.flags);
    if (in.peek() != ' ' || in.rest().find_first_not_of(' ') == std::string_view::npos) break;
    in.space();
  }
  return out;
}

std::optional<Copy> copy(Cursor& in) {
  auto set = in.sequence_set();
  in.space();
  auto name = in.mailbox();
  if (!name) return std::nullopt;
  return Copy{std::move(set), std::move(*name)};
}

SetQuota set_quota(Cursor& in) {
  SetQuota out;
  out.root = in.astring();
  in.space();
  in.expect('(');
  if (in.take(')')) return out;
  while (in.ok()) {
    auto resource = to_upper(in.atom());
    in.space();
    out.limits.emplace_back(std::move(resource), in.number(INT64_MAX));
    if (in.take(')')) break;
    in.space();
  }
  return out;
}

std::optional<OnAcl> on_acl(Cursor& in) {
  auto name = in.mailbox();
  in.space();
  auto identifier = in.astring();
  if (!name) return std::nullopt;
  return OnAcl{std::move(*name), std::move(identifier)};
}

std::optional<SetAcl> set_acl(Cursor& in) {
  auto name = in.mailbox();
  in.space();
  auto identifier = in.astring();
  in.space();
  auto rights = in.astring();
  if (!name) return std::nullopt;
  SetAcl out{.mailbox = std::move(*name), .identifier = std::move(identifier), .how = {}, .rights = {}};
  // RFC 4314 §3.1.
  if (rights.starts_with('+') || rights.starts_with('-')) {
    out.how = rights.front() == '+' ? SetAcl::How::add : SetAcl::How::remove;
    rights.erase(0, 1);
  }
  // RFC 4314 §2.1: letters are lower case; upper case is no right.
  if (!std::ranges::all_of(rights, [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c); })) {
    in.bad("rights are lower-case letters and digits");
  }
  out.rights = std::move(rights);
  return out;
}

GenUrlAuth gen_url_auth(Cursor& in) {
  GenUrlAuth out;
  while (in.ok()) {
    auto url = in.astring();
    in.space();
    out.urls.emplace_back(std::move(url), to_upper(in.atom()));
    if (in.peek() != ' ' || in.rest().find_first_not_of(' ') == std::string_view::npos) break;
    in.space();
  }
  return out;
}

ResetKey reset_key(Cursor& in) {
  ResetKey out;
  out.mailbox = in.mailbox();
  while (in.ok() && in.peek() == ' ' && in.rest().find_first_not_of(' ') != std::string_view::npos) {
    in.space();
    out.mechanisms.push_back(to_upper(in.atom()));
  }
  return out;
}

UrlFetch url_fetch(Cursor& in) {
  UrlFetch out;
  while (in.ok()) {
    UrlFetch::Url url;
    url.extended = in.take('(');
    url.url = in.astring();
    while (url.extended && in.ok() && !in.take(')')) {
      in.space();
      if (in.take_word("BODY")) {
        url.body = true;
      } else if (in.take_word("BINARY")) {
        url.binary = true;
      } else if (in.take_word("BODYPARTSTRUCTURE")) {
        url.body_part_structure = true;
      } else {
        in.bad("unknown parameter");
      }
    }
    out.urls.push_back(std::move(url));
    if (in.peek() != ' ' || in.rest().find_first_not_of(' ') == std::string_view::npos) break;
    in.space();
  }
  return out;
}

UidBatches uid_batches(Cursor& in) {
  UidBatches out;
  out.size = static_cast<std::uint32_t>(in.nonzero());
  if (in.peek() != ' ' || in.rest().find_first_not_of(' ') == std::string_view::npos) return out;
  in.space();
  out.first = static_cast<std::uint32_t>(in.nonzero());
  in.expect(':');
  out.last = static_cast<std::uint32_t>(in.nonzero());
  // RFC 10022 §3.1.5.
  if (out.first > out.last) in.refuse({Refusal::Status::bad, "CLIENTBUG", "batches from the highest to the lowest"});
  return out;
}

// What an optional result becomes; nothing means that the cursor has a refusal.
template <class T>
Arguments given(std::optional<T> found) {
  if (found) return std::move(*found);
  return NoArguments{};
}

Arguments arguments_of(Cursor& in, const Beginning& beginning) {
  const Verb verb = *beginning.verb;
  const bool uid = beginning.uid;
  switch (verb) {
    case Verb::capability:
    case Verb::check:
    case Verb::close:
    case Verb::idle:
    case Verb::logout:
    case Verb::namespace_:
    case Verb::noop:
    case Verb::starttls:
    case Verb::unauthenticate:
    case Verb::unselect:
      return NoArguments{};
    case Verb::expunge:
      if (!uid) return NoArguments{};
      break;
    case Verb::language:
    case Verb::comparator:
      // Without a word they ask.
      if (in.rest().find_first_not_of(' ') == std::string_view::npos) return Words{};
      break;
    case Verb::resetkey:
      if (in.rest().find_first_not_of(' ') == std::string_view::npos) return ResetKey{};
      break;
    default:
      break;
  }
  in.space();
  switch (verb) {
    case Verb::id:
      return identification(in);
    case Verb::authenticate:
      return authenticate(in);
    case Verb::login:
      return login(in);
    case Verb::enable:
    case Verb::compress:
      return words(in, false);
    case Verb::language:
    case Verb::comparator:
    case Verb::cancelupdate:
      return words(in, true);
    case Verb::select:
    case Verb::examine:
      return given(select(in));
    case Verb::create:
      return given(create(in));
    case Verb::delete_:
    case Verb::subscribe:
    case Verb::unsubscribe:
    case Verb::getacl:
    case Verb::myrights:
    case Verb::getquotaroot:
      return given(on_mailbox(in));
    case Verb::rename:
      return given(rename(in));
    case Verb::list:
      return parse_list(in);
    case Verb::lsub:
      return parse_lsub(in);
    case Verb::status:
      return given(status(in));
    case Verb::expunge:
      return Expunge{in.sequence_set()};
    case Verb::fetch:
      return parse_fetch(in, uid);
    case Verb::store:
      return store(in);
    case Verb::copy:
    case Verb::move:
      return given(copy(in));
    case Verb::search:
      return parse_search(in);
    case Verb::sort:
      return parse_sort(in);
    case Verb::thread:
      return parse_thread(in);
    case Verb::esearch:
      return given(parse_multi_search(in));
    case Verb::notify:
      return parse_notify(in);
    case Verb::getmetadata:
      return parse_get_metadata(in);
    case Verb::setmetadata:
      return parse_set_metadata(in);
    case Verb::getquota:
      return GetQuota{in.astring()};
    case Verb::setquota:
      return set_quota(in);
    case Verb::setacl:
      return given(set_acl(in));
    case Verb::deleteacl:
    case Verb::listrights:
      return given(on_acl(in));
    case Verb::genurlauth:
      return gen_url_auth(in);
    case Verb::resetkey:
      return reset_key(in);
    case Verb::urlfetch:
      return url_fetch(in);
    case Verb::uidbatches:
      return uid_batches(in);
    default:
      // APPEND and REPLACE have no meaning without their messages (append.hpp).
      in.bad("a message is missing");
      return NoArguments{};
  }
}

}  // namespace

Beginning parse_beginning(Cursor& in) {
  Beginning out;
  const auto tag = in.run(is_tag_char);
  if (tag.empty() || in.peek() != ' ') {
    in.bad("a command begins with a tag and a space");
    return out;
  }
  out.tag = tag;
  in.space();
  out.uid = in.take_text("UID ");
  const auto name = in.run(is_atom_char);
  out.verb = verb_of(name);
  if (!out.verb || (out.uid && !info(*out.verb).with_uid)) {
    out.verb.reset();
    in.bad(name.empty() ? RefusalText("a command is missing") : RefusalText("unknown command"));
  }
  return out;
}

std::expected<Command, BadCommand> parse_command(std::string_view octets, const ParseRules& rules) {
  Cursor in(octets, rules);
  auto beginning = parse_beginning(in);
  Command command;
  if (in.ok()) command.arguments = arguments_of(in, beginning);
  if (in.ok()) in.end();
  if (in.refusal()) {
    BadCommand why{std::move(beginning.tag), *in.refusal()};
    why.refusal.empties_result = why.refusal.status == Refusal::Status::no && was_to_save(octets, rules);
    return std::unexpected(std::move(why));
  }
  command.tag = std::move(beginning.tag);
  command.uid = beginning.uid;
  command.verb = *beginning.verb;
  return command;
}

}  // namespace pabal::imap
