// DEFLATE of a connection: whatever the pieces, the same octets; little memory, also against those who want it all.
#include "net/deflate.hpp"

#include <fstream>
#include <random>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/sanitized.hpp"
#include "net/deflate_stream.hpp"
#include "net/memory_stream.hpp"
#include "net/test_support.hpp"

namespace pabal::net {
namespace {

std::string text_of(std::size_t lines, unsigned seed) {
  std::minstd_rand random(seed);
  std::string out;
  for (std::size_t i = 0; i < lines; ++i) out += fmt::format("* {} FETCH (UID {})\r\n", random() % 5000, random());
  return out;
}

std::string inflated(Inflater& inflater, std::string_view octets, std::size_t most = 100) {
  std::string out;
  while (true) {
    const auto before = out.size();
    const auto left = octets.size();
    const auto read = inflater.read(octets, out, most);
    EXPECT_TRUE(read.has_value());
    EXPECT_LE(out.size() - before, most);
    if (!read || (out.size() == before && octets.size() == left)) return out;
  }
}

TEST(Deflate, EachWriteCanBeReadAtOnceAndBothMayRest) {
  Deflater deflater;
  Inflater inflater;
  for (unsigned round = 0; round < 40; ++round) {
    const auto text = text_of(round * round, round + 1);
    std::string wire;
    deflater.write(text, wire);
    EXPECT_LT(wire.size(), text.size() / 2 + 40);
    std::string out;
    // One octet at a time in the first rounds.
    const std::size_t step = round < 8 ? 1 : wire.size() + 1;
    for (std::size_t at = 0; at < wire.size(); at += step) out += inflated(inflater, wire.substr(at, step));
    EXPECT_EQ(out, text) << round;
    if (round % 3 == 0) deflater.rest();
    if (round % 2 == 0) {
      inflater.rest();
      EXPECT_TRUE(inflater.resting()) << round;
      EXPECT_LT(inflater.kept(), 20'000U);
    }
  }
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(Deflate, AtRestItsMemoryIsTheSystemsAgain) {
  if (kSlower != 1) GTEST_SKIP() << "memory is not measured under a sanitizer";
  // Freed is not enough: what lies behind it in the heap would keep it with the process.
  struct Connection {
    Deflater deflater;
    Inflater inflater;
    std::string more;
  };
  constexpr std::size_t count = 200;  // some 300 KiB each while they work
  std::vector<Connection> connections(count);
  const auto text = text_of(1000, 1);
  const auto before = resident_bytes();
  for (auto& connection : connections) {
    std::string wire;
    connection.deflater.write(text, wire);
    EXPECT_EQ(inflated(connection.inflater, wire), text);
    connection.more.assign(200, 'x');
  }
  EXPECT_GT(resident_bytes(), before + (count * 100'000));
  for (auto& connection : connections) {
    connection.deflater.rest();
    connection.inflater.rest();
  }
  EXPECT_LT(resident_bytes(), before + (count * 80'000));
}

TEST(Deflate, DoesNotRestWithinAnAnswer) {
  Deflater deflater;
  Inflater inflater;
  std::string wire;
  deflater.write(text_of(100, 1), wire);
  static_cast<void>(inflated(inflater, wire.substr(0, wire.size() / 2)));
  inflater.rest();
  EXPECT_FALSE(inflater.resting());
}

TEST(Deflate, WhatIsNoneIsRefused) {
  std::mt19937 random(5);
  std::size_t refused = 0;
  for (int round = 0; round < 200; ++round) {
    std::string noise;
    for (int i = 0; i < 100; ++i) noise.push_back(static_cast<char>(random()));
    Inflater inflater;
    std::string out;
    std::string_view rest = noise;
    if (!inflater.read(rest, out, 4096)) ++refused;
    EXPECT_LE(out.size(), 4096U);
  }
  EXPECT_GT(refused, 100U);
}

struct Streams {
  MemoryStream::Pair pair = MemoryStream::make_pair();
  DeflateStream client{*pair.first};
  DeflateStream server{*pair.second};
};

TEST(DeflateStream, CarriesBothWays) {
  Streams s;
  const auto request = text_of(10, 3);
  const auto answer = text_of(20'000, 4);
  run_to_end([](Streams* streams, std::string said, std::string told) -> Async<> {
    EXPECT_TRUE((co_await streams->client.write(said)).has_value());
    while (streams->server.input().size() < said.size()) {
      const auto filled = co_await streams->server.fill();
      EXPECT_TRUE(filled && *filled);
      if (!filled || !*filled) co_return;
    }
    EXPECT_EQ(streams->server.input(), said);
    streams->server.consume(said.size());
    EXPECT_TRUE((co_await streams->server.write(told)).has_value());
    std::string got;
    while (got.size() < told.size()) {
      const auto filled = co_await streams->client.fill();
      EXPECT_TRUE(filled && *filled);
      if (!filled || !*filled) co_return;
      got += streams->client.input();
      streams->client.consume(streams->client.input().size());
    }
    EXPECT_EQ(got, told);
    EXPECT_FALSE((co_await streams->server.start_tls(nullptr)).has_value());
    co_await streams->client.close();
    const auto end = co_await streams->server.fill();
    EXPECT_TRUE(end && !*end);
  }(&s, request, answer));
}

// RFC 4978 has no bound; a few octets may stand for gigabytes.
TEST(DeflateStream, ABombComesInSmallPieces) {
  Deflater deflater;
  std::string bomb;
  const std::string zeros(1 << 20, '\0');
  for (int i = 0; i < 32; ++i) deflater.write(zeros, bomb);
  EXPECT_LT(bomb.size(), 100'000U);
  MemoryStream inner({.input = {bomb}});
  DeflateStream stream(inner);
  run_to_end([](DeflateStream* from) -> Async<> {
    std::size_t total = 0;
    while (true) {
      const auto filled = co_await from->fill();
      EXPECT_TRUE(filled.has_value());
      if (!filled || !*filled) break;
      EXPECT_LE(from->input().size(), 16U << 10);
      total += from->input().size();
      from->consume(from->input().size());
    }
    EXPECT_EQ(total, 32U << 20);
  }(&stream));
  // Who consumes nothing gets no more than every stream holds.
  MemoryStream again({.input = {bomb}});
  DeflateStream unread(again);
  run_to_end([](DeflateStream* from) -> Async<> {
    Result<bool> filled = true;
    while (filled && *filled) filled = co_await from->fill();
    EXPECT_FALSE(filled.has_value());
    EXPECT_LE(from->input().size(), 256U << 10);
  }(&unread));
}

TEST(DeflateStream, PlainTextEndsIt) {
  MemoryStream inner({.input = {"a2 NOOP\r\n"}});
  DeflateStream stream(inner);
  run_to_end([](DeflateStream* from) -> Async<> {
    Result<bool> filled = true;
    while (filled && *filled) filled = co_await from->fill();
    EXPECT_FALSE(filled.has_value());
  }(&stream));
}

}  // namespace
}  // namespace pabal::net
