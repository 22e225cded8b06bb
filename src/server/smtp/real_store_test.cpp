// Sessions over a real store: what was sent stands in the mailbox octet for octet, whether it stayed in memory, was
// written to segments, or was spilled to a file while it came.
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "db/sqlite/sqlite.hpp"
#include "delivery/local_mda.hpp"
#include "net/test_support.hpp"
#include "server/smtp/test_world.hpp"
#include "store/store.hpp"

namespace pabal::server::smtp {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().log);
  return *std::move(result);
}

class StoreWorld {
 public:
  StoreWorld() {
    static int count = 0;
    folder_ = std::filesystem::temp_directory_path() / fmt::format("pabal-smtp-{}-{}", ::getpid(), ++count);
    std::filesystem::create_directories(folder_);
    database_ = must(db::sqlite::open(files_, folder_ / "shard.db"));
    store::StoreOptions options;
    options.segment_bytes = 1 << 20;
    options.upkeep_every = std::chrono::milliseconds(0);
    options.spill_at = 64 << 10;
    options.file_at_least = 128 << 10;
    store_ = must(store::Store::open({{.id = ShardId{1}, .database = database_.get(), .folder = folder_.string()}},
                                     files_, pool_, world.clock, world.random, Log(), world.metrics, options));
    for (const std::int64_t account : {1, 2}) {
      if (auto made = store_->create_account(place(account), {}); !made) throw std::runtime_error(made.error().log);
    }
    mda_.emplace(*store_, world.clock, Log(), world.metrics);
    Services services = world.server.services();
    services.mda = &*mda_;
    services.receive = [this](std::uint64_t expected) { return store_->receive(expected); };
    server.emplace(Settings(world.settings), ListenerSettings{}, std::move(services), world.limits);
  }
  ~StoreWorld() {
    server.reset();
    mda_.reset();
    store_.reset();
    database_.reset();
    std::filesystem::remove_all(folder_);
  }
  StoreWorld(const StoreWorld&) = delete;
  StoreWorld& operator=(const StoreWorld&) = delete;

  /// What the server says to these pieces.
  std::string talk(std::vector<std::string> pieces) {
    net::MemoryStream stream({.input = std::move(pieces)});
    net::run_to_end(server->talk(stream, "session", Log()));
    return stream.written();
  }

  /// The letters of an account, whole.
  std::vector<std::string> letters(std::int64_t account) {
    std::vector<std::string> out;
    const auto listing = must(run_blocking(store_->list_mailbox(place(account), "INBOX")));
    for (const auto& entry : listing.entries) {
      const auto email = must(run_blocking(store_->open_email(place(account), entry.email)));
      out.push_back(must(run_blocking(email->read(0, email->size()))));
    }
    return out;
  }

  World world{{.max_header_size = 100 << 10, .max_received_hops = 3}};
  std::optional<Server> server;

 private:
  static store::Place place(std::int64_t account) { return {.account = AccountId{account}, .shard = ShardId{1}}; }

  std::filesystem::path folder_;
  RealFileSystem files_;
  Pool pool_{2};
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<store::Store> store_;
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
