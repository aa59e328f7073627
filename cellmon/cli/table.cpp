#include "cellmon/cli/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "cellmon/wire/text.h"

namespace hive::cli {
namespace {

constexpr std::size_t kMaxField = 1024;

}  // namespace

std::string format_table(const std::vector<TableRow>& rows, std::string_view alignment) {
  std::vector<std::size_t> widths(alignment.size());
  for (const TableRow& row : rows) {
    for (std::size_t column = 0; column < std::min(row.size(), widths.size()); ++column) {
      widths[column] = std::max(widths[column], std::min(row[column].size(), kMaxField));
    }
  }
  std::string text;
  for (const TableRow& row : rows) {
    std::string line;
    for (std::size_t column = 0; column < std::min(row.size(), widths.size()); ++column) {
      const std::string field = wire::printable(row[column], kMaxField);
      line += alignment[column] == 'r' ? fmt::format("  {:>{}}", field, widths[column])
                                       : fmt::format("  {:<{}}", field, widths[column]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace hive::cli
