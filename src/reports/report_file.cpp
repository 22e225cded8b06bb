#include "reports/report_file.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "message/header.hpp"
#include "message/mailboxes.hpp"
#include "message/mime.hpp"
#include "message/parameters.hpp"
#include "message/report_fields.hpp"

namespace pabal::reports {
namespace {

constexpr std::size_t kMostAttachments = 16;

enum class Looks : std::uint8_t { other, packed, xml, json };

Looks looks_of(std::string_view octets) {
  if (octets.starts_with("\x1f\x8b") || octets.starts_with("PK\x03\x04") || octets.starts_with("PK\x05\x06")) {
    return Looks::packed;
  }
  if (octets.starts_with("\xFF\xFE") || octets.starts_with("\xFE\xFF")) return Looks::xml;  // UTF-16
  if (octets.starts_with("\xEF\xBB\xBF")) octets.remove_prefix(3);
  const auto first = octets.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return Looks::other;
  if (octets[first] == '{') return Looks::json;
  return octets[first] == '<' ? Looks::xml : Looks::other;
}

/// What the rest of a letter may still take.
struct Room {
  UnpackLimits unpack;
  AggregateLimits aggregate;
  TlsReportLimits tls;

  void take(const TlsReport& report) {
    std::size_t details = 0;
    for (const auto& policy : report.policies) details += policy.details.size();
    tls.policies -= std::min(report.policies.size(), tls.policies);
    tls.details -= std::min(details, tls.details);
  }
  void take(const AggregateReport& report) { aggregate.records -= std::min(report.records.size(), aggregate.records); }
  void take_octets(std::size_t octets) { unpack.octets -= std::min(octets, unpack.octets); }
  void take_entries(std::size_t entries) { unpack.entries -= std::min(entries, unpack.entries); }
};

/// Something unpacked: one report, or the reason why it is none.
void take_report(std::string_view octets, const std::string& name, Room& room, ReportFile& file) {
  const auto looks = looks_of(octets);
  const auto refuse = [&](const std::string& why) {
    file.refused.push_back(name.empty() ? why : fmt::format("{}: {}", name, why));
  };
  const auto take = [&](auto report) {
    if (!report) return refuse(report.error().peer);
    room.take(*report);
    file.reports.emplace_back(*std::move(report));
  };
  if (looks == Looks::json) {
    take(read_tls_report(octets, room.tls));
  } else if (looks == Looks::xml) {
    take(read_aggregate(octets, room.aggregate));
  } else {
    refuse(looks == Looks::packed ? "packed twice" : "neither XML nor JSON");
  }
}

void take_octets(std::string_view octets, const std::string& name, Room& room, ReportFile& file) {
  const auto refuse = [&](const std::string& why) {
    file.refused.push_back(name.empty() ? why : fmt::format("{}: {}", name, why));
  };
  if (room.unpack.entries == 0) return refuse("there are too many files in the letter");
  if (looks_of(octets) != Looks::packed) {
    if (octets.size() > room.unpack.octets) return refuse("there is too much in the letter");
    room.take_octets(octets.size());
    room.take_entries(1);
    return take_report(octets, name, room, file);
  }
  const auto unpacked = unpack(octets, room.unpack);
  if (!unpacked) {
    // What came out of it until then was work, too: how much isn't known, so half of the rest.
    room.take_entries(1);
    if (unpacked.error().kind == ErrorKind::limit) room.take_octets(room.unpack.octets / 2);
    return refuse(unpacked.error().peer);
  }
  if (unpacked->empty()) refuse("an empty archive");
  room.take_entries(std::max<std::size_t>(unpacked->size(), 1));
  for (const auto& one : *unpacked) room.take_octets(one.octets.size());
  for (const auto& one : *unpacked) take_report(one.octets, one.name.empty() ? name : one.name, room, file);
}

/// Whether a part of a letter may be a report, by what its header says; what it holds decides then.
bool may_be_report(const message::Part& part, std::string_view file_name) {
  const auto ends_with = [&](std::string_view ending) {
    return file_name.size() > ending.size() &&
           equal_ignoring_case(file_name.substr(file_name.size() - ending.size()), ending);
  };
  if (ends_with(".xml") || ends_with(".gz") || ends_with(".zip") || ends_with(".json")) return true;
  if (equal_ignoring_case(part.type, "application")) {
    for (const std::string_view subtype :
         {"gzip", "x-gzip", "zip", "x-zip-compressed", "x-zip", "xml", "json", "tlsrpt+json", "tlsrpt+gzip"}) {
      if (equal_ignoring_case(part.subtype, subtype)) return true;
    }
    return equal_ignoring_case(part.subtype, "octet-stream");
  }
  return equal_ignoring_case(part.type, "text") && equal_ignoring_case(part.subtype, "xml");
}

std::string from_domain(std::string_view letter) {
  const auto size = message::header_size(letter).value_or(letter.size());
  const message::HeaderFields fields(letter.substr(0, size), 0, 1000);
  if (fields.every("From").size() != 1) return {};
  const auto addresses = message::addresses_in(fields.body("From"), 2);
  if (!addresses || addresses->size() != 1 || addresses->front().domain() == nullptr) return {};
  return addresses->front().domain()->ascii();
}

void take_letter(std::string_view letter, Room& room, ReportFile& file) {
  file.from = from_domain(letter);
  const std::size_t most = room.unpack.packed_octets;
  const auto tree = message::parse_mime(letter, {.max_depth = 20, .max_parts = 200});
  std::size_t looked_at = 0;
  for (const auto& part : tree.parts) {
    if (part.kind != message::PartKind::leaf) continue;
    const auto name = message::file_name(part.disposition, part.content_type).value_or("");
    if (!may_be_report(part, name)) continue;
    if (++looked_at > kMostAttachments) {
      file.refused.push_back(fmt::format("more than {} attachments", kMostAttachments));
      return;
    }
    // Base64 is a third longer than what it stands for, and its line ends some more.
    if (part.body_end - part.body_begin > most * 3 / 2) {
      file.refused.push_back(fmt::format("{}: it has more than {} octets", printable(name, 100), most));
      continue;
    }
    const auto octets = message::decoded_body(letter, part);
    const auto looks = looks_of(octets);
    // application/octet-stream is anything.
    if (looks == Looks::other && equal_ignoring_case(part.subtype, "octet-stream")) continue;
    take_octets(octets, printable(name, 100), room, file);
  }
}

}  // namespace

Result<ReportFile> read_report_file(std::string_view octets, const UnpackLimits& limits) {
  ReportFile file;
  Room room{.unpack = limits, .aggregate = {}, .tls = {}};
  if (looks_of(octets) == Looks::other) {
    take_letter(octets, room, file);
  } else {
    take_octets(octets, "", room, file);
  }
  if (file.reports.empty() && file.refused.empty()) {
    return fail(ErrorKind::not_found, "no report: neither XML, JSON, an archive, nor a letter with one");
  }
  return file;
}

std::string report_sender(std::string_view octets) {
  return looks_of(octets) == Looks::other ? from_domain(octets) : std::string();
}

}  // namespace pabal::reports
