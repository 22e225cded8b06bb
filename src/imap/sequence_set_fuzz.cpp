// Any octets as sets of numbers: what is read prints and reads back the same, and the operations agree with each other.
#include <cstdint>
#include <cstdlib>

#include "imap/sequence_set.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::imap;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto space = input.find(' ');
  const auto first = SequenceSet::parse(input.substr(0, space));
  if (const auto range = PartialRange::parse(input)) {
    const auto again = PartialRange::parse(range->text());
    if (!again || !(*again == *range)) std::abort();
    const auto [begin, end] = range->of(size);
    if (begin > end || end > size) std::abort();
  }
  if (!first || first->is_saved_result()) return 0;
  const auto printed = SequenceSet::parse(first->text());
  if (!printed || printed->text() != first->text()) std::abort();
  const auto a = first->resolve(1'000);
  if (a.empty()) std::abort();
  const auto again = SequenceSet::parse(a.text());
  if (!again || !(again->resolve(1) == a)) std::abort();
  if (space == std::string_view::npos) return 0;
  const auto second = SequenceSet::parse(input.substr(space + 1));
  if (!second || second->is_saved_result()) return 0;
  const auto b = second->resolve(1'000);
  const auto common = a.intersect(b);
  const auto all = a.unite(b);
  if (common.count() + all.count() != a.count() + b.count()) std::abort();
  if (!(a.without(b).unite(common) == a) || !a.without(b).intersect(b).empty()) std::abort();
  if (!(b.unite(a) == all) || !(b.intersect(a) == common)) std::abort();
  return 0;
}
