#include "server/smtp/dialogue.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::server::smtp {

namespace {

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case '0':
        out += '\0';
        break;
      default:
        out += text[i];
    }
  }
  return out;
}

/// What a script's "Given:" chooses.
struct Given {
  Settings settings;
  ListenerSettings listener{.starttls = true};
  net::MemoryStreamOptions stream;
  bool tls_available = true;
  std::string unknown;

  void set(std::string_view name, std::string_view value) {
    const bool on = value == "on";
    const auto number = static_cast<std::size_t>(parse_decimal(value).value_or(0));
    using pabal::smtp::Protocol;
    if (name == "protocol") {
      listener.protocol = value == "lmtp"         ? Protocol::lmtp
                          : value == "submission" ? Protocol::submission
                                                  : Protocol::smtp;
    } else if (name == "starttls") {
      listener.starttls = on;
    } else if (name == "require_tls") {
      listener.require_tls = on;
    } else if (name == "allow_plaintext_auth") {
      listener.allow_plaintext_auth = on;
    } else if (name == "tls") {
      if (on) stream.tls = net::fake_tls();
    } else if (name == "peer") {
      stream.peer = value == "unix" ? net::Endpoint::unix_socket("")
                                    : net::Endpoint::of(boost::asio::ip::make_address(std::string(value)), 40001);
    } else if (name == "max_message_size") {
      settings.max_message_size = number;
    } else if (name == "max_recipients") {
      settings.max_recipients = number;
    } else if (name == "max_mailboxes") {
      settings.max_mailboxes = number;
    } else if (name == "max_errors") {
      settings.max_errors = number;
    } else if (name == "max_transactions") {
      settings.max_transactions = number;
    } else if (name == "max_commands_without_mail") {
      settings.max_commands_without_mail = number;
    } else if (name == "max_auth_failures") {
      settings.max_auth_failures = number;
    } else if (name == "max_received_hops") {
      settings.max_received_hops = number;
    } else if (name == "max_header_size") {
      settings.max_header_size = number;
    } else if (name == "max_discarded_data") {
      settings.max_discarded_data = number;
    } else if (name == "max_text_line") {
      settings.max_text_line = number;
      settings.long_lines = false;
    } else if (name == "messages_per_minute") {
      settings.messages_per_minute = static_cast<double>(number);
    } else if (name == "recipients_per_minute") {
      settings.recipients_per_minute = static_cast<double>(number);
    } else if (name == "strict_pipelining") {
      settings.strict_pipelining = on;
    } else if (name == "require_hello") {
      settings.require_hello = on;
    } else if (name == "normalise_bare_newlines") {
      settings.normalise_bare_newlines = on;
    } else if (name == "full_mailbox_is_temporary") {
      settings.full_mailbox_is_temporary = on;
    } else if (name == "dsn") {
      settings.dsn = on;
    } else if (name == "relay") {
      settings.relay = on;
    } else if (name == "binary_mime") {
      settings.binary_mime = on;
    } else {
      unknown += std::string(name) + " ";
    }
  }
};

class Dialogue {
 public:
  explicit Dialogue(std::size_t step) : step_(step) {}

  std::vector<std::string> run(std::string_view script) {
    std::istringstream lines{std::string(script)};
    std::string line;
    while (std::getline(lines, line)) {
      ++number_;
      if (line.empty() || line.starts_with('#')) continue;
      read(line);
    }
    send();
    end_connection();
    if (world_ && letters_ < world_->mda.kept.size()) complain("a letter was delivered that the script does not name");
    return complaints_;
  }

 private:
  void complain(const std::string& what) { complaints_.push_back(fmt::format("line {}: {}", number_, what)); }

  void read(std::string_view line) {
    const auto behind = [&](std::string_view word) { return trim(line.substr(word.size())); };
    if (line.starts_with("Given:")) {
      for (const auto word : split(behind("Given:"), ' ')) {
        const auto equals = word.find('=');
        if (equals != std::string_view::npos) given_.set(word.substr(0, equals), word.substr(equals + 1));
      }
      if (!given_.unknown.empty()) complain("no such setting: " + given_.unknown);
    } else if (line.starts_with("C: ") || line == "C:") {
      begin();
      pending_ += std::string(line.substr(std::min<std::size_t>(3, line.size()))) + "\r\n";
    } else if (line.starts_with("C! ")) {
      begin();
      pending_ += unescape(line.substr(3));
    } else if (line.starts_with("C*")) {
      begin();
      const auto colon = line.find(": ");
      const auto times = parse_decimal(line.substr(2, colon - 2)).value_or(0);
      for (std::uint64_t i = 0; i < times; ++i) pending_ += std::string(line.substr(colon + 2)) + "\r\n";
    } else if (line.starts_with("S: ")) {
      expect(line.substr(3));
    } else if (line == "Closed:") {
      begin();
      send();
      if (!conversation_->over()) complain("the server has not hung up");
    } else if (line == "Interrupt:") {
      begin();
      send();
      conversation_->stream().interrupt();
      conversation_->work();
    } else if (line == "New connection:") {
      send();
      end_connection();
    } else if (line.starts_with("Delivered: ")) {
      delivered(behind("Delivered:"));
    } else if (line.starts_with("Stored:")) {
      stored(line == "Stored:" ? "" : line.substr(8));
    } else if (line.starts_with("Origin: ")) {
      const auto* letter = last_letter();
      if (letter != nullptr && !fits(letter->origin, behind("Origin:"))) complain("the origin is " + letter->origin);
    } else {
      complain("this line means nothing: " + std::string(line));
    }
  }

  void begin() {
    if (!world_) world_ = std::make_unique<World>(given_.settings, given_.listener, given_.tls_available);
    if (!conversation_) conversation_ = std::make_unique<Conversation>(*world_, given_.stream);
  }

  void send() {
    if (!conversation_) return;
    // The server reads while pieces come, as it would from a network.
    while (!pending_.empty()) {
      conversation_->send(pending_.substr(0, step_));
      pending_.erase(0, step_);
    }
  }

  void expect(std::string_view pattern) {
    begin();
    send();
    while (true) {
      const auto line = conversation_->read_line();
      if (!line) {
        complain("the server says nothing more; expected " + std::string(pattern));
        return;
      }
      if (pattern != "...") {
        if (!fits(*line, pattern)) complain("expected " + std::string(pattern) + ", the server says " + *line);
        return;
      }
      if (line->size() < 4 || (*line)[3] != '-') return;
    }
  }

  void end_connection() {
    if (!conversation_) return;
    while (const auto line = conversation_->read_line()) complain("the server says unexpectedly " + *line);
    if (conversation_->failed()) complain("the session ended by an exception");
    conversation_.reset();
  }

  const ScriptedMda::Kept* last_letter() {
    if (world_ && letters_ > 0) return &world_->mda.kept[letters_ - 1];
    complain("no letter was delivered");
    return nullptr;
  }

  void delivered(std::string_view pattern) {
    begin();
    send();
    if (pattern == "none") {
      if (letters_ < world_->mda.kept.size())
        complain("a letter was delivered: " + world_->mda.kept[letters_].envelope);
      return;
    }
    if (letters_ == world_->mda.kept.size()) {
      complain("no letter was delivered");
      return;
    }
    const auto& letter = world_->mda.kept[letters_++];
    stored_at_ = 0;
    if (!fits(letter.envelope, pattern)) complain("delivered " + letter.envelope);
  }

  void stored(std::string_view pattern) {
    const auto* letter = last_letter();
    if (letter == nullptr) return;
    if (stored_at_ == letter->content.size()) {
      if (pattern != "<end>") complain("the letter has no more lines");
      return;
    }
    const auto end = letter->content.find("\r\n", stored_at_);
    const auto line = letter->content.substr(stored_at_, end - stored_at_);
    stored_at_ = end == std::string::npos ? letter->content.size() : end + 2;
    if (!fits(line, pattern)) complain("the letter has the line " + line);
  }

  std::size_t step_;
  std::size_t number_ = 0;
  Given given_;
  std::unique_ptr<World> world_;
  std::unique_ptr<Conversation> conversation_;
  std::string pending_;
  std::size_t letters_ = 0;
  std::size_t stored_at_ = 0;
  std::vector<std::string> complaints_;
};

std::vector<std::filesystem::path> scripts() {
  std::vector<std::filesystem::path> found;
  const auto folder = std::filesystem::path(__FILE__).parent_path() / "dialogues";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::vector<std::string> run_dialogue(std::string_view script, std::size_t step) { return Dialogue(step).run(script); }

namespace {

class Dialogues : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Dialogues, AsWritten) {
  for (const auto& complaint : run_dialogue(contents(GetParam()))) ADD_FAILURE() << complaint;
}

// The same, octet by octet and in odd pieces. Scripts whose point is how the octets arrive say so in their name.
TEST_P(Dialogues, InPieces) {
  if (GetParam().stem().string().starts_with("pieces_")) return;
  const auto script = contents(GetParam());
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}}) {
    for (const auto& complaint : run_dialogue(script, step)) ADD_FAILURE() << "step " << step << ": " << complaint;
  }
}

INSTANTIATE_TEST_SUITE_P(Smtp, Dialogues, testing::ValuesIn(scripts()),
                         [](const auto& info) { return info.param.stem().string(); });

TEST(DialogueRunner, SeesWhatIsWrong) {
  EXPECT_EQ(run_dialogue("C: NOOP\nS: 220 *\nS: 250 *\n").size(), 0U);
  EXPECT_EQ(run_dialogue("C: NOOP\nS: 221 *\nS: 250 *\n").size(), 1U);
  EXPECT_EQ(run_dialogue("C: NOOP\nS: 220 *\nS: 250 *\nS: 250 *\n").size(), 1U);
  EXPECT_EQ(run_dialogue("C: NOOP\nS: 220 *\n").size(), 1U);
  EXPECT_EQ(run_dialogue("Given: nonsense=1\n").size(), 1U);
  EXPECT_EQ(run_dialogue("Closed:\n").size(), 2U);  // and the greeting is unread
}

}  // namespace
}  // namespace pabal::server::smtp
