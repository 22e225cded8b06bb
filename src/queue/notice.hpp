// Notices to a letter's author (RFC 3464): it could not be delivered, it takes long, it was handed on. With words that
// a person understands, in English or Korean, what the peer said, and the report for machines.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "message/bounce.hpp"
#include "message/dsn.hpp"
#include "store/outgoing.hpp"

namespace pabal::queue {

enum class Language : std::uint8_t { english, korean };

/// The author's: Korean where its domain ends in .kr or is written in Hangul, or the letter says so (Content-Language,
/// a Korean charset, Hangul in its subject); `head` is the letter's beginning.
[[nodiscard]] Language language_of(std::string_view author, std::string_view head);

/// What the notice tells of one recipient.
struct NoticeRecipient {
  std::string address;
  std::string original_recipient = {};  ///< ORCPT, "type;address", decoded
  std::string status = {};              ///< "5.1.1"
  std::string diagnostic = {};          ///< the peer's reply in one line, or our own words
  bool smtp = false;                    ///< the diagnostic is an SMTP reply
  std::string remote_host = {};         ///< who said it; may be empty
  bool gave_up = false;                 ///< for the time that it took, not for what was said
};

/// How much a notice tells of the letter itself.
enum class Telling : std::uint8_t {
  all,
  header_apart,  ///< its subject stands in the returned header alone, which can be taken out (RFC 8689 §5)
  nothing,       ///< nothing is returned either
};

struct NoticeFacts {
  message::DsnAction action = message::DsnAction::failed;  ///< failed, delayed, relayed, delivered
  const store::OutgoingLetter* letter = nullptr;
  std::vector<NoticeRecipient> recipients = {};
  std::string_view content = {};  ///< the letter, or its beginning
  bool whole = false;             ///< `content` is all of it, and is to be returned
  Telling telling = Telling::all;
  std::string hostname = {};
  SystemTime now = {};
  SystemTime retry_until = {};  ///< for action delayed
};

struct WrittenNotice {
  std::string subject;
  std::string message_id;  ///< with its brackets
  std::string content;     ///< the message
  bool smtputf8 = false;
  store::ContentForm form = store::ContentForm::seven_bit;
};

/// Errors: the author's address can't be written (`syntax`).
[[nodiscard]] Result<WrittenNotice> write_notice(const NoticeFacts& facts, Random& random);

/// The trace of a notice about a letter, as JSON.
[[nodiscard]] std::string notice_trace(std::string_view about, std::string_view author, const store::Notice& notice,
                                       message::DsnAction action);

/// One sentence of what this server itself says with that status (its class aside); empty where it has none.
[[nodiscard]] std::string_view own_sentence(std::string_view status, Language language) noexcept;
/// One sentence of what went wrong.
[[nodiscard]] std::string_view sentence(message::BounceReason reason, Language language) noexcept;

}  // namespace pabal::queue
