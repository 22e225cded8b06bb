#include "mailauth/letter_authors.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>

#include "base/text.hpp"
#include "mailauth/dmarc.hpp"
#include "message/address_list.hpp"
#include "message/broken_header.hpp"
#include "message/header.hpp"
#include "message/mailboxes.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::size_t kMostAddresses = 1000;

// What readers show, or programs go by. A text that begins without an empty line has other words before colons.
bool matters(std::string_view name) {
  constexpr std::array names = {"From",
                                "Sender",
                                "Reply-To",
                                "To",
                                "Cc",
                                "Subject",
                                "Date",
                                "Message-ID",
                                "MIME-Version",
                                "Content-Type",
                                "Return-Path",
                                "Received",
                                "List-Id",
                                "Received-SPF",
                                "DKIM-Signature",
                                "ARC-Seal",
                                "Resent-From",
                                "Bcc",
                                "In-Reply-To",
                                "References",
                                "Delivered-To",
                                "Content-Transfer-Encoding",
                                "Authentication-Results"};
  return std::ranges::any_of(names, [name](const char* one) { return equal_ignoring_case(name, one); });
}

class AuthorReading {
 public:
  LetterAuthors run(std::string_view header) {
    message::HeaderReader reader(header);
    while (const auto field = reader.next()) {
      if (equal_ignoring_case(field->name, "List-Id")) authors_.has_list_id = true;
      if (equal_ignoring_case(field->name, "From")) take(field->body);
    }
    if (authors_.fields == 0) fault(AuthorFault::no_field);
    if (authors_.fields > 1) fault(AuthorFault::several_fields);
    if (reader.malformed()) {
      message::BrokenHeaderReader behind(header);
      while (const auto field = behind.next()) {
        if (matters(field->name)) fault(AuthorFault::broken_header);
        // Whoever reads on sees this one, too.
        if (equal_ignoring_case(field->name, "From")) take(field->body);
      }
      if (authors_.fault == AuthorFault::broken_header) authors_.addresses.emplace_back();
    }
    return std::move(authors_);
  }

 private:
  // The first ones of the enumeration are the worst.
  void fault(AuthorFault fault) {
    if (authors_.fault == AuthorFault::none || fault < authors_.fault) authors_.fault = fault;
  }

  void take(std::string_view body) {
    ++authors_.fields;
    if (authors_.addresses.size() >= kMostAddresses) {
      authors_.too_many = true;
      return;
    }
    const auto strict = message::addresses_in(body, kMostAddresses);
    if (strict) {
      for (const auto& one : *strict) add(one.text());
    }
    std::size_t shown = 0;
    std::size_t named = 0;
    bool some_domain = false;
    for (const auto& group : message::parse_address_list(body, kMostAddresses)) {
      for (const auto& one : group.mailboxes) {
        if (++shown == kMostAddresses) authors_.too_many = true;
        if (one.domain.empty()) continue;
        some_domain = some_domain || !is_ascii(one.domain) || one.domain.contains('.');
        auto address = "x@" + one.domain;
        if (!strict && names_a_domain(address)) ++named;
        // What both readers see was added already, with its local part.
        if (!strict || !knows(one.domain)) add(std::move(address));
      }
    }
    if (strict ? !strict->empty() : named == 1 && std::ranges::count(body, '@') == 1) return;
    // A host's own name without a domain is what bounces of odd programs say: nobody is meant to be seen behind it.
    if (!some_domain && shown < kMostAddresses) {
      fault(AuthorFault::nobody);
    } else {
      fault(AuthorFault::unreadable);
    }
    authors_.addresses.emplace_back();  // nobody can say whom it names: no proof counts
  }

  void add(std::string address) {
    if (authors_.addresses.size() >= kMostAddresses) {
      authors_.too_many = true;
    } else {
      domains_.insert(to_lower(std::string_view(address).substr(address.rfind('@') + 1)));
      authors_.addresses.push_back(std::move(address));
    }
  }
  [[nodiscard]] bool knows(std::string_view domain) const { return domains_.contains(to_lower(domain)); }

  LetterAuthors authors_;
  std::unordered_set<std::string> domains_;  ///< of the addresses, in lower case
};

}  // namespace

std::string_view name_of(AuthorFault fault) noexcept {
  switch (fault) {
    case AuthorFault::none:
      return "none";
    case AuthorFault::broken_header:
      return "broken-header";
    case AuthorFault::no_field:
      return "no-field";
    case AuthorFault::several_fields:
      return "several-fields";
    case AuthorFault::nobody:
      return "nobody";
    case AuthorFault::unreadable:
      return "unreadable";
  }
  return "none";
}

LetterAuthors authors_of_letter(std::string_view header) { return AuthorReading().run(header); }

}  // namespace pabal::mailauth
