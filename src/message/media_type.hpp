// The two things in Content-Type that the structure of a message hangs on: the media type and the boundary. The whole
// grammar, with every parameter decoded, is in parameters.hpp; this reads in place and costs nothing.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace pabal::message {

struct MediaType {
  std::string_view type;     ///< as written
  std::string_view subtype;  ///< as written
};

/// Nothing where the field body does not begin with `type/subtype` (RFC 2045 §5.1, comments allowed).
[[nodiscard]] std::optional<MediaType> read_media_type(std::string_view field_body) noexcept;

/// The boundary parameter, quoting and folding taken away, also in RFC 2231's pieces; nothing where it is missing or
/// empty. Up to 250 octets where the standard allows 70.
[[nodiscard]] std::optional<std::string> boundary_of(std::string_view field_body);

/// The first word of a field body behind white space and comments, up to white space, ';' or '('.
[[nodiscard]] std::string_view first_token(std::string_view field_body) noexcept;

}  // namespace pabal::message
