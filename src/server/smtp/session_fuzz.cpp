// Whole sessions: octets from a peer against the real server with scripted services. The first octet chooses the
// listener, what is encrypted, and how the input is cut.
#include <cstdint>
#include <memory>
#include <string>

#include "net/test_support.hpp"
#include "server/smtp/test_world.hpp"

namespace {

using namespace pabal;
using namespace pabal::server::smtp;

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

// Every line is a reply: three digits, a space or hyphen, printable ASCII.
bool well_formed(std::string_view said) {
  while (!said.empty()) {
    const auto end = said.find("\r\n");
    if (end == std::string_view::npos || end < 4 || end > 510) return false;
    const auto line = said.substr(0, end);
    if (line[0] < '2' || line[0] > '5' || (line[3] != ' ' && line[3] != '-')) return false;
    for (const char c : line) {
      if (c < ' ' || c > '~') return false;
    }
    said.remove_prefix(end + 2);
  }
  return true;
}

// A server for each choice of settings, made once: what it takes to make one (metrics above all) costs far more than a
// session. Runs don't see each other: letters are thrown away, and a minute refills the rates' buckets.
World& world_for(unsigned choice) {
  static std::array<std::unique_ptr<World>, 256> worlds;
  auto& world = worlds[choice & 0xE3U];
  if (!world) {
    Settings settings;
    settings.max_message_size = 1000;
    settings.max_header_size = 200;
    settings.max_discarded_data = 3000;
    settings.max_recipients = 3;
    settings.rate_tracked_addresses = 100;
    settings.normalise_bare_newlines = (choice & 0x80) != 0;
    settings.strict_pipelining = (choice & 0x40) != 0;
    settings.relay = settings.binary_mime = (choice & 0x20) != 0;
    constexpr pabal::smtp::Protocol protocols[] = {pabal::smtp::Protocol::smtp, pabal::smtp::Protocol::submission,
                                                   pabal::smtp::Protocol::lmtp, pabal::smtp::Protocol::smtp};
    world = std::make_unique<World>(settings, ListenerSettings{.protocol = protocols[choice & 3], .starttls = true});
  }
  world->clock.advance(std::chrono::minutes(1));
  world->mda.kept.clear();
  return *world;
}

// On one io_context for all runs: it opens descriptors.
void run(Async<> session) {
  static asio::io_context io(1);
  asio::co_spawn(io.get_executor(), std::move(session), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  io.restart();
  io.run();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const unsigned choice = data[0];
  std::string octets(reinterpret_cast<const char*>(data) + 1, size - 1);

  World& world = world_for(choice);
  net::MemoryStreamOptions options;
  if ((choice & 4) != 0) options.tls = net::fake_tls();
  if ((choice & 8) != 0) options.piece_limit = 1 + octets.size() % 13;
  if ((choice & 16) != 0) {
    // Each line a piece, so that a polite client gets past the commands that end a group.
    while (!octets.empty()) {
      const auto end = octets.find('\n');
      options.input.push_back(octets.substr(0, end == std::string::npos ? end : end + 1));
      octets.erase(0, options.input.back().size());
    }
  } else {
    options.input.push_back(std::move(octets));
  }
  net::MemoryStream stream(std::move(options));
  run(world.serve(stream));

  if (!stream.is_closed() || !well_formed(stream.written())) __builtin_trap();
  const auto promises = count(stream.written(), " 2.0.0 Ok: ");
  if (world.server.listener().protocol == pabal::smtp::Protocol::lmtp ? promises < world.mda.kept.size()
                                                                      : promises != world.mda.kept.size()) {
    __builtin_trap();
  }
  for (const auto& letter : world.mda.kept) {
    // What is kept has whole lines only, and our field first.
    if (!letter.content.starts_with("Received: from ")) __builtin_trap();
    if (world.settings.binary_mime) continue;
    if (!letter.content.ends_with("\r\n")) __builtin_trap();
    for (std::size_t i = 0; i < letter.content.size(); ++i) {
      const char c = letter.content[i];
      if (c == '\0' || (c == '\r' && letter.content[i + 1] != '\n') || (c == '\n' && letter.content[i - 1] != '\r')) {
        __builtin_trap();
      }
    }
  }
  return 0;
}
