#include "server/smtp/outcome.hpp"

namespace pabal::server::smtp {

using pabal::smtp::TextFault;

Reply reply_for(const Error& error, const Settings& settings, bool lmtp) {
  switch (error.kind) {
    case ErrorKind::quota:
      if (settings.full_mailbox_is_temporary && !lmtp) return {452, "4.2.2", error.peer};
      return {552, "5.2.2", error.peer};
    case ErrorKind::not_found:
      return {550, "5.1.1", error.peer};
    case ErrorKind::state:
      return {550, "5.2.1", error.peer};
    case ErrorKind::policy:
    case ErrorKind::auth:
    case ErrorKind::exists:
      return {550, "5.7.1", error.peer};
    case ErrorKind::syntax:
    case ErrorKind::unsupported:
      return {550, "5.6.0", error.peer};
    case ErrorKind::limit:
      return {552, "5.3.4", error.peer};
    case ErrorKind::no_space:
      return {452, "4.3.1", error.peer};
    case ErrorKind::busy:
      return {451, "4.3.2", error.peer};
    case ErrorKind::io:
    case ErrorKind::damaged:
    case ErrorKind::timeout:
    case ErrorKind::closed:
      break;
  }
  return {451, "4.3.0", error.peer};
}

Reply reply_for(TextFault fault) {
  switch (fault) {
    case TextFault::bare_cr:
      return {550, "5.6.0", "Message refused: a CR without LF in it; lines end with CR LF"};
    case TextFault::bare_lf:
      return {550, "5.6.0", "Message refused: a LF without CR in it; lines end with CR LF"};
    case TextFault::nul:
      return {550, "5.6.0", "Message refused: a NUL octet in it"};
    case TextFault::long_line:
      return {550, "5.6.0", "Message refused: a line in it is too long"};
  }
  return {550, "5.6.0", "Message refused"};
}

}  // namespace pabal::server::smtp
