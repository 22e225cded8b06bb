#include "net/deflate_stream.hpp"

namespace pabal::net {

void DeflateStream::consume(std::size_t count) noexcept {
  consumed_ += count;
  if (consumed_ < input_.size()) return;
  input_ = std::string();
  consumed_ = 0;
}

Result<bool> DeflateStream::inflate_some() {
  auto compressed = inner_->input();
  if (compressed.empty() && !more_) return false;
  if (input().size() + kPiece > kMostInput) return fail(ErrorKind::limit, "Too much input.", "input buffer full");
  input_.erase(0, consumed_);
  consumed_ = 0;
  const auto before = input_.size();
  const auto offered = compressed.size();
  auto read = inflater_.read(compressed, input_, kPiece);
  inner_->consume(offered - compressed.size());
  if (!read) return fail(ErrorKind::closed, "Connection lost.", read.error().log);
  const auto got = input_.size() - before;
  more_ = got == kPiece;
  return got > 0;
}

// The inner stream's fill; after a while without octets the states are made small.
Async<Result<bool>> DeflateStream::fill_inner() {
  if (timeout_ > kRestAfter) {
    const auto begun = std::chrono::steady_clock::now();
    inner_->set_timeout(kRestAfter);
    auto filled = co_await inner_->fill();
    const bool in_time = std::chrono::steady_clock::now() - begun < kRestAfter;
    // Woken by news, or there is input.
    if (filled || filled.error().kind != ErrorKind::timeout || in_time) co_return filled;
    deflater_.rest();
    inflater_.rest();
    inner_->set_timeout(timeout_ - kRestAfter);
  } else {
    inner_->set_timeout(timeout_);
  }
  co_return co_await inner_->fill();
}

Async<Result<bool>> DeflateStream::fill() {
  while (true) {
    const auto there = inflate_some();
    if (!there) co_return pass(there);
    if (*there) {
      if (turns_.step(kPiece)) co_await give_way();
      co_return true;
    }
    if (inflater_.ended()) co_return false;
    // Octets that make none are work as well.
    if (!inner_->input().empty()) {
      if (turns_.step(kPiece)) co_await give_way();
      continue;
    }
    const auto filled = co_await fill_inner();
    if (!filled || !*filled) co_return filled;
  }
}

Async<Result<void>> DeflateStream::write(std::string_view octets) {
  const std::string_view pieces[] = {octets};
  co_return co_await write_pieces(pieces);
}

Async<Result<void>> DeflateStream::write_pieces(std::span<const std::string_view> pieces) {
  std::string out;
  for (auto piece : pieces) {
    while (!piece.empty()) {
      const auto part = piece.substr(0, kOctetsATurn);
      piece.remove_prefix(part.size());
      deflater_.write(part, out);
      if (turns_.step(part.size())) co_await give_way();
      if (out.size() < kOctetsATurn) continue;
      inner_->set_timeout(timeout_);
      auto written = co_await inner_->write(out);
      if (!written) co_return written;
      out.clear();
    }
  }
  if (out.empty()) co_return Result<void>();
  inner_->set_timeout(timeout_);
  co_return co_await inner_->write(out);
}

Async<Result<void>> DeflateStream::start_tls(std::shared_ptr<const TlsContext> /*context*/) {
  co_return fail(ErrorKind::state, "local error", "TLS after compression");
}
Async<Result<void>> DeflateStream::start_tls_client(std::shared_ptr<const TlsClientContext> /*context*/,
                                                    std::string /*peer_name*/) {
  co_return fail(ErrorKind::state, "local error", "TLS after compression");
}

}  // namespace pabal::net
