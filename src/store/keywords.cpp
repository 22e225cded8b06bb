#include "store/keywords.hpp"

#include <algorithm>
#include <bit>

#include "base/text.hpp"
#include "store/compact.hpp"
#include "store/schema.hpp"

namespace pabal::store {

namespace {

constexpr std::int64_t number_of_bit(int bit) noexcept { return bit + 1; }
constexpr Flags bit_of_number(std::int64_t number) noexcept { return Flags{1} << (number - 1); }
static_assert(bit_of_number(keyword::seen) == flag::seen);
static_assert(bit_of_number(keyword::first_own) == flag::deleted, "the last bit is no keyword's");

void add(std::vector<std::int64_t>& rising, std::int64_t number) {
  const auto at = std::ranges::lower_bound(rising, number);
  if (at == rising.end() || *at != number) rising.insert(at, number);
}

}  // namespace

std::string encode_keywords(const KeywordNumbers& keywords) {
  std::vector<std::int64_t> numbers;
  for (auto rest = keywords.flags & ~flag::deleted; rest != 0; rest &= rest - 1) {
    numbers.push_back(number_of_bit(std::countr_zero(rest)));
  }
  numbers.insert(numbers.end(), keywords.own.begin(), keywords.own.end());
  return encode_numbers(numbers);
}

Result<bool> is_seen(std::string_view octets) {
  auto numbers = decode_numbers(octets);
  if (!numbers) return pass(numbers);
  return std::ranges::binary_search(*numbers, keyword::seen);
}

Result<KeywordTable> KeywordTable::load(db::Connection& connection, AccountId account) {
  KeywordTable table;
  table.account_ = account;
  auto rows = connection.query("SELECT number, name, shown FROM keyword WHERE account_id = $1", {account.value});
  if (!rows) return pass(rows);
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return table;
    const std::string name(rows->text(1));
    const auto shown = rows->text(2);
    table.names_.emplace(rows->integer(0), shown.empty() ? name : std::string(shown));
    table.numbers_.emplace(name, rows->integer(0));
  }
}

const std::string& KeywordTable::name(std::int64_t number) const {
  static const std::string none;
  const auto found = names_.find(number);
  return found == names_.end() ? none : found->second;
}

Result<KeywordNumbers> KeywordTable::decode(std::string_view octets) const {
  auto numbers = decode_numbers(octets);
  if (!numbers) return pass(numbers);
  KeywordNumbers keywords;
  for (const auto number : *numbers) {
    if (number < keyword::first_own) {
      keywords.flags |= bit_of_number(number);
      continue;
    }
    // From before the name had a bit.
    if (const auto bit = flag_of_keyword(name(number)); bit != 0) {
      keywords.flags |= bit;
    } else {
      keywords.own.push_back(number);
    }
  }
  return keywords;
}

KeywordNumbers KeywordTable::find(const FlagSet& set) const {
  KeywordNumbers found;
  found.flags = set.flags & ~flag::deleted;
  for (const auto& name : set.keywords) {
    if (const auto bit = flag_of_keyword(name); bit != 0) {
      found.flags |= bit;
    } else if (const auto known = numbers_.find(to_lower(name)); known != numbers_.end()) {
      add(found.own, known->second);
    }
  }
  return found;
}

Result<KeywordNumbers> KeywordTable::take(db::Connection& connection, const FlagSet& set) {
  for (const auto& name : set.keywords) {
    if (!is_keyword(name))
      return fail(ErrorKind::policy, "no such keyword", fmt::format("keyword {}", printable(name)));
    if (flag_of_keyword(name) != 0 || numbers_.contains(to_lower(name))) continue;
    if (auto made = make(connection, name); !made) return pass(made);
  }
  return find(set);
}

Result<std::int64_t> KeywordTable::make(db::Connection& connection, const std::string& name) {
  if (names_.size() >= kMostKeywords) {
    return fail(ErrorKind::limit, "too many keywords", fmt::format("account {}: too many keywords", account_.value));
  }
  const auto number = std::max(names_.empty() ? 0 : names_.rbegin()->first + 1, keyword::first_own);
  const auto lower = to_lower(name);
  auto made = connection.run("INSERT INTO keyword (account_id, number, name, shown) VALUES ($1, $2, $3, $4)",
                             {account_.value, number, lower, name});
  if (!made) return pass(made);
  names_.emplace(number, name);
  numbers_.emplace(lower, number);
  return number;
}

KeywordSetMaker::KeywordSetMaker(const KeywordTable& table, MailboxSnapshot::KeywordSets sets)
    : table_(&table), sets_(std::move(sets)) {
  if (sets_.empty()) sets_.emplace_back();
  for (std::uint32_t i = 0; i < sets_.size(); ++i) places_.emplace(sets_[i], i);
}

Result<KeywordSetMaker::Found> KeywordSetMaker::take(std::string_view octets) {
  if (octets == last_octets_) return last_;
  auto known = known_.find(octets);
  if (known == known_.end()) {
    auto numbers = table_->decode(octets);
    if (!numbers) return pass(numbers);
    std::vector<std::string> names;
    for (const auto number : numbers->own) names.push_back(table_->name(number));
    const auto [place, fresh] = places_.try_emplace(names, static_cast<std::uint32_t>(sets_.size()));
    if (fresh) sets_.push_back(std::move(names));
    known = known_.emplace(std::string(octets), Found{numbers->flags, place->second}).first;
  }
  last_octets_ = known->first;
  last_ = known->second;
  return last_;
}

}  // namespace pabal::store
