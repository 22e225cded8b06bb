// Commands that say or change something about the session alone: CAPABILITY, NOOP, CHECK, ID, ENABLE, NAMESPACE,
// STARTTLS, LOGOUT, UNAUTHENTICATE (RFC 9051 §6.1, §6.2.1, §6.3.1, §6.3.10; RFC 2971; RFC 8437).
#include "imap/response.hpp"
#include "server/imap/commands.hpp"

namespace pabal::server::imap {

std::string capabilities(Session& session) {
  const auto facts = session.facts();
  const auto mechanisms = session.shared().logins->mechanisms(session.client());
  const auto& limits = session.shared().limits;
  auto features = facts.features;
  features.set(grammar::Feature::uid_batches, limits.uid_batches && features.has(grammar::Feature::uid_batches));
  return grammar::capabilities(
      {.features = features,
       .logged_in = facts.state != grammar::SessionState::not_authenticated,
       .tls = facts.tls,
       .tls_available = facts.tls_available,
       .plaintext_allowed = facts.plaintext_allowed,
       .compressed = facts.compressed,
       .literal_minus = !limits.literal_plus,
       .mechanisms = mechanisms,
       .append_limit = limits.max_message_bytes,
       .message_limit = limits.message_limit == 0 ? std::nullopt : std::optional<std::uint64_t>(limits.message_limit),
       .save_limit = limits.save_limit == 0 ? std::nullopt : std::optional<std::uint64_t>(limits.save_limit),
       .may_set_quotas = may_set_quotas(session)});
}

Async<Answer> capability(Session* session, Command /*command*/) {
  session->out().append("* CAPABILITY ").append(capabilities(*session)).append("\r\n");
  co_return ok("Done.");
}

// NOOP and CHECK: what has changed is told with every answer.
Async<Answer> noop(Session* /*session*/, Command /*command*/) { co_return ok("Done."); }

Async<Answer> id(Session* session, Command /*command*/) {
  // Strangers needn't know which version to attack.
  const bool in = session->facts().state != grammar::SessionState::not_authenticated;
  session->out().append(in ? "* ID (\"name\" \"Pabal\" \"version\" \"" PABAL_VERSION "\")\r\n"
                           : "* ID (\"name\" \"Pabal\")\r\n");
  co_return ok("Done.");
}

Async<Answer> enable(Session* session, Command command) {
  auto& enabled = session->enabled();
  std::string done;
  const auto turn_on = [&](bool& which, std::string_view word) {
    if (!which) done.append(" ").append(word);
    which = true;
  };
  for (const auto& word : std::get<grammar::Words>(command.arguments).words) {
    if (word == "IMAP4REV2") turn_on(enabled.rev2, "IMAP4rev2");
    if (word == "UTF8=ACCEPT") turn_on(enabled.utf8, word);
    if (word == "CONDSTORE") turn_on(enabled.condstore, word);
    if (word == "UIDONLY") turn_on(enabled.uid_only, word);
    if (word == "QRESYNC") {
      // RFC 7162 §3.2.3.
      turn_on(enabled.qresync, word);
      enabled.condstore = true;
    }
    if (word == "METADATA") turn_on(enabled.metadata, word);
  }
  session->changed_rules();
  if (session->enabled().metadata && session->selected() && !session->selected()->metadata) {
    if (const auto looked = co_await session->refresh(); !looked) co_return refused(looked.error());
  }
  session->out().append("* ENABLED").append(done).append("\r\n");
  co_return ok("Done.");
}

Async<Answer> namespaces(Session* session, Command /*command*/) {
  session->out().append("* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) NIL\r\n");
  co_return ok("Done.");
}

Async<Answer> starttls(Session* /*session*/, Command /*command*/) {
  co_return Answer{.text = "Begin TLS now.", .then = Answer::Then::begin_tls};
}

Async<Answer> logout(Session* session, Command /*command*/) {
  session->say_bye("Goodbye.");
  co_return Answer{.text = "Done.", .then = Answer::Then::end};
}

Async<Answer> unauthenticate(Session* session, Command /*command*/) {
  session->log_out();
  co_return ok("Done.", "CAPABILITY " + capabilities(*session));
}

}  // namespace pabal::server::imap
