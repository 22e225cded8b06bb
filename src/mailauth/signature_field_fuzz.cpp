// DKIM-Signature, ARC-Message-Signature, ARC-Seal, ARC-Authentication-Results and key records of strangers.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mailauth/key_record.hpp"
#include "mailauth/results_reader.hpp"
#include "mailauth/signature_field.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::mailauth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto kind : {SignatureKind::dkim, SignatureKind::arc_message, SignatureKind::arc_seal}) {
    const auto signature = read_signature(kind, text);
    if (signature.fault) {
      if (signature.fault->why.empty() || signature.fault->result == DkimResult::pass) std::abort();
      continue;
    }
    // Whatever is verified has all that it takes.
    if (!signature.key_name || signature.signature.empty() || signature.facts.domain.empty()) std::abort();
    if (kind != SignatureKind::arc_seal && signature.body_hash.size() != 32) std::abort();
    if (kind != SignatureKind::dkim && (signature.instance == 0 || signature.instance > 50)) std::abort();
    if (kind == SignatureKind::dkim && !signature.identity_domain.ends_with(signature.facts.domain)) std::abort();
    if (canonical_domain(signature.facts.domain) != signature.facts.domain) std::abort();
  }
  const std::string field = "X:" + std::string(text);
  const auto bare = without_signature(field);
  if (bare.size() > field.size() || without_signature(bare) != bare) std::abort();
  const auto record = parse_key_record(text);
  if (record && record->key && record->key->type() != record->type) std::abort();
  const auto results = read_results(text);
  if (results.methods.size() > 100) std::abort();
  const auto parts = split_results(text);
  if (parts.empty()) std::abort();
  if (const auto arc = read_arc_results(text); arc && (arc->instance == 0 || arc->instance > 50)) std::abort();
  return 0;
}
