// Sessions over a real store: what was sent stands in the mailbox octet for octet, whether it stayed in memory, was
// written to segments, or was spilled to a file while it came.
#include <gtest/gtest.h>

#include "delivery/local_mda.hpp"
#include "net/test_support.hpp"
#include "server/smtp/test_world.hpp"
#include "store/store_fixture.hpp"

namespace pabal::server::smtp {
namespace {

class StoreWorld {
 public:
  StoreWorld() {
    auto& options = store_.options;
    options.segment_bytes = 1 << 20;
    options.spill_at = 64 << 10;
    options.file_at_least = 128 << 10;
    must(store_.open());
    for (const std::int64_t account : {1, 2}) must(store_->create_account(store::TestStore::place(account), {}));
    mda_.emplace(*store_, world.clock, Log(), world.metrics);
    Services services = world.server.services();
    services.mda = &*mda_;
    services.receive = [this](std::uint64_t expected) { return store_->receive(expected); };
    server.emplace(Settings(world.settings), ListenerSettings{}, std::move(services), world.limits);
  }

  /// What the server says to these pieces.
  std::string talk(std::vector<std::string> pieces) {
    net::MemoryStream stream({.input = std::move(pieces)});
    net::run_to_end(server->talk(stream, "session", Log()));
    return stream.written();
  }

  /// The letters of an account, whole.
  std::vector<std::string> letters(std::int64_t account) {
    const auto read = store_.read(account);
    must(read);
    std::vector<std::string> all;
    for (const auto& [uid, text] : *read) all.push_back(text);
    return all;
  }

  World world{{.max_header_size = 100 << 10, .max_received_hops = 3}};
  std::optional<Server> server;

 private:
  template <class T>
  static void must(const Result<T>& result) {
    if (!result) throw std::runtime_error(result.error().log);
  }

  MemoryFileSystem files_;
  store::TestStore store_{files_};
  std::optional<delivery::LocalMda> mda_;
};

std::string lines(std::size_t octets) {
  std::string text;
  for (std::size_t i = 0; text.size() < octets; ++i) text += fmt::format("line {} of many\r\n", i);
  return text;
}

std::vector<std::string> as_data(const std::string& text) {
  std::vector<std::string> pieces = {
      "EHLO x.example\r\n",
      "MAIL FROM:<a@seoul.example>\r\nRCPT TO:<bob@busan.example>\r\nRCPT TO:<carol@busan.example>\r\nDATA\r\n"};
  for (std::size_t at = 0; at < text.size(); at += 7000) pieces.push_back(text.substr(at, 7000));
  pieces.push_back(".\r\n");
  return pieces;
}

TEST(RealStore, OctetForOctet) {
  StoreWorld store;
  std::size_t count = 0;
  for (const std::size_t size : {100UL, 10'000UL, 60'000UL, 70'000UL, 200'000UL, 1'000'000UL}) {
    const std::string text = "Subject: x\r\n\r\n" + lines(size);
    const auto said = store.talk(as_data(text));
    EXPECT_TRUE(said.contains("\r\n250 2.0.0 Ok: ")) << said;
    ++count;
    for (const std::int64_t account : {1, 2}) {
      const auto letters = store.letters(account);
      ASSERT_EQ(letters.size(), count);
      EXPECT_TRUE(letters.back().ends_with("\r\n" + text)) << size;
      EXPECT_TRUE(letters.back().contains("\r\nReceived: from x.example ([192.0.2.1])\r\n"));
    }
  }
}

TEST(RealStore, InChunks) {
  StoreWorld store;
  const std::string text = "Subject: x\r\n\r\n" + lines(300'000);
  std::vector<std::string> pieces = {"EHLO x.example\r\n", "MAIL FROM:<>\r\nRCPT TO:<bob@busan.example>\r\n"};
  for (std::size_t at = 0; at < text.size(); at += 50'000) {
    const auto chunk = text.substr(at, 50'000);
    pieces.push_back(fmt::format("BDAT {}{}\r\n", chunk.size(), at + 50'000 >= text.size() ? " LAST" : "") + chunk);
  }
  EXPECT_TRUE(store.talk(std::move(pieces)).contains("\r\n250 2.0.0 Ok: "));
  ASSERT_EQ(store.letters(1).size(), 1U);
  EXPECT_TRUE(store.letters(1).front().ends_with("\r\n" + text));
}

TEST(RealStore, BinaryOctetForOctet) {
  StoreWorld store;
  for (const std::size_t size : {10UL, 70'000UL, 300'000UL}) {
    std::string text = "Subject: x\r\nContent-Transfer-Encoding: binary\r\n\r\n";
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i * i % 251);
    text += std::string_view("\r\n.\r\n\0\n\r", 8);
    std::vector<std::string> pieces = {"EHLO x.example\r\n",
                                       "MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<bob@busan.example>\r\n"};
    for (std::size_t at = 0; at < text.size(); at += 50'000) {
      const auto chunk = text.substr(at, 50'000);
      pieces.push_back(fmt::format("BDAT {}{}\r\n", chunk.size(), at + 50'000 >= text.size() ? " LAST" : "") + chunk);
    }
    EXPECT_TRUE(store.talk(std::move(pieces)).contains("\r\n250 2.0.0 Ok: "));
    EXPECT_TRUE(store.letters(1).back().ends_with("\r\n" + text)) << size;
  }
}

// The header is looked at before it leaves the memory.
TEST(RealStore, BigLettersAreLookedAtToo) {
  StoreWorld store;
  std::string loop;
  for (int i = 0; i < 4; ++i) loop += "Received: from x by y; z\r\n";
  EXPECT_TRUE(store.talk(as_data(loop + "\r\n" + lines(300'000))).contains("\r\n554 5.4.6 "));
  std::string header;
  while (header.size() < 110 << 10) header += "X: a field among very many\r\n";
  EXPECT_TRUE(store.talk(as_data(header + "\r\n")).contains("\r\n552 5.3.4 "));
  EXPECT_TRUE(store.talk(as_data(header.substr(0, 70UL << 10) + "\r\n\r\n")).contains("\r\n250 2.0.0 Ok"));
  EXPECT_TRUE(store.talk(as_data("Subject: x\r\n\r\n" + lines(300'000) + "a\nb\r\n")).contains("\r\n550 5.6.0 "));
  EXPECT_TRUE(store.letters(1).size() == 1);
}

// Exact to the octet, also where the letter is far bigger than what memory is given to it.
TEST(RealStore, TheHeadersLimitIsExact) {
  StoreWorld store;
  const std::size_t limit = store.world.settings.max_header_size;
  for (const std::size_t octets : {limit - 1, limit, limit + 1}) {
    std::string header;
    while (header.size() < limit - 1000) header += "X: a field among very many\r\n";
    header += "Y: " + std::string(octets - header.size() - 7, 'y') + "\r\n\r\n";
    ASSERT_EQ(header.size(), octets);
    for (const std::size_t body : {10UL, 400'000UL}) {
      const auto said = store.talk(as_data(header + lines(body)));
      EXPECT_EQ(said.contains("\r\n250 2.0.0 Ok: "), octets <= limit) << octets << " and " << body;
      EXPECT_EQ(said.contains("\r\n552 5.3.4 The header is bigger"), octets > limit) << octets << " and " << body;
    }
  }
}

}  // namespace
}  // namespace pabal::server::smtp
