#include "app/name_service.hpp"

#include <gtest/gtest.h>

#include "base/memory_file.hpp"

namespace pabal::app {
namespace {

TEST(NameService, AnswersFromItsZones) {
  MemoryFileSystem files;
  const RealClock clock;
  ASSERT_TRUE(replace_file(files, "demo.zone", "$ORIGIN busan.example.\n@ MX 10 mail\nmail A 127.0.0.3\n"));
  DnsSettings settings;
  settings.zones = {"demo.zone"};
  settings.servers = {"127.0.0.1@9"};
  settings.dnssec = false;
  settings.timeout = std::chrono::milliseconds(100);
  const auto names = NameService::open(settings, files, clock);
  ASSERT_TRUE(names) << names.error().log;
  const auto ask = [&](std::string_view name) {
    return run_blocking((*names)->resolver().resolve(*dns::Name::parse(name), dns::Type::mx));
  };
  EXPECT_EQ(text_of(ask("busan.example")), "ok busan.example 3600s: 10 mail.busan.example.");
  EXPECT_EQ((*names)->cache().counts().misses, 0U);
  EXPECT_FALSE(ask("elsewhere.example").is_definite());  // nobody listens there
  EXPECT_EQ((*names)->cache().counts().misses, 1U);
  EXPECT_EQ((*names)->trust_anchor(), "");
}

TEST(NameService, ReadsItsZonesAgain) {
  MemoryFileSystem files;
  const RealClock clock;
  ASSERT_TRUE(replace_file(files, "a.zone", "$ORIGIN busan.example.\n@ MX 10 mail\n"));
  DnsSettings settings;
  settings.zones = {"a.zone"};
  settings.servers = {"127.0.0.1@9"};
  settings.dnssec = false;
  settings.timeout = std::chrono::milliseconds(100);
  const auto names = NameService::open(settings, files, clock);
  ASSERT_TRUE(names) << names.error().log;
  const auto ask = [&](std::string_view name) {
    return text_of(run_blocking((*names)->resolver().resolve(*dns::Name::parse(name), dns::Type::mx)));
  };
  ASSERT_TRUE(replace_file(files, "a.zone", "$ORIGIN busan.example.\n@ MX 20 other\n"));
  ASSERT_TRUE(replace_file(files, "b.zone", "$ORIGIN daegu.example.\n@ MX 30 mail\n"));
  EXPECT_EQ(ask("busan.example"), "ok busan.example 3600s: 10 mail.busan.example.");
  settings.zones = {"a.zone", "b.zone"};
  auto zones = read_zones(settings, files);
  ASSERT_TRUE(zones) << zones.error().log;
  (*names)->take(*std::move(zones));
  EXPECT_EQ(ask("busan.example"), "ok busan.example 3600s: 20 other.busan.example.");
  EXPECT_EQ(ask("daegu.example"), "ok daegu.example 3600s: 30 mail.daegu.example.");
}

TEST(NameService, TellsWhatIsWrongWithItsFiles) {
  MemoryFileSystem files;
  const RealClock clock;
  ASSERT_TRUE(replace_file(files, "bad.zone", "a. A 192.0.2.1\na. A 192.0.2\n"));
  ASSERT_TRUE(replace_file(files, "two.zone", "a. CNAME b.\na. A 192.0.2.1\n"));
  const auto fault = [&](const DnsSettings& settings) {
    const auto made = NameService::open(settings, files, clock);
    return made ? "none" : made.error().log;
  };
  DnsSettings settings;
  settings.zones = {"bad.zone"};
  EXPECT_EQ(fault(settings), "bad.zone:2: expected an IPv4 address, not \"192.0.2\"");
  settings.zones = {"two.zone"};
  EXPECT_EQ(fault(settings), "two.zone:2: nothing stands beside the name's CNAME");
  settings.zones = {"none.zone"};
  EXPECT_TRUE(fault(settings).contains("none.zone")) << fault(settings);
  settings.zones.clear();
  settings.trust_anchor = "none.key";
  EXPECT_TRUE(fault(settings).contains("none.key")) << fault(settings);
}

}  // namespace
}  // namespace pabal::app
