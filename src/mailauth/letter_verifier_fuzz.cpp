// Whole letters with signatures and ARC sets against a zone that the sender owns: the input is records, an empty line
// with a percent sign, and the letter. Any piecing gives the same outcomes; nothing passes by chance, as no input knows
// a private key that isn't in the corpus.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "mailauth/verifying_testing.hpp"

namespace {

using namespace pabal::mailauth;

std::string dump(const SignatureOutcomes& outcomes) {
  auto text = testing::lines_of(outcomes) + "\n" + std::string(name_of(outcomes.arc.cv)) + " " + outcomes.arc.reason;
  for (const auto& outcome : outcomes.dkim) text += "\n" + outcome.reason;
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 100'000) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  testing::Records records;
  const auto end = text.find("\n%\n");
  if (end != std::string_view::npos) {
    for (const auto line : pabal::split(text.substr(0, end), '\n')) {
      const auto space = line.find(' ');
      if (space == std::string_view::npos || records.size() == 20) continue;
      records.emplace(line.substr(0, space), line.substr(space + 1));
    }
    text.remove_prefix(end + 3);
  }
  const auto whole = testing::verify(text, records);
  const auto said = dump(whole);
  if (dump(testing::verify(text, records, testing::noon, 1)) != said) std::abort();
  if (dump(testing::verify(text, records, testing::noon, 13)) != said) std::abort();
  if (whole.dkim.size() > 5 || whole.arc.sets.size() > 50) std::abort();
  if (whole.arc.cv == ArcStatus::none && !whole.arc.sets.empty()) std::abort();
  for (const auto& outcome : whole.dkim) {
    if (outcome.reason.empty()) std::abort();
  }
  return 0;
}
