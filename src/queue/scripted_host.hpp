// One host of the scripted world (scripted_world.hpp) on one connection: takes letters over SMTP or LMTP, and does one
// thing wrong at most. Tests only.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/scram.hpp"
#include "codec/base64.hpp"
#include "net/memory_stream.hpp"
#include "queue/scripted_faults.hpp"

namespace pabal::queue::scripted {

/// What the hosts have seen.
struct HostBook {
  std::map<std::string, std::string> texts;  ///< by recipient: what it should get
  std::map<std::string, int> taken;          ///< by recipient
  std::map<std::string, int> doubts;         ///< of these, those of which the host's word wasn't heard
  int used_again = 0;                        ///< transactions that were not their connection's first
  int fired = 0;                             ///< faults that came to pass
  std::string wrong;                         ///< what no host should see
};

inline constexpr std::string_view kUser = "alice";
inline constexpr std::string_view kPassword = "open sesame";

class Host {
 public:
  Host(HostBook& book, const Mode& mode, std::optional<Fault> fault, std::unique_ptr<net::MemoryStream> stream,
       net::MemoryStream* client)
      : book_(book),
        mode_(mode),
        fault_(fault.value_or(Fault())),
        faulty_(fault.has_value()),
        stream_(std::move(stream)),
        client_(client) {}

  static Async<> serve(std::shared_ptr<Host> host) {
    bool goes_on = co_await host->answer(Step::greeting);
    while (goes_on) {
      auto command = co_await host->line();
      if (!command) break;
      goes_on = co_await host->obey(*std::move(command));
    }
    co_await host->stream_->close();
  }

 private:
  Async<std::optional<std::string>> line() {
    while (true) {
      const auto input = stream_->input();
      if (const auto end = input.find("\r\n"); end != std::string_view::npos) {
        std::string text(input.substr(0, end));
        stream_->consume(end + 2);
        co_return text;
      }
      const auto more = co_await stream_->fill();
      if (!more || !*more) co_return std::nullopt;
    }
  }
  Async<std::optional<std::string>> octets(std::size_t count) {
    std::string text;
    while (true) {
      const auto part = stream_->input().substr(0, count - text.size());
      text += part;
      stream_->consume(part.size());
      if (text.size() == count) co_return text;
      const auto more = co_await stream_->fill();
      if (!more || !*more) co_return std::nullopt;
    }
  }
  Async<> say(std::string text) { static_cast<void>(co_await stream_->write(text)); }

  [[nodiscard]] bool fails_at(Step step) const {
    return faulty_ && fault_.step == step && (opens(step) || fault_.transaction == transaction_);
  }
  void fire() {
    faulty_ = false;
    ++book_.fired;
  }

  /// False: it says no more.
  Async<bool> answer(Step step) { return answer(step, good_reply(step, mode_)); }
  Async<bool> answer(Step step, std::string good) {
    if (!fails_at(step)) {
      co_await say(good);
      co_return true;
    }
    fire();
    switch (fault_.kind) {
      case Kind::lasting:
        co_await say(step == Step::greeting ? "554 5.3.2 no mail here\r\n" : "550 5.7.1 never\r\n");
        co_return true;
      case Kind::passing:
        co_await say("451 4.3.0 later\r\n");
        co_return true;
      case Kind::closing:
        co_await say("421 4.3.2 going down\r\n");
        break;
      case Kind::cut:
        co_await say(good.substr(0, fault_.octets));
        break;
      case Kind::nonsense:
        co_await say("who are you?\r\n");
        break;
      case Kind::other:
        if (step == Step::auth || step == Step::user || step == Step::password) co_return co_await ask_on();
        co_await say("399 hm\r\n");
        co_return true;
      case Kind::endless:
        for (int i = 0; i < 3000; ++i) co_await say("250-and more\r\n");
        client_->wake();
        break;
      case Kind::flood:
        co_await say(std::string(100'000, 'x'));
        client_->wake();
        break;
      case Kind::silent:
        client_->wake();
        while (co_await line()) continue;
        break;
      case Kind::bare:
        co_await say("250 host\r\n");
        co_return true;
      case Kind::stray:
        never_ = fault_.then_never;
        co_await say(good + std::string(fault_.stray()) + "\r\n");
        co_return true;
      case Kind::late:
        never_ = fault_.then_never;
        co_await say(good);
        co_await say(std::string(fault_.stray()) + "\r\n");
        co_return true;
    }
    co_return false;
  }
  /// Whatever is answered, there is one more challenge.
  Async<bool> ask_on() {
    for (int i = 0; i < 50; ++i) {
      co_await say("334 TW9yZTo=\r\n");
      if (!co_await line()) co_return false;
    }
    book_.wrong += "a client that answers challenges for ever\n";
    co_return false;
  }

  void take(const std::string& address, std::string_view text, bool sure) const {
    if (text != book_.texts[address]) {
      book_.wrong += fmt::format("the host got for {}: {}\n", address, text.substr(0, 200));
    }
    ++book_.taken[address];
    if (!sure) ++book_.doubts[address];
  }

  /// The reply to the whole letter, or LMTP's replies to it.
  Async<bool> conclude(std::string text) {
    const auto recipients = std::exchange(recipients_, {});
    if (recipients.empty()) {
      // Where everybody was refused the letter is empty, and nobody's.
      co_await say("554 5.5.1 nobody\r\n");
      co_return true;
    }
    if (deaf_) {
      // All has come although the line broke.
      if (fault_.took) {
        for (const auto& address : recipients) take(address, text, false);
      }
      co_return false;
    }
    if (!mode_.lmtp) {
      if (never_) {
        co_await say("554 5.6.0 not this one\r\n");
        co_return true;
      }
      const bool fails = fails_at(Step::end) && !fault_.is_stray();
      for (const auto& address : recipients) {
        if (!fails || fault_.took) take(address, text, !fails);
      }
      co_return co_await answer(Step::end);
    }
    bool sure = true;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      if (never_) {
        co_await say("554 5.6.0 not this one\r\n");
        continue;
      }
      const auto step = recipients[i].starts_with('a') ? Step::end : Step::end_second;
      const bool fails = fails_at(step) && !fault_.is_stray();
      const bool ends = fails && fault_.kind != Kind::lasting && fault_.kind != Kind::passing;
      if (!fails || fault_.took) take(recipients[i], text, sure && !fails);
      // Of the rest nobody hears.
      for (std::size_t other = i + 1; ends && fault_.took && other < recipients.size(); ++other) {
        take(recipients[other], text, false);
      }
      if (!co_await answer(step) || ends) co_return false;
    }
    co_return true;
  }

  /// The last reply before the text: the line breaks then, after so many octets of it.
  Async<> break_off(std::string reply, std::size_t whole) {
    fire();
    deaf_ = true;
    co_await say(std::move(reply));
    if (fault_.kind == Kind::lasting) co_await say("552 5.3.4 that is too much\r\n");
    if (fault_.kind == Kind::passing) co_await say("452 4.3.1 that is too much now\r\n");
    if (fault_.kind == Kind::closing) co_await say("421 4.3.2 going down\r\n");
    if (fault_.kind == Kind::nonsense) co_await say("who are you?\r\n");
    if (fault_.kind == Kind::other) co_await say("250 2.0.0 got it all\r\n");
    client_->fail_writes_after(std::min(fault_.octets, whole),
                               fault_.kind == Kind::silent ? ErrorKind::timeout : ErrorKind::closed);
  }

  Async<bool> take_text() {
    if (fails_at(Step::text)) {
      co_await break_off(good_reply(Step::data, mode_), book_.texts[recipients_.front()].size() + 3);
    } else if (!co_await answer(Step::data)) {
      co_return false;
    }
    std::string text;
    while (true) {
      auto next = co_await line();
      if (!next) co_return false;
      if (*next == ".") break;
      text += (next->starts_with('.') ? next->substr(1) : *next) + "\r\n";
    }
    co_return co_await conclude(std::move(text));
  }

  Async<bool> shake_hands() {
    const bool goes_well = !fails_at(Step::starttls) || fault_.is_stray();
    if (fails_at(Step::handshake)) {
      fire();
      if (fault_.kind == Kind::other) {
        // Said in plain text by who stands in between; the handshake itself goes well.
        co_await say(good_reply(Step::starttls, mode_) + "250 injected\r\n250 2.0.0 ok\r\n");
        under_tls_ = true;
        co_return true;
      }
      client_->fail_tls(fault_.kind == Kind::silent     ? ErrorKind::timeout
                        : fault_.kind == Kind::nonsense ? ErrorKind::policy
                                                        : ErrorKind::closed);
      co_await say(good_reply(Step::starttls, mode_));
      while (co_await line()) continue;
      co_return false;
    }
    if (!co_await answer(Step::starttls)) co_return false;
    under_tls_ = goes_well;
    co_return true;
  }

  /// It proves that it knows the password before it says that it is content with the client's proof (RFC 5802).
  Async<bool> log_in_by_scram(std::string command) {
    constexpr std::string_view kAuth = "AUTH SCRAM-SHA-256 ";
    const auto challenge_of = [](std::string_view text) { return "334 " + codec::base64(text) + "\r\n"; };
    account::ScramServer server(account::ScramHash::sha256, {.plus = false, .plus_offered = false, .exporter = {}},
                                "and-one-of-the-server");
    const auto first = codec::decode_base64(command.starts_with(kAuth) ? command.substr(kAuth.size()) : "");
    const auto who = first ? server.client_first(*first) : pass(first);
    if (!who || who->name != kUser) {
      co_await say("535 5.7.8 not you\r\n");
      co_return true;
    }
    auto challenge =
        server.challenge(account::make_scram_verifier(account::ScramHash::sha256, kPassword, "some salt", 1));
    const bool refuses = fails_at(Step::auth) && !fault_.is_stray();
    if (!co_await answer(Step::auth, challenge_of(challenge))) co_return false;
    if (refuses) co_return true;
    const auto proof = co_await line();
    if (!proof) co_return false;
    const auto decoded = codec::decode_base64(*proof);
    const auto ours = decoded ? server.client_final(*decoded) : pass(decoded);
    if (!ours) {
      co_await say("535 5.7.8 not you\r\n");
      co_return true;
    }
    const bool refuses_then = fails_at(Step::user) && !fault_.is_stray();
    if (!co_await answer(Step::user, challenge_of(*ours))) co_return false;
    if (refuses_then) {
      unproven_ = fault_.kind == Kind::bare;
      co_return true;
    }
    const auto content = co_await line();
    if (!content) co_return false;
    const bool refuses_at_last = fails_at(Step::password) && !fault_.is_stray();
    if (!co_await answer(Step::password)) co_return false;
    logged_in_ = content->empty() && !refuses_at_last;
    co_return true;
  }

  Async<bool> log_in(std::string command) {
    if (!under_tls_) book_.wrong += "a password in plain text\n";
    if (mode_.login == "SCRAM-SHA-256") co_return co_await log_in_by_scram(std::move(command));
    using namespace std::string_literals;
    const auto right = mode_.login == "PLAIN"
                           ? command == "AUTH PLAIN " + codec::base64("\0"s + kUser.data() + "\0"s + kPassword.data())
                           : command == "AUTH LOGIN";
    if (!right) {
      co_await say("504 5.5.4 not so\r\n");
      co_return true;
    }
    for (const auto step : {Step::auth, Step::user, Step::password}) {
      const auto good = good_reply(step, mode_);
      const bool refuses = fails_at(step) && !fault_.is_stray();
      if (!co_await answer(step)) co_return false;
      if (refuses) co_return true;
      if (good.starts_with("235")) break;
      const auto said = co_await line();
      if (!said) co_return false;
      if (*said != codec::base64(step == Step::auth ? kUser : kPassword)) {
        co_await say("535 5.7.8 not you\r\n");
        co_return true;
      }
    }
    logged_in_ = true;
    co_return true;
  }

  Async<bool> obey(std::string command) {
    if (command.starts_with(mode_.lmtp ? "LHLO" : "EHLO")) {
      co_return co_await answer(under_tls_ ? Step::hello_again : Step::hello);
    }
    if (command == "STARTTLS") co_return co_await shake_hands();
    if (command.starts_with("AUTH")) co_return co_await log_in(std::move(command));
    if (command.starts_with("MAIL")) {
      if (mode_.needs_tls && !client_->tls()) book_.wrong += "a letter in plain text, where TLS is demanded\n";
      if (unproven_) book_.wrong += "a letter for a host that has not proved that it knows the password\n";
      if (++transactions_ > 1) ++book_.used_again;
      transaction_ = transactions_;
      recipients_.clear();
      if (!mode_.login.empty() && !logged_in_) {
        co_await say("530 5.7.0 log in first\r\n");
        co_return true;
      }
      co_return co_await answer(Step::mail);
    }
    if (command.starts_with("RCPT")) co_return co_await add_recipient(std::move(command));
    if (command == "DATA") {
      if (recipients_.empty()) {
        co_await say("554 5.5.1 nobody\r\n");
        co_return true;
      }
      if (!fails_at(Step::data) || fault_.is_stray()) co_return co_await take_text();
      co_return co_await answer(Step::data);
    }
    if (command.starts_with("BDAT")) {
      auto text = co_await octets(static_cast<std::size_t>(std::atoi(command.c_str() + 5)));
      if (!text) co_return false;
      chunks_ += *text;
      if (command.ends_with("LAST")) co_return co_await conclude(std::exchange(chunks_, {}));
      co_await say("250 2.0.0 go on\r\n");
      co_return true;
    }
    if (command == "RSET") {
      recipients_.clear();
      chunks_.clear();
      // It belongs to the letter that comes.
      transaction_ = transactions_ + 1;
      co_return co_await answer(Step::reset);
    }
    co_await say(command == "QUIT" ? "221 2.0.0 bye\r\n" : "250 2.0.0 ok\r\n");
    co_return command != "QUIT";
  }

  Async<bool> add_recipient(std::string command) {
    const auto begin = command.find('<') + 1;
    const auto address = command.substr(begin, command.find('>') - begin);
    if (address.starts_with("nobody")) {
      co_await say("550 5.1.1 unknown here\r\n");
      co_return true;
    }
    const auto step = address.starts_with('a') ? Step::first : Step::second;
    if (!fails_at(step) || fault_.is_stray()) recipients_.push_back(address);
    if (step == Step::second && mode_.chunking && fails_at(Step::text)) {
      const auto size = book_.texts[address].size();
      co_await break_off(good_reply(step, mode_), fmt::format("BDAT {} LAST\r\n", size).size() + size);
      co_return true;
    }
    co_return co_await answer(step);
  }

  HostBook& book_;
  const Mode mode_;
  Fault fault_;
  bool faulty_;
  std::unique_ptr<net::MemoryStream> stream_;
  net::MemoryStream* client_;
  bool under_tls_ = false;
  bool logged_in_ = false;
  bool unproven_ = false;  ///< it says that all is well, and did not prove that it knows the password
  bool never_ = false;     ///< whatever letter comes
  bool deaf_ = false;      ///< the line to it has broken
  int transactions_ = 0;
  int transaction_ = 0;  ///< that this is about
  std::vector<std::string> recipients_;
  std::string chunks_;
};

}  // namespace pabal::queue::scripted
