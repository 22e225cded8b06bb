// What Pabal signs, seals and verifies, for compare.py. Reads jobs as JSON, a line each, and answers a line each;
// world.json in the working folder has the records of the DNS.
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "mailauth/arc_sealer.hpp"
#include "mailauth/dkim_signer.hpp"
#include "mailauth/letter_verifier.hpp"

namespace {

using namespace pabal;
using namespace pabal::mailauth;

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string text_of(const json::object& job, std::string_view name) {
  const auto* value = job.if_contains(name);
  return value == nullptr || !value->is_string() ? std::string() : std::string(value->get_string());
}

class Peer {
 public:
  Peer() : world_(json::parse(contents("world.json"))) {}

  json::object run(const json::object& job) {
    const auto letter = contents(text_of(job, "file"));
    if (text_of(job, "do") == "verify") return verify(letter, job);
    const auto fields = text_of(job, "do") == "sign" ? sign(letter, job) : seal(letter, job);
    if (!fields) return {{"error", fields.error().peer}};
    std::ofstream(text_of(job, "out"), std::ios::binary) << *fields << letter;
    return {};
  }

 private:
  static SystemTime time(const json::object& job) {
    return SystemTime(std::chrono::seconds(job.at("at").to_number<std::int64_t>()));
  }
  static DkimIdentity identity(const json::object& job) {
    return {.key = *DkimSigningKey::from_pem(contents(text_of(job, "key"))),
            .domain = text_of(job, "domain"),
            .selector = text_of(job, "selector")};
  }
  static std::vector<std::string> names(const json::object& job) {
    std::vector<std::string> all;
    for (const auto name : split(text_of(job, "headers"), ':')) all.emplace_back(name);
    return all;
  }

  static Result<std::string> sign(const std::string& letter, const json::object& job) {
    DkimSigning signing{.identities = {identity(job)}, .fields = names(job)};
    const auto forms = text_of(job, "c");
    if (forms.starts_with("simple")) signing.header_form = Canonicalization::simple;
    if (forms.ends_with("/simple")) signing.body_form = Canonicalization::simple;
    signing.now = time(job);
    signing.identity = text_of(job, "identity");
    DkimSigner signer(std::move(signing));
    signer.take(letter);
    return signer.finish();
  }

  static Result<std::string> seal(const std::string& letter, const json::object& job) {
    ArcSealer sealer({.identity = identity(job), .fields = names(job), .now = time(job)});
    sealer.take(letter);
    const auto cv = text_of(job, "cv");
    return sealer.finish(text_of(job, "results"),
                         cv == "pass" ? ArcStatus::pass : (cv == "fail" ? ArcStatus::fail : ArcStatus::none));
  }

  json::object verify(const std::string& letter, const json::object& job) {
    LetterVerifier verifier(keys_);
    verifier.take(letter);
    verifier.end();
    std::vector<dns::Answer> answers;
    for (const auto& question : verifier.questions()) {
      auto& answer = answers.emplace_back();
      answer.status = dns::Status::no_name;
      const auto* texts = world_.get_object().if_contains(question.name.text());
      if (texts == nullptr) continue;
      answer.status = dns::Status::ok;
      for (const auto& text : texts->get_array())
        answer.records.emplace_back(dns::Txt{{std::string(text.get_string())}});
    }
    const auto outcomes = verifier.finish(answers, time(job));
    json::array dkim;
    json::array why;
    for (const auto& outcome : outcomes.dkim) {
      dkim.emplace_back(name_of(outcome.result));
      why.emplace_back(outcome.reason);
    }
    why.emplace_back(outcomes.arc.reason);
    return {{"dkim", std::move(dkim)}, {"arc", name_of(outcomes.arc.cv)}, {"why", std::move(why)}};
  }

  json::value world_;
  KeyCache keys_;
};

}  // namespace

int main() {
  Peer peer;
  for (std::string line; std::getline(std::cin, line);) {
    const auto job = json::parse(line).get_object();
    auto answer = peer.run(job);
    answer["id"] = job.at("id");
    std::cout << json::serialize(answer) << '\n';
  }
  return 0;
}
