#include "pop3/maildrop.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace pabal::pop3 {

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

Maildrop::Maildrop(std::uint32_t uid_validity, std::vector<Message> messages)
    : messages_(std::move(messages)), uid_validity_(uid_validity) {
  unmark_all();
}

const Message* Maildrop::find(std::uint64_t number) const noexcept {
  if (number == 0 || number > messages_.size()) return nullptr;
  return &messages_[number - 1];
}

void Maildrop::mark(std::uint64_t number) noexcept {
  auto& message = messages_[number - 1];
  message.marked = true;
  --present_;
  octets_ -= message.size;
}

void Maildrop::unmark_all() noexcept {
  present_ = messages_.size();
  octets_ = 0;
  for (auto& message : messages_) {
    message.marked = false;
    octets_ += message.size;
  }
}

std::vector<std::int64_t> Maildrop::marked_uids() const {
  std::vector<std::int64_t> uids;
  uids.reserve(messages_.size() - present_);
  for (const auto& message : messages_) {
    if (message.marked) uids.push_back(message.uid);
  }
  return uids;
}

void Maildrop::append_unique_id(const Message& message, std::string& out) const {
  append_number(out, uid_validity_);
  out.push_back('.');
  append_number(out, message.uid);
}

bool ListingBody::produce(std::string& out, std::size_t window) {
  const std::size_t full = out.size() + window;
  for (; next_ <= maildrop_->size(); ++next_) {
    if (out.size() >= full) return false;
    const auto* message = maildrop_->find(next_);
    if (message->marked) continue;
    append_number(out, next_);
    out.push_back(' ');
    if (kind_ == Kind::sizes) {
      append_number(out, message->size);
    } else {
      maildrop_->append_unique_id(*message, out);
    }
    out.append("\r\n");
  }
  out.append(".\r\n");
  return true;
}

}  // namespace pabal::pop3
