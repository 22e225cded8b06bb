// Boost.JSON for all floors; its compiled part is in json.cpp. Include this, never <boost/json/src.hpp>.
#pragma once
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/storage_ptr.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include "base/error.hpp"

namespace pabal {

namespace json = boost::json;

/// A whole JSON text (RFC 8259). Errors: syntax, with the place.
[[nodiscard]] Result<json::value> parse_json(std::string_view text);

}  // namespace pabal
