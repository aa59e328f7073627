// The format of campaign files for editors.
#pragma once

#include <string>

namespace hive::campaign {

/// The JSON Schema (draft 7) of campaign files, made from the table of keys and the catalogue of
/// faults. It knows the format, not the machine: a file without faults is valid by it (but for a
/// name without quotes that YAML takes for a number or a truth value), and not the other way round.
std::string json_schema();

}  // namespace hive::campaign
