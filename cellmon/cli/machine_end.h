// Ending a machine.
#pragma once

#include <string>

#include "cellmon/cli/rpc_client.h"

namespace hive::cli {

/// How a machine is ended.
struct EndOptions {
  bool force = false;          ///< Guests are killed, and monitors that hang.
  bool purge = false;          ///< No file stays.
  bool quiet = false;          ///< Nothing is told of cells that have ended.
  Milliseconds grace{};        ///< What the guests have to shut down.
  Milliseconds slack{15'000};  ///< How much longer a monitor may take.
};

/// Ends all monitors of MACHINE, and its witness. Whether all have ended; who has not is told on
/// standard error.
bool end_machine(const std::string& machine, const EndOptions& options);

}  // namespace hive::cli
