// Letters on their way out through everything that can go wrong at any step (scripted_faults.hpp), one fault after
// another in all combinations. At the end each recipient has the letter exactly once, or its author was told exactly
// once; more than once only where a host took it and its last word was not heard. And the trace says which and why.
#include "queue/scripted_world.hpp"

#include <cstdlib>

#include "base/sanitized.hpp"

namespace pabal::queue {
namespace {

using scripted::Fault;
using scripted::Kind;
using scripted::kModes;
using scripted::Step;
using scripted::World;
using scripted::Worlds;

/// Of many runs each, or with PABAL_WORLD=all every one; a prime, so that all steps have their turn.
std::size_t one_of(std::size_t many) { return std::getenv("PABAL_WORLD") != nullptr ? 1 : many * kSlower; }

// Where nothing is wrong each letter goes out at once, all over one connection.
TEST(ScriptedWorld, NothingIsWrong) {
  for (const auto& mode : kModes) {
    World world(mode);
    EXPECT_EQ(world.letter({}, {.letters = 3}), 1) << mode.name;
    EXPECT_EQ(world.letter({}, {.letters = 3, .nobody = true}), 1) << mode.name;
    EXPECT_EQ(world.book().used_again, 4) << mode.name;
    EXPECT_EQ(world.book().taken.size(), 10U) << mode.name;
    world.judge();
  }
}

TEST(ScriptedWorld, OneFault) {
  std::size_t count = 0;
  for (const auto& mode : kModes) {
    Worlds worlds(mode);
    for (const auto& fault : faults_of(mode, true)) {
      if (count++ % one_of(3) == 0) worlds.next().letter({fault});
    }
  }
}

// At the next host, or at the next attempt.
TEST(ScriptedWorld, OneFaultAfterAnother) {
  std::size_t count = 0;
  std::size_t run = 0;
  for (const auto& mode : kModes) {
    Worlds worlds(mode);
    const auto faults = faults_of(mode, false);
    for (const auto& first : faults) {
      for (const auto& second : faults) {
        if (count++ % one_of(211) != 0) continue;
        ++run;
        worlds.next().letter({first, second});
      }
    }
  }
  fmt::print("{} of {} pairs\n", run, count);
}

TEST(ScriptedWorld, TheDnsFailsFirst) {
  for (const auto mx : {dns::Status::failed, dns::Status::timed_out, dns::Status::bogus}) {
    Worlds worlds(scripted::kPipelining);
    int count = 0;
    for (const auto& fault : faults_of(scripted::kPipelining, false)) {
      if (count++ % 3 == static_cast<int>(mx) % 3) worlds.next().letter({fault}, {.mx = mx});
    }
  }
}

// Three letters on one connection, and a fault in the second's transaction: the first is there, the others come.
TEST(ScriptedWorld, AFaultInALaterLetter) {
  std::size_t count = 0;
  for (const auto& mode : kModes) {
    if (mode.tls) continue;  // what comes after the opening is the same
    for (const bool nobody : {false, true}) {
      Worlds worlds(mode);
      for (const auto& fault : later_faults_of(mode, nobody)) {
        if (count++ % one_of(7) == 0) worlds.next().letter({fault}, {.letters = 3, .nobody = nobody});
      }
    }
  }
}

// What befalls a letter of several blocks, or chunks, at their edges.
TEST(ScriptedWorld, TheLineBreaksWithinALongText) {
  for (const auto& mode : {scripted::kPlain, scripted::kChunking, scripted::kLmtp}) {
    Worlds worlds(mode);
    for (const auto& fault : scripted::text_faults({0, 65'535, 65'536, 65'537, 150'000, scripted::kWhole})) {
      worlds.next().letter({fault}, {.size = 200'000});
    }
  }
}

// Opportunistic TLS goes on without it, at once; where it is demanded the letter waits, or finds another host, and
// nothing is ever said in plain text (the hosts look).
TEST(ScriptedWorld, AHandshakeThatFails) {
  for (const auto& fault :
       {Fault{.step = Step::handshake, .kind = Kind::cut}, Fault{.step = Step::handshake, .kind = Kind::silent},
        Fault{.step = Step::handshake, .kind = Kind::nonsense}, Fault{.step = Step::starttls, .kind = Kind::passing},
        Fault{.step = Step::starttls, .kind = Kind::lasting}, Fault{.step = Step::hello, .kind = Kind::bare}}) {
    for (const auto& mode : {scripted::kTls, scripted::kNeedsTls, scripted::kLogin}) {
      World world(mode);
      EXPECT_EQ(world.letter({fault}), 1) << mode.name << " " << fault.text();
      // Both hosts: what is demanded is waited for.
      EXPECT_EQ(world.letter({fault, fault}), mode.needs_tls ? 2 : 1) << mode.name << " " << fault.text();
      world.judge();
    }
  }
}

// A host that does the same wrong at each connection, and one beside it that is well: it gets the letter, unless the
// first said that nobody shall.
TEST(ScriptedWorld, OneHostIsNeverWell) {
  std::size_t count = 0;
  for (const auto& mode : kModes) {
    Worlds worlds(mode);
    for (const auto& fault : faults_of(mode, false)) {
      const bool never = fault.kind == Kind::lasting && fault.step >= Step::mail;
      if (!never && count++ % one_of(7) == 0) worlds.next().letter({fault}, {.stuck = true});
    }
  }
}

// A host that says one thing more than it was asked: nothing is lost of it.
TEST(ScriptedWorld, AReplyTooMany) {
  std::size_t count = 0;
  for (const auto& mode : kModes) {
    Worlds worlds(mode);
    for (const auto& fault : strays_of(mode)) {
      if (count++ % one_of(11) == 0) worlds.next().letter({fault}, {.letters = 2});
    }
  }
}

}  // namespace
}  // namespace pabal::queue
