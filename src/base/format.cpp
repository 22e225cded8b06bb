// libfmt's formatter, compiled here once: cmake/pch.hpp tells all other files not to. (Debian's libfmt has it too, but
// GCC gives it another mangled name than clang.)
#include <fmt/format.h>

template void fmt::detail::vformat_to(fmt::detail::buffer<char>&, fmt::string_view, fmt::format_args,
                                      fmt::detail::locale_ref);
