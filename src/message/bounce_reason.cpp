// What a refusal means, by its words and codes.
#include <utility>

#include "base/text.hpp"
#include "message/bounce.hpp"

namespace pabal::message {

namespace {

using enum BounceReason;

struct Phrase {
  std::string_view text;  ///< lower case
  BounceReason reason;
};

// The first that occurs wins: the special ones stand before the general ones.
constexpr Phrase kPhrases[] = {
    {"spam classification", spam},
    {"dmarc", authentication},
    {"spf check", authentication},
    {"sender policy framework", authentication},
    {"spf record", authentication},
    {"does not pass authentication", authentication},
    {"unauthenticated email", authentication},
    {"reverse dns", authentication},
    {"ptr record", authentication},
    {"no ptr", authentication},
    {"invalid ip for sending mail", authentication},
    {"authentication fail", authentication},
    {"too many hops", loop},
    {"hop count exceeded", loop},
    {"mail loop", loop},
    {"loop detected", loop},
    {"loops back", loop},
    {"mail forwarding loop", loop},
    {"duplicated message-id", loop},
    {"virus", virus},
    {"malware", virus},
    {"infected", virus},
    {"mailbox full", mailbox_full},
    {"mailbox is full", mailbox_full},
    {"mailbox quota", mailbox_full},
    {"over quota", mailbox_full},
    {"overquota", mailbox_full},
    {"quota exceeded", mailbox_full},
    {"exceeded storage", mailbox_full},
    {"quota is full", mailbox_full},
    {"mailbox size limit", mailbox_full},
    {"exceeds allowed size", mailbox_full},
    {"number of messages in recipient's mailbox", mailbox_full},
    {"out of storage", mailbox_full},
    {"inbox is full", mailbox_full},
    {"insufficient disk", mailbox_full},
    {"disk quota", mailbox_full},
    {"message too large", too_big},
    {"message too big", too_big},
    {"message size exceeds", too_big},
    {"message is too large", too_big},
    {"exceeds size limit", too_big},
    {"exceeds maximum size", too_big},
    {"max message size", too_big},
    {"message file too big", too_big},
    {"message exceeds", too_big},
    {"size limit exceeded", too_big},
    {"rate limit", rate_limited},
    {"too many connections", rate_limited},
    {"too many messages", rate_limited},
    {"too many recipients", rate_limited},
    {"too many emails", rate_limited},
    {"sending too many", rate_limited},
    {"throttl", rate_limited},
    {"greylist", rate_limited},
    {"graylist", rate_limited},
    {"unsolicited", spam},
    {"spam", spam},
    {"blacklisted url", spam},
    {"message content rejected", spam},
    {"content rejected", spam},
    {"looks like junk", spam},
    {"relay access denied", relay_denied},
    {"relaying denied", relay_denied},
    {"relay not permitted", relay_denied},
    {"relaying not allowed", relay_denied},
    {"unable to relay", relay_denied},
    {"not permitted to relay", relay_denied},
    {"user unknown", unknown_user},
    {"unknown user", unknown_user},
    {"no such user", unknown_user},
    {"no such recipient", unknown_user},
    {"no such mailbox", unknown_user},
    {"no mailbox here", unknown_user},
    {"no such address", unknown_user},
    {"does not exist", unknown_user},
    {"doesn't exist", unknown_user},
    {"do not exist", unknown_user},
    {"user doesn't have", unknown_user},
    {"not a valid recipient", unknown_user},
    {"invalid recipient", unknown_user},
    {"invalid address", unknown_user},
    {"invalid mailbox", unknown_user},
    {"recipient not found", unknown_user},
    {"recipnotfound", unknown_user},
    {"user not found", unknown_user},
    {"couldn't be found", unknown_user},
    {"could not be found", unknown_user},
    {"address not found", unknown_user},
    {"recipient name is not recognized", unknown_user},
    {"unknown recipient", unknown_user},
    {"unknown or illegal user", unknown_user},
    {"unknown address", unknown_user},
    {"recipient unknown", unknown_user},
    {"recipient email address is possibly incorrect", unknown_user},
    {"mailbox not found", unknown_user},
    {"mailbox unavailable", unknown_user},
    {"unrouteable address", unknown_user},
    {"no account by that name", unknown_user},
    {"not our customer", unknown_user},
    {"may not exist", unknown_user},
    {"account is disabled", mailbox_disabled},
    {"account disabled", mailbox_disabled},
    {"account has been disabled", mailbox_disabled},
    {"mailbox disabled", mailbox_disabled},
    {"mailbox is inactive", mailbox_disabled},
    {"account inactive", mailbox_disabled},
    {"suspended", mailbox_disabled},
    {"account that you tried to reach is disabled", mailbox_disabled},
    {"host unknown", host_unknown},
    {"unknown host", host_unknown},
    {"host not found", host_unknown},
    {"domain not found", host_unknown},
    {"unknown domain", host_unknown},
    {"no such domain", host_unknown},
    {"nxdomain", host_unknown},
    {"name service error", host_unknown},
    {"host or domain name not found", host_unknown},
    {"couldn't find any host", host_unknown},
    {"couldn't find a mail exchanger", host_unknown},
    {"could not find a gateway", host_unknown},
    {"mx records", host_unknown},
    {"dns error", host_unknown},
    {"host name lookup failure", host_unknown},
    {"connection timed out", unreachable},
    {"connection refused", unreachable},
    {"operation timed out", unreachable},
    {"no route to host", unreachable},
    {"network is unreachable", unreachable},
    {"unable to connect", unreachable},
    {"network error", unreachable},
    {"wasn't able to establish an smtp connection", unreachable},
    {"could not connect", unreachable},
    {"lost connection", unreachable},
    {"conversation with", unreachable},
    {"timed out", unreachable},
    {"in the queue too long", expired},
    {"retry time not reached", expired},
    {"retry timeout exceeded", expired},
    {"message expired", expired},
    {"delivery time expired", expired},
    {"cannot send message for", expired},
    {"blocked", blocked},
    {"blacklist", blocked},
    {"blocklist", blocked},
    {"block list", blocked},
    {"spamhaus", blocked},
    {"access denied", blocked},
    {"sender was rejected", blocked},
    {"sender rejected", blocked},
    {"not authorized", blocked},
    {"permission", blocked},
    {"policy", blocked},
    {"reputation", blocked},
    {"service refused", blocked},
    {"rejected by", blocked},
    {"open relay", blocked},
    {"malformed", malformed},
    {"syntax error", malformed},
    {"line limit", malformed},
    {"line too long", malformed},
    {"protocol error", malformed},
    {"bad sequence", malformed},
    {"i/o error", system},
    {"internal system error", system},
    {"local configuration error", system},
    {"system error", system},
    {"not accepting network messages", system},
    {"service unavailable", system},
};

// RFC 3463 and what registries added, without the class.
constexpr std::pair<std::string_view, BounceReason> kStatus[] = {
    {"1.0", unknown_user},
    {"1.1", unknown_user},
    {"1.2", host_unknown},
    {"1.3", malformed},
    {"1.6", unknown_user},
    {"1.8", blocked},
    {"1.10", host_unknown},
    {"2.0", mailbox_disabled},
    {"2.1", mailbox_disabled},
    {"2.2", mailbox_full},
    {"2.3", too_big},
    {"3.1", system},
    {"3.2", system},
    {"3.4", too_big},
    {"3.5", system},
    {"4.1", unreachable},
    {"4.2", unreachable},
    {"4.3", host_unknown},
    {"4.4", host_unknown},
    {"4.6", loop},
    {"4.7", expired},
    {"5.0", malformed},
    {"5.1", malformed},
    {"5.2", malformed},
    {"5.3", rate_limited},
    {"6.0", malformed},
    {"7.0", blocked},
    {"7.1", blocked},
    {"7.7", spam},
    {"7.20", authentication},
    {"7.21", authentication},
    {"7.23", authentication},
    {"7.24", authentication},
    {"7.25", authentication},
    {"7.26", authentication},
    {"7.27", blocked},
    {"7.509", authentication},
    {"7.28", rate_limited},
};

}  // namespace

std::string_view name_of(BounceKind kind) noexcept {
  switch (kind) {
    case BounceKind::failure:
      return "failure";
    case BounceKind::delay:
      return "delay";
    case BounceKind::success:
      return "success";
    case BounceKind::complaint:
      return "complaint";
    case BounceKind::auto_reply:
      return "auto-reply";
  }
  return "?";
}

std::string_view name_of(BounceReason reason) noexcept {
  static constexpr std::string_view names[] = {
      "unknown",      "unknown-user", "mailbox-full", "mailbox-disabled", "host-unknown", "unreachable",
      "expired",      "spam",         "blocked",      "authentication",   "too-big",      "rate-limited",
      "relay-denied", "loop",         "virus",        "malformed",        "system"};
  return names[static_cast<std::size_t>(reason)];
}

BounceReason bounce_reason(std::string_view words, std::string_view status, int smtp_code) {
  const std::string lower = to_lower(words.substr(0, 2'000));
  for (const auto& [text, reason] : kPhrases) {
    if (lower.find(text) != std::string::npos) return reason;
  }
  if (status.size() > 2) {
    for (const auto& [code, reason] : kStatus) {
      if (status.substr(2) == code) return reason;
    }
  }
  if (smtp_code == 552) return mailbox_full;
  if (smtp_code == 550 || smtp_code == 551 || smtp_code == 553)
    return lower.find("reject") != std::string::npos ? blocked : unknown;
  if (smtp_code / 100 == 4) return system;
  return unknown;
}

std::string find_status(std::string_view text) {
  const auto digits = [&](std::size_t at) {
    std::size_t count = 0;
    while (at + count < text.size() && count < 4 && is_digit(text[at + count])) ++count;
    return count;
  };
  for (std::size_t i = 0; i + 4 < text.size(); ++i) {
    const char c = text[i];
    if ((c != '4' && c != '5') || text[i + 1] != '.') continue;
    if (i > 0 && (is_digit(text[i - 1]) || text[i - 1] == '.' || is_alpha(text[i - 1]))) continue;
    const std::size_t subject = digits(i + 2);
    if (subject == 0 || subject > 3) continue;
    const std::size_t dot = i + 2 + subject;
    if (dot >= text.size() || text[dot] != '.') continue;
    const std::size_t detail = digits(dot + 1);
    const std::size_t end = dot + 1 + detail;
    if (detail == 0 || detail > 3) continue;
    // No address of a machine, no version.
    if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) continue;
    if (end < text.size() && (is_alpha(text[end]) || text[end] == '@')) continue;
    return std::string(text.substr(i, end - i));
  }
  return {};
}

int find_smtp_code(std::string_view text) {
  for (std::size_t i = 0; i + 3 <= text.size(); ++i) {
    if ((text[i] != '4' && text[i] != '5') || text[i + 1] < '0' || text[i + 1] > '7' || !is_digit(text[i + 2]))
      continue;
    const bool begins = i == 0 || text[i - 1] == ' ' || text[i - 1] == ':' || text[i - 1] == '(' ||
                        text[i - 1] == '\'' || text[i - 1] == '"';
    const bool ends = i + 3 == text.size() || text[i + 3] == ' ' || text[i + 3] == '-' || text[i + 3] == ':' ||
                      text[i + 3] == '\'' || text[i + 3] == ',';
    if (begins && ends) return (text[i] - '0') * 100 + (text[i + 1] - '0') * 10 + (text[i + 2] - '0');
  }
  return 0;
}

}  // namespace pabal::message
