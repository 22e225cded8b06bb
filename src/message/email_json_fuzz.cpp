// A JMAP Email object of any message is JSON in well-formed UTF-8.
#include <cstdlib>

#include "base/text.hpp"
#include "message/email_json.hpp"
#include "message/search_text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace pabal;
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const auto text = json::serialize(message::email_json(message, {.blob_id = "B"}));
  if (!is_utf8(text) || !parse_json(text)) std::abort();
  const auto found = message::search_text(message);
  for (const auto* field :
       {&found.subject, &found.from, &found.to, &found.cc, &found.bcc, &found.body, &found.attachments}) {
    if (!is_utf8(*field)) std::abort();
  }
  return 0;
}
