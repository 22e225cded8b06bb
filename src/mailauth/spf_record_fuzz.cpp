// SPF records and macro strings of any octets.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mailauth/spf_evaluation.hpp"

namespace {
void demand(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal;
  using namespace pabal::mailauth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const MacroValues values{.local_part = "a.b-c",
                           .sender_domain = "x.y.example",
                           .domain = "y.example",
                           .address = *IpAddress::parse("2001:db8::1"),
                           .validated = "unknown",
                           .helo = text,
                           .receiver = {},
                           .now = SystemTime()};
  if (const auto record = SpfRecord::parse(text)) {
    demand(record->terms.size() <= spf_most_terms);
    for (const auto& term : record->terms) {
      demand(!term.text.empty() && term.bits4 <= 32 && term.bits6 <= 128);
      if (term.domain.empty()) continue;
      demand(check_domain_spec(term.domain).has_value());
      const auto name = expand_domain_spec(term.domain, values);
      demand(name.size() <= 253 || !spf_name(name));
    }
    demand(!record->redirect || record->terms[*record->redirect].kind == SpfDirective::Kind::redirect);
    demand(!record->exp || record->terms[*record->exp].kind == SpfDirective::Kind::exp);
  }
  if (check_macros(text, MacroUse::explanation)) {
    const auto explanation = expand_explanation(text, values);
    demand(!explanation || explanation->size() <= explanation_limit);
  }
  if (check_macros(text, MacroUse::name)) {
    demand(check_macros(text, MacroUse::explanation).has_value());
    demand(wants_validated_name(text) == (text.find("%{p") != text.npos || text.find("%{P") != text.npos) ||
           text.find("%%") != text.npos);
  }
  return 0;
}
