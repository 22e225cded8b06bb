// What Pabal and libopendmarc make of DMARC records and proven domains, one JSON object a line, for dmarc_compare.py:
// {"from", "record", "organizational", "spf", "spf_result", "dkim": [[domain, passed]…]}; the record stands at the
// organizational domain where that isn't empty.
#include <algorithm>
#include <iostream>
#include <netinet/in.h>
#include <string>
#include <sys/types.h>

// clang-format off: the library's header needs the ones above, and to be told that it is C.
extern "C" {
#include <opendmarc/dmarc.h>
}
// clang-format on

#include "base/json.hpp"
#include "dns/scripted_resolver.hpp"
#include "mailauth/dmarc.hpp"

namespace {

using namespace pabal;

std::string text_of(const json::value& value) { return {value.as_string().data(), value.as_string().size()}; }

u_char* octets(std::string& text) { return reinterpret_cast<u_char*>(text.data()); }

std::string ours(const json::object& letter, const PublicSuffix& suffixes) {
  const auto from = text_of(letter.at("from"));
  const auto organizational = text_of(letter.at("organizational"));
  dns::ScriptedResolver resolver;
  const auto name = "_dmarc." + (organizational.empty() ? from : organizational);
  resolver.answer(name, dns::Type::txt,
                  {.status = dns::Status::ok,
                   .name = *dns::Name::parse(name),
                   .records = {dns::Txt{.strings = {text_of(letter.at("record"))}}}});
  // The author's domain exists.
  resolver.answer(from, dns::Type::a,
                  {.status = dns::Status::ok, .name = *dns::Name::parse(from), .records = {dns::A{}}});
  mailauth::DmarcFacts facts;
  facts.authors = {"x@" + from};
  facts.spf_domain = text_of(letter.at("spf"));
  facts.spf = letter.at("spf_result") == "pass" ? mailauth::SpfResult::pass : mailauth::SpfResult::fail;
  for (const auto& one : letter.at("dkim").as_array()) {
    facts.signatures.push_back({.domain = text_of(one.at(0)), .selector = "s", .passed = one.at(1).as_bool()});
  }
  const auto outcome =
      run_blocking(mailauth::check_dmarc(resolver, suffixes, std::move(facts), mailauth::DmarcStandard::rfc7489));
  if (outcome.result != mailauth::DmarcResult::fail) return std::string(mailauth::name_of(outcome.result));
  return std::string(mailauth::name_of(outcome.policy));
}

std::string theirs(const json::object& letter) {
  auto from = text_of(letter.at("from"));
  auto organizational = text_of(letter.at("organizational"));
  auto record = text_of(letter.at("record"));
  auto spf = text_of(letter.at("spf"));
  std::string address = "192.0.2.1";
  std::string empty;
  DMARC_POLICY_T* policy = opendmarc_policy_connect_init(octets(address), DMARC_POLICY_IP_TYPE_IPV4);
  opendmarc_policy_store_from_domain(policy, octets(from));
  if (!spf.empty()) {
    const int outcome =
        letter.at("spf_result") == "pass" ? DMARC_POLICY_SPF_OUTCOME_PASS : DMARC_POLICY_SPF_OUTCOME_FAIL;
    opendmarc_policy_store_spf(policy, octets(spf), outcome, DMARC_POLICY_SPF_ORIGIN_MAILFROM, octets(empty));
  }
  for (const auto& one : letter.at("dkim").as_array()) {
    auto domain = text_of(one.at(0));
    std::string selector = "s";
    const int outcome = one.at(1).as_bool() ? DMARC_POLICY_DKIM_OUTCOME_PASS : DMARC_POLICY_DKIM_OUTCOME_FAIL;
    opendmarc_policy_store_dkim(policy, octets(domain), octets(selector), outcome, octets(empty));
  }
  const int stored = opendmarc_policy_store_dmarc(policy, octets(record), octets(from),
                                                  organizational.empty() ? nullptr : octets(organizational));
  std::string said = "permerror";
  if (stored == DMARC_PARSE_OKAY) {
    switch (opendmarc_get_policy_to_enforce(policy)) {
      case DMARC_POLICY_PASS:
        said = "pass";
        break;
      case DMARC_POLICY_REJECT:
        said = "reject";
        break;
      case DMARC_POLICY_QUARANTINE:
        said = "quarantine";
        break;
      case DMARC_POLICY_NONE:
        said = "none";
        break;
      default:
        said = "absent";
        break;
    }
  }
  opendmarc_policy_connect_shutdown(policy);
  return said;
}

}  // namespace

int main(int argc, char** argv) {
  const auto suffixes = argc > 1 ? PublicSuffix::load(argv[1]) : PublicSuffix::system();
  if (!suffixes || argc < 2) return 2;
  OPENDMARC_LIB_T library{};
  library.tld_type = OPENDMARC_TLD_TYPE_MOZILLA;
  const std::string list = argv[1];
  std::ranges::copy(list, library.tld_source_file);
  if (opendmarc_policy_library_init(&library) != DMARC_PARSE_OKAY) return 2;
  for (std::string line; std::getline(std::cin, line);) {
    const auto parsed = json::parse(line);
    const auto& letter = parsed.as_object();
    std::cout << json::serialize(json::object{{"ours", ours(letter, *suffixes)}, {"theirs", theirs(letter)}}) << '\n';
  }
  opendmarc_policy_library_shutdown(&library);
}
