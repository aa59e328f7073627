// The format of plan files for editors.
#pragma once

#include <string>

namespace hive::plan {

/// The JSON Schema (draft 7) of plan files, made from the key table. It knows the format, not the
/// host: a file without faults is valid by it (but for a text of digits alone without quotes, which
/// an editor takes for a number), and not the other way round.
std::string json_schema();

}  // namespace hive::plan
