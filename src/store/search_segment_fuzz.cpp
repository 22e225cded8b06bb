// Parts of a search index's segment of any octets: read, searched and merged.
#include <array>

#include "store/search_segment.hpp"

namespace {

using namespace pabal;

class FuzzedSegment final : public store::SegmentSource {
 public:
  std::array<std::string, store::kSearchParts> parts;
  Result<std::shared_ptr<const std::string>> part(store::SearchPart part) override {
    return std::make_shared<const std::string>(parts[static_cast<std::size_t>(part)]);
  }
  Result<void> entries(std::uint64_t begin, std::size_t size, std::string& out) override {
    const auto& all = parts.back();
    if (begin > all.size() || size > all.size() - begin) return fail(ErrorKind::damaged, "past the end");
    out.append(all, static_cast<std::size_t>(begin), size);
    return {};
  }
};

}  // namespace

// Each part: how many octets it has, and these.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view octets(reinterpret_cast<const char*>(data), size);
  FuzzedSegment segment;
  for (auto& part : segment.parts) {
    if (octets.empty()) break;
    const auto count = static_cast<unsigned char>(octets.front());
    octets.remove_prefix(1);
    part = octets.substr(0, count);
    octets.remove_prefix(part.size());
  }
  const auto letters = store::SegmentLetters::decode(segment.parts[0]);
  if (!letters) return 0;
  store::LetterBits found(letters->emails.size());
  store::LetterBits open(letters->emails.size());
  if (const auto words = store::SegmentWords::open(segment)) {
    static_cast<void>(words->find(segment, "A", store::kInHeader | store::kInBody, found));
  }
  for (const auto& sought : {std::vector<std::string>{"A"}, std::vector<std::string>{"A", "B"}}) {
    static_cast<void>(store::find_in_field(segment.parts[1], sought, letters->emails.size(), found, open));
  }
  std::array<store::SegmentSource*, 2> sources{&segment, &segment};
  store::SearchSink sink = [](store::SearchPart, std::string_view) -> Result<void> { return {}; };
  for (const auto count : {std::size_t{1}, std::size_t{2}}) {
    static_cast<void>(store::merge_segments(
        std::span(sources).first(count), [](std::int64_t email) { return email % 2 == 0; }, sink));
  }
  return 0;
}
