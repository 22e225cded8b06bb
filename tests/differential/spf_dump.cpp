// What Pabal's SPF makes of zones and clients, one JSON object a line, for spf_compare.py: {"ip", "helo", "mail_from",
// "records": [[name, type, value…]…], "failing": [[name, type]…]}. A line of JSON for each.
#include <iostream>
#include <map>
#include <set>
#include <string>

#include "base/json.hpp"
#include "base/text.hpp"
#include "mailauth/spf.hpp"

namespace {

using namespace pabal;

std::string_view view(const json::value& value) { return {value.as_string().data(), value.as_string().size()}; }

dns::Name name_of(std::string_view text) {
  if (text.empty()) return {};
  return dns::Name::of_labels(split(text, '.')).value();
}

class Zone final : public dns::Resolver {
 public:
  explicit Zone(const json::object& world) {
    for (const auto& record : world.at("records").as_array()) add(record.as_array());
    for (const auto& one : world.at("failing").as_array()) {
      failing_.emplace(name_of(view(one.at(0))), dns::type_named(view(one.at(1))).value());
    }
  }
  Async<dns::Answer> resolve(dns::Name name, dns::Type type) override {
    for (int aliases = 0; aliases < 12; ++aliases) {
      if (failing_.contains({name, type})) co_return dns::Answer{.status = dns::Status::failed, .name = name};
      const auto node = records_.find(name);
      if (node == records_.end()) co_return dns::Answer{.status = dns::Status::no_name, .name = name};
      if (const auto set = node->second.find(type); set != node->second.end()) {
        co_return dns::Answer{.status = dns::Status::ok, .name = name, .records = set->second};
      }
      const auto alias = node->second.find(dns::Type::cname);
      if (alias == node->second.end()) co_return dns::Answer{.status = dns::Status::no_data, .name = name};
      name = std::get<dns::Cname>(alias->second.front()).target;
    }
    co_return dns::Answer{.status = dns::Status::failed, .name = name};
  }

 private:
  void add(const json::array& record) {
    const auto type = dns::type_named(view(record.at(1))).value();
    auto& set = records_[name_of(view(record.at(0)))][type];
    const auto value = view(record.at(2));
    switch (type) {
      case dns::Type::a:
        set.emplace_back(dns::parse_a(value).value());
        break;
      case dns::Type::aaaa:
        set.emplace_back(dns::parse_aaaa(value).value());
        break;
      case dns::Type::txt: {
        dns::Txt text;
        for (std::size_t i = 2; i < record.size(); ++i) text.strings.emplace_back(view(record.at(i)));
        set.emplace_back(std::move(text));
        break;
      }
      case dns::Type::mx:
        set.emplace_back(dns::Mx{.preference = static_cast<std::uint16_t>(parse_decimal(value).value()),
                                 .exchange = name_of(view(record.at(3)))});
        break;
      case dns::Type::ptr:
        set.emplace_back(dns::Ptr{.target = name_of(value)});
        break;
      default:
        set.emplace_back(dns::Cname{.target = name_of(value)});
        break;
    }
  }

  std::map<dns::Name, std::map<dns::Type, std::vector<dns::Record>>> records_;
  std::set<std::pair<dns::Name, dns::Type>> failing_;
};

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto parsed = json::parse(line);
    const auto& world = parsed.as_object();
    Zone zone(world);
    mailauth::SpfQuery query{.address = mailauth::IpAddress::parse(view(world.at("ip"))).value(),
                             .helo = std::string(view(world.at("helo"))),
                             .mail_from = std::string(view(world.at("mail_from"))),
                             .receiver = "receiver.example",
                             .now = SystemTime()};
    const auto outcome = run_blocking(mailauth::check_spf(zone, std::move(query)));
    const json::object told{{"result", mailauth::name_of(outcome.result)},
                            {"explanation", outcome.explanation},
                            {"mechanism", outcome.mechanism},
                            {"lesson", mailauth::teach(outcome)},
                            {"lookups", outcome.lookups},
                            {"void_lookups", outcome.void_lookups}};
    std::cout << json::serialize(told) << '\n';
  }
}
