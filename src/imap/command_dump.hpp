// One line for a command, for tests alone.
#pragma once
#include <string>

#include <fmt/format.h>

#include "imap/command.hpp"
#include "imap/date.hpp"

namespace pabal::imap::testing {

inline std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\0') {
      out += "\\0";
    } else {
      out += c;
    }
  }
  return out;
}

inline std::string dump(const SearchKey& key) {
  using Kind = SearchKey::Kind;
  const auto day = [&] {
    const std::chrono::year_month_day date(key.day);
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()));
  };
  const auto children = [&](std::string_view name) {
    std::string out(name);
    out += '(';
    for (const auto& child : key.children) {
      if (&child != key.children.data()) out += ' ';
      out += dump(child);
    }
    return out + ")";
  };
  const auto text = [&](std::string_view name) { return fmt::format("{}[{}]", name, escaped(key.text)); };
  switch (key.kind) {
    case Kind::all:
      return "all";
    case Kind::sequence:
      return key.set.text();
    case Kind::uid:
      return "uid:" + key.set.text();
    case Kind::flag:
      return key.text;
    case Kind::recent:
      return "recent";
    case Kind::before:
      return "before:" + day();
    case Kind::on:
      return "on:" + day();
    case Kind::since:
      return "since:" + day();
    case Kind::sent_before:
      return "sentbefore:" + day();
    case Kind::sent_on:
      return "senton:" + day();
    case Kind::sent_since:
      return "sentsince:" + day();
    case Kind::saved_before:
      return "savedbefore:" + day();
    case Kind::saved_on:
      return "savedon:" + day();
    case Kind::saved_since:
      return "savedsince:" + day();
    case Kind::save_date_supported:
      return "savedatesupported";
    case Kind::older:
      return fmt::format("older:{}", key.number);
    case Kind::younger:
      return fmt::format("younger:{}", key.number);
    case Kind::larger:
      return fmt::format("larger:{}", key.number);
    case Kind::smaller:
      return fmt::format("smaller:{}", key.number);
    case Kind::from:
      return text("from");
    case Kind::to:
      return text("to");
    case Kind::cc:
      return text("cc");
    case Kind::bcc:
      return text("bcc");
    case Kind::subject:
      return text("subject");
    case Kind::header:
      return fmt::format("header[{}][{}]", key.name, escaped(key.text));
    case Kind::body:
      return text("body");
    case Kind::text:
      return text("text");
    case Kind::modseq:
      return fmt::format("modseq:{}{}", key.number, key.name.empty() ? "" : "/" + key.name);
    case Kind::email_id:
      return text("emailid");
    case Kind::thread_id:
      return text("threadid");
    case Kind::filter:
      return fmt::format("filter[{}]", key.name);
    case Kind::fuzzy:
      return children("fuzzy");
    case Kind::not_:
      return children("not");
    case Kind::or_:
      return children("or");
    case Kind::and_:
      return children("and");
  }
  return {};
}

inline std::string dump(const SearchReturn& returns) {
  if (!returns.given) return {};
  std::string out = "return(";
  const auto put = [&](bool given, std::string_view word) {
    if (!given) return;
    if (!out.ends_with('(')) out += ' ';
    out += word;
  };
  put(returns.min, "min");
  put(returns.max, "max");
  put(returns.all, "all");
  put(returns.count, "count");
  put(returns.save, "save");
  put(returns.update, "update");
  put(returns.context, "context");
  put(returns.relevancy, "relevancy");
  if (returns.partial) put(true, "partial " + returns.partial->text());
  return out + ") ";
}

inline std::string dump(const SearchProgram& program) {
  return (program.charset.empty() ? "" : "charset " + program.charset + " ") + dump(program.key);
}

inline std::string dump(const FetchItem& item) {
  using Kind = FetchItem::Kind;
  constexpr std::string_view names[] = {"flags",   "internaldate", "envelope",    "bodystructure", "body",
                                        "uid",     "size",         "rfc822",      "rfc822.header", "rfc822.text",
                                        "body",    "binary",       "binary.size", "modseq",        "preview",
                                        "emailid", "threadid",     "savedate"};
  std::string out(names[static_cast<std::size_t>(item.kind)]);
  if (item.peek) out += ".peek";
  if (item.lazy) out += " lazy";
  if (item.kind == Kind::section || item.kind == Kind::binary || item.kind == Kind::binary_size) {
    out += '[';
    append_section(out, item.section);
    out += ']';
  }
  if (item.partial) out += fmt::format("<{}.{}>", item.partial->offset, item.partial->count);
  return out;
}

inline std::string dump(const FetchItems& items) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ",") + dump(item);
  return out;
}

inline std::string dump(const FlagList& flags) {
  std::string out = "(";
  append_flags(out, flags.system, flags.keywords);
  return out + ")";
}

inline std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : "|") + escaped(word);
  return out;
}

inline std::string dump(const MailboxFilter& filter) {
  constexpr std::string_view names[] = {"selected",   "selected-delayed", "inboxes",     "personal",
                                        "subscribed", "subtree",          "subtree-one", "mailboxes"};
  std::string out(names[static_cast<std::size_t>(filter.kind)]);
  for (const auto& mailbox : filter.mailboxes) out += "<" + mailbox.text() + ">";
  return out;
}

struct Dump {
  std::string operator()(const NoArguments&) const { return {}; }
  std::string operator()(const Identification& c) const {
    std::string out;
    for (const auto& [name, value] : c.fields) out += fmt::format(" {}={}", name, value ? *value : "NIL");
    return out;
  }
  std::string operator()(const Authenticate& c) const {
    return " " + c.mechanism + (c.response ? " [" + *c.response + "]" : "");
  }
  std::string operator()(const Login& c) const {
    return fmt::format(" [{}] [{}]", escaped(c.user), escaped(c.password));
  }
  std::string operator()(const Words& c) const { return " " + joined(c.words); }
  std::string operator()(const Select& c) const {
    std::string out = " <" + c.mailbox.text() + ">";
    if (c.condstore) out += " condstore";
    if (!c.qresync) return out;
    out += fmt::format(" qresync {} {}", c.qresync->uid_validity, c.qresync->modseq);
    if (c.qresync->known_uids) out += " known " + c.qresync->known_uids->text();
    if (c.qresync->match)
      out += fmt::format(" match {}={}", c.qresync->match->first.text(), c.qresync->match->second.text());
    return out;
  }
  std::string operator()(const Create& c) const {
    return fmt::format(" <{}>{}{}", c.mailbox.text(), c.for_children ? " for children" : "",
                       c.special_use.empty() ? "" : " use " + joined(c.special_use));
  }
  std::string operator()(const OnMailbox& c) const { return " <" + c.mailbox.text() + ">"; }
  std::string operator()(const Rename& c) const { return fmt::format(" <{}> <{}>", c.from.text(), c.to.text()); }
  std::string operator()(const List& c) const {
    std::string out = c.extended ? " extended" : "";
    if (c.select_subscribed) out += " subscribed";
    if (c.select_remote) out += " remote";
    if (c.select_recursive) out += " recursive";
    if (c.select_special_use) out += " special-use";
    out += fmt::format(" [{}] {}", c.reference, joined(c.patterns));
    if (c.return_subscribed) out += " >subscribed";
    if (c.return_children) out += " >children";
    if (c.return_special_use) out += " >special-use";
    if (c.return_my_rights) out += " >myrights";
    if (c.return_status != 0) out += fmt::format(" >status {}", c.return_status);
    if (!c.return_metadata.empty()) out += " >metadata " + joined(c.return_metadata);
    return out;
  }
  std::string operator()(const Status& c) const { return fmt::format(" <{}> {}", c.mailbox.text(), c.items); }
  std::string operator()(const Append& c) const { return " <" + c.mailbox.text() + ">"; }
  std::string operator()(const Replace& c) const { return fmt::format(" {} <{}>", c.message.text(), c.mailbox.text()); }
  std::string operator()(const Expunge& c) const { return " " + c.set.text(); }
  std::string operator()(const Fetch& c) const {
    std::string out = " " + c.set.text() + " " + dump(c.items);
    if (c.modifiers.changed_since) out += fmt::format(" changedsince {}", *c.modifiers.changed_since);
    if (c.modifiers.vanished) out += " vanished";
    if (c.modifiers.partial) out += " partial " + c.modifiers.partial->text();
    return out;
  }
  std::string operator()(const Store& c) const {
    constexpr std::string_view how[] = {"=", "+", "-"};
    return fmt::format(" {} {}{}{}{}", c.set.text(), how[static_cast<std::size_t>(c.how)], dump(c.flags),
                       c.silent ? " silent" : "",
                       c.unchanged_since ? fmt::format(" unchangedsince {}", *c.unchanged_since) : "");
  }
  std::string operator()(const Copy& c) const { return fmt::format(" {} <{}>", c.set.text(), c.mailbox.text()); }
  std::string operator()(const Search& c) const { return " " + dump(c.returns) + dump(c.program); }
  std::string operator()(const Sort& c) const {
    constexpr std::string_view names[] = {"arrival", "cc", "date",        "from",      "size",
                                          "subject", "to", "displayfrom", "displayto", "relevancy"};
    std::string out = " " + dump(c.returns) + "by";
    for (const auto& criterion : c.criteria) {
      out += fmt::format(" {}{}", criterion.reverse ? "-" : "", names[static_cast<std::size_t>(criterion.key)]);
    }
    return out + " " + dump(c.program);
  }
  std::string operator()(const Thread& c) const {
    constexpr std::string_view names[] = {"orderedsubject", "references", "refs"};
    return fmt::format(" {} {}", names[static_cast<std::size_t>(c.algorithm)], dump(c.program));
  }
  std::string operator()(const MultiSearch& c) const {
    std::string out;
    for (const auto& source : c.sources) out += " in " + dump(source);
    return out + " " + dump(c.returns) + dump(c.program);
  }
  std::string operator()(const Notify& c) const {
    if (c.none) return " none";
    std::string out = c.status ? " status" : "";
    for (const auto& [filter, events] : c.groups) {
      out += " " + dump(filter) + ":";
      if (events.message_new) out += "new(" + dump(events.message_new_items) + ")";
      if (events.message_expunge) out += "expunge,";
      if (events.flag_change) out += "flag,";
      if (events.annotation_change) out += "annotation,";
      if (events.mailbox_name) out += "name,";
      if (events.subscription_change) out += "subscription,";
      if (events.mailbox_metadata_change) out += "metadata,";
      if (events.server_metadata_change) out += "servermetadata,";
      if (!events.unknown.empty()) out += "?" + joined(events.unknown);
    }
    return out;
  }
  static std::string dump_name(const std::optional<MailboxName>& name) {
    return name ? " <" + name->text() + ">" : " <>";
  }
  std::string operator()(const GetMetadata& c) const {
    std::string out = dump_name(c.mailbox);
    if (c.options.max_size) out += fmt::format(" max {}", *c.options.max_size);
    if (c.options.depth != MetadataOptions::Depth::zero) {
      out += c.options.depth == MetadataOptions::Depth::one ? " depth 1" : " depth infinity";
    }
    return out + " " + joined(c.entries);
  }
  std::string operator()(const SetMetadata& c) const {
    std::string out = dump_name(c.mailbox);
    for (const auto& [name, value] : c.values)
      out += fmt::format(" {}={}", name, value ? "[" + escaped(*value) + "]" : "NIL");
    return out;
  }
  std::string operator()(const GetQuota& c) const { return fmt::format(" [{}]", c.root); }
  std::string operator()(const SetQuota& c) const {
    std::string out = fmt::format(" [{}]", c.root);
    for (const auto& [resource, limit] : c.limits) out += fmt::format(" {}={}", resource, limit);
    return out;
  }
  std::string operator()(const SetAcl& c) const {
    constexpr std::string_view how[] = {"=", "+", "-"};
    return fmt::format(" <{}> [{}] {}{}", c.mailbox.text(), c.identifier, how[static_cast<std::size_t>(c.how)],
                       c.rights);
  }
  std::string operator()(const OnAcl& c) const { return fmt::format(" <{}> [{}]", c.mailbox.text(), c.identifier); }
  std::string operator()(const GenUrlAuth& c) const {
    std::string out;
    for (const auto& [url, mechanism] : c.urls) out += fmt::format(" [{}] {}", url, mechanism);
    return out;
  }
  std::string operator()(const ResetKey& c) const { return dump_name(c.mailbox) + " " + joined(c.mechanisms); }
  std::string operator()(const UrlFetch& c) const {
    std::string out;
    for (const auto& url : c.urls) {
      out += fmt::format(" [{}]{}{}{}{}", url.url, url.extended ? "()" : "", url.body ? " body" : "",
                         url.binary ? " binary" : "", url.body_part_structure ? " structure" : "");
    }
    return out;
  }
  std::string operator()(const UidBatches& c) const {
    return fmt::format(" {}{}", c.size, c.first == 0 ? "" : fmt::format(" batches {}:{}", c.first, c.last));
  }
};

inline std::string dump(const Refusal& refusal) {
  constexpr std::string_view words[] = {"NO", "BAD", "BYE"};
  return fmt::format("{}{} {}", words[static_cast<std::size_t>(refusal.status)],
                     refusal.code.empty() ? "" : " [" + refusal.code + "]", refusal.text.english());
}

inline std::string dump(const Command& command) {
  return fmt::format("{} {}{}{}", command.tag, command.uid ? "UID " : "", info(command.verb).name,
                     std::visit(Dump{}, command.arguments));
}

/// The command, or tag and refusal.
inline std::string dump_parsed(std::string_view octets, const ParseRules& rules = {}) {
  const auto parsed = parse_command(octets, rules);
  if (parsed) return dump(*parsed);
  return (parsed.error().tag.empty() ? "*" : parsed.error().tag) + " " + dump(parsed.error().refusal);
}

}  // namespace pabal::imap::testing
