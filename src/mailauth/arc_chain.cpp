#include "mailauth/arc_chain.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "mailauth/results_reader.hpp"
#include "mailauth/sha256.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::string_view kResults = "ARC-Authentication-Results";

std::string unfolded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool white = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!white) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace

ArcChain::ArcChain(const LetterReading& letter) : letter_(&letter) {
  for (std::size_t i = 0; i < letter.fields().size(); ++i) read(i);
  look_at_form();
}

void ArcChain::broken(std::size_t at, std::string why) {
  if (!broken_) broken_ = Fault{.at = at, .why = std::move(why)};
}

void ArcChain::read(std::size_t field) {
  const auto name = letter_->fields()[field].name;
  const auto body = letter_->fields()[field].body;
  if (equal_ignoring_case(name, kResults)) {
    any_ = true;
    put_results(field);
    return;
  }
  for (const auto kind : {SignatureKind::arc_message, SignatureKind::arc_seal}) {
    if (!equal_ignoring_case(name, field_name(kind))) continue;
    any_ = true;
    auto signature = read_signature(kind, body);
    signature.field = field;
    const auto instance = signature.instance;
    put(instance, field, kind, std::move(signature));
  }
}

void ArcChain::put(std::size_t instance, std::size_t field, SignatureKind kind, SignatureField signature) {
  if (instance == 0) {
    broken(0, fmt::format("an {} has no instance from 1 to {}{}", field_name(kind), most_sets,
                          signature.fault ? ": " + signature.fault->why : std::string()));
    return;
  }
  highest_ = std::max(highest_, instance);
  if (sets_.size() < instance) sets_.resize(instance);
  auto& place = kind == SignatureKind::arc_seal ? sets_[instance - 1].seal : sets_[instance - 1].message;
  if (place) {
    broken(instance, fmt::format("there are two {} fields with i={}", field_name(kind), instance));
    return;
  }
  signature.field = field;
  place = std::move(signature);
}

void ArcChain::put_results(std::size_t field) {
  const auto results = read_arc_results(letter_->fields()[field].body);
  if (!results) {
    broken(0, fmt::format("an {} doesn't begin with its instance, i=1 to i={} and a semicolon", kResults, most_sets));
    return;
  }
  highest_ = std::max(highest_, results->instance);
  if (sets_.size() < results->instance) sets_.resize(results->instance);
  auto& place = sets_[results->instance - 1].results;
  if (place) broken(results->instance, fmt::format("there are two {} fields with i={}", kResults, results->instance));
  place = field;
}

void ArcChain::look_at_form() {
  if (!sets_.empty() && sets_.back().seal) ended_ = sets_.back().seal->cv == "fail";
  for (std::size_t i = 1; i <= sets_.size() && !broken_; ++i) {
    const auto& set = sets_[i - 1];
    if (!set.seal) broken(i, fmt::format("set {} has no ARC-Seal", i));
    if (!set.message) broken(i, fmt::format("set {} has no ARC-Message-Signature", i));
    if (!set.results) broken(i, fmt::format("set {} has no {}", i, kResults));
  }
  if (broken_) return;
  if (ended_) {
    invalid_ = Fault{.at = sets_.size(), .why = "the latest sealer found that the chain had failed (cv=fail)"};
    return;
  }
  for (std::size_t i = 1; i <= sets_.size(); ++i) {
    const std::string_view wanted = i == 1 ? "none" : "pass";
    if (sets_[i - 1].seal->cv == wanted) continue;
    invalid_ = Fault{.at = i,
                     .why = fmt::format("the seal of set {} says cv={}, where only cv={} can stand", i,
                                        printable(sets_[i - 1].seal->cv, 20), wanted)};
    return;
  }
}

std::vector<const SignatureField*> ArcChain::message_signatures() const {
  std::vector<const SignatureField*> all;
  if (broken_) return all;
  for (const auto& set : sets_) all.push_back(&*set.message);
  return all;
}

std::string ArcChain::relaxed(std::size_t field) const {
  std::string out;
  canonical_field(Canonicalization::relaxed, letter_->text_of(letter_->fields()[field]), out);
  return out;
}

std::string ArcChain::sealed() const {
  std::string out;
  for (const auto& set : sets_) out += relaxed(*set.results) + relaxed(set.message->field) + relaxed(set.seal->field);
  return out;
}

// What each seal covers: all sets before it, and its own with its b= empty.
std::vector<std::string> ArcChain::seal_digests() const {
  std::vector<std::string> digests;
  Sha256 before;
  for (const auto& set : sets_) {
    before.take(relaxed(*set.results));
    before.take(relaxed(set.message->field));
    std::string own;
    canonical_field(Canonicalization::relaxed, without_signature(letter_->text_of(letter_->fields()[set.seal->field])),
                    own);
    own.resize(own.size() - 2);
    Sha256 here(before);
    here.take(own);
    digests.push_back(here.digest());
    before.take(relaxed(set.seal->field));
  }
  return digests;
}

ArcSet ArcChain::describe(std::size_t instance) const {
  const auto& set = sets_[instance - 1];
  const auto field = read_arc_results(letter_->fields()[*set.results].body);
  auto results = read_results(field->results);
  ArcSet out{.instance = instance,
             .claimed = printable(set.seal->cv, 20),
             .seal = set.seal->facts,
             .message_signature = set.message->facts,
             .authserv_id = std::move(results.authserv_id),
             .results = unfolded(field->results),
             .methods = std::move(results.methods)};
  out.seal.result = DkimResult::none;
  out.message_signature.result = DkimResult::none;
  return out;
}

}  // namespace pabal::mailauth
