#include "message/bounce_rules.hpp"

namespace pabal::message {

namespace {

using enum RecipientStyle;
using enum BounceKind;

// In order: the first that fits and finds a recipient wins, else the first that fits. The last ones are the widest.
// clang-format off
constexpr BounceRule kRules[] = {
    // name            from              subject                       header                   body                                          begin                                    style       label                            kind
    {"qmail",          "",               "",                           "",                      "this is the qmail-send program",             "",                                      line,       "",                              failure},
    {"yahoo",          "",               "",                           "",                      "sorry, we were unable to deliver your message", "",                                   line,       "",                              failure},
    {"active-hunter",  "",               "failure notice",             "x-ahmailid:",           "",                                           "fatal errors",                          line,       "",                              failure},
    {"m-filter",       "",               "failure notice",             "x-mailer: m-filter",    "",                                           "",                                      line,       "",                              failure},
    {"qmail",          "mailer-daemon",  "failure notice",             "",                      "",                                           "",                                      line,       "",                              failure},
    {"zoho",           "zoho",           "",                           "",                      "created automatically by mail delivery software", "permanent error",                  line,       "",                              failure},
    {"mxlogic",        "",               "",                           "x-mx-bounce:",          "",                                           "failed",                                line,       "",                              failure},
    {"exim-delay",     "",               "",                           "",                      "message has not yet been delivered",         "the address to which",                  line,       "",                              delay},
    {"exim-delay",     "",               "warning: message",           "auto-submitted:",       "delay reason",                               "",                                      line,       "",                              delay},
    {"exim-address",   "mail",           "malformed recipient",        "",                      "incorrectly constructed",                    "incorrectly constructed",               line,       "",                              failure},
    {"exim",           "",               "",                           "",                      "created automatically by mail delivery software", "failed",                           line,       "",                              failure},
    {"exim",           "",               "mail delivery failed",       "",                      "message was created automatically",          "failed",                                line,       "",                              failure},
    {"gmail",          "googlemail.com", "delivery status notification (delay", "",             "",                                           "",                                      line,       "",                              delay},
    {"gmail",          "googlemail.com", "delivery status notification", "",                    "",                                           "",                                      line,       "",                              failure},
    {"gmail",          "google",         "",                           "x-failed-recipients:",  "",                                           "",                                      line,       "",                              failure},
    {"opensmtpd-delay", "",              "",                           "",                      "message is delayed for more than",           "list of recipients",                    line,       "",                              delay},
    {"opensmtpd",      "",               "",                           "",                      "this is the mailer-daemon, please do not reply", "list of recipients",                line,       "",                              failure},
    {"dragonfly",      "",               "",                           "",                      "this is the dragonfly mail agent",           "",                                      label,      "delivering your mail to <",     failure},
    {"sendmail-5",     "mailer-daemon",  "returned mail",              "",                      "transcript of session follows",              "",                                      transcript, "",                              failure},
    {"sendmail",       "",               "",                           "",                      "had permanent fatal errors",                 "had permanent fatal errors",            line,       "",                              failure},
    {"biglobe",        "",               "",                           "",                      "following addresses had delivery problems",  "had delivery problems",                 line,       "",                              failure},
    {"mail2000",       "",               "warning--could not send",    "",                      "following addresses had delivery errors",    "had delivery errors",                   line,       "",                              delay},
    {"mail2000",       "",               "",                           "",                      "following addresses had delivery errors",    "had delivery errors",                   line,       "",                              failure},
    {"exchange-2003",  "",               "",                           "",                      "did not reach the following recipient",      "following recipient",                   line,       "",                              failure},
    {"exchange",       "",               "undeliverable",              "",                      "delivery has failed to these recipients",    "delivery has failed to these recipients", line,     "",                              failure},
    {"exchange",       "",               "undeliverable",              "",                      "your message to",                            "",                                      label,      "your message to ",              failure},
    {"messaging-server", "",             "",                           "",                      "your message cannot be delivered to the following", "",                               label,      "recipient address:",            failure},
    {"imail",          "",               "undeliverable mail",         "x-mailer: <smtp32",     "mailbox exceeds allowed size",               "",                                      label,      "allowed size:",                 failure},
    {"imail",          "",               "undeliverable mail",         "x-mailer: <smtp32",     "unknown user:",                              "",                                      label,      "unknown user:",                 failure},
    {"imail",          "",               "undeliverable mail",         "x-mailer: <smtp32",     "unknown host",                               "",                                      label,      "unknown host:",                 failure},
    {"imail",          "",               "undeliverable mail",         "x-mailer: <smtp32",     "undeliverable to",                           "",                                      label,      "undeliverable to ",             failure},
    {"kddi",           "",               "",                           "",                      "could not be delivered to: <",               "",                                      label,      "could not be delivered to: <",  failure},
    {"ezweb",          "ezweb.ne.jp",    "mail system error",          "",                      "",                                           "",                                      label,      "recipient: <",                  failure},
    {"ezweb",          "ezweb.ne.jp",    "mail system error",          "",                      "",                                           "",                                      line,       "",                              failure},
    {"mailmarshal",    "postmaster",     "undeliverable mail",         "",                      "following recipients were affected",         "were affected",                         line,       "",                              failure},
    {"mimecast",       "postmaster",     "email delivery failure",     "",                      "could not be delivered",                     "could not be delivered",                line,       "",                              failure},
    {"notes",          "",               "undeliverable message",      "",                      "failure reasons",                            "failure reasons",                       line,       "",                              failure},
    {"interscan",      "interscan",      "",                           "",                      "rcpt to:<",                                  "",                                      label,      "rcpt to:<",                     failure},
    {"surfcontrol",    "",               "message delivery failure",   "",                      "your message could not be sent",             "",                                      line,       "",                              failure},
    {"x2",             "mailer-daemon",  "",                           "",                      "unable to deliver message to the following", "",                                      line,       "",                              failure},
    {"x3",             "mail delivery",  "delivery status notification", "",                    "to the following recipients was aborted",    "aborted",                               line,       "",                              failure},
    {"x6",             "mailer-daemon",  "error sending your mail",    "",                      "returned permanent errors:",                 "",                                      label,      "returned permanent errors:",    failure},
    {"full-mailbox",   "mailer-daemon",  "returned mail",              "",                      "mailbox is full: <",                         "",                                      label,      "mailbox is full: <",            failure},
    {"prodigy",        "mailer-daemon",  "returned mail",              "",                      "unable to find user:",                       "",                                      label,      "unable to find user:",          failure},
    {"demon",          "mail delivery system", "mail delivery failure", "",                     "has not been collected",                     "",                                      label,      "addressed to",                  failure},
    {"amazon-sns",     "",               "",                           "",                      "{\"notificationtype\":\"bounce\"",           "",                                      label,      "\"emailaddress\":",             failure},
    {"hotmail",        "staff@hotmail",  "complaint about message",    "",                      "",                                           "",                                      label,      "x-hmxmroriginalrecipient:",     complaint},
    {"fml",            "",               "",                           "x-mlserver: fml",       "duplicated message-id",                      "",                                      label,      "duplicated message-id in <",    failure},
    {"fml",            "",               "",                           "x-mlserver: fml",       "error",                                      "",                                      line,       "",                              failure},
    {"postfix",        "mailer-daemon",  "undelivered mail",           "",                      "",                                           "",                                      line,       "",                              failure},
    {"failed-recipients", "",            "",                           "x-failed-recipients:",  "",                                           "",                                      line,       "",                              failure},
    // Whoever it is: a daemon that says that something was not delivered.
    {"daemon",         "mailer-daemon",  "fail",                       "",                      "",                                           "",                                      line,       "",                              failure},
    {"daemon",         "mailer-daemon",  "return",                     "",                      "",                                           "",                                      line,       "",                              failure},
    {"daemon",         "mailer-daemon",  "undeliver",                  "",                      "",                                           "",                                      line,       "",                              failure},
    {"daemon",         "mailer-daemon",  "delay",                      "",                      "",                                           "",                                      line,       "",                              delay},
    {"daemon",         "postmaster",     "undeliver",                  "",                      "",                                           "",                                      line,       "",                              failure},
    {"daemon",         "postmaster",     "delivery fail",              "",                      "",                                           "",                                      line,       "",                              failure},
    {"daemon",         "postmaster",     "delivery status notification", "",                    "",                                           "",                                      line,       "",                              failure},
    {"daemon",         "mail delivery",  "delivery fail",              "",                      "",                                           "",                                      line,       "",                              failure},
};
// clang-format on

constexpr std::string_view kMarks[] = {
    "--- below this line is a copy",
    "--- enclosed is a copy",
    "------ this is a copy",
    "----- this is a copy",
    "----- original message -----",
    "----- message header follows",
    "original message follows",
    "--- original message follows",
    "--- the header of the original message",
    "message headers follow",
    "included is a copy of the",
    "------- returned message",
    "----- unsent message follows",
    "below is a copy of the",
    "-------original mail info",
    "original message headers:",
    "original mail as follows",
    "----- original message follows",
    "--- the original message",
    "----- returned message",
    "----- message text follows",
    "received: from",
    "received: by",
    "received: (",
    "received:from",
    "return-path:",
    "dkim-signature:",
    "****** end of message",
    "final-recipient:",
    "reporting-mta:",
    "-- this is a copy of",
};

}  // namespace

std::span<const BounceRule> bounce_rules() noexcept { return kRules; }
std::span<const std::string_view> returned_message_marks() noexcept { return kMarks; }

}  // namespace pabal::message
