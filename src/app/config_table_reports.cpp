// The settings of DMARC and TLS reports.
#include "address/email_address.hpp"
#include "app/config_kinds.hpp"
#include "app/config_table.hpp"

namespace pabal::app {

using namespace kinds;
using namespace std::chrono_literals;

std::vector<Setting<Config>> report_settings() {
  std::vector<Setting<Config>> all;
  using C = Config;
  const auto is_line = [](const std::string& written) {
    return written.size() <= 200 && is_utf8(written) &&
           std::ranges::none_of(written, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  };
  all.push_back(boolean<C>(
      {"reports", "dmarc",
       "Send DMARC aggregate reports (RFC 7489) to the domains that ask for them. What they are made of is counted in "
       "any case.",
       true},
      [](C& c) -> auto& { return c.reports.dmarc; }));
  all.push_back(boolean<C>({"reports", "failures",
                            "Send DMARC failure reports (RFC 7489 §7.3) of single letters to the domains that ask for "
                            "them (ruf=). They tell "
                            "no text, subject or recipient, and a number in place of each local part; still, they tell "
                            "strangers of your mail.",
                            true},
                           [](C& c) -> auto& { return c.reports.failures; }));
  all.push_back(number<C>(
      {"reports", "failures_a_day", "Failure reports to one domain in a day.", true},
      [](C& c) -> auto& { return c.reports.failures_a_day; }, 1, 10'000));
  all.push_back(boolean<C>({"reports", "tls", "Send TLS reports (RFC 8460) to the domains that ask for them.", true},
                           [](C& c) -> auto& { return c.reports.tls; }));
  all.push_back(text<C>(
      {"reports", "address",
       "From whom reports are; its domain must be one of ours. Without it, postmaster of the domain that the hostname "
       "is "
       "in, or else of the first domain.",
       true},
      "an address, or empty text", [](C& c) -> auto& { return c.reports.address; },
      [](const std::string& written) {
        if (written.empty()) return true;
        const auto address = EmailAddress::parse(written);
        return address.has_value() && address->domain() != nullptr && !address->needs_smtputf8();
      }));
  all.push_back(text<C>(
      {"reports", "organization", "Who reports, in words; without it, the address's domain.", true}, "a line of text",
      [](C& c) -> auto& { return c.reports.organization; }, is_line));
  all.push_back(text<C>(
      {"reports", "contact", "Further contact that reports name, like the URL of a page.", true}, "a line of text",
      [](C& c) -> auto& { return c.reports.contact; }, is_line));
  all.push_back(boolean<C>(
      {"reports", "null_sender",
       "Reports go out with the null reverse-path, so that none comes back; off: with the address, which then gets the "
       "bounces.",
       true},
      [](C& c) -> auto& { return c.reports.null_sender; }));
  all.push_back(boolean<C>(
      {"reports", "signed_only",
       "Reports wait until a key signs them (pabal dkim list): who gets one that nothing proves doesn't believe it. "
       "RFC 8460 demands a signature of reports by mail.",
       true},
      [](C& c) -> auto& { return c.reports.signed_only; }));
  all.push_back(list<C>(
      {"reports", "upload_networks",
       "TLS reports are posted over HTTPS to public addresses alone, whatever name a domain gives us; and to those in "
       "these networks.",
       true},
      "networks, like \"10.0.0.0/8\"", [](C& c) -> auto& { return c.reports.upload_networks; },
      [](const std::string& written, const ReadContext&) -> std::optional<net::Network> {
        auto network = net::Network::parse(written);
        if (!network) return std::nullopt;
        return *std::move(network);
      },
      [](const net::Network& network) { return network.text(); }));
  all.push_back(list<C>(
      {"reports", "mailboxes",
       "Addresses of ours that reports of others come to (rua= in our own records): what arrives there is read and "
       "kept "
       "(pabal dmarc report, pabal tlsrpt report), and delivered like any letter.",
       true},
      "addresses", [](C& c) -> auto& { return c.reports.mailboxes; },
      [](const std::string& written, const ReadContext&) -> std::optional<std::string> {
        const auto address = EmailAddress::parse(written);
        if (!address || address->domain() == nullptr) return std::nullopt;
        return address->text();
      },
      itself));
  all.push_back(boolean<C>({"reports", "proven_only",
                            "Of what comes there only reports are kept whose letter's From domain passed DMARC, or "
                            "signed it where it has no "
                            "policy. Off: others' too, as nobody's. Letters that are not checked ([sender_checks] "
                            "trusted_networks, LMTP) prove "
                            "nothing.",
                            true},
                           [](C& c) -> auto& { return c.reports.proven_only; }));
  all.push_back(duration<C>(
      {"reports", "spread", "Reports of a day go out at a random time, each so long after midnight (UTC) at most."},
      [](C& c) -> auto& { return c.reports.spread; }, 1s, 20h));
  all.push_back(duration<C>(
      {"reports", "keep", "How long is kept what reports to others are made of (addresses and domains of senders).",
       true},
      [](C& c) -> auto& { return c.reports.keep; }, 2 * 24h, 10 * 366 * 24h));
  all.push_back(duration<C>(
      {"reports", "keep_received", "How long reports of others are kept.", true},
      [](C& c) -> auto& { return c.reports.keep_received; }, 24h, 10 * 366 * 24h));
  return all;
}

}  // namespace pabal::app
