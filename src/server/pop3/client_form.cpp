// Letters that a client can't take as they are: it gets a downgraded copy, made when it is asked for. Header sections
// that are not ASCII, the letter's or a part's, for clients that did not say UTF8 (RFC 6856 §1, RFC 6857); NULs and CRs
// or LFs that stand alone, from BODY=BINARYMIME (RFC 3030), for all, since POP3 sends lines.
#include "message/downgrade.hpp"
#include "pop3/octet_survey.hpp"
#include "server/pop3/session.hpp"

namespace pabal::server::pop3 {

namespace {

// A letter up to this size is read once and sent from memory; a bigger one is looked at piece by piece first.
constexpr std::uint64_t kPiece = 64U << 10;
// A copy is held in memory; a bigger letter goes as it is.
constexpr std::uint64_t kMostCopied = 32U << 20;

class CopiedOctets final : public store::EmailOctets {
 public:
  explicit CopiedOctets(std::string octets) : octets_(std::move(octets)) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return octets_.size(); }
  [[nodiscard]] bool try_read(std::uint64_t offset, std::size_t count, std::string& out) override {
    out.append(octets_, static_cast<std::size_t>(offset), count);
    return true;
  }
  [[nodiscard]] Async<Result<std::string>> read(std::uint64_t offset, std::size_t count) override {
    co_return octets_.substr(static_cast<std::size_t>(offset), count);
  }

 private:
  std::string octets_;
};

/// The octets from `begin`, `count` of them, behind those in `text`.
Async<Result<void>> read_more(store::EmailOctets* octets, std::uint64_t begin, std::uint64_t count, std::string* text) {
  const auto before = text->size();
  const auto wanted = static_cast<std::size_t>(count);
  if (octets->try_read(begin, wanted, *text)) co_return Result<void>();
  text->resize(before);
  auto more = co_await octets->read(begin, wanted);
  if (!more) co_return pass(more);
  text->append(*more);
  co_return Result<void>();
}

}  // namespace

Async<std::expected<std::unique_ptr<store::EmailOctets>, Answer>> Session::open_for_client(std::uint64_t number) {
  if (auto missing = without_message(number)) co_return std::unexpected(std::move(*missing));
  auto octets = co_await open(number);
  if (octets) octets = co_await in_clients_form(*std::move(octets));
  if (!octets) co_return std::unexpected(Answer{.reply = no(Text::message_unreadable, Code::sys_temp)});
  if (!*octets) co_return std::unexpected(Answer{.reply = no(Text::message_gone)});
  co_return std::move(*octets);
}

Async<Result<std::unique_ptr<store::EmailOctets>>> Session::in_clients_form(
    std::unique_ptr<store::EmailOctets> octets) {
  if (!octets || octets->size() > kMostCopied) co_return std::move(octets);
  const auto size = octets->size();
  std::string text;
  grammar::OctetSurvey survey;
  for (std::uint64_t at = 0; at < size; at += kPiece) {
    text.clear();
    if (auto read = co_await read_more(octets.get(), at, std::min(kPiece, size - at), &text); !read) {
      co_return pass(read);
    }
    survey.take(text);
  }
  const bool lines = survey.line_oriented();
  const bool headers_fit = utf8_ || survey.ascii();
  if (!(lines && headers_fit) && size > kPiece) {
    text.clear();
    if (auto read = co_await read_more(octets.get(), 0, size, &text); !read) co_return pass(read);
  }
  if (!lines || !headers_fit) {
    const auto tree = message::parse_mime(text);
    if (!lines || message::has_raw_header(text, tree)) {
      // Bodies may stay 8-bit: POP3 carries them (RFC 1939 §11).
      const auto carriage = lines ? message::Carriage::binary : message::Carriage::eight_bit;
      message::StringSink sink;
      const auto done = message::downgrade(text, tree, {.carriage = carriage, .ascii_headers = !utf8_}, sink);
      if (done) co_return std::make_unique<CopiedOctets>(std::move(sink.text));
      log().warning("not_downgraded", {{"why", done.error().log}});
    }
  }
  if (size > kPiece) co_return std::move(octets);
  co_return std::make_unique<CopiedOctets>(std::move(text));
}

}  // namespace pabal::server::pop3
