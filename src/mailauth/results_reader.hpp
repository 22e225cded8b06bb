// What Authentication-Results and ARC-Authentication-Results of others say (RFC 8601 §2.2), as far as it can be read.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/arc.hpp"

namespace pabal::mailauth {

struct ReadResults {
  std::string authserv_id;  ///< empty where the field names none
  std::vector<ArcMethod> methods;
};

/// Reads a field's body (of ARC's, what stands behind `i=N;`), folded or not. What isn't of the grammar is passed over,
/// up to the next `;`; comments are not kept; at most 100 methods, with 50 properties each. Linear in its size.
[[nodiscard]] ReadResults read_results(std::string_view body);

/// The parts of such a body between its `;`, white space at their ends cut off, folding taken out: the first is the
/// authserv-id with what stands beside it. A `;` in a quoted string or a comment separates nothing.
[[nodiscard]] std::vector<std::string> split_results(std::string_view body);

}  // namespace pabal::mailauth
