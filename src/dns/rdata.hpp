// RDATA: a record's data as it stands in packets (RFC 1035 §3.3), without compressed names, as resolver libraries hand
// it out.
#pragma once
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dns/record.hpp"

namespace pabal::dns {

/// Reads a whole record's data. Errors: syntax, also for octets behind its end and for compressed names.
[[nodiscard]] Result<Record> parse_rdata(Type type, std::string_view rdata);
/// The other way round. Names are as they are kept, so in lower case.
[[nodiscard]] std::string rdata_of(const Record& record);

}  // namespace pabal::dns
