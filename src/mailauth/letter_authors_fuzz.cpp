// Whom a header names: any octets are read, in bounds; who isn't clear is told of, and a field that has two readings
// never comes without a mark.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mailauth/letter_authors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::mailauth;
  const auto authors = authors_of_letter({reinterpret_cast<const char*>(data), size});
  if (authors.addresses.size() > 1000 + authors.fields) std::abort();
  if (authors.fields == 0 && authors.fault != AuthorFault::no_field && authors.fault != AuthorFault::broken_header) {
    std::abort();
  }
  if (authors.fields > 1 && authors.fault == AuthorFault::none) std::abort();
  if (authors.fault == AuthorFault::none && !authors.too_many) {
    if (authors.addresses.empty()) std::abort();
    for (const auto& one : authors.addresses) {
      if (one.empty()) std::abort();
    }
  }
  return 0;
}
