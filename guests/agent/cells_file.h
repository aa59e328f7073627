// The names of the machine's cells, as the guest's programs find them.
#pragma once

#include <string>
#include <string_view>

namespace hive::agent {

/// Whether PAYLOAD is what HIVE_AGENT_CELLS may carry: at least one line, each a CID (a number from
/// 3 to 4294967294), a blank and a cell's name, and nothing else.
bool is_list_of_cells(std::string_view payload);

/// Puts TEXT into the file PATH, which readers see whole or not at all, and which all can read. Its
/// folder is made where it is missing. Throws Error.
void replace_file(const std::string& path, const std::string& text);

}  // namespace hive::agent
