#include "delivery/refusals.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "codec/timestamp.hpp"
#include "mailauth/ip_address.hpp"

namespace pabal::delivery {
namespace {

constexpr std::size_t kMostOctets = 8192;
constexpr std::size_t kMostNamed = 20;

// Whose it is: of an IPv6 address the first half is a site's.
std::string network_of(std::string_view client) {
  const auto address = mailauth::IpAddress::parse(client);
  if (!address || !address->is_v6()) return std::string(client);
  const auto site = address->octets().first(8);
  return {site.begin(), site.end()};
}

std::string shown(std::string_view octets) { return printable(octets, 300); }

}  // namespace

std::string refusal_trace(const RefusedLetter& letter, SystemTime now) {
  json::object trace;
  const auto put = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) trace.emplace(name, shown(value));
  };
  trace["event"] = "refusal";
  put("id", letter.id);
  put("session", letter.origin.session);
  put("time", codec::format_timestamp(now));
  put("client", letter.origin.client_address);
  put("helo", letter.origin.helo);
  put("protocol", letter.origin.protocol);
  put("tls", letter.origin.tls);
  trace["sender"] = shown(letter.sender);
  json::array recipients;
  for (std::size_t i = 0; i < std::min(letter.recipients.size(), kMostNamed); ++i) {
    recipients.push_back(json::object{{"address", shown(letter.recipients[i])}});
  }
  trace["recipients"] = std::move(recipients);
  if (letter.recipients.size() > kMostNamed) trace["more_recipients"] = letter.recipients.size() - kMostNamed;
  trace["size"] = letter.octets;
  put("message_id", letter.message_id);
  trace["reply"] = printable(letter.reply, 600);
  trace["outcome"] = letter.again ? "put off: the sender may come again" : "refused";
  trace["authentication"] = letter.judged;
  auto text = json::serialize(trace);
  if (text.size() <= kMostOctets) return text;
  trace.erase("authentication");
  return json::serialize(trace);
}

Refusals::Refusals(store::Store& store, const Clock& clock, const Log& log, Metrics& metrics, std::size_t most_a_day)
    : store_(&store),
      clock_(&clock),
      log_(log),
      most_a_day_(most_a_day),
      untraced_(metrics.counter("pabal_refusals_untraced_total",
                                "Letters that were refused for their sender beyond the day's number of traces.")) {}

bool Refusals::has_room(SystemTime now, std::string_view client) {
  using std::chrono::floor;
  const auto day = floor<std::chrono::days>(now).time_since_epoch().count();
  const auto hour = floor<std::chrono::hours>(now).time_since_epoch().count();
  auto counts = counts_.lock();
  if (counts->day != day) *counts = {.day = day, .hour = hour, .of_day = 0, .of_hour = 0, .of_client = {}};
  if (counts->hour != hour) {
    counts->hour = hour;
    counts->of_hour = 0;
    counts->of_client.clear();
  }
  const auto of_hour = (most_a_day_ + 11) / 12;
  if (counts->of_day >= most_a_day_ || counts->of_hour >= of_hour) return false;
  // As many entries as there are traces in an hour, at most.
  auto& of_client = counts->of_client[network_of(client)];
  if (of_client >= (of_hour + 3) / 4) return false;
  ++of_client;
  ++counts->of_day;
  ++counts->of_hour;
  return true;
}

Async<> Refusals::note(RefusedLetter letter) {
  const auto now = clock_->now();
  if (!has_room(now, letter.origin.client_address)) {
    untraced_.add();
    co_return;
  }
  auto document = refusal_trace(letter, now);
  const auto kept =
      co_await store_->keep_trace(std::move(letter.id), std::move(letter.message_id), std::move(document));
  if (!kept) log_.warning("a refusal's trace was not kept", {{"why", kept.error().log}});
}

}  // namespace pabal::delivery
