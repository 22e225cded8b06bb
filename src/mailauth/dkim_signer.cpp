#include "mailauth/dkim_signer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/base64.hpp"
#include "mailauth/signature_field.hpp"
#include "mailauth/signature_writer.hpp"
#include "mailauth/signed_header.hpp"
#include "mailauth/signing_letter.hpp"

namespace pabal::mailauth {
namespace {

// What a reader sees, or what says how to read the rest: nobody may add one of these.
constexpr std::array<std::string_view, 12> kClosed = {
    "from",       "to",          "cc",         "reply-to",     "subject",      "date",
    "message-id", "in-reply-to", "references", "mime-version", "content-type", "content-transfer-encoding",
};
// What others may rightly add; those that are there are signed.
constexpr std::array<std::string_view, 19> kOpen = {
    "sender",     "content-id",       "content-description", "resent-from",       "resent-sender",
    "resent-to",  "resent-cc",        "resent-date",         "resent-message-id", "list-id",
    "list-help",  "list-unsubscribe", "list-subscribe",      "list-post",         "list-unsubscribe-post",
    "list-owner", "list-archive",     "auto-submitted",      "feedback-id",
};
constexpr std::size_t kMostOfOne = 20;

}  // namespace

std::vector<std::string> usual_fields(std::string_view header) {
  std::unordered_map<std::string, std::size_t> counts;
  message::HeaderReader reader(header);
  while (const auto field = reader.next()) ++counts[to_lower(field->name)];
  std::vector<std::string> names;
  const auto add = [&](std::string_view name, std::size_t more) {
    const auto found = counts.find(std::string(name));
    const auto there = found == counts.end() ? 0 : std::min(found->second, kMostOfOne);
    names.insert(names.end(), there + more, std::string(name));
  };
  for (const auto name : kClosed) add(name, 1);
  for (const auto name : kOpen) add(name, 0);
  return names;
}

class DkimSigner::State {
 public:
  explicit State(DkimSigning signing) : signing_(std::move(signing)), letter_(signing_.body_form) {}
  void take(std::string_view octets) { letter_.take(octets); }

  Result<std::string> finish() {
    const auto body = letter_.end();
    if (!body) return pass(body);
    if (!letter_.has("from")) return fail(ErrorKind::syntax, "the letter has no From field");
    const auto names = signing_.fields.empty() ? usual_fields(letter_.reading().header()) : signing_.fields;
    if (auto right = check_names(names); !right) return pass(std::move(right));
    if (!identity_is_one(signing_.identity)) {
      return fail(ErrorKind::syntax, fmt::format("'{}' is no identity", printable(signing_.identity, 100)));
    }
    SignedHeader header(letter_.reading(), SIZE_MAX);
    std::string fields;
    for (const auto& identity : signing_.identities) {
      if (auto right = check_identity(identity); !right) return pass(std::move(right));
      const SignatureWriter writer("DKIM-Signature", tags(identity, *body, names));
      const auto digest = header.digest(signing_.header_form, lower_names(names), writer.unsigned_text(), std::nullopt);
      const auto signature = identity.key.sign(*digest);
      if (!signature) return pass(signature);
      fields += writer.signed_text(codec::base64(*signature), true);
    }
    return fields;
  }

 private:
  static bool identity_is_one(std::string_view identity) {
    return identity.size() < 500 &&
           std::ranges::all_of(identity, [](char c) { return c > ' ' && c < 0x7F && c != ';' && c != '='; });
  }

  std::vector<std::pair<std::string, std::string>> tags(const DkimIdentity& identity, const std::string& body,
                                                        const std::vector<std::string>& names) const {
    std::vector<std::pair<std::string, std::string>> all = {
        {"v", "1"},
        {"a", std::string(algorithm_of(identity.key.type()))},
        {"bh", body},
        {"c", fmt::format("{}/{}", name_of(signing_.header_form), name_of(signing_.body_form))},
        {"d", identity.domain},
        {"h", joined_names(names)},
        {"s", identity.selector},
        {"t", seconds_of(signing_.now)},
    };
    if (signing_.expires_after) all.emplace_back("x", seconds_of(signing_.now + *signing_.expires_after));
    if (!signing_.identity.empty()) all.emplace_back("i", signing_.identity);
    return all;
  }

  DkimSigning signing_;
  SigningLetter letter_;
};

DkimSigner::DkimSigner(DkimSigning signing) : state_(std::make_unique<State>(std::move(signing))) {}
DkimSigner::~DkimSigner() = default;
DkimSigner::DkimSigner(DkimSigner&&) noexcept = default;
DkimSigner& DkimSigner::operator=(DkimSigner&&) noexcept = default;
void DkimSigner::take(std::string_view octets) { state_->take(octets); }
Result<std::string> DkimSigner::finish() { return state_->finish(); }

}  // namespace pabal::mailauth
