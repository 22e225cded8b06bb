// One day of a domain: what is to be told, to whom, and what the book notes of it.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"
#include "codec/timestamp.hpp"
#include "reports/dispatch_state.hpp"

namespace pabal::reports {
namespace {

constexpr std::size_t kMostWords = 4000;

std::string day_text(std::int64_t day) { return codec::format_timestamp(begin_of(day)).substr(0, 10); }

std::int64_t whole_seconds(SystemTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

std::int64_t own_of(const std::vector<rows::Untold>& rows) {
  std::int64_t sum = 0;
  for (const auto& row : rows) sum += row.own;
  return sum;
}
std::int64_t total_of(const std::vector<rows::Untold>& rows) {
  std::int64_t sum = 0;
  for (const auto& row : rows) sum += row.total;
  return sum;
}

}  // namespace

void Dispatcher::Telling::say(std::string words) {
  if (words.empty()) return;
  words_ += (words_.empty() ? "" : "; ") + words;
}
void Dispatcher::Telling::refuse(std::string words) { say(std::move(words)); }
void Dispatcher::Telling::fail_for_now(std::string words) {
  may_pass_ = true;
  say(std::move(words));
}

SystemTime Dispatcher::Telling::until() const { return std::min(now_, begin_of(due_.day + 1)); }

/// The same for the same day, so that a report that goes out twice after a crash is seen to be one.
std::string Dispatcher::Telling::report_id(std::size_t number) const {
  const auto* domain = reporter_.address.domain();
  return fmt::format("{}.{}.{}.{}@{}", due_.domain, whole_seconds(due_.told_until), whole_seconds(until()), number + 1,
                     domain != nullptr ? domain->ascii() : reporter_.hostname);
}

Async<Result<void>> Dispatcher::Telling::tell(Round* round) {
  auto& services = state_.services;
  auto* const book = services.book;
  now_ = services.clock->now();
  auto rows = co_await services.pool->run([book, due = due_] { return book->untold(due); });
  if (!rows) co_return pass(rows);
  rows_ = *std::move(rows);
  const bool wanted = due_.kind == Kind::dmarc ? options_.dmarc : options_.tls;
  if (rows_.empty()) {
    say("nothing new");
  } else if (!wanted) {
    refuse("reports of this kind are switched off");
  } else if (due_.kind == Kind::dmarc) {
    co_await tell_dmarc();
  } else {
    co_await tell_tls();
  }
  const bool again = accepted_ == 0 && may_pass_ && due_.tries + 1 < options_.most_tries;
  const bool day_is_over = now_ >= begin_of(due_.day + 1);
  // What stands in others' records, and what their servers say, is any octets; the book's texts are UTF-8.
  const auto words = printable(words_, kMostWords);
  Result<void> noted;
  if (again) {
    const auto wait = options_.retry * (std::int64_t{1} << std::min<std::int64_t>(due_.tries, 5));
    noted = co_await services.pool->run(
        [book, due = due_, next = now_ + wait, words] { return book->postpone(due, next, words); });
    ++round->postponed;
    state_.postponed.add();
  } else {
    const auto state = !day_is_over    ? rows::DayState::open
                       : accepted_ > 0 ? rows::DayState::told
                                       : rows::DayState::nothing;
    // Of a day that goes on, what nobody was told now may be told at its end.
    Mark mark{.due = due_, .told = {}, .until = due_.told_until, .state = state, .words = words};
    if (day_is_over || accepted_ > 0) {
      mark.until = until();
      for (const auto& row : rows_) {
        mark.told.push_back({.key = row.key, .policy = {}, .facts = {}, .count = row.count});
      }
    }
    noted = co_await services.pool->run([book, &mark] { return mark.make(*book); });
    // Who has it must not have it again, though the book doesn't know.
    if (!noted && accepted_ > 0) state_.unnoted.push_back(std::move(mark));
    if (accepted_ > 0) {
      round->sent += accepted_;
      state_.sent.add(static_cast<double>(accepted_));
    } else if (!rows_.empty()) {
      ++round->nothing;
      state_.refused.add();
    }
  }
  if (rows_.empty()) co_return noted;
  if (round->words.size() < 1000) {
    round->words.push_back(fmt::format("{} {} {}: {}{}", name_of(due_.kind), due_.domain, day_text(due_.day),
                                       words.empty() ? "-" : words, noted ? "" : "; that could not be noted"));
  }
  state_.log.info("report", {{"kind", name_of(due_.kind)},
                             {"domain", due_.domain},
                             {"day", day_text(due_.day)},
                             {"sent", accepted_},
                             {"words", words}});
  co_return noted;
}

Async<std::vector<ReportUri>> Dispatcher::Telling::willing(std::vector<ReportUri> places) {
  std::vector<ReportUri> all;
  const auto domain = Domain::parse(due_.domain);
  if (!domain) co_return all;
  for (auto& place : places) {
    if (place.kind != ReportUri::Kind::mailto) {
      refuse(fmt::format("{}: DMARC reports go by mail", place.text));
      continue;
    }
    Consent consent{.answer = Consent::Answer::own, .why = {}};
    if (place.host != due_.domain) {
      if (state_.services.suffixes == nullptr) {
        refuse(fmt::format("{}: without the Public Suffix List nobody knows whose it is", place.text));
        continue;
      }
      consent = co_await consent_of(*state_.services.resolver, *state_.services.suffixes, *domain, place);
    }
    switch (consent.answer) {
      case Consent::Answer::own:
        all.push_back(std::move(place));
        break;
      case Consent::Answer::agreed:
        if (consent.instead.empty()) {
          all.push_back(std::move(place));
        } else {
          for (auto& other : consent.instead) {
            if (other.kind == ReportUri::Kind::mailto) all.push_back(std::move(other));
          }
        }
        break;
      case Consent::Answer::refused:
        refuse(fmt::format("{}: not asked for there ({})", place.text, consent.why));
        break;
      case Consent::Answer::unknown:
        fail_for_now(fmt::format("{}: {}", place.text, consent.why));
        break;
    }
  }
  // A place that two others lead to gets it once.
  std::vector<ReportUri> once;
  for (auto& place : all) {
    if (std::ranges::find(once, place.text, &ReportUri::text) == once.end()) once.push_back(std::move(place));
  }
  co_return once;
}

Async<> Dispatcher::Telling::tell_dmarc() {
  // A report that tells only of letters to the addresses that reports go to would be answered by another, for ever.
  if (own_of(rows_) == total_of(rows_)) {
    refuse("it would tell of reports alone");
    co_return;
  }
  std::size_t number = 0;
  for (auto first = rows_.begin(); first != rows_.end() && number < options_.most_policies; ++number) {
    const auto last = std::find_if(first, rows_.end(), [&](const auto& row) { return row.policy != first->policy; });
    std::vector<rows::Untold> part(first, last);
    first = last;
    co_await tell_dmarc_policy(std::move(part), number);
  }
}

Async<> Dispatcher::Telling::tell_dmarc_policy(std::vector<rows::Untold> rows, std::size_t number) {
  auto policy = dmarc_policy_of(rows.front().policy);
  if (!policy) {
    refuse(policy.error().log);
    co_return;
  }
  policy->domain = due_.domain;
  if (policy->rua.empty()) {
    refuse("the policy has no rua");
    co_return;
  }
  std::vector<std::string> odd;
  auto places = parse_report_uris(policy->rua, &odd);
  for (auto& words : odd) refuse(std::move(words));
  places = co_await willing(std::move(places));
  if (places.empty()) co_return;

  AggregateReport report;
  report.org_name = reporter_.organization;
  report.email = reporter_.address.text();
  report.extra_contact_info = reporter_.contact;
  report.report_id = report_id(number);
  report.begin = whole_seconds(due_.told_until);
  report.end = std::max(report.begin, whole_seconds(until()) - 1);
  report.policy = *policy;
  if (due_.dropped > 0) {
    report.errors.push_back(fmt::format("{} more letters were too different from each other to be kept", due_.dropped));
  }
  for (const auto& row : rows) {
    auto record = dmarc_record_of(row.facts);
    if (!record) continue;
    record->count = static_cast<std::uint64_t>(row.count);
    report.records.push_back(*std::move(record));
  }
  if (report.records.empty()) co_return;
  const auto* submitter = reporter_.address.domain();
  if (submitter == nullptr) co_return;
  const auto packed = pack(report, *submitter);
  for (auto& place : places) co_await mail(std::move(place), report.report_id, packed);
}

// RFC 8460 asks nobody whether he wants the reports that a domain has sent to him: a domain with many names below it
// would have us fill anybody's mailbox. A report that isn't sent for it is not sent later either.
bool Dispatcher::Telling::may_bother(const ReportUri& place) {
  const auto owner = owner_of(state_.services.suffixes, place.host);
  if (owner == owner_of(state_.services.suffixes, due_.domain)) return true;
  const auto day = day_of(now_);
  const auto where = place.address ? to_lower(place.address->text()) : place.host;
  return state_.places.take(day, "to " + where, options_.most_tls_to_others) &&
         state_.places.take(day, "in " + owner, options_.most_tls_to_others);
}

Async<> Dispatcher::Telling::tell_tls() {
  const auto name = dns::Name::parse("_smtp._tls." + due_.domain);
  if (!name) co_return;
  TlsReport report;
  report.organization = reporter_.organization;
  report.contact = reporter_.address.text();
  report.report_id = report_id(0);
  report.begin = due_.told_until;
  report.end = std::max(report.begin, until() - std::chrono::seconds(1));
  bool failed = false;
  std::uint64_t sessions = 0;
  for (auto first = rows_.begin(); first != rows_.end();) {
    auto policy = tls_policy_of(first->policy);
    const auto last = std::find_if(first, rows_.end(), [&](const auto& row) { return row.policy != first->policy; });
    if (policy) {
      policy->domain = due_.domain;
      for (auto row = first; row != last; ++row) {
        auto detail = tls_detail_of(row->facts);
        if (!detail) continue;
        const auto count = static_cast<std::uint64_t>(row->count);
        sessions += count;
        if (detail->result_type.empty()) {
          policy->successes += count;
          continue;
        }
        failed = true;
        policy->failures += count;
        detail->sessions = count;
        policy->details.push_back(*std::move(detail));
      }
      report.policies.push_back(*std::move(policy));
    }
    first = last;
  }
  if (report.policies.empty()) co_return;
  if (!failed && due_.own > 0 && sessions <= static_cast<std::uint64_t>(due_.own)) {
    refuse("it would tell of sessions alone that carried reports");
    co_return;
  }
  const auto answer = co_await state_.services.resolver->resolve(*name, dns::Type::txt);
  if (!answer.is_definite()) {
    fail_for_now(fmt::format("TXT {}: {}", name->text(), dns::words_of(answer.status)));
    co_return;
  }
  std::vector<std::string> texts;
  for (const auto& text : answer.all<dns::Txt>()) texts.push_back(text.joined());
  const auto rua = parse_tlsrpt_record(texts);
  if (!rua) {
    refuse(rua.error().peer);
    co_return;
  }
  std::vector<std::string> odd;
  auto places = parse_report_uris(*rua, &odd);
  for (auto& words : odd) refuse(std::move(words));
  if (places.size() > options_.most_tls_places) {
    refuse(fmt::format("more than {} places", options_.most_tls_places));
    places.erase(places.begin() + static_cast<std::ptrdiff_t>(options_.most_tls_places), places.end());
  }
  const auto* submitter = reporter_.address.domain();
  if (submitter == nullptr) co_return;
  const auto packed = pack(report, due_.domain, *submitter);
  for (auto& place : places) {
    if (!may_bother(place)) {
      refuse(place.text + ": so many reports of other domains went there today that this one doesn't");
    } else if (place.kind == ReportUri::Kind::mailto) {
      co_await mail(std::move(place), report.report_id, packed);
    } else {
      co_await upload(std::move(place), packed);
    }
  }
}

Async<> Dispatcher::Telling::mail(ReportUri place, std::string report_id, PackedReport packed) {
  auto& services = state_.services;
  if (place.at_most && packed.octets.size() > *place.at_most) {
    refuse(fmt::format("{}: the report has {} octets, {} are wanted at most", place.text, packed.octets.size(),
                       *place.at_most));
    co_return;
  }
  const ReportLetter letter{
      .report_domain = due_.domain, .report_id = std::move(report_id), .to = *place.address, .now = now_};
  const auto text = due_.kind == Kind::dmarc ? write_dmarc_letter(reporter_, letter, packed, *services.random)
                                             : write_tls_letter(reporter_, letter, packed, *services.random);
  if (!text) {
    refuse(fmt::format("{}: {}", place.text, text.error().log));
    co_return;
  }
  const auto posted = co_await services.post(*place.address, *text);
  if (!posted) {
    const auto words = fmt::format("{}: {}", place.text, posted.error().peer);
    if (posted.error().temporary()) {
      fail_for_now(words);
    } else {
      refuse(words);
    }
    co_return;
  }
  ++accepted_;
  say(fmt::format("mailed to {}", place.address->text()));
  auto* const book = services.book;
  const auto noted = co_await services.pool->run([book, host = place.host] { return book->note_own_session(host); });
  if (!noted) state_.log.warning("report_not_noted", {{"why", noted.error().log}});
}

Async<> Dispatcher::Telling::upload(ReportUri place, PackedReport packed) {
  if (!state_.services.upload) {
    refuse(fmt::format("{}: HTTPS is not spoken here", place.text));
    co_return;
  }
  const std::string shown = place.text;
  const auto status =
      co_await state_.services.upload(std::move(place), "application/tlsrpt+gzip", std::move(packed.octets));
  if (!status) {
    fail_for_now(fmt::format("{}: {}", shown, status.error().peer));
  } else if (*status >= 200 && *status < 300) {
    ++accepted_;
    say("posted to " + shown);
  } else if (*status >= 500 || *status == 429) {
    fail_for_now(fmt::format("{}: HTTP {}", shown, *status));
  } else {
    refuse(fmt::format("{}: HTTP {}", shown, *status));
  }
}

}  // namespace pabal::reports
