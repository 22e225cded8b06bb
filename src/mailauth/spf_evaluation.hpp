// SpfEvaluation: check_host() of RFC 7208 §4 with its recursion, the limits of §4.6.4 over all of it, and what it
// looked up. Part of spf.cpp.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/spf.hpp"
#include "mailauth/spf_macro.hpp"
#include "mailauth/spf_record.hpp"

namespace pabal::mailauth {

/// Who is checked: the sender, in parts that are ready for the macros.
struct SpfSender {
  std::string local_part;  ///< without quotes
  std::string domain;      ///< A-labels, no final dot
  std::string helo;        ///< A-labels where it has some
};

/// The text as a name that the DNS can be asked for; nothing where it is none, or not ASCII.
[[nodiscard]] std::optional<dns::Name> spf_name(std::string_view text);

/// The names of the client's address that lead back to it.
struct SpfValidatedNames {
  dns::Status status = dns::Status::failed;  ///< of the PTR records
  std::vector<dns::Name> names;
};

/// One evaluation; used once. Resolver, query and sender must outlive it.
class SpfEvaluation {
 public:
  SpfEvaluation(dns::Resolver& resolver, const SpfQuery& query, const SpfSender& sender)
      : resolver_(resolver), query_(query), sender_(sender) {}

  /// `included`: for an include, whose exp= and mechanism are not the outcome's (§6.2).
  [[nodiscard]] Async<SpfCheck> check(std::string domain, bool included);

  [[nodiscard]] std::size_t lookups() const noexcept { return lookups_; }
  [[nodiscard]] std::size_t void_lookups() const noexcept { return void_lookups_; }
  [[nodiscard]] const std::string& mechanism() const noexcept { return mechanism_; }
  [[nodiscard]] const std::string& explanation() const noexcept { return explanation_; }

 private:
  using Lookups = std::vector<Lookup>;
  /// What a mechanism came to; the results are those of an evaluation that ends there.
  enum class Verdict : std::uint8_t { no, yes, temperror, permerror };

  [[nodiscard]] Async<> read_record(SpfCheck& check, std::string& text);
  [[nodiscard]] Async<Verdict> evaluate(const SpfDirective& term, const std::string& domain, SpfTerm& told);
  [[nodiscard]] Async<Verdict> by_target(const SpfDirective& term, const std::string& domain, SpfTerm& told);
  [[nodiscard]] Async<Verdict> include(SpfTerm& told);
  [[nodiscard]] Async<Verdict> addresses(const SpfDirective& term, dns::Name name, SpfTerm& told);
  [[nodiscard]] Async<Verdict> exchanges(const SpfDirective& term, dns::Name name, SpfTerm& told);
  [[nodiscard]] Async<Verdict> exists(dns::Name name, SpfTerm& told);
  [[nodiscard]] Async<Verdict> pointers(dns::Name name, SpfTerm& told);
  [[nodiscard]] Async<SpfResult> redirect(const SpfDirective& term, const std::string& domain, SpfTerm& told,
                                          bool included);
  [[nodiscard]] Async<> explain(const SpfDirective& term, const std::string& domain, SpfTerm& told);

  [[nodiscard]] Verdict by_network(const SpfDirective& term, SpfTerm& told) const;
  [[nodiscard]] Async<dns::Answer> ask(dns::Name name, dns::Type type, Lookups& lookups);
  [[nodiscard]] Async<std::vector<dns::Answer>> ask_addresses(std::vector<dns::Name> names, Lookups& lookups);
  /// The names that the client's PTR records give and whose addresses lead back (§5.5); looked up once.
  [[nodiscard]] Async<> validate_names(Lookups& lookups);
  /// `text` with its macros expanded.
  [[nodiscard]] Async<std::string> target_of(std::string_view text, const std::string& domain, Lookups& lookups);
  [[nodiscard]] MacroValues values(const std::string& domain) const;
  [[nodiscard]] std::string validated_name(const std::string& domain) const;
  [[nodiscard]] dns::Type address_type() const noexcept {
    return query_.address.is_v6() ? dns::Type::aaaa : dns::Type::a;
  }
  /// Whether one of the answer's addresses is in the client's network of the term's size.
  [[nodiscard]] bool holds_client(const dns::Answer& answer, const SpfDirective& term) const;
  /// Counts a question without an answer; permerror where that is one too many, else `no`.
  [[nodiscard]] Verdict after_void(SpfTerm& told);

  dns::Resolver& resolver_;
  const SpfQuery& query_;
  const SpfSender& sender_;
  std::size_t lookups_ = 0;
  std::size_t void_lookups_ = 0;
  std::string mechanism_;
  std::string explanation_;

  std::optional<SpfValidatedNames> validated_;
  std::string validated_text_;  ///< what %{p} is at the moment
};

}  // namespace pabal::mailauth
