// The suite of openspf.org for RFC 7208, where it stands beside the project.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "mailauth/spf.hpp"
#include "mailauth/spf_suite_testing.hpp"

namespace pabal::mailauth {

namespace {

dns::Name suite_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return {};
  return dns::Name::of_labels(split(text, '.')).value();
}

}  // namespace

void SpfSuiteZone::add(std::string_view owner, std::string_view type, std::vector<std::string> values) {
  auto& node = nodes_[suite_name(owner)];
  if (type == "TIMEOUT") {
    node.times_out = true;
  } else if (type == "SPF") {
    node.old_type.emplace_back(dns::Txt{.strings = std::move(values)});
  } else if (type == "TXT") {
    if (values == std::vector<std::string>{"NONE"}) {
      node.no_txt = true;
    } else {
      node.records[dns::Type::txt].emplace_back(dns::Txt{.strings = std::move(values)});
    }
  } else if (type == "A") {
    node.records[dns::Type::a].emplace_back(dns::parse_a(values.at(0)).value());
  } else if (type == "AAAA") {
    node.records[dns::Type::aaaa].emplace_back(dns::parse_aaaa(values.at(0)).value());
  } else if (type == "PTR") {
    node.records[dns::Type::ptr].emplace_back(dns::Ptr{.target = suite_name(values.at(0))});
  } else if (type == "CNAME") {
    node.records[dns::Type::cname].emplace_back(dns::Cname{.target = suite_name(values.at(0))});
  } else if (type == "MX") {
    const auto preference = static_cast<std::uint16_t>(parse_decimal(values.at(0)).value());
    node.records[dns::Type::mx].emplace_back(dns::Mx{.preference = preference, .exchange = suite_name(values.at(1))});
  } else {
    throw std::invalid_argument("a record of type " + std::string(type));
  }
}

void SpfSuiteZone::finish() {
  for (auto& [name, node] : nodes_) {
    if (!node.no_txt && !node.records.contains(dns::Type::txt) && !node.old_type.empty()) {
      node.records[dns::Type::txt] = node.old_type;
    }
  }
}

dns::Answer SpfSuiteZone::find(dns::Name name, dns::Type type) const {
  for (int aliases = 0; aliases < 10; ++aliases) {
    const auto node = nodes_.find(name);
    if (node == nodes_.end()) return {.status = dns::Status::no_name, .name = name};
    if (const auto set = node->second.records.find(type); set != node->second.records.end()) {
      return {.status = dns::Status::ok, .name = name, .records = set->second};
    }
    if (node->second.times_out) return {.status = dns::Status::timed_out, .name = name};
    const auto alias = node->second.records.find(dns::Type::cname);
    if (alias == node->second.records.end()) return {.status = dns::Status::no_data, .name = name};
    name = std::get<dns::Cname>(alias->second.front()).target;
  }
  return {.status = dns::Status::failed, .name = name};
}

Async<dns::Answer> SpfSuiteZone::resolve(dns::Name name, dns::Type type) { co_return find(std::move(name), type); }

namespace {

/// A scalar: plain, or in single or double quotes.
std::string scalar(std::string_view text) {
  text = trim(text);
  if (text.size() >= 2 && text.front() == '\'') return std::string(text.substr(1, text.size() - 2));
  if (text.size() < 2 || text.front() != '"') return std::string(text);
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    ++i;
    if (text[i] == 'x') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i] == '0' ? '\0' : text[i];
    }
  }
  return out;
}

/// A scalar, or a list in brackets.
std::vector<std::string> values_of(std::string_view text) {
  text = trim(text);
  if (!text.starts_with('[')) return {scalar(text)};
  text = text.substr(1, text.size() - 2);
  std::vector<std::string> values;
  std::string current;
  char quote = 0;
  for (const char c : text) {
    if (quote == 0 && c == ',') {
      values.push_back(scalar(current));
      current.clear();
      continue;
    }
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    }
    current += c;
  }
  if (!trim(current).empty()) values.push_back(scalar(current));
  return values;
}

std::size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

/// `key: value`; the key may hold colons, and may be quoted.
std::pair<std::string, std::string_view> key_and_value(std::string_view line) {
  auto end = line.find(": ");
  if (end == std::string_view::npos) end = line.ends_with(':') ? line.size() - 1 : line.size();
  return {scalar(line.substr(0, end)), end >= line.size() ? std::string_view() : trim(line.substr(end + 1))};
}

void set(SpfSuiteCase& one, std::string_view key, std::string_view value) {
  if (key == "helo") one.helo = scalar(value);
  if (key == "host") one.host = scalar(value);
  if (key == "mailfrom") one.mail_from = scalar(value);
  if (key == "explanation") one.explanation = scalar(value);
  if (key == "result") one.results = values_of(value);
}

}  // namespace

std::vector<SpfSuiteScenario> read_spf_suite(std::string_view yaml) {
  std::vector<SpfSuiteScenario> scenarios;
  std::string section;
  std::string owner;
  for (const auto raw : split(yaml, '\n')) {
    const auto line = raw.ends_with('\r') ? raw.substr(0, raw.size() - 1) : raw;
    const auto indent = indent_of(line);
    if (line.starts_with('#') || trim(line).empty()) continue;
    if (line == "---") {
      scenarios.emplace_back();
    } else if (indent == 0) {
      const auto [key, value] = key_and_value(line);
      section = key;
      if (key == "description") scenarios.back().description = value;
    } else if (indent == 2 && section == "tests") {
      scenarios.back().cases.push_back({.name = key_and_value(line.substr(2)).first});
    } else if (indent == 2 && section == "zonedata") {
      owner = key_and_value(line.substr(2)).first;
    } else if (indent == 4 && section == "tests") {
      const auto [key, value] = key_and_value(line.substr(4));
      set(scenarios.back().cases.back(), key, value);
    } else if (indent == 4 && section == "zonedata" && line[4] == '-') {
      const auto [type, value] = key_and_value(trim(line.substr(5)));
      scenarios.back().zone.add(owner, type, values_of(value));
    }
  }
  for (auto& scenario : scenarios) scenario.zone.finish();
  return scenarios;
}

namespace {

TEST(SpfSuite, openspf) {
  const auto file = std::filesystem::path(PABAL_SOURCE_DIR) / "../shared/suites/spf/rfc7208-tests.yml";
  std::ifstream in(file, std::ios::binary);
  if (!in) GTEST_SKIP() << "the suite isn't beside the project";
  auto scenarios = read_spf_suite(std::string(std::istreambuf_iterator<char>(in), {}));
  std::size_t count = 0;
  for (auto& scenario : scenarios) {
    for (const auto& one : scenario.cases) {
      ++count;
      const auto address = IpAddress::parse(one.host);
      ASSERT_TRUE(address) << one.name;
      const auto outcome = run_blocking(check_spf(scenario.zone, {.address = *address,
                                                                  .helo = one.helo,
                                                                  .mail_from = one.mail_from,
                                                                  .receiver = "receiver.example",
                                                                  .now = SystemTime()}));
      EXPECT_NE(std::ranges::find(one.results, name_of(outcome.result)), one.results.end())
          << scenario.description << ", " << one.name << ":\n"
          << teach(outcome);
      if (!one.explanation.empty()) {
        EXPECT_EQ(outcome.explanation, one.explanation == "DEFAULT" ? "" : one.explanation)
            << scenario.description << ", " << one.name << ":\n"
            << teach(outcome);
      }
    }
  }
  EXPECT_EQ(count, 203U);
}

}  // namespace
}  // namespace pabal::mailauth
