#include "mailauth/lookup.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::size_t most_records = 20;
constexpr std::size_t most_record_octets = 300;

}  // namespace

Lookup lookup_of(const dns::Name& name, dns::Type type, const dns::Answer& answer) {
  Lookup lookup{.name = name, .type = type, .status = answer.status, .records = {}, .count = 0, .why = {}};
  lookup.count = answer.records.size();
  const auto told = std::min(answer.records.size(), most_records);
  lookup.records.reserve(told);
  for (std::size_t i = 0; i < told; ++i) {
    auto text = dns::text_of(answer.records[i]);
    if (text.size() > most_record_octets) text = text.substr(0, most_record_octets - 3) + "...";
    lookup.records.push_back(std::move(text));
  }
  if (!answer.is_definite()) lookup.why = answer.why.substr(0, most_record_octets);
  return lookup;
}

std::string text_of(const Lookup& lookup) {
  auto text = fmt::format("{} {}: ", dns::name_of(lookup.type), lookup.name.text());
  if (lookup.status != dns::Status::ok) {
    text += dns::words_of(lookup.status);
    if (!lookup.why.empty()) text += fmt::format(" ({})", printable(lookup.why));
    return text;
  }
  for (std::size_t i = 0; i < lookup.records.size(); ++i) {
    if (i > 0) text += ", ";
    text += lookup.records[i];
  }
  if (lookup.count > lookup.records.size()) {
    text += fmt::format(" and {} more", lookup.count - lookup.records.size());
  }
  return text;
}

json::object to_json(const Lookup& lookup) {
  json::object object{
      {"name", lookup.name.text()}, {"type", dns::name_of(lookup.type)}, {"status", dns::words_of(lookup.status)}};
  json::array records;
  for (const auto& record : lookup.records) records.emplace_back(record);
  object["records"] = std::move(records);
  if (lookup.count > lookup.records.size()) object["count"] = lookup.count;
  if (!lookup.why.empty()) object["why"] = printable(lookup.why);
  return object;
}

}  // namespace pabal::mailauth
