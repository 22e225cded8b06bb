// GETMETADATA and SETMETADATA (RFC 5464 §4.2, §4.3). Private entries are the reader's own, shared ones the mailbox's.
// Beside mailboxes each account has private entries of its own under the name "" of the server; shared ones of the
// server there are none, as nobody could set them.
#include "server/imap/metadata.hpp"

#include <algorithm>
#include <functional>

#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/mailboxes.hpp"

namespace pabal::server::imap {

namespace {

using grammar::MetadataOptions;

struct Target {
  store::Place place;
  MailboxId mailbox;  ///< nothing: the server's
  std::string name;
  Rights rights = right::all;
};

Async<std::expected<Target, Answer>> target_of(Session* session, std::optional<grammar::MailboxName> mailbox) {
  if (!mailbox) co_return Target{session->user().place, {}, {}};
  const auto found = co_await find_mailbox(session, mailbox->text(), kForMetadata);
  if (!found) co_return std::unexpected(found.error());
  if ((found->rights & right::lookup) == 0) co_return std::unexpected(nonexistent());
  co_return Target{found->place, found->info.id, mailbox->text(), found->rights};
}

bool is_asked_for(std::string_view entry, std::span<const std::string> wanted, MetadataOptions::Depth depth) {
  return std::ranges::any_of(wanted, [&](const std::string& name) {
    if (entry == name) return true;
    if (depth == MetadataOptions::Depth::zero || !entry.starts_with(name + "/")) return false;
    return depth == MetadataOptions::Depth::infinity || entry.find('/', name.size() + 1) == std::string_view::npos;
  });
}

// RFC 5464 §3.2: private or shared, and a vendor's name before what is his.
bool may_be_set(std::string_view entry) {
  const bool is_private = entry.starts_with("/private/");
  if (!is_private && !entry.starts_with("/shared/")) return false;
  entry.remove_prefix(is_private ? 9 : 8);
  if (entry != "vendor" && !entry.starts_with("vendor/")) return true;
  return std::ranges::count(entry, '/') >= 2;
}

void append_value(std::string& out, const std::optional<std::string>& value, grammar::ImapForm form) {
  if (value && value->find('\0') != std::string::npos) {
    grammar::append_literal_size(out, value->size(), true);
    out.append(*value);
  } else {
    grammar::append_nstring(out, value, form);
  }
}

}  // namespace

void append_metadata(Session& session, std::string_view mailbox, std::span<const std::string> wanted,
                     std::span<const store::Annotation> entries) {
  auto& out = session.out();
  const auto form = session.form();
  std::string_view between;
  out.append("* METADATA ");
  grammar::append_mailbox(out, mailbox, form);
  out.append(" (");
  const auto put = [&](std::string_view name, const std::optional<std::string>& value) {
    out.append(between);
    grammar::append_astring(out, name, form);
    out.append(" ");
    append_value(out, value, form);
    between = " ";
  };
  for (const auto& entry : entries) put(entry.name, entry.value);
  for (const auto& name : wanted) {
    const bool there = std::ranges::any_of(entries, [&](const auto& entry) { return entry.name == name; });
    if (!there) put(name, std::nullopt);
  }
  out.append(")\r\n");
}

void append_metadata_change(Session& session, std::string_view mailbox, std::span<const std::string> names) {
  if (names.empty()) return;
  auto& out = session.out();
  out.append("* METADATA ");
  grammar::append_mailbox(out, mailbox, session.form());
  for (const auto& name : names) {
    out.append(" ");
    grammar::append_astring(out, name, session.form());
  }
  out.append("\r\n");
}

Async<Answer> get_metadata(Session* session, Command command) {
  auto& arguments = std::get<grammar::GetMetadata>(command.arguments);
  const auto target = co_await target_of(session, std::move(arguments.mailbox));
  if (!target) co_return target.error();
  auto all = co_await session->store().annotations(target->place, target->mailbox, session->user().place.account);
  if (!all) co_return refused(all.error());
  std::uint64_t longest = 0;
  std::vector<std::string> left_out;
  std::erase_if(*all, [&](const store::Annotation& entry) {
    if (!is_asked_for(entry.name, arguments.entries, arguments.options.depth)) return true;
    const auto size = entry.value ? entry.value->size() : 0;
    if (!arguments.options.max_size || size <= *arguments.options.max_size) return false;
    longest = std::max<std::uint64_t>(longest, size);
    left_out.push_back(entry.name);
    return true;
  });
  // What was asked for by its name and isn't there is NIL; what is there and too long isn't told.
  std::vector<std::string> named;
  for (const auto& name : arguments.entries) {
    const bool exact = arguments.options.depth == MetadataOptions::Depth::zero;
    if (exact && std::ranges::find(left_out, name) == left_out.end() && std::ranges::find(named, name) == named.end()) {
      named.push_back(name);
    }
  }
  if (!all->empty() || !named.empty()) append_metadata(*session, target->name, named, *all);
  co_return ok("Done.", longest == 0 ? std::string() : fmt::format("METADATA LONGENTRIES {}", longest));
}

Async<Answer> set_metadata(Session* session, Command command) {
  auto& arguments = std::get<grammar::SetMetadata>(command.arguments);
  std::vector<store::Annotation> entries;
  bool shared = false;
  for (auto& [name, value] : arguments.values) {
    if (!may_be_set(name)) co_return bad("There can be no such entry.");
    shared = shared || name.starts_with("/shared/");
    if (value && value->size() > store::kMostAnnotationOctets) {
      co_return no("A value is too long.", fmt::format("METADATA MAXSIZE {}", store::kMostAnnotationOctets));
    }
    entries.push_back({std::move(name), std::move(value)});
  }
  const auto target = co_await target_of(session, std::move(arguments.mailbox));
  if (!target) co_return target.error();
  const bool may = target->mailbox ? (target->rights & right::write) != 0 : false;
  if (shared && !may) co_return not_permitted();
  const auto done = co_await session->store().set_annotations(target->place, target->mailbox,
                                                              session->user().place.account, std::move(entries));
  if (done) co_return ok("Done.");
  if (done.error().kind == ErrorKind::state) co_return no("Not this special use.", "USEATTR");
  if (done.error().kind == ErrorKind::quota) co_return no("There are too many entries.", "METADATA TOOMANY");
  co_return refused(done.error());
}

}  // namespace pabal::server::imap
