// Text from a plan file, as a terminal and JSON can bear it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hive::plan {

/// TEXT fit for a terminal: control characters and what is not UTF-8 are shown as \xNN, and a
/// text longer than LONGEST bytes is cut.
std::string printable(std::string_view text, std::size_t longest);

/// TEXT, printable, in single quotes; of a long text its beginning.
std::string quote(std::string_view text);

/// Whether TEXT is UTF-8 without control characters.
bool is_clean(std::string_view text);

/// Whether NAME can name a machine or a cell: 1 to kMaxNameLength of a-z, 0-9 and '-', and not '-'
/// first.
bool is_name(std::string_view name);

}  // namespace hive::plan
