// What can go wrong in the scripted world (scripted_world.hpp): at which step of a dialogue, and how; and how hosts
// speak that do nothing wrong. Tests only.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace pabal::queue::scripted {

enum class Step : std::uint8_t {
  connect,
  greeting,
  hello,
  starttls,
  handshake,  // of TLS
  hello_again,
  auth,
  user,  // the challenges of AUTH LOGIN; of SCRAM, the host's proof
  password,
  reset,
  mail,
  first,  // of two recipients
  second,
  data,
  text,  // the line breaks while we write it
  end,   // the reply to the letter; of LMTP, that for the first recipient
  end_second,
};

enum class Kind : std::uint8_t {
  lasting,   // 5xx
  passing,   // 4xx
  closing,   // 421, and hangs up
  silent,    // from here on
  cut,       // after so many octets of the reply, or of our text
  nonsense,  // a line that is no reply
  other,     // a reply of a class that says nothing here; of AUTH, challenge upon challenge
  endless,   // a reply whose lines never end, and then silence
  flood,     // octets without an end of line
  bare,      // EHLO's reply without any of the extensions that it had; of SCRAM, 250 without the host's proof
  stray,     // the reply that is due, and one too many with it
  late,      // the same, but the one too many comes a moment later
};

/// Replies too many.
inline constexpr std::array<std::string_view, 6> kStrays = {"250 2.0.0 and more", "250-and\r\n250 more",
                                                            "354 go on anew",     "451 4.3.0 no, later",
                                                            "550 5.7.1 or never", "421 4.3.2 going down"};

inline constexpr std::size_t kWhole = SIZE_MAX;  ///< of the text, its end with it

struct Fault {
  Step step = Step::connect;
  Kind kind = Kind::lasting;
  std::size_t octets = 0;   ///< for `cut`; for strays which of kStrays
  bool took = false;        ///< at the end of the data: the host has the letter all the same
  int transaction = 1;      ///< of the connection, from MAIL's step on
  bool then_never = false;  ///< for strays: the letter that it is about is refused in the end
  [[nodiscard]] std::string text() const {
    return fmt::format("{}.{}.{}{}{}{}", static_cast<int>(step), static_cast<int>(kind),
                       octets == kWhole ? "whole" : std::to_string(octets), took ? "+" : "", then_never ? "!" : "",
                       transaction == 1 ? "" : fmt::format("@{}", transaction));
  }
  [[nodiscard]] bool is_stray() const noexcept { return kind == Kind::stray || kind == Kind::late; }
  [[nodiscard]] std::string_view stray() const { return kStrays.at(octets); }
};

/// How a host speaks, and what our settings demand of it.
struct Mode {
  std::string_view name;
  bool pipelining = false;
  bool chunking = false;
  bool tls = false;
  bool needs_tls = false;
  bool lmtp = false;
  std::string_view login = {};  ///< AUTH's mechanism
};
inline constexpr Mode kPlain{.name = "plain"};
inline constexpr Mode kPipelining{.name = "pipelining", .pipelining = true};
inline constexpr Mode kChunking{.name = "chunking", .chunking = true};
inline constexpr Mode kTls{.name = "tls", .tls = true};
inline constexpr Mode kNeedsTls{.name = "needs_tls", .tls = true, .needs_tls = true};
inline constexpr Mode kLmtp{.name = "lmtp", .lmtp = true};
inline constexpr Mode kLmtpPipelining{.name = "lmtp_pipelining", .pipelining = true, .lmtp = true};
inline constexpr Mode kLmtpChunking{.name = "lmtp_chunking", .chunking = true, .lmtp = true};
inline constexpr Mode kLoginPlain{.name = "login_plain", .tls = true, .needs_tls = true, .login = "PLAIN"};
inline constexpr Mode kLogin{.name = "login", .pipelining = true, .tls = true, .needs_tls = true, .login = "LOGIN"};
inline constexpr Mode kScram{
    .name = "scram", .chunking = true, .tls = true, .needs_tls = true, .login = "SCRAM-SHA-256"};

inline constexpr std::array kModes = {kPlain,          kPipelining,   kChunking,   kTls,   kNeedsTls, kLmtp,
                                      kLmtpPipelining, kLmtpChunking, kLoginPlain, kLogin, kScram};

/// Whether a connection gets to this step once at most, before any letter.
constexpr bool opens(Step step) noexcept { return step < Step::reset; }

/// For SCRAM's challenges, of which each connection has its own, something as long as they are.
inline std::string good_reply(Step step, const Mode& mode) {
  const auto hello = [&](bool under_tls) {
    // The first line is the host's name.
    std::vector<std::string> lines = {"host"};
    if (mode.pipelining) lines.emplace_back("PIPELINING");
    if (mode.chunking) lines.emplace_back("CHUNKING");
    if (mode.tls && !under_tls) lines.emplace_back("STARTTLS");
    if (!mode.login.empty() && under_tls) lines.push_back(fmt::format("AUTH {}", mode.login));
    std::string reply;
    for (const auto& line : lines) reply += fmt::format("250{}{}\r\n", &line == &lines.back() ? ' ' : '-', line);
    return reply;
  };
  const bool scram = mode.login == "SCRAM-SHA-256";
  switch (step) {
    case Step::greeting:
      return "220 host ready\r\n";
    case Step::hello:
      return hello(false);
    case Step::hello_again:
      return hello(true);
    case Step::starttls:
      return "220 go on\r\n";
    case Step::auth:
      if (scram) return "334 " + std::string(90, 'A') + "\r\n";
      return mode.login == "PLAIN" ? "235 2.7.0 welcome\r\n" : "334 VXNlcm5hbWU6\r\n";
    case Step::user:
      if (scram) return "334 " + std::string(64, 'A') + "\r\n";
      return "334 UGFzc3dvcmQ6\r\n";
    case Step::password:
      return "235 2.7.0 welcome\r\n";
    case Step::data:
      return "354 go on\r\n";
    default:
      return "250 2.0.0 ok\r\n";
  }
}

/// The replies of a whole session.
inline std::vector<Step> replies_of(const Mode& mode) {
  std::vector<Step> steps = {Step::greeting, Step::hello};
  if (mode.tls) steps.insert(steps.end(), {Step::starttls, Step::hello_again});
  if (!mode.login.empty()) steps.push_back(Step::auth);
  if (!mode.login.empty() && mode.login != "PLAIN") steps.insert(steps.end(), {Step::user, Step::password});
  steps.insert(steps.end(), {Step::mail, Step::first, Step::second});
  if (!mode.chunking) steps.push_back(Step::data);
  steps.push_back(Step::end);
  if (mode.lmtp) steps.push_back(Step::end_second);
  return steps;
}

/// The line breaks, or stands still, when the peer has read so many octets of the letter; some say why before.
inline std::vector<Fault> text_faults(const std::vector<std::size_t>& octets) {
  std::vector<Fault> all;
  for (const auto kind : {Kind::cut, Kind::silent}) {
    for (const auto count : octets) all.push_back({.step = Step::text, .kind = kind, .octets = count});
    all.push_back({.step = Step::text, .kind = kind, .octets = kWhole, .took = true});
  }
  for (const auto kind : {Kind::lasting, Kind::passing, Kind::closing, Kind::nonsense, Kind::other}) {
    all.push_back({.step = Step::text, .kind = kind, .octets = octets[octets.size() / 2]});
  }
  return all;
}

inline std::vector<Fault> faults_at(Step step, const Mode& mode, bool each_octet) {
  std::vector<Fault> all;
  for (const auto kind : {Kind::lasting, Kind::passing, Kind::closing, Kind::silent, Kind::cut, Kind::nonsense,
                          Kind::other, Kind::endless, Kind::flood}) {
    const bool doubtful = (step == Step::end || step == Step::end_second) && kind != Kind::lasting &&
                          kind != Kind::passing && kind != Kind::closing;
    const auto length = good_reply(step, mode).size();
    std::vector<std::size_t> cuts = {0};
    if (kind == Kind::cut) {
      cuts = {0, length / 2};
      for (std::size_t n = 1; each_octet && n < length; ++n) cuts.push_back(n);
    }
    for (const auto octets : cuts) {
      all.push_back({.step = step, .kind = kind, .octets = octets, .took = false});
      if (doubtful) all.push_back({.step = step, .kind = kind, .octets = octets, .took = true});
    }
  }
  if (step == Step::hello || step == Step::hello_again || (step == Step::user && mode.login == "SCRAM-SHA-256")) {
    all.push_back({.step = step, .kind = Kind::bare});
  }
  return all;
}

/// Every way to fail at every step; a reply is cut after each of its octets, or in its midst alone.
inline std::vector<Fault> faults_of(const Mode& mode, bool each_octet) {
  std::vector<Fault> all = {{.step = Step::connect}};
  const auto add = [&](const std::vector<Fault>& more) { all.insert(all.end(), more.begin(), more.end()); };
  for (const auto step : replies_of(mode)) add(faults_at(step, mode, each_octet));
  if (mode.tls) {
    for (const auto kind : {Kind::cut, Kind::silent, Kind::nonsense, Kind::other})
      all.push_back({.step = Step::handshake, .kind = kind});
  }
  std::vector<std::size_t> octets = {0, 12, kWhole};
  for (std::size_t n = 1; each_octet && n < 60; ++n) octets.push_back(n);
  add(text_faults(octets));
  return all;
}

/// The same for a later letter of a connection, from RSET on.
inline std::vector<Fault> later_faults_of(const Mode& mode, bool reset) {
  std::vector<Fault> all;
  if (reset) all = faults_at(Step::reset, mode, false);
  for (const auto& fault : faults_of(mode, false)) {
    if (!opens(fault.step)) all.push_back(fault);
  }
  for (auto& fault : all) fault.transaction = 2;
  return all;
}

/// A reply too many behind each reply of the dialogue.
inline std::vector<Fault> strays_of(const Mode& mode) {
  std::vector<Fault> all;
  for (const auto step : replies_of(mode)) {
    for (const auto kind : {Kind::stray, Kind::late}) {
      for (std::size_t which = 0; which < kStrays.size(); ++which) {
        all.push_back({.step = step, .kind = kind, .octets = which});
        // Where the letter is judged after it.
        if (step != Step::end && step != Step::end_second) {
          all.push_back({.step = step, .kind = kind, .octets = which, .then_never = true});
        }
      }
    }
  }
  return all;
}

}  // namespace pabal::queue::scripted
