// UIDBATCHES (RFC 10022): the UIDs between which the messages of the open mailbox make batches of one size, from the
// newest on.
#include "imap/response.hpp"
#include "server/imap/commands.hpp"

namespace pabal::server::imap {

namespace {

constexpr std::uint32_t kLeast = 500;      ///< smaller batches would bring back message numbers (§3.1.3.2)
constexpr std::uint64_t kMost = 100'000;   ///< messages of batches that are asked for by their numbers (§3.1.5)
constexpr std::uint32_t kAtOnce = 10'000;  ///< ranges between two looks at how much waits to be written

// Where the batches begin and end. They leave no gap between them, and the last one ends with UID 1, by which clients
// see that it is the last (§3.1.4).
class Batches {
 public:
  Batches(const View& view, std::uint32_t size) : view_(view), size_(size) {}

  [[nodiscard]] std::uint64_t count() const noexcept { return (std::uint64_t{view_.exists()} + size_ - 1) / size_; }
  /// From 1 on, to count().
  [[nodiscard]] std::uint32_t highest(std::uint64_t batch) const {
    return batch == 1 ? view_.largest_uid() : lowest(batch - 1) - 1;
  }
  [[nodiscard]] std::uint32_t lowest(std::uint64_t batch) const {
    if (batch == count()) return 1;
    return view_.uid_of(static_cast<std::uint32_t>(view_.exists() - batch * size_ + 1));
  }

 private:
  const View& view_;
  std::uint32_t size_;
};

}  // namespace

// It may be asked again at any time: each range takes two looks into what lies in memory (§3.1.1 wants to spare servers
// that have to count).
Async<Answer> uid_batches(Session* session, Command command) {
  const auto& want = std::get<grammar::UidBatches>(command.arguments);
  if (want.size < kLeast) co_return no("At least 500 messages make a batch.", "TOOFEW");
  const bool all = want.first == 0;
  if (!all && (std::uint64_t{want.last} - want.first + 1) * want.size > kMost) {
    co_return no("Batches of 100,000 messages at most can be asked for at once.", "TOOMANY");
  }
  const Batches batches(session->selected()->view, want.size);
  auto& out = session->out();
  out += "* UIDBATCHES (TAG ";
  grammar::append_string(out, command.tag, session->form());
  out += ')';
  const auto last = all ? batches.count() : std::min<std::uint64_t>(batches.count(), want.last);
  const auto first = all ? std::uint64_t{1} : want.first;
  for (auto batch = first; batch <= last; ++batch) {
    out += batch == first ? ' ' : ',';
    grammar::append_number(out, batches.highest(batch));
    out += ':';
    grammar::append_number(out, batches.lowest(batch));
    if (batch % kAtOnce == 0 && !co_await session->drain()) co_return lost();
  }
  out += "\r\n";
  co_return ok("Done.");
}

}  // namespace pabal::server::imap
