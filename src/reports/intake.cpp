#include "reports/intake.hpp"

#include <algorithm>

#include "address/domain.hpp"
#include "base/text.hpp"

namespace pabal::reports {
namespace {

constexpr const char* kTakenName = "pabal_reports_received_total";
constexpr const char* kTakenHelp = "Reports of others about our domains, by what became of them.";
constexpr std::size_t kReadPiece = std::size_t{256} << 10;

std::vector<std::string> lower_sorted(std::vector<std::string> addresses) {
  for (auto& address : addresses) address = to_lower(address);
  std::ranges::sort(addresses);
  return addresses;
}

/// All octets of what has arrived, or nothing where they are too many. Blocking where they are in a file.
Result<std::string> octets_of(const store::Incoming& content, std::uint64_t at_most) {
  if (content.size() > at_most) return fail(ErrorKind::limit, "the letter is too big to be read for reports");
  std::string all;
  std::string buffer;
  while (all.size() < content.size()) {
    const auto part = content.part(all.size(), kReadPiece, buffer);
    if (!part) return pass(part);
    if (part->empty()) break;
    all += *part;
  }
  return all;
}

}  // namespace

Result<Taken> take_reports(Book& book, std::string_view octets, const Sender& sender, const TakeOptions& options) {
  // Who sent it comes first: a stranger's letter is not worth the work, and the memory, of unpacking it.
  const auto author = report_sender(octets);
  // Several authors, or one who can't be read, are nobody.
  bool proven = !author.empty() && sender.proven == author;
  if (!author.empty() && sender.here) {
    const auto ours = options.is_ours(author);
    if (!ours) return pass(ours);
    proven = *ours;
  }
  if (!proven && options.proven_only) {
    return fail(ErrorKind::policy, "nothing proved who sent the report",
                fmt::format("nothing proved that the report is from {}",
                            author.empty() ? std::string_view("anybody") : std::string_view(author)));
  }
  std::string from = proven ? author : std::string();
  if (proven && options.owner_of) from = options.owner_of(from);
  auto file = read_report_file(octets);
  if (!file) return pass(file);
  Taken taken;
  taken.refused = std::move(file->refused);
  for (auto& report : file->reports) {
    const auto all = rows::received_of(report, from);
    report = TlsReport();  // its memory: it is said twice now
    for (const auto& received : all) {
      const auto ours = options.is_ours(received.domain);
      if (!ours) return pass(ours);
      if (!*ours) {
        taken.refused.push_back(fmt::format("{}: not a domain of ours", printable(received.domain, 100)));
        continue;
      }
      const auto kept = book.keep(received);
      if (!kept && kept.error().kind == ErrorKind::limit) {
        taken.refused.push_back(fmt::format("{}: {}", printable(received.domain, 100), kept.error().peer));
        continue;
      }
      if (!kept) return pass(kept);
      ++(*kept ? taken.kept : taken.known);
    }
  }
  return taken;
}

Intake::Intake(delivery::Mda& next, Book& book, Pool& store_pool, const Log& log, Metrics& metrics, Options options)
    : next_(&next),
      book_(&book),
      store_pool_(&store_pool),
      log_(log),
      options_(std::move(options)),
      kept_(metrics.counter(kTakenName, kTakenHelp, {{"result", "kept"}})),
      refused_(metrics.counter(kTakenName, kTakenHelp, {{"result", "refused"}})),
      addresses_(std::make_shared<const std::vector<std::string>>(lower_sorted(options_.addresses))),
      proven_only_(options_.take.proven_only),
      pool_(std::make_unique<Pool>(1, log)) {}

Intake::~Intake() = default;

void Intake::change(std::vector<std::string> addresses, bool proven_only) {
  proven_only_ = proven_only;
  *addresses_.lock() = std::make_shared<const std::vector<std::string>>(lower_sorted(std::move(addresses)));
}

bool Intake::is_for_us(const delivery::Letter& letter) {
  const auto addresses = *addresses_.lock();
  if (addresses->empty()) return false;
  return std::ranges::any_of(letter.recipients, [&](const delivery::Recipient& recipient) {
    return std::ranges::binary_search(*addresses, to_lower(recipient.address.text()));
  });
}

Async<delivery::Answer> Intake::deliver(delivery::Letter letter) {
  std::optional<std::string> octets;
  const std::string id = letter.id;
  const Sender sender{.proven = letter.findings ? letter.findings->author : std::string(), .here = letter.begins_here};
  if (is_for_us(letter)) {
    if (waiting_ >= options_.most_waiting) {
      log_.warning("report_not_read", {{"id", id}, {"why", "too many letters wait to be read for reports"}});
      refused_.add();
    } else {
      Result<std::string> copied = std::string();
      const auto* content = &letter.content;
      if (letter.content.has_file()) {
        copied =
            co_await store_pool_->run([content, most = options_.most_octets] { return octets_of(*content, most); });
      } else {
        copied = octets_of(*content, options_.most_octets);
      }
      if (copied) {
        octets = *std::move(copied);
        ++waiting_;
      } else {
        log_.warning("report_not_read", {{"id", id}, {"why", copied.error().log}});
        refused_.add();
      }
    }
  }
  if (!octets) co_return co_await next_->deliver(std::move(letter));
  std::exception_ptr thrown;
  delivery::Answer answer;
  try {
    answer = co_await next_->deliver(std::move(letter));
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown || !std::ranges::any_of(answer.results, [](const auto& result) { return result.has_value(); })) {
    --waiting_;
    if (thrown) std::rethrow_exception(thrown);
    co_return answer;
  }
  pool_->post([this, id, sender, proven_only = proven_only_.load(), octets = *std::move(octets)] {
    const auto done = run_caught("reading reports", [&]() -> Result<void> {
      read(id, octets, sender, proven_only);
      return {};
    });
    if (!done) log_.error("report_not_read", {{"id", id}, {"why", done.error().log}});
    --waiting_;
  });
  co_return answer;
}

void Intake::read(const std::string& id, const std::string& octets, const Sender& sender, bool proven_only) {
  auto options = options_.take;
  options.proven_only = proven_only;
  const auto taken = take_reports(*book_, octets, sender, options);
  if (!taken) {
    refused_.add();
    log_.warning("report_not_kept", {{"id", id}, {"why", printable(taken.error().log, 300)}});
    return;
  }
  kept_.add(static_cast<double>(taken->kept));
  refused_.add(static_cast<double>(taken->refused.size()));
  for (const auto& why : taken->refused) log_.warning("report_refused", {{"id", id}, {"why", printable(why, 300)}});
  log_.info("reports_read", {{"id", id}, {"kept", taken->kept}, {"known", taken->known}});
}

}  // namespace pabal::reports
