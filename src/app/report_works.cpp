#include "app/report_works.hpp"

#include <algorithm>
#include <future>

#include <fmt/format.h>

#include "queue/host_addresses.hpp"

namespace pabal::app {
namespace {

/// How long whoever has reports sent now waits for it: the control socket serves others, too.
constexpr auto kPatience = std::chrono::seconds(10);

bool is_in(const std::vector<net::Network>& networks, const boost::asio::ip::address& address) {
  return std::ranges::any_of(networks, [&](const auto& network) { return network.contains(address); });
}

/// Other than addresses that a name of a stranger must not lead us to: a report that is posted there would be a request
/// from within.
bool is_public(const net::Endpoint& endpoint) {
  static const std::vector<net::Network> kNotPublic = [] {
    std::vector<net::Network> all;
    for (const auto* text : {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                             "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3", "::/8",
                             "64:ff9b::/16", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8"}) {
      if (auto network = net::Network::parse(text)) all.push_back(*std::move(network));
    }
    return all;
  }();
  return endpoint.address && !is_in(kNotPublic, *endpoint.address);
}

reports::DispatchOptions dispatch_options(const ReportSettings& settings) {
  reports::DispatchOptions options;
  options.dmarc = settings.dmarc;
  options.tls = settings.tls;
  return options;
}

std::vector<std::string> report_addresses(const ReportSettings& settings) {
  auto all = settings.mailboxes;
  if (!settings.address.empty()) all.push_back(settings.address);
  return all;
}

reports::FailureOptions failure_options(const ReportSettings& settings) {
  return {.send = settings.failures,
          .of_domain_a_day = settings.failures_a_day,
          .report_addresses = report_addresses(settings)};
}

}  // namespace

ReportWorks::ReportWorks(const Config& config, Site& site, dns::Resolver& resolver, delivery::Signer& signer,
                         std::shared_ptr<const net::TlsClientContext> tls, Post post)
    : site_(&site),
      resolver_(&resolver),
      signer_(&signer),
      settings_(config.reports),
      hostname_(config.hostname),
      https_(std::move(tls)),
      post_(std::move(post)) {}

Result<std::unique_ptr<ReportWorks>> ReportWorks::make(const Config& config, Machine& machine, Site& site,
                                                       Executor home, dns::Resolver& resolver, delivery::Signer& signer,
                                                       delivery::Mda& next, Post post, const Log& log) {
  auto tls = net::TlsClientContext::make({});
  if (!tls) return pass(tls);
  std::unique_ptr<ReportWorks> works(new ReportWorks(config, site, resolver, signer, *std::move(tls), std::move(post)));
  if (auto suffixes = PublicSuffix::system()) {
    works->suffixes_ = std::make_unique<PublicSuffix>(*std::move(suffixes));
  } else {
    log.warning("no_public_suffix_list", {{"why", "reports go to places within the reported domain alone"}});
  }
  auto* const made = works.get();
  auto is_ours = [&site](const std::string& name) -> Result<bool> {
    // A report may be of a subdomain that has a policy of its own.
    auto domain = Domain::parse(name);
    if (!domain) return false;
    for (std::string rest = domain->ascii();;) {
      const auto own = Domain::parse(rest);
      if (!own) return false;
      const auto answer = run_blocking(site.directory().is_our_domain(*own));
      if (!answer || *answer) return answer;
      const auto dot = rest.find('.');
      if (dot == std::string::npos) return false;
      rest = rest.substr(dot + 1);
    }
  };
  reports::TakeOptions take{.is_ours = std::move(is_ours),
                            .owner_of = [suffixes = works->suffixes_.get()](
                                            const std::string& name) { return reports::owner_of(suffixes, name); },
                            .proven_only = config.reports.proven_only};
  works->intake_ = std::make_unique<reports::Intake>(
      next, site.book(), site.pool(), log, machine.metrics,
      reports::Intake::Options{.addresses = config.reports.mailboxes, .take = std::move(take)});
  site.book().set_report_addresses(report_addresses(config.reports));
  reports::DispatchServices services;
  services.book = &site.book();
  services.resolver = &resolver;
  services.suffixes = works->suffixes_.get();
  services.pool = &site.pool();
  services.clock = &machine.clock;
  services.random = &machine.random;
  services.metrics = &machine.metrics;
  services.reporter = [made] { return made->reporter(); };
  services.post = [made](EmailAddress to, std::string letter) { return made->mail(std::move(to), std::move(letter)); };
  services.upload = [made](reports::ReportUri place, std::string media_type, std::string octets) {
    return made->upload(std::move(place), std::move(media_type), std::move(octets));
  };
  reports::FailureServices failures{.next = &site.book(),
                                    .resolver = &resolver,
                                    .suffixes = works->suffixes_.get(),
                                    .clock = &machine.clock,
                                    .random = &machine.random,
                                    .metrics = &machine.metrics,
                                    .reporter = services.reporter,
                                    .post = services.post};
  works->failures_ =
      std::make_unique<reports::FailureReports>(home, std::move(failures), log, failure_options(config.reports));
  works->dispatcher_ =
      std::make_unique<reports::Dispatcher>(home, std::move(services), log, dispatch_options(config.reports));
  return works;
}

void ReportWorks::start() {
  dispatcher_->start();
  failures_->start();
}

void ReportWorks::stop(std::move_only_function<void()> stopped) {
  dispatcher_->stop(
      [failures = failures_.get(), stopped = std::move(stopped)]() mutable { failures->stop(std::move(stopped)); });
}

Async<Result<reports::Reporter>> ReportWorks::reporter() {
  const ReportSettings settings = *settings_.lock();
  std::string text = settings.address;
  if (text.empty()) {
    auto* const directory = &site_->directory();
    // The domain that the host's name is in, and only where that is none of ours another one.
    std::string found;
    for (std::string rest = hostname_; found.empty() && rest.contains('.'); rest = rest.substr(rest.find('.') + 1)) {
      const auto domain = Domain::parse(rest);
      if (!domain) break;
      const auto ours = co_await directory->is_our_domain(*domain);
      if (!ours) co_return pass(ours);
      if (*ours) found = domain->ascii();
    }
    if (found.empty()) {
      const auto domains = co_await site_->pool().run([directory] { return directory->list_domains(); });
      if (!domains) co_return pass(domains);
      if (!domains->empty()) found = domains->front().name.ascii();
    }
    if (found.empty()) co_return fail(ErrorKind::not_found, "there is no domain that reports could be from");
    text = "postmaster@" + found;
  }
  auto address = EmailAddress::parse(text);
  if (!address) co_return pass(address);
  if (address->domain() == nullptr) co_return fail(ErrorKind::syntax, text + " has no domain");
  const auto ours = co_await site_->directory().is_our_domain(*address->domain());
  if (!ours) co_return pass(ours);
  // Nobody would believe it: neither SPF nor DKIM could prove that it is from us.
  if (!*ours) co_return fail(ErrorKind::policy, fmt::format("[reports] address: {} is not of a domain of ours", text));
  if (settings.signed_only) {
    const auto can_sign = co_await signer_->can_sign(*address->domain());
    if (!can_sign) co_return pass(can_sign);
    if (!*can_sign) {
      co_return fail(ErrorKind::policy,
                     fmt::format("no key in use signs the mail of {} ([reports] signed_only): see pabal dkim list",
                                 address->domain()->ascii()));
    }
  }
  co_return reports::Reporter{
      .address = *address,
      .organization = settings.organization.empty() ? address->domain()->ascii() : settings.organization,
      .contact = settings.contact,
      .hostname = hostname_};
}

Async<Result<void>> ReportWorks::mail(EmailAddress to, std::string letter) {
  std::string sender;
  if (!settings_.lock()->null_sender) {
    const auto from = co_await reporter();
    if (!from) co_return pass(from);
    sender = from->address.text();
  }
  const auto posted =
      co_await post_({{"sender", sender}, {"recipients", json::array{json::string(to.text())}}}, std::move(letter));
  if (!posted) co_return pass(posted);
  co_return Result<void>();
}

Async<Result<int>> ReportWorks::upload(reports::ReportUri place, std::string media_type, std::string octets) {
  const auto name = dns::Name::parse(place.host);
  if (!name) co_return pass(name);
  auto found = co_await queue::addresses_of(*resolver_, *name, place.port);
  const auto allowed = settings_.lock()->upload_networks;  // no lock is held over an await
  std::erase_if(found.addresses, [&](const auto& endpoint) {
    return !is_public(endpoint) && !(endpoint.address && is_in(allowed, *endpoint.address));
  });
  if (found.addresses.empty()) {
    co_return fail(ErrorKind::not_found, fmt::format("{} has no public address", place.host));
  }
  net::HttpsRequest request{.host = place.host, .addresses = std::move(found.addresses), .path = place.path};
  const auto answer = co_await https_.post(
      std::move(request), net::HttpsDocument{.media_type = std::move(media_type), .octets = std::move(octets)});
  if (!answer) co_return pass(answer);
  co_return answer->status;
}

Result<json::value> ReportWorks::send_now() {
  auto promise = std::make_shared<std::promise<Result<reports::Dispatcher::Round>>>();
  auto told = promise->get_future();
  dispatcher_->send_now([promise](Result<reports::Dispatcher::Round> round) { promise->set_value(std::move(round)); });
  Result<reports::Dispatcher::Round> round = reports::Dispatcher::Round();
  const bool over = told.wait_for(kPatience) == std::future_status::ready;
  if (over) round = told.get();
  if (!round) return pass(round);
  json::array days;
  for (const auto& words : round->words) days.push_back(json::string(words));
  return json::value(json::object{{"sent", round->sent},
                                  {"nothing", round->nothing},
                                  {"postponed", round->postponed},
                                  {"over", over},
                                  {"days", std::move(days)}});
}

void ReportWorks::change(const Config& config) {
  *settings_.lock() = config.reports;
  intake_->change(config.reports.mailboxes, config.reports.proven_only);
  site_->book().set_report_addresses(report_addresses(config.reports));
  site_->admin().change_report_mailboxes(config.reports.mailboxes);
  site_->book().set_keep(config.reports.keep, config.reports.keep_received);
  dispatcher_->change(dispatch_options(config.reports));
  failures_->change(failure_options(config.reports));
}

}  // namespace pabal::app
