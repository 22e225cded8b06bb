#include "mailauth/claimed_findings.hpp"

#include "address/domain.hpp"
#include "base/text.hpp"
#include "message/broken_header.hpp"
#include "message/trace_fields.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::string_view kResults = "Authentication-Results";
constexpr std::string_view kSpf = "Received-SPF";
// Taking one out moves what stands behind it; who sends more means no good.
constexpr std::size_t kMost = 20;

// Also with a dot at the end, and in U-labels where ours are A-labels, or the other way round.
bool is_same_host(std::string_view id, std::string_view own) {
  if (id.ends_with('.')) id.remove_suffix(1);
  if (equal_ignoring_case(id, own)) return true;
  const auto host = Domain::parse(id);
  const auto ours = Domain::parse(own);
  return host && ours && host->ascii() == ours->ascii();
}

bool bears_our_name(std::string_view field_name, std::string_view body, OwnNames ours) {
  if (equal_ignoring_case(field_name, kResults)) {
    const auto id = message::parse_authentication_results(body).authserv_id;
    // Without a name it says nothing to anybody, but to a careless reader.
    return id.empty() || is_same_host(id, ours.authserv_id) || is_same_host(id, ours.hostname);
  }
  if (!equal_ignoring_case(field_name, kSpf)) return false;
  const std::string text = to_lower(body);
  const std::string host = to_lower(ours.hostname);
  return text.contains("(" + host + ":") || text.contains("receiver=" + host) || text.contains("receiver=\"" + host);
}

}  // namespace

bool ClaimedFindings::take(const message::HeaderField& field) {
  const auto size = field.name.size();
  if (size != kResults.size() && size != kSpf.size()) return false;
  if (!bears_our_name(field.name, field.body, ours_)) return false;
  if (fault_) return true;
  if (spans_.size() == kMost) {
    spans_.clear();
    fault_ = "Too many header fields claim to be of this server";
  } else {
    spans_.push_back({static_cast<std::size_t>(field.begin), static_cast<std::size_t>(field.end)});
  }
  return true;
}

void ClaimedFindings::take_broken(std::string_view header) {
  message::BrokenHeaderReader behind(header);
  while (const auto field = behind.next()) {
    if (fault_ || !bears_our_name(field->name, field->body, ours_)) continue;
    fault_ = "The header breaks off, and has fields behind the break that claim to be of this server";
  }
}

Result<void> take_out_claimed_findings(std::string& letter, OwnNames ours) {
  const auto header = std::string_view(letter).substr(0, message::header_size(letter).value_or(letter.size()));
  ClaimedFindings claimed(ours);
  message::HeaderReader reader(header);
  while (const auto field = reader.next()) claimed.take(*field);
  if (reader.malformed()) claimed.take_broken(header);
  if (claimed.fault()) return fail(ErrorKind::policy, std::string(*claimed.fault()));
  const auto& spans = claimed.spans();
  for (std::size_t i = spans.size(); i-- > 0;) letter.erase(spans[i].begin, spans[i].end - spans[i].begin);
  return {};
}

}  // namespace pabal::mailauth
