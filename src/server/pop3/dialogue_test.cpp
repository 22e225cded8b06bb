// Dialogue scripts: dialogues/*.txt, readable by a mail admin. `C:` is what the client sends, `S:` what the server
// answers, word by word. Before them:
//   from loopback | stranger     where the client is; stranger by default
//   starttls                     STLS works
//   letter TEXT                  a letter in the mailbox; \r \n \\ as in C
//   in lockstep                  the script makes no sense pipelined (STLS)
//   left N                       letters in the mailbox at the end
// Each runs line by line, octet by octet, and (but for `in lockstep`) all at once.
#include <fstream>

#include <gtest/gtest.h>

#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "server/pop3/scripted_services.hpp"
#include "server/pop3/server.hpp"

namespace pabal::server::pop3 {
namespace {

struct Script {
  bool loopback = false;
  bool starttls = false;
  bool lockstep = false;
  std::vector<std::string> letters;
  std::optional<std::size_t> left;
  std::vector<std::string> client;
  std::string server;
};

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    const char c = text[++i];
    out.push_back(c == 'r' ? '\r' : c == 'n' ? '\n' : c);
  }
  return out;
}

Script read_script(const std::filesystem::path& path) {
  Script script;
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("C: ") || line == "C:") {
      script.client.push_back((line.size() > 3 ? line.substr(3) : "") + "\r\n");
    } else if (line.starts_with("S: ") || line == "S:") {
      script.server += (line.size() > 3 ? line.substr(3) : "") + "\r\n";
    } else if (line.starts_with("letter ")) {
      script.letters.push_back(unescape(line.substr(7)));
    } else if (line == "from loopback") {
      script.loopback = true;
    } else if (line == "starttls") {
      script.starttls = true;
    } else if (line == "in lockstep") {
      script.lockstep = true;
    } else if (line.starts_with("left ")) {
      script.left = std::stoul(line.substr(5));
    } else {
      EXPECT_TRUE(line.empty() || line.starts_with("#") || line == "from stranger") << path << ": " << line;
    }
  }
  return script;
}

std::string run(const Script& script, std::vector<std::string> pieces, std::size_t piece_limit) {
  ScriptedLogins logins;
  ScriptedMailboxes mailboxes;
  for (const auto& letter : script.letters) mailboxes.add(letter);
  const RealClock clock;
  Metrics metrics;
  Server server(logins, mailboxes, clock, metrics, {});
  net::MemoryStreamOptions options{.input = std::move(pieces), .piece_limit = piece_limit};
  if (script.loopback) options.peer = net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000);
  net::MemoryStream stream(std::move(options));
  net::run_to_end(server.serve(&stream, {.id = "test", .log = Log()}, {.starttls = script.starttls, .tls = nullptr}));
  EXPECT_TRUE(stream.is_closed());
  if (script.left) EXPECT_EQ(mailboxes.letters.size(), *script.left);
  EXPECT_EQ(mailboxes.alive, 0U);
  return stream.take_written();
}

TEST(Dialogues, AllScripts) {
  const auto folder = std::filesystem::path(__FILE__).parent_path() / "dialogues";
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".txt") continue;
    ++count;
    SCOPED_TRACE(entry.path().filename().string());
    const auto script = read_script(entry.path());
    EXPECT_EQ(run(script, script.client, SIZE_MAX), script.server);
    EXPECT_EQ(run(script, script.client, 1), script.server);
    EXPECT_EQ(run(script, script.client, 3), script.server);
    if (script.lockstep) continue;
    std::string all;
    for (const auto& line : script.client) all += line;
    EXPECT_EQ(run(script, {all}, SIZE_MAX), script.server);
  }
  EXPECT_GT(count, 5U);
}

}  // namespace
}  // namespace pabal::server::pop3
