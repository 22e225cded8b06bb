// Letters with international header sections for clients that did not say UTF8 (RFC 6856 §1, RFC 6857): what they get
// is a downgraded copy, made when it is asked for.
#include "base/text.hpp"
#include "message/downgrade.hpp"
#include "server/pop3/session.hpp"

namespace pabal::server::pop3 {

namespace {

constexpr std::size_t kFirstLook = 4096;
constexpr std::size_t kMostHeader = 1U << 20;
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

Async<Result<void>> read_up_to(store::EmailOctets* octets, std::string* text, std::uint64_t end) {
  const std::uint64_t begin = text->size();
  const auto count = static_cast<std::size_t>(std::min(end, octets->size()) - begin);
  if (count == 0 || octets->try_read(begin, count, *text)) co_return Result<void>();
  text->resize(static_cast<std::size_t>(begin));
  auto more = co_await octets->read(begin, count);
  if (!more) co_return pass(more);
  text->append(*more);
  co_return Result<void>();
}

}  // namespace

Async<Result<std::unique_ptr<store::EmailOctets>>> Session::in_clients_form(
    std::unique_ptr<store::EmailOctets> octets) {
  if (utf8_ || !octets) co_return std::move(octets);
  std::string text;
  std::optional<std::size_t> header;
  for (std::uint64_t look = kFirstLook; !header; look *= 4) {
    const std::size_t before = text.size();
    if (auto read = co_await read_up_to(octets.get(), &text, look); !read) co_return pass(read);
    header = message::header_size(text, before < 3 ? 0 : before - 3);
    if (text.size() == octets->size() || text.size() >= kMostHeader) break;
  }
  const auto section = std::string_view(text).substr(0, header.value_or(text.size()));
  if (is_ascii(section) || octets->size() > kMostCopied) co_return std::move(octets);
  if (auto read = co_await read_up_to(octets.get(), &text, octets->size()); !read) co_return pass(read);
  message::StringSink sink;
  // Bodies may stay 8-bit: POP3 carries them (RFC 1939 §11).
  const auto done = message::downgrade(text, message::parse_mime(text),
                                       {.carriage = message::Carriage::binary, .ascii_headers = true}, sink);
  if (!done) {
    log_.warning("not_downgraded", {{"why", done.error().log}});
    co_return std::move(octets);
  }
  co_return std::make_unique<CopiedOctets>(std::move(sink.text));
}

}  // namespace pabal::server::pop3
