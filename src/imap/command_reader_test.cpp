#include "imap/command_reader.hpp"

#include <gtest/gtest.h>

#include "imap/command_dump.hpp"
#include "imap/line.hpp"

namespace pabal::imap {
namespace {

// Events as text; data is put together, however it came.
class Transcript {
 public:
  explicit Transcript(CommandReader& reader) : reader_(&reader) {}

  void feed(std::string_view input) {
    while (true) {
      auto event = reader_->next(input);
      if (std::holds_alternative<NeedInput>(event)) break;
      std::visit(*this, event);
      if (!refuse_at_.empty() && out_.ends_with(refuse_at_)) {
        refuse_at_ = "";
        out_ += "REFUSED\n";
        reader_->refuse();
      }
    }
    EXPECT_TRUE(input.empty());
  }
  void refuse_at(std::string_view line) { refuse_at_ = line; }
  [[nodiscard]] const std::string& text() const { return out_; }

  void operator()(const NeedInput&) {}
  void operator()(const SayContinue&) { out_ += "+\n"; }
  void operator()(const Command& command) { out_ += testing::dump(command) + "\n"; }
  void operator()(const Rejected& rejected) {
    out_ += (rejected.why.tag.empty() ? "*" : rejected.why.tag) + " " + testing::dump(rejected.why.refusal) + "\n";
  }
  void operator()(const AppendBegun& begun) { out_ += "begin " + testing::dump(begun.command) + "\n"; }
  void operator()(const AppendMessage& message) {
    out_ += "message " + testing::dump(message.flags);
    if (message.date) out_ += " " + format_date_time(message.date->time, message.date->offset_minutes);
    if (message.catenate) out_ += " catenate";
    if (message.utf8) out_ += " utf8";
    out_ += "\n";
  }
  void operator()(const AppendText& text) {
    out_ += fmt::format("text {}{}{}\n", text.size, text.binary ? " binary" : "", text.synchronizing ? " waits" : "");
    data_.clear();
  }
  void operator()(const AppendData& data) { data_ += data.octets; }
  void operator()(const AppendTextEnd&) { out_ += "data [" + testing::escaped(data_) + "]\n"; }
  void operator()(const AppendUrl& url) { out_ += "url [" + url.url + "]\n"; }
  void operator()(const AppendMessageEnd&) { out_ += "message end\n"; }
  void operator()(const AppendEnded&) { out_ += "end\n"; }

 private:
  CommandReader* reader_;
  std::string out_;
  std::string data_;
  std::string refuse_at_;
};

constexpr ReaderLimits kMessages{.messages = true};

// All at once, one octet at a time and in threes: the same.
std::string read(std::string_view input, ReaderLimits limits = kMessages, std::string_view refuse_at = {}) {
  std::string first;
  for (const std::size_t step : {input.size(), std::size_t{1}, std::size_t{3}}) {
    CommandReader reader(limits);
    Transcript transcript(reader);
    transcript.refuse_at(refuse_at);
    for (std::size_t at = 0; at < input.size(); at += step) {
      // In memory of its own, so that what is kept of it too long is seen.
      const std::string piece(input.substr(at, step));
      transcript.feed(piece);
      EXPECT_LE(reader.held(), 2 * (limits.command + limits.line) + 64);
    }
    if (step == input.size()) {
      first = transcript.text();
    } else {
      EXPECT_EQ(transcript.text(), first) << "in steps of " << step;
    }
  }
  return first;
}

TEST(CommandReader, LinesAndLiterals) {
  EXPECT_EQ(read("a NOOP\r\nb noop\nc LOGIN {3}\r\njoe {2+}\r\nxy\r\nd NOOP\r\n"),
            "a NOOP\nb NOOP\n+\nc LOGIN [joe] [xy]\nd NOOP\n");
  EXPECT_EQ(read("\r\na\r\na NOOP\r\n"),
            "* BAD a command begins with a tag and a space\n* BAD a command begins with a tag and a space\na NOOP\n");
  EXPECT_EQ(read("a LOGIN {0}\r\n {0+}\r\n\r\n"), "+\na LOGIN [] []\n");
  // A literal may hold what looks like lines and literals.
  EXPECT_EQ(read("a LOGIN {9+}\r\nx {3+}\r\ny {1+}\r\nz\r\n"), "a LOGIN [x {3+}\\r\\ny] [z]\n");
}

TEST(CommandReader, KeepsWhatFollows) {
  CommandReader reader;
  std::string_view input = "a STARTTLS\r\nb NOOP\r\n";
  EXPECT_TRUE(std::holds_alternative<Command>(reader.next(input)));
  EXPECT_EQ(input, "b NOOP\r\n");
  EXPECT_TRUE(reader.idle());
  EXPECT_EQ(reader.held(), std::string().capacity());
}

// What a long command took is given back.
TEST(CommandReader, HoldsNothingBetweenCommands) {
  CommandReader reader;
  Transcript transcript(reader);
  transcript.feed("a LOGIN {5000}\r\n" + std::string(5'000, 'x') + " y");
  EXPECT_GT(reader.held(), 5'000U);
  transcript.feed("\r\n");
  EXPECT_TRUE(reader.idle());
  EXPECT_EQ(reader.held(), std::string().capacity());
}

TEST(CommandReader, UnknownCommandsAreAskedForNothing) {
  EXPECT_EQ(read("a FOO {3}\r\nb NOOP\r\n"), "a BAD unknown command\nb NOOP\n");
  EXPECT_EQ(read("a FOO {7+}\r\nb NOOP\n {3+}\r\nxyz\r\nc NOOP\r\n"), "a BAD unknown command\nc NOOP\n");
  EXPECT_EQ(read("a FOO {3+}\r\nxyz {5}\r\nc NOOP\r\n"), "a BAD unknown command\nc NOOP\n");
}

TEST(CommandReader, Limits) {
  const ReaderLimits small{.line = 20, .command = 40, .message = 50, .skip = 100};
  EXPECT_EQ(read("a LOGIN aaaaaaa bbbb\r\n", small), "a LOGIN [aaaaaaa] [bbbb]\n");
  EXPECT_EQ(read("a LOGIN aaaaaaa bbbbbb\r\nb NOOP\r\n", small), "a BAD [TOOBIG] the line is too long\nb NOOP\n");
  EXPECT_EQ(read("a LOGIN aaaaaaa bbbbbbbbbbbbbbb {5+}\r\n12345\r\nb NOOP\r\n", small),
            "a BAD [TOOBIG] the line is too long\nb NOOP\n");
  EXPECT_EQ(read("a LOGIN aaaaaaa bbbbbbbbbbbbbbb {5}\r\nb NOOP\r\n", small),
            "a BAD [TOOBIG] the line is too long\nb NOOP\n");
  EXPECT_EQ(read(std::string(1'000, 'x') + "\r\nb NOOP\r\n", small), "* BAD [TOOBIG] the line is too long\nb NOOP\n");
  EXPECT_EQ(read("a LOGIN {41}\r\nb NOOP\r\n", small), "a NO [TOOBIG] too large\nb NOOP\n");
  EXPECT_EQ(read("a LOGIN {41+}\r\n" + std::string(41, 'x') + " y\r\nb NOOP\r\n", small),
            "a NO [TOOBIG] too large\nb NOOP\n");
  // So much isn't even thrown away.
  EXPECT_EQ(read("a LOGIN {101+}\r\n" + std::string(300, 'x') + "\r\nb NOOP\r\n", small), "a BYE [TOOBIG] too large\n");
  EXPECT_EQ(read("a LOGIN {99999999999999999999+}\r\nb NOOP\r\n"), "a BYE [TOOBIG] too large\n");
  EXPECT_EQ(read("a LOGIN {99999999999999999999}\r\nb NOOP\r\n"), "a NO [TOOBIG] too large\nb NOOP\n");
  std::string many = "a FOO {60+}\r\n" + std::string(60, 'x') + " {60+}\r\n" + std::string(60, 'x') + "\r\n";
  EXPECT_EQ(read(many, small), "a BAD unknown command\n* BYE [TOOBIG] too large\n");
}

TEST(CommandReader, LiteralMinus) {
  const ReaderLimits minus{.literal_minus = true};
  const std::string allowed(4096, 'x');
  EXPECT_EQ(read("a LOGIN {4096+}\r\n" + allowed + " y\r\n", minus), "a LOGIN [" + allowed + "] [y]\n");
  EXPECT_EQ(read("a LOGIN {4097+}\r\nx" + allowed + " y\r\nb NOOP\r\n", minus),
            "a BAD [TOOBIG] literals of more than 4096 octets must wait (LITERAL-)\nb NOOP\n");
  EXPECT_EQ(read("a LOGIN {4097}\r\nx" + allowed + " y\r\n", minus), "+\na LOGIN [x" + allowed + "] [y]\n");
}

TEST(CommandReader, Append) {
  EXPECT_EQ(read("A003 APPEND saved-messages (\\Seen) {5}\r\nhello\r\nb NOOP\r\n"),
            "begin A003 APPEND <saved-messages>\nmessage (\\Seen)\ntext 5 waits\n+\ndata [hello]\nmessage end\nend\n"
            "b NOOP\n");
  EXPECT_EQ(read("a APPEND {1+}\r\nx (a \\Draft) \" 1-Feb-1994 00:00:00 +0100\" ~{2+}\r\n\r\n\r\n"),
            "begin a APPEND <x>\nmessage (\\Draft a)  1-Feb-1994 00:00:00 +0100\ntext 2 binary\ndata [\\r\\n]\n"
            "message end\nend\n");
  EXPECT_EQ(read("a APPEND {1}\r\nx {0}\r\n\r\n"),
            "+\nbegin a APPEND <x>\nmessage ()\ntext 0 waits\n+\ndata []\nmessage end\nend\n");
  // RFC 3502 §7.
  EXPECT_EQ(read("A003 APPEND s (\\Seen) {2}\r\nab () {3}\r\ncde {1+}\r\nf\r\n"),
            "begin A003 APPEND <s>\nmessage (\\Seen)\ntext 2 waits\n+\ndata [ab]\nmessage end\n"
            "message ()\ntext 3 waits\n+\ndata [cde]\nmessage end\nmessage ()\ntext 1\ndata [f]\nmessage end\nend\n");
  // RFC 6855 §4.
  EXPECT_EQ(read("a APPEND x UTF8 (~{2+}\r\nab)\r\n"),
            "begin a APPEND <x>\nmessage () utf8\ntext 2 binary\ndata [ab]\nmessage end\nend\n");
  // RFC 4469 §4.
  EXPECT_EQ(read("A003 APPEND Drafts (\\Seen) CATENATE (URL \"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER\" "
                 "TEXT {4+}\r\nab\r\n URL {2+}\r\n/x URL /y)\r\n"),
            "begin A003 APPEND <Drafts>\nmessage (\\Seen) catenate\n"
            "url [/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER]\ntext 4\ndata [ab\\r\\n]\nurl [/x]\nurl [/y]\n"
            "message end\nend\n");
  // RFC 8508 §3.
  EXPECT_EQ(read("A003 REPLACE 4 Drafts (\\Seen) {2+}\r\nab\r\nb UID REPLACE 2000 x {1+}\r\na\r\n"),
            "begin A003 REPLACE 4 <Drafts>\nmessage (\\Seen)\ntext 2\ndata [ab]\nmessage end\nend\n"
            "begin b UID REPLACE 2000 <x>\nmessage ()\ntext 1\ndata [a]\nmessage end\nend\n");
}

TEST(CommandReader, WrongAppends) {
  EXPECT_EQ(read("a APPEND x\r\n"), "a BAD a message is missing\n");
  EXPECT_EQ(read("a APPEND x (\\Recent) {3+}\r\nabc\r\nb NOOP\r\n"),
            "begin a APPEND <x>\na BAD a flag that can't be set\nb NOOP\n");
  EXPECT_EQ(read("a APPEND x (\\Seen {3}\r\nb NOOP\r\n"), "begin a APPEND <x>\na BAD a word is missing\nb NOOP\n");
  EXPECT_EQ(read("a APPEND x \"1-Feb-1994\" {3}\r\nb NOOP\r\n"), "begin a APPEND <x>\na BAD not a date\nb NOOP\n");
  EXPECT_EQ(read("a APPEND \"\" {3+}\r\nabc\r\nb NOOP\r\n"), "a NO [CANNOT] not a mailbox name: empty\nb NOOP\n");
  EXPECT_EQ(read("a APPEND x {3+}\r\nabc foo\r\nb NOOP\r\n"),
            "begin a APPEND <x>\nmessage ()\ntext 3\ndata [abc]\nmessage end\nmessage ()\na BAD a message is missing\n"
            "b NOOP\n");
  EXPECT_EQ(read("a APPEND x {3+}\r\nabcfoo {2+}\r\nxy\r\nb NOOP\r\n"),
            "begin a APPEND <x>\nmessage ()\ntext 3\ndata [abc]\nmessage end\na BAD a space is missing\nb NOOP\n");
  EXPECT_EQ(read("a APPEND x UTF8 ({3+}\r\nabc)\r\nb NOOP\r\n"),
            "begin a APPEND <x>\nmessage () utf8\na BAD a message is missing\nb NOOP\n");
  EXPECT_EQ(read("a APPEND x CATENATE ()\r\n"), "begin a APPEND <x>\nmessage () catenate\na BAD TEXT or URL\n");
  EXPECT_EQ(read("a APPEND x catenate (URL /y URL \"/z\")\r\nb NOOP\r\n"),
            "begin a APPEND <x>\nmessage () catenate\nurl [/y]\nurl [/z]\nmessage end\nend\nb NOOP\n");
  EXPECT_EQ(read("a APPEND x CATENATE (URL /y\r\nb NOOP\r\n"),
            "begin a APPEND <x>\nmessage () catenate\nurl [/y]\na BAD arguments are missing\nb NOOP\n");
  EXPECT_EQ(read("a APPEND x CATENATE (TEXT {1+}\r\na FOO)\r\nb NOOP\r\n"),
            "begin a APPEND <x>\nmessage () catenate\ntext 1\ndata [a]\na BAD TEXT or URL\nb NOOP\n");
  EXPECT_EQ(read("a REPLACE 4 x {1+}\r\na {1+}\r\nb\r\nb NOOP\r\n"),
            "begin a REPLACE 4 <x>\nmessage ()\ntext 1\ndata [a]\nmessage end\na BAD one message replaces another\n"
            "b NOOP\n");
  EXPECT_EQ(read("a REPLACE 4:5 x {1+}\r\na\r\nb NOOP\r\n"), "a BAD one message is replaced\nb NOOP\n");
  EXPECT_EQ(read("a REPLACE $ x {1+}\r\na\r\nb NOOP\r\n"), "a BAD one message is replaced\nb NOOP\n");
  // Before login there is no APPEND: its message is a literal like others, and too large.
  EXPECT_EQ(read("a APPEND x {99}\r\nb NOOP\r\n", {.command = 50}), "a NO [TOOBIG] too large\nb NOOP\n");
}

TEST(CommandReader, AppendLimits) {
  const ReaderLimits small{.message = 5, .skip = 20, .messages = true};
  EXPECT_EQ(read("a APPEND x {6}\r\nb NOOP\r\n", small),
            "begin a APPEND <x>\nmessage ()\na NO [TOOBIG] too large\nb NOOP\n");
  EXPECT_EQ(read("a APPEND x {6+}\r\nabcdef {2+}\r\nxy\r\nb NOOP\r\n", small),
            "begin a APPEND <x>\nmessage ()\na NO [TOOBIG] too large\nb NOOP\n");
  EXPECT_EQ(read("a APPEND x {21+}\r\nabcdef", small), "begin a APPEND <x>\nmessage ()\na BYE [TOOBIG] too large\n");
  const ReaderLimits few{.parts = 2, .messages = true};
  EXPECT_EQ(read("a APPEND x CATENATE (URL /x URL /y URL /z TEXT {2+}\r\nab)\r\nb NOOP\r\n", few),
            "begin a APPEND <x>\nmessage () catenate\nurl [/x]\nurl [/y]\na NO [TOOBIG] too many parts\nb NOOP\n");
}

TEST(CommandReader, TheServerRefuses) {
  const std::string_view waits = "a APPEND x {3}\r\nb NOOP\r\n";
  EXPECT_EQ(read(waits, kMessages, "begin a APPEND <x>\n"), "begin a APPEND <x>\nREFUSED\nb NOOP\n");
  EXPECT_EQ(read(waits, kMessages, "message ()\n"), "begin a APPEND <x>\nmessage ()\nREFUSED\nb NOOP\n");
  EXPECT_EQ(read(waits, kMessages, "text 3 waits\n"),
            "begin a APPEND <x>\nmessage ()\ntext 3 waits\nREFUSED\nb NOOP\n");
  const std::string_view sends = "a APPEND x {3+}\r\nabc {2+}\r\nde {1}\r\nb NOOP\r\n";
  EXPECT_EQ(read(sends, kMessages, "begin a APPEND <x>\n"), "begin a APPEND <x>\nREFUSED\nb NOOP\n");
  EXPECT_EQ(read(sends, kMessages, "text 3\n"), "begin a APPEND <x>\nmessage ()\ntext 3\nREFUSED\nb NOOP\n");
  EXPECT_EQ(read(sends, kMessages, "data [abc]\n"),
            "begin a APPEND <x>\nmessage ()\ntext 3\ndata [abc]\nREFUSED\nb NOOP\n");
  EXPECT_EQ(read(sends, kMessages, "message end\n"),
            "begin a APPEND <x>\nmessage ()\ntext 3\ndata [abc]\nmessage end\nREFUSED\nb NOOP\n");
  const std::string_view urls = "a APPEND x CATENATE (URL {2+}\r\n/x TEXT {1+}\r\na)\r\nb NOOP\r\n";
  EXPECT_EQ(read(urls, kMessages, "url [/x]\n"),
            "begin a APPEND <x>\nmessage () catenate\nurl [/x]\nREFUSED\nb NOOP\n");
}

// A message is never held.
TEST(CommandReader, BigMessage) {
  CommandReader reader(kMessages);
  std::string_view begin = "a APPEND x {50000000+}\r\n";
  std::uint64_t received = 0;
  const std::string block(1U << 20, 'x');
  while (!std::holds_alternative<NeedInput>(reader.next(begin))) {
  }
  while (received < 50'000'000) {
    std::string_view input =
        std::string_view(block).substr(0, std::min<std::uint64_t>(block.size(), 50'000'000 - received));
    while (!input.empty()) {
      const auto event = reader.next(input);
      ASSERT_TRUE(std::holds_alternative<AppendData>(event));
      received += std::get<AppendData>(event).octets.size();
    }
    EXPECT_LT(reader.held(), 100U);
  }
  std::string_view end = "\r\n";
  EXPECT_TRUE(std::holds_alternative<AppendTextEnd>(reader.next(end)));
  EXPECT_TRUE(std::holds_alternative<AppendMessageEnd>(reader.next(end)));
  EXPECT_TRUE(std::holds_alternative<AppendEnded>(reader.next(end)));
}

TEST(LineReader, Lines) {
  for (const std::size_t step : {std::size_t{100}, std::size_t{1}, std::size_t{2}}) {
    LineReader reader;
    std::string out;
    const std::string_view all = "DONE\r\nabcdefgh\r\nabcdefghi\r\nx\n\nlong long long line\r\ny\r\n";
    for (std::size_t at = 0; at < all.size(); at += step) {
      const std::string piece(all.substr(at, step));
      std::string_view input = piece;
      while (true) {
        const auto line = reader.next(input, 8);
        if (line.state == LineReader::State::incomplete) break;
        out += line.state == LineReader::State::whole ? fmt::format("[{}]", line.text) : "too long ";
      }
      EXPECT_TRUE(input.empty());
    }
    EXPECT_EQ(out, "[DONE][abcdefgh]too long [x][]too long [y]") << step;
  }
}

}  // namespace
}  // namespace pabal::imap
