// For fuzz targets: a resolver whose answers are made of the input's octets, whatever is asked.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dns/resolver.hpp"

namespace pabal::mailauth {

/// Each question takes the next line. Its first octet is the status, the rest the records between `|`: the text of a
/// TXT record, the octets of an address, the name of MX and PTR. When there are no more lines, the first comes again.
class HostileZone final : public dns::Resolver {
 public:
  explicit HostileZone(std::string_view script) {
    for (std::size_t at = 0; at <= script.size() && lines_.size() < 1000;) {
      const auto end = std::min(script.find('\n', at), script.size());
      lines_.push_back(script.substr(at, end - at));
      at = end + 1;
    }
  }

  Async<dns::Answer> resolve(dns::Name name, dns::Type type) override {
    const auto line = lines_[asked_++ % lines_.size()];
    dns::Answer answer{.status = dns::Status::ok, .name = name};
    if (line.empty()) {
      answer.status = dns::Status::no_name;
      co_return answer;
    }
    answer.status = static_cast<dns::Status>(static_cast<unsigned char>(line.front()) % 6);
    // Most letters mean that there is something.
    if (line.front() >= 'a') answer.status = dns::Status::ok;
    if (answer.status != dns::Status::ok) co_return answer;
    for (std::size_t at = 1; at <= line.size() && answer.records.size() < 30;) {
      const auto end = std::min(line.find('|', at), line.size());
      add(answer, type, line.substr(at, end - at));
      at = end + 1;
    }
    if (answer.records.empty()) answer.status = dns::Status::no_data;
    co_return answer;
  }

  [[nodiscard]] std::size_t asked() const noexcept { return asked_; }

 private:
  static dns::Name name_of_text(std::string_view text) {
    auto name = dns::Name::parse(text.substr(0, 200));
    return name ? *name : dns::Name();
  }
  static void add(dns::Answer& answer, dns::Type type, std::string_view text) {
    dns::A v4;
    dns::Aaaa v6;
    switch (type) {
      case dns::Type::txt:
        answer.records.emplace_back(dns::Txt{.strings = {std::string(text)}});
        break;
      case dns::Type::a:
        std::copy_n(text.begin(), std::min(text.size(), v4.octets.size()), v4.octets.begin());
        answer.records.emplace_back(v4);
        break;
      case dns::Type::aaaa:
        std::copy_n(text.begin(), std::min(text.size(), v6.octets.size()), v6.octets.begin());
        answer.records.emplace_back(v6);
        break;
      case dns::Type::mx:
        answer.records.emplace_back(
            dns::Mx{.preference = static_cast<std::uint16_t>(text.size()), .exchange = name_of_text(text)});
        break;
      case dns::Type::ptr:
        answer.records.emplace_back(dns::Ptr{.target = name_of_text(text)});
        break;
      default:
        break;
    }
  }

  std::vector<std::string_view> lines_;
  std::size_t asked_ = 0;
};

/// Takes a line from the front.
[[nodiscard]] inline std::string_view take_line(std::string_view& rest) {
  const auto end = std::min(rest.find('\n'), rest.size());
  const auto line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

}  // namespace pabal::mailauth
