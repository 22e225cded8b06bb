#include "server/imap/search_filters.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"

namespace pabal::server::imap {

namespace {

constexpr std::size_t kMostFilterOctets = 256U << 10;  // of all that one search names, as often as it does

using Kind = grammar::SearchKey::Kind;

class Expander {
 public:
  Expander(const std::vector<store::Annotation>& entries, grammar::ParseRules rules) : rules_(rules) {
    // RFC 5466 §3.1: one's own comes before that of all.
    for (const std::string_view prefix : {"/shared/filters/values/", "/private/filters/values/"}) {
      for (const auto& entry : entries) {
        if (!entry.value || !starts_with_ignoring_case(entry.name, prefix)) continue;
        values_[to_lower(entry.name.substr(prefix.size()))] = &*entry.value;
      }
    }
  }

  // Puts programs in the place of names. False: why() says why not.
  [[nodiscard]] bool expand(grammar::SearchKey& key, std::size_t depth) {
    if (++keys_ > grammar::kMostSearchKeys) return wrong(no("The filters make too long a search.", "LIMIT"));
    if (key.kind != Kind::filter) {
      return std::ranges::all_of(key.children, [&](grammar::SearchKey& child) { return expand(child, depth); });
    }
    const auto found = values_.find(to_lower(key.name));
    if (found == values_.end() || depth == kDeepestFilter) {
      return wrong(no("There is no such filter.", fmt::format("UNDEFINED-FILTER {}", key.name)));
    }
    octets_ += found->second->size();
    if (octets_ > kMostFilterOctets) return wrong(no("The filters make too long a search.", "LIMIT"));
    auto command = grammar::parse_command("f SEARCH CHARSET UTF-8 " + *found->second, rules_);
    auto* const search = command ? std::get_if<grammar::Search>(&command->arguments) : nullptr;
    if (search == nullptr || search->returns.given) {
      return wrong(no("The filter is no search.", fmt::format("UNDEFINED-FILTER {}", key.name)));
    }
    key = std::move(search->program.key);
    return expand(key, depth + 1);
  }
  [[nodiscard]] const Answer& why() const noexcept { return why_; }

 private:
  bool wrong(Answer why) {
    why_ = std::move(why);
    return false;
  }

  grammar::ParseRules rules_;
  std::map<std::string, const std::string*> values_;
  std::size_t keys_ = 0;
  std::size_t octets_ = 0;
  Answer why_;
};

}  // namespace

Async<std::expected<grammar::SearchKey, Answer>> with_filters(Session* session, grammar::SearchKey key) {
  if (!mentions(key, Kind::filter)) co_return key;
  const auto place = session->user().place;
  const auto entries = co_await session->store().annotations(place, MailboxId{}, place.account);
  if (!entries) co_return std::unexpected(refused(entries.error()));
  Expander expander(*entries, {.utf8 = true, .uid_only = session->enabled().uid_only});
  if (!expander.expand(key, 0)) co_return std::unexpected(expander.why());
  co_return key;
}

}  // namespace pabal::server::imap
