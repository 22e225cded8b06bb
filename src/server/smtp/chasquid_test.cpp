// The dialogues of another mail server's test suite (chasquid, ../shared/suites beside the project), where they are to
// be had. They are read from there and no part of this project. Where we decide otherwise, the table below says why.
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/smtp/dialogue.hpp"

namespace pabal::server::smtp {
namespace {

struct Deviation {
  std::string_view file;
  std::string_view theirs;  ///< the expectation as it stands there
  std::string_view ours;    ///< a regular expression for what we say
  std::string_view why;
};

constexpr Deviation kDeviations[] = {
    {"auth_multi_dialog.cmy", "534", "504 5.5.4", "RFC 4954 §4 has 504 for a mechanism that isn't known"},
    {"auth_multi_dialog.cmy", "501 5.5.2 Error decoding AUTH response", "501 5.5.2", "wording"},
    {"auth_multi_dialog.cmy", "535 5.7.8 Incorrect user or password", "535 5.7.8", "wording"},
    {"auth_multi_dialog.cmy", "235 2.7.0 Authentication successful", "235 2.7.0", "wording"},
    {"auth_multi_dialog.cmy", "503 5.5.1 You are already wearing that!", "503 5.5.1", "wording"},
    {"auth_not_tls.cmy", "503 5.7.10 You feel vulnerable", "538 5.7.11", "RFC 4954 §4, RFC 5248: 538 5.7.11"},
    {"auth_too_many_failures.cmy", "421 4.5.0 Too many errors, bye", "501 5.5.2",
     "what is no base64 is an error, not a wrong password; the limit of errors is higher"},
    {"bad_data.cmy", "503 5.5.1 Invisible customers are not welcome!", "503 5.5.1", "wording"},
    {"bad_data.cmy", "503 5.5.1 Sender not yet given", "503 5.5.1", "wording"},
    {"bad_data.cmy", "554 5.6.0 Error parsing message", "250 2.0.0",
     "a stranger's odd header is no reason to lose the letter"},
    {"bad_data_dot.cmy", "521 5.5.2 Error reading DATA: invalid line ending", "550 5.6.0",
     "521 means a host that takes no mail at all (RFC 7504)"},
    {"bad_data_dot_2.cmy", "521 5.5.2 Error reading DATA: invalid line ending", "550 5.6.0", "as above"},
    {"bad_data_dot_on_message_too_big.cmy", "521 5.5.2 Error reading DATA: invalid line ending", "552 5.3.4",
     "the first reason counts; the bad line end ends nothing either way"},
    {"bad_mail_from.cmy", "500 5.5.2 Unknown command", "501 5.5.4", "MAIL is known, its argument is wrong"},
    {"bad_mail_from.cmy", "500", "501 5.1.7", "MAIL is known, its argument is wrong"},
    {"bad_mail_from.cmy", "501 5.1.8 Malformed sender domain (IDNA conversion failed)", "501 5.1.7",
     "one code for bad senders"},
    {"bad_mail_from.cmy", "501 5.1.7 Sender address too long", "501 5.1.7", "wording"},
    {"bad_rcpt_to.cmy", "500 5.5.2 Unknown command", "501 5.5.4", "RCPT is known, its argument is wrong"},
    {"bad_rcpt_to.cmy", "500", "501 5.1.3", "RCPT is known, its argument is wrong"},
    {"bad_rcpt_to.cmy", "501 5.1.2 Malformed destination domain (IDNA conversion failed)", "501 5.1.3",
     "one code for bad recipients"},
    {"bad_rcpt_to.cmy", "550 5.1.3 Destination address is invalid", "553 5.6.7",
     "RFC 6531 §3.5: such an address needs SMTPUTF8"},
    {"bad_rcpt_to.cmy", "501 5.1.3 Destination address too long", "501 5.1.3", "wording"},
    {"line_too_long.cmy", "554", "500 5.5.2", "RFC 5321 §4.5.3.1.9 has 500"},
    {"message_too_big.cmy", "552 5.3.4 Message too big", "552 5.3.4", "wording"},
    {"unknown_command.cmy", "500 5.5.1 Unknown command", "500 5.5.2",
     "RFC 3463: 5.5.2 is a command that isn't recognised"},
    {"wrong_proto.cmy", "502 5.7.0 You hear someone cursing shoplifters", "502 5.7.0", "wording"},
};

/// 'text', ('a' * 3 + '\r\n') * 4 and the like: the few Python expressions that the dialogues use.
class Expression {
 public:
  explicit Expression(std::string_view text) : text_(text) {}
  std::string sum() {
    std::string out = product();
    while (next('+')) out += product();
    return out;
  }

 private:
  std::string product() {
    std::string out = next('(') ? group() : quoted();
    while (next('*')) {
      std::size_t times = 0;
      skip_space();
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
        times = times * 10 + static_cast<std::size_t>(text_[at_++] - '0');
      }
      std::string repeated;
      for (std::size_t i = 0; i < times; ++i) repeated += out;
      out = std::move(repeated);
    }
    return out;
  }
  std::string group() {
    std::string out = sum();
    next(')');
    return out;
  }
  std::string quoted() {
    std::string out;
    if (!next('\'')) return out;
    while (at_ < text_.size() && text_[at_] != '\'') {
      char c = text_[at_++];
      if (c == '\\' && at_ < text_.size()) {
        c = text_[at_++];
        c = c == 'r' ? '\r' : c == 'n' ? '\n' : c;
      }
      out += c;
    }
    next('\'');
    return out;
  }
  void skip_space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool next(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

std::filesystem::path folder() {
  // src/server/smtp/ stands in the project's root, and the suites beside it.
  const auto root = std::filesystem::path(__FILE__).parent_path() / "../../..";
  return root / "../shared/suites/smtp/chasquid-dialogs";
}

class Chasquid {
 public:
  explicit Chasquid(std::string file) : file_(std::move(file)) {
    Settings settings;
    settings.max_message_size = 1 << 20;
    settings.missing_brackets = true;  // they write RCPT TO: user@testserver
    settings.max_command_line = 512;
    world_ = std::make_unique<World>(settings, ListenerSettings{.starttls = true});
    world_->accounts.scram_without_tls = false;
  }

  std::vector<std::string> run() {
    std::ifstream in(folder() / file_);
    std::string line;
    while (std::getline(in, line)) {
      ++number_;
      if (line.starts_with("c ")) step(line.substr(2));
    }
    return complaints_;
  }

 private:
  void complain(const std::string& what) { complaints_.push_back(fmt::format("{}:{}: {}", file_, number_, what)); }

  void step(const std::string& what) {
    if (what.starts_with("tcp_connect") || what.starts_with("tls_connect")) {
      net::MemoryStreamOptions options;
      if (what.starts_with("tls_connect")) options.tls = net::fake_tls();
      conversation_ = std::make_unique<Conversation>(*world_, options);
    } else if (what == "close") {
      conversation_.reset();
    } else if (what.starts_with("->")) {
      conversation_->send(translate(what.size() > 3 ? what.substr(3) : "") + "\r\n");
    } else if (what.starts_with("~> ")) {
      const auto octets = Expression(std::string_view(what).substr(3)).sum();
      for (std::size_t at = 0; at < octets.size(); at += 65536) conversation_->send(octets.substr(at, 65536));
    } else if (what.starts_with("<... ")) {
      const std::regex wanted(what.substr(5));
      while (const auto line = conversation_->read_line()) {
        if (std::regex_search(*line, wanted)) return;
      }
      complain("never said " + what.substr(5));
    } else if (what.starts_with("<~ ") || what.starts_with("<- ")) {
      expect(what.substr(3));
    } else {
      complain("this step means nothing: " + what);
    }
  }

  // Their accounts, and ours.
  static std::string translate(std::string line) {
    const auto swap = [&](std::string_view from, std::string_view to) {
      if (const auto at = line.find(from); at != std::string::npos) line.replace(at, from.size(), to);
    };
    swap("user@testserver", "bob@busan.example");
    // \0user@testserver\0wrongpassword and secretpassword
    swap("dXNlckB0ZXN0c2VydmVyAHVzZXJAdGVzdHNlcnZlcgB3cm9uZ3Bhc3N3b3Jk", "AGJvYkBidXNhbi5leGFtcGxlAHdyb25n");
    swap("dXNlckB0ZXN0c2VydmVyAHVzZXJAdGVzdHNlcnZlcgBzZWNyZXRwYXNzd29yZA==", "AGJvYkBidXNhbi5leGFtcGxlAHNlY3JldA==");
    return line;
  }

  void expect(const std::string& theirs) {
    std::string wanted = theirs;
    for (const auto& deviation : kDeviations) {
      if (deviation.file == file_ && deviation.theirs == theirs) wanted = deviation.ours;
    }
    const auto line = conversation_->read_line();
    if (!line) {
      complain("nothing was said; expected " + wanted);
    } else if (!line->starts_with(wanted)) {
      complain("expected " + wanted + ", said " + *line);
    }
  }

  std::string file_;
  std::size_t number_ = 0;
  std::unique_ptr<World> world_;
  std::unique_ptr<Conversation> conversation_;
  std::vector<std::string> complaints_;
};

TEST(ChasquidDialogues, AllOfThem) {
  if (!std::filesystem::exists(folder())) GTEST_SKIP() << "the suites are not here";
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() != ".cmy") continue;
    ++files;
    for (const auto& complaint : Chasquid(entry.path().filename().string()).run()) ADD_FAILURE() << complaint;
  }
  EXPECT_GE(files, 17U);
}

}  // namespace
}  // namespace pabal::server::smtp
