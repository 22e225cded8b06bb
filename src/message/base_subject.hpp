// The base subject: what is left of a subject without "Re:", "Fwd:", "[list]" and the like (RFC 5256 §2.1), and the
// form of it by which letters belong to one thread (RFC 8621 §3).
#pragma once
#include <string>
#include <string_view>

namespace pabal::message {

struct BaseSubject {
  std::string text;               ///< UTF-8, white space collapsed
  bool reply_or_forward = false;  ///< "Re:", "Fwd:" or "(fwd)" was taken off
};

/// RFC 5256 §2.1 on decoded text. Linear in the subject.
[[nodiscard]] BaseSubject base_subject(std::string_view decoded_subject);

/// Two letters may be of one thread only if this is the same: the base subject with the prefixes of other languages
/// taken off too ("AW:", "SV:", "회신:", "答复："), without white space, ASCII letters in lower case.
[[nodiscard]] std::string thread_subject(std::string_view decoded_subject);

}  // namespace pabal::message
