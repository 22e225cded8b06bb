// The whole check of a letter: records and letter are the input's, cut at NUL octets: SPF record, DMARC record, key
// record, letter. Whatever they say, the work is bounded, the field that tells of it is one, and reads as written.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "dns/resolver.hpp"
#include "mailauth/authentication_results.hpp"
#include "mailauth/letter_check.hpp"

namespace {

using namespace pabal;

constexpr std::size_t kMostQuestions = 60;

/// Gives every name the same records: whatever a letter asks for is there.
class SameForAll final : public dns::Resolver {
 public:
  explicit SameForAll(std::vector<std::string> texts) : texts_(std::move(texts)) {}
  Async<dns::Answer> resolve(dns::Name name, dns::Type type) override {
    if (++asked > kMostQuestions) std::abort();
    dns::Answer answer;
    answer.status = dns::Status::no_data;
    answer.name = name;
    const auto text = name.text();
    const std::size_t which = text.starts_with("_dmarc") ? 1 : text.contains("._domainkey") ? 2 : 0;
    if (type == dns::Type::txt && which < texts_.size()) {
      answer.status = dns::Status::ok;
      answer.records.emplace_back(dns::Txt{.strings = {texts_[which]}});
    }
    co_return answer;
  }
  std::size_t asked = 0;

 private:
  std::vector<std::string> texts_;
};

Async<mailauth::LetterVerdict> check(dns::Resolver* resolver, const PublicSuffix* suffixes, std::string_view letter) {
  mailauth::KeyCache keys(4);
  mailauth::CheckSettings settings;
  settings.most_questions = kMostQuestions;
  mailauth::LetterCheck one({.resolver = resolver, .suffixes = suffixes, .keys = &keys}, settings,
                            {.address = mailauth::IpAddress::parse("192.0.2.1"),
                             .helo = "mail.example.org",
                             .mail_from = "a@example.org",
                             .receiver = "mx.example.com"},
                            SystemTime(std::chrono::seconds(1795318461)));
  one.begin(co_await asio::this_coro::executor);
  for (std::size_t at = 0; at < letter.size(); at += 1000) one.take(letter.substr(at, 1000));
  co_return co_await one.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto suffixes = PublicSuffix::system();
  if (!suffixes) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> texts;
  while (texts.size() < 3) {
    const auto end = input.find('\0');
    if (end == std::string_view::npos) break;
    texts.emplace_back(input.substr(0, end));
    input.remove_prefix(end + 1);
  }
  SameForAll resolver(std::move(texts));
  const auto verdict = run_blocking(check(&resolver, &*suffixes, input));
  const auto field = mailauth::authentication_results_field("mx.example.com", verdict.results());
  if (!field.ends_with("\r\n")) std::abort();
  for (std::size_t at = 0; (at = field.find("\r\n", at)) != std::string::npos && at + 2 < field.size(); at += 2) {
    if (field[at + 2] != ' ' && field[at + 2] != '\t') std::abort();  // a second field
  }
  if (json::serialize(mailauth::to_json(verdict)).empty() || mailauth::teach(verdict).empty()) std::abort();
  const auto& decision = verdict.decision;
  if ((decision.code >= 400) !=
      (decision.action == mailauth::LetterAction::reject || decision.action == mailauth::LetterAction::defer)) {
    std::abort();
  }
  if (decision.words.size() > 480 || decision.words.find_first_of("\r\n") != std::string::npos) std::abort();
  return 0;
}
