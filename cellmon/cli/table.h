// Tables for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hive::cli {

using TableRow = std::vector<std::string>;

/// A line for each of ROWS, indented, its columns as wide as they need. ALIGNMENT has a letter for
/// each column: 'l' left, 'r' right. Empty where there are no rows. What is not safe to print is
/// replaced.
std::string format_table(const std::vector<TableRow>& rows, std::string_view alignment);

}  // namespace hive::cli
