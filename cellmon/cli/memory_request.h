// What hive balloon and hive plug have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cellmon/cli/rpc_client.h"

namespace hive::cli {

/// A cell, and how much memory its guest is asked for.
struct MemoryRequest {
  std::string cell;
  std::string size;  ///< Empty: only tell.
};

/// Makes them arguments of COMMAND; the second one's help says what SIZE is.
void add_memory_request(CLI::App& command, MemoryRequest& request, const std::string& size);

/// What a cell's monitor has answered.
struct MemoryAnswer {
  std::string cell;  ///< Its full name.
  Json answer;

  /// The number KEY of it, as people write sizes. Throws Error where there is none.
  [[nodiscard]] std::string size(const char* key) const;
};

/// Has the cell's monitor do METHOD. Throws Error.
MemoryAnswer send(const MemoryRequest& request, const std::string& method);

}  // namespace hive::cli
