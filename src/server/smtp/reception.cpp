#include "server/smtp/reception.hpp"

#include <utility>

#include "base/text.hpp"
#include "message/header.hpp"
#include "message/mailboxes.hpp"

namespace pabal::server::smtp {

using pabal::smtp::BareNewlines;
using pabal::smtp::Framing;
using pabal::smtp::TextRules;

namespace {

TextRules rules_of(const Settings& settings, Framing framing) {
  // BDAT's text is never normalised: its length was promised (RFC 3030), and nobody sends it without CRLF by accident.
  const bool normalise = settings.normalise_bare_newlines && framing == Framing::dots;
  return {.framing = framing,
          .bare_newlines = normalise ? BareNewlines::normalise : BareNewlines::refuse,
          .max_line = settings.long_lines ? 0 : settings.max_text_line};
}

}  // namespace

Reception::Reception(const Settings& settings, Framing framing, bool binary, store::Incoming buffer, Preamble preamble)
    : settings_(&settings),
      decoder_(rules_of(settings, framing)),
      counted_(framing == Framing::counted),
      binary_(binary),
      received_octets_(preamble.received.size()),
      content_(std::move(buffer)),
      preamble_(std::move(preamble)) {
  content_.append(preamble_.received);
}

void Reception::take(std::string_view& input) {
  const std::size_t before = input.size();
  if (binary_) {
    keep(std::exchange(input, {}));
  } else {
    while (!input.empty() && !decoder_.ended()) {
      const auto run = decoder_.decode(input);
      if (!refusal_ && decoder_.fault()) refuse(reply_for(*decoder_.fault()));
      if (!refusal_) keep(run);
    }
  }
  if (refusal_) discarded_ += before - input.size();
}

void Reception::keep(std::string_view run) {
  octets_ += run.size();
  if (octets_ > settings_->max_message_size) {
    refuse({552, "5.3.4", "The message is bigger than " + std::to_string(settings_->max_message_size) + " octets"});
    return;
  }
  if (judge_) judge_->take(run);
  if (preamble_.complete && !reviewed_) {
    hold(run);
  } else {
    content_.append(run);
  }
}

// Our additions must stand before the header, and what is missing is known only at its end.
void Reception::hold(std::string_view run) {
  const std::size_t looked_at = held_.size() < 3 ? 0 : held_.size() - 3;
  held_.append(run);
  const auto size = message::header_size(held_, looked_at);
  if (size) {
    end_hold(*size);
  } else if (held_.size() > settings_->max_header_size) {
    review_header(held_);
  }
}

void Reception::end_hold(std::size_t header_octets) {
  review_header(std::string_view(held_).substr(0, header_octets));
  for (std::size_t i = forged_.size(); i-- > 0;) held_.erase(forged_[i].begin, forged_[i].end - forged_[i].begin);
  content_.append(held_);
  std::string().swap(held_);
}

// The header stands in the content already, behind our Received field; nothing was spilled yet.
void Reception::review_kept(std::size_t header_octets) {
  review_header(std::string_view(content_.memory()).substr(received_octets_, header_octets));
  for (std::size_t i = forged_.size(); i-- > 0;) {
    content_.cut(received_octets_ + forged_[i].begin, forged_[i].end - forged_[i].begin);
  }
}

void Reception::review_header(std::string_view header) {
  reviewed_ = true;
  if (header.size() > settings_->max_header_size) {
    refuse({552, "5.3.4", "The header is bigger than " + std::to_string(settings_->max_header_size) + " octets"});
    return;
  }
  mailauth::ClaimedFindings claimed({.authserv_id = settings_->own_id(), .hostname = settings_->hostname});
  std::size_t hops = 0;
  std::size_t froms = 0;
  bool has_date = false;
  bool has_message_id = false;
  bool readable = true;
  message::HeaderReader reader(header);
  while (const auto field = reader.next()) {
    const auto is = [&](std::string_view name) { return equal_ignoring_case(field->name, name); };
    if (is("Received")) ++hops;
    if (claimed.take(*field)) continue;
    if (!preamble_.complete) continue;
    has_date |= is("Date");
    has_message_id |= is("Message-ID");
    const bool from = is("From");
    if (from) ++froms;
    if (from || is("Sender")) {
      auto addresses = message::addresses_in(field->body);
      // RFC 6854 §2: a group may stand there, "Undisclosed:;" too. Who names nobody claims to be nobody else.
      readable &= addresses && (!addresses->empty() || field->body.contains(':'));
      if (addresses) authors_.insert(authors_.end(), addresses->begin(), addresses->end());
    }
  }
  if (reader.malformed()) claimed.take_broken(header);
  if (claimed.fault()) refuse({550, "5.6.0", std::string(*claimed.fault())});
  forged_ = claimed.spans();
  if (hops > settings_->max_received_hops) {
    refuse({554, "5.4.6", "Too many hops: the message goes round in a circle"});
  }
  if (!preamble_.complete) return;
  if (reader.malformed()) refuse({550, "5.6.0", "The header has a line that is no header field"});
  if (froms == 0) refuse({550, "5.6.0", "The header has no From field"});
  if (froms > 1) refuse({550, "5.6.0", "The header has more than one From field"});
  if (!readable) refuse({550, "5.6.0", "The address in the From or Sender field can't be read"});
  if (!has_date) content_.append(preamble_.date);
  if (!has_message_id) content_.append(preamble_.message_id);
}

Async<> Reception::spill() {
  if (!reviewed_) {
    // Once it is written the header is no longer in memory, so it stays there until it is whole or too big.
    const auto text = std::string_view(content_.memory()).substr(received_octets_);
    const auto header_octets = message::header_size(text, looked_at_);
    if (!header_octets && text.size() <= settings_->max_header_size) {
      looked_at_ = text.size() < 3 ? 0 : text.size() - 3;
      co_return;
    }
    review_kept(header_octets.value_or(text.size()));
    if (refusal_) co_return;
  }
  if (auto spilled = co_await content_.spill(); !spilled) refuse(reply_for(spilled.error(), *settings_, false));
}

void Reception::finish() {
  if (refusal_) return;
  if (counted_ && !binary_) {
    const auto owed = decoder_.finish();
    if (decoder_.fault()) {
      refuse(reply_for(*decoder_.fault()));
      return;
    }
    if (octets_ != 0) keep(owed);
  }
  if (reviewed_ || refusal_) return;
  if (preamble_.complete) {
    end_hold(held_.size());
  } else {
    const auto text = std::string_view(content_.memory()).substr(received_octets_);
    review_kept(message::header_size(text).value_or(text.size()));
  }
}

}  // namespace pabal::server::smtp
