// One client of the stress test: sends commands over a stream in memory, reads what is said, and keeps of it what any
// client keeps: which number is which message, and its flags. What no server may say fails the test at once.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "net/memory_stream.hpp"

namespace pabal::server::imap {

using FlagNames = std::set<std::string>;  ///< in lower case, without \recent

/// A message as a client knows it.
struct Known {
  std::uint32_t uid = 0;           ///< 0: not known yet
  std::optional<FlagNames> flags;  ///< as last told
};

/// An untagged FETCH, or UIDFETCH.
struct Fetched {
  std::uint32_t number = 0;  ///< 0: of a message whose UID the client didn't know
  std::optional<std::uint32_t> uid;
  std::optional<FlagNames> flags;
  std::optional<std::uint64_t> modseq;
  std::optional<std::string> text;  ///< of BODY[TEXT]
};

/// All that was said to one command.
struct Said {
  std::vector<Fetched> fetched;
  std::vector<std::string> lines;  ///< whole, the others
  bool expunged = false;
  std::set<std::uint32_t> vanished;  ///< UIDs, in VANISHED (EARLIER) too
  std::string status;                ///< "OK", "NO" or "BAD"
  std::string code;                  ///< of the tagged response, without brackets
  std::string tagged;

  [[nodiscard]] std::string line(std::string_view begin) const {
    for (const auto& one : lines) {
      if (one.starts_with(begin)) return one;
    }
    return {};
  }
};

/// The words of one response, taken from its front.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}
  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
  /// Up to a space, a bracket or a line's end; brackets by themselves.
  std::string_view next() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    if (rest_.empty()) return {};
    std::size_t end = 0;
    if (rest_.front() == '(' || rest_.front() == ')') {
      end = 1;
    } else {
      end = std::min(rest_.find_first_of(" ()\r"), rest_.size());
    }
    const auto word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return word;
  }
  /// A literal's octets, behind its "{n}".
  std::string octets(std::size_t count) {
    EXPECT_TRUE(rest_.starts_with("\r\n"));
    std::string text(rest_.substr(2, count));
    rest_.remove_prefix(std::min(rest_.size(), count + 2));
    return text;
  }

 private:
  std::string_view rest_;
};

inline std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  EXPECT_FALSE(text.empty());
  for (const char c : text) {
    EXPECT_TRUE(c >= '0' && c <= '9') << text;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

/// "2:4,7" as numbers.
inline std::set<std::uint32_t> numbers_in(std::string_view text) {
  std::set<std::uint32_t> all;
  for (const auto part : split(text, ',')) {
    const auto colon = part.find(':');
    const auto first = number_in(part.substr(0, colon));
    const auto last = colon == std::string_view::npos ? first : number_in(part.substr(colon + 1));
    for (auto one = first; one <= last; ++one) all.insert(static_cast<std::uint32_t>(one));
  }
  return all;
}

class StressClient {
 public:
  net::MemoryStream stream{
      {.ends = false, .peer = net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000)}};
  bool selected = false;
  bool read_only = false;
  bool condstore = false;
  bool qresync = false;
  bool uid_only = false;
  bool idling = false;
  bool listens = false;          ///< NOTIFY is on, and may tell of new messages just the items that it asked for
  bool learns_in_order = false;  ///< messages whose UIDs it doesn't know are fetched now, all of them
  std::uint64_t modseq = 0;      ///< from here it would synchronize again; 0: it knows none
  std::vector<Known> view;
  std::set<std::uint32_t> saved;  ///< UIDs of "$"
  std::string trace;              ///< the last that was sent and said, to be told with a failure
  std::map<std::string, std::map<std::string, std::uint64_t>> statuses;  ///< of mailboxes, as last told
  std::map<std::string, std::set<std::uint32_t>> results;  ///< UIDs, by tag: those that are kept up to date

  void send(std::string_view command) {
    tag_ = fmt::format("t{}", ++count_);
    fetching_ = command.contains("FETCH ");
    static constexpr std::array kOwn = {"FETCH ", "STORE ", "EXPUNGE", "MOVE ", "APPEND ", "NOTIFY "};
    tells_of_itself_ = std::ranges::any_of(kOwn, [&](std::string_view word) { return command.contains(word); });
    keep(fmt::format("C: {} {}\n", tag_, command));
    stream.feed(fmt::format("{} {}\r\n", tag_, command));
  }
  void done() {
    keep("C: DONE\n");
    stream.feed("DONE\r\n");
    idling = false;
    tells_of_itself_ = false;
  }
  [[nodiscard]] const std::string& tag() const noexcept { return tag_; }
  /// What the last command did to the open mailbox is told with its answer, whatever NOTIFY asks for.
  [[nodiscard]] bool tells_of_itself() const noexcept { return tells_of_itself_; }

  /// The tagged response is there. Where a continuation was asked for as well.
  [[nodiscard]] bool answered() {
    take_input();
    return at_line(tag_ + " ");
  }
  [[nodiscard]] bool continued() {
    take_input();
    return at_line("+ ");
  }

  /// Reads all that has come. `numbers_stay`: no EXPUNGE may be among it. `whole`: no response is half there.
  Said read(bool numbers_stay, bool whole = true) {
    take_input();
    Said said;
    while (taken_ < input_.size()) {
      const auto response = take_response();
      if (response.empty()) break;
      keep("S: " + response.substr(0, 300) + "\n");
      if (response.starts_with("* ")) {
        untagged(response, numbers_stay, said);
      } else if (response.starts_with("+ ")) {
        continue;
      } else {
        EXPECT_TRUE(response.starts_with(tag_ + " ")) << response;
        said.tagged = response.substr(tag_.size() + 1);
        Words words(said.tagged);
        said.status = words.next();
        const auto open = said.tagged.find('[');
        if (open == said.status.size() + 1) said.code = said.tagged.substr(open + 1, said.tagged.find(']') - open - 1);
        take_modseq(said.code);
      }
    }
    EXPECT_TRUE(!whole || taken_ == input_.size()) << "half a response: " << input_.substr(taken_);
    input_.erase(0, std::exchange(taken_, 0));
    return said;
  }

 private:
  void keep(std::string_view words) {
    trace.append(words);
    if (trace.size() > 6000) trace.erase(0, trace.size() - 4000);
  }
  void take_input() { input_ += stream.take_written(); }
  [[nodiscard]] bool at_line(std::string_view begin) const {
    return input_.starts_with(begin) || input_.find(fmt::format("\r\n{}", begin)) != std::string::npos;
  }

  // One response with its literals.
  std::string take_response() {
    std::size_t end = taken_;
    while (true) {
      const auto stop = input_.find("\r\n", end);
      if (stop == std::string::npos) return {};
      const auto open = input_.rfind('{', stop);
      if (open == std::string::npos || open < end || input_[stop - 1] != '}') {
        auto response = input_.substr(taken_, stop - taken_);
        taken_ = stop + 2;
        return response;
      }
      end = stop + 2 + number_in(std::string_view(input_).substr(open + 1, stop - open - 2));
      if (end > input_.size()) return {};
    }
  }

  void untagged(const std::string& response, bool numbers_stay, Said& said) {
    Words words(std::string_view(response).substr(2));
    const auto first = words.next();
    if (first.front() < '0' || first.front() > '9') {
      EXPECT_NE(first, "BYE") << response;
      if (first == "VANISHED") return vanished(words, numbers_stay, said);
      if (first == "STATUS") status(words);
      if (first == "ESEARCH" && result(words)) return;
      if (response.starts_with("* OK [")) take_modseq(std::string_view(response).substr(6));
      if (first == "FLAGS") mailbox_flags(words);
      if (response.starts_with("* OK [PERMANENTFLAGS ")) permanent_flags(words);
      said.lines.push_back(response.substr(2));
      return;
    }
    const auto number = static_cast<std::uint32_t>(number_in(first));
    const auto what = words.next();
    if (what == "EXISTS") {
      EXPECT_GE(number, view.size()) << "EXISTS never takes messages away";
      view.resize(std::max<std::size_t>(view.size(), number));
    } else if (what == "RECENT") {
      EXPECT_LE(number, view.size());
    } else if (what == "EXPUNGE") {
      said.expunged = true;
      EXPECT_FALSE(qresync || uid_only) << response;
      EXPECT_FALSE(numbers_stay) << "EXPUNGE while numbers are on their way";
      ASSERT_TRUE(number >= 1 && number <= view.size()) << response << " of " << view.size();
      view.erase(view.begin() + (number - 1));
    } else if (what == (uid_only ? "UIDFETCH" : "FETCH")) {
      fetched(number, words, said);
    } else {
      ADD_FAILURE() << "what is " << response;
    }
  }

  // RFC 7162 §3.2.10: of messages that the client counts, and so each makes one less; EARLIER: of others.
  void vanished(Words& words, bool numbers_stay, Said& said) {
    EXPECT_TRUE(qresync || uid_only);
    auto word = words.next();
    const bool earlier = word == "(";
    if (earlier) {
      EXPECT_EQ(words.next(), "EARLIER");
      EXPECT_EQ(words.next(), ")");
      EXPECT_TRUE(said.fetched.empty()) << "VANISHED (EARLIER) comes first";
      word = words.next();
    }
    const auto uids = numbers_in(word);
    EXPECT_EQ(words.next(), "");
    said.vanished.insert(uids.begin(), uids.end());
    if (earlier) return;
    said.expunged = true;
    EXPECT_FALSE(numbers_stay) << "VANISHED while numbers are on their way";
    for (const auto uid : uids) {
      auto found = std::ranges::find(view, uid, &Known::uid);
      if (found == view.end()) {
        // One that came and went since the client last looked: behind those with lower UIDs.
        const auto lower = std::ranges::find_if(view.rbegin(), view.rend(),
                                                [uid](const Known& one) { return one.uid != 0 && one.uid < uid; });
        found = std::find_if(lower.base(), view.end(), [](const Known& one) { return one.uid == 0; });
      }
      ASSERT_TRUE(found != view.end()) << "uid " << uid << " has vanished, and wasn't there";
      view.erase(found);
    }
  }

  void status(Words words) {
    auto& told = statuses[std::string(words.next())];
    EXPECT_EQ(words.next(), "(");
    for (auto item = words.next(); item != ")"; item = words.next()) {
      ASSERT_FALSE(item.empty());
      told[std::string(item)] = number_in(words.next());
    }
  }

  // Of a result that is kept up to date (RFC 5267 §4.3), with UIDs and in no order of its own.
  bool result(Words words) {
    words.next();
    words.next();
    auto tag = words.next();
    tag = tag.substr(1, tag.size() - 2);
    const auto found = results.find(std::string(tag));
    if (found == results.end()) return false;
    auto& uids = found->second;
    words.next();
    EXPECT_EQ(words.next(), "UID");
    for (auto item = words.next(); !item.empty(); item = words.next()) {
      if (item == "ALL") {
        uids = numbers_in(words.next());
        continue;
      }
      EXPECT_TRUE(item == "ADDTO" || item == "REMOVEFROM") << item;
      EXPECT_EQ(words.next(), "(");
      for (auto place = words.next(); place != ")" && !place.empty(); place = words.next()) {
        EXPECT_EQ(place, "0");
        for (const auto uid : numbers_in(words.next())) {
          const bool changes = item == "ADDTO" ? uids.insert(uid).second : uids.erase(uid) == 1;
          EXPECT_TRUE(changes) << item << " of uid " << uid;
        }
      }
    }
    return true;
  }

  // All keywords that messages have are listed, and those that messages had as far as the client knows.
  void mailbox_flags(Words words) {
    EXPECT_EQ(words.next(), "(");
    listed_.clear();
    for (auto flag = words.next(); flag != ")" && !flag.empty(); flag = words.next()) listed_.insert(to_lower(flag));
    for (const auto& known : view) {
      if (known.flags) expect_listed(*known.flags);
    }
  }
  // Behind "OK": no others than those.
  void permanent_flags(Words words) const {
    EXPECT_EQ(words.next(), "[PERMANENTFLAGS");
    EXPECT_EQ(words.next(), "(");
    for (auto flag = words.next(); flag != ")" && !flag.empty(); flag = words.next()) {
      EXPECT_TRUE(flag == "\\*" || listed_.contains(to_lower(flag))) << flag;
    }
  }
  void expect_listed(const FlagNames& flags) const {
    for (const auto& flag : flags) {
      EXPECT_TRUE(flag == "\\recent" || listed_.contains(flag)) << flag << " is not in FLAGS";
    }
  }

  void take_modseq(std::string_view code) {
    Words words(code);
    if (words.next() != "HIGHESTMODSEQ") return;
    const auto number = words.next();
    modseq = number_in(number.substr(0, number.find(']')));
  }

  /// The message that a UIDFETCH is of; nothing for one that it can't tell from others yet.
  [[nodiscard]] std::uint32_t number_of(std::uint32_t uid) const {
    for (std::size_t i = 0; i < view.size(); ++i) {
      if (view[i].uid == uid || (learns_in_order && view[i].uid == 0)) return static_cast<std::uint32_t>(i + 1);
    }
    return 0;
  }

  void fetched(std::uint32_t number, Words& words, Said& said) {
    Fetched one{.number = number, .uid = {}, .flags = {}, .modseq = {}, .text = {}};
    if (uid_only) {
      one.uid = number;
      one.number = number_of(number);
    } else {
      ASSERT_TRUE(number >= 1 && number <= view.size()) << "FETCH of " << number << " of " << view.size();
    }
    EXPECT_EQ(words.next(), "(");
    for (auto item = words.next(); item != ")"; item = words.next()) {
      if (item == "UID") {
        const auto uid = static_cast<std::uint32_t>(number_in(words.next()));
        EXPECT_EQ(one.uid.value_or(uid), uid);
        one.uid = uid;
      } else if (item == "FLAGS") {
        EXPECT_EQ(words.next(), "(");
        one.flags.emplace();
        for (auto flag = words.next(); flag != ")"; flag = words.next()) {
          ASSERT_FALSE(flag.empty());
          if (const auto name = to_lower(flag); name != "\\recent") one.flags->insert(name);
        }
      } else if (item == "MODSEQ") {
        EXPECT_EQ(words.next(), "(");
        one.modseq = number_in(words.next());
        EXPECT_EQ(words.next(), ")");
      } else if (item == "BODY[TEXT]") {
        const auto size = words.next();
        one.text = words.octets(number_in(size.substr(1, size.size() - 2)));
      } else {
        FAIL() << "unknown item " << item;
      }
    }
    if (one.flags) expect_listed(*one.flags);
    if (qresync) EXPECT_TRUE(one.uid) << "RFC 7162 §3.2.4: the UID is always told";
    const bool arrived = listens && (one.number == 0 || !view[one.number - 1].flags);
    const bool asked = fetching_ || arrived;
    if (condstore && one.flags && !asked) EXPECT_TRUE(one.modseq) << "RFC 7162 §3.1: and so is the MODSEQ";
    if (one.number != 0) {
      auto& known = view[one.number - 1];
      if (one.uid) {
        EXPECT_TRUE(known.uid == 0 || known.uid == *one.uid) << "number " << number << " was " << known.uid;
        known.uid = *one.uid;
      }
      if (one.flags) known.flags = one.flags;
    }
    if (one.modseq && modseq != 0) modseq = std::max(modseq, *one.modseq);
    said.fetched.push_back(std::move(one));
  }

  std::string tag_;
  FlagNames listed_;  ///< by FLAGS, in lower case
  int count_ = 0;
  bool fetching_ = false;  ///< the command is a FETCH, which says what it wants to be told
  bool tells_of_itself_ = false;
  std::string input_;
  std::size_t taken_ = 0;  ///< of it
};

}  // namespace pabal::server::imap
