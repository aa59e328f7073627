// The monitors of a machine, as a workload talks with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "cellmon/cli/rpc_client.h"
#include "cellmon/wire/cell_status.h"
#include "vmm/base/error.h"

namespace hive::cli {

/// A signal asks the campaign to end.
class Interrupted : public Error {
 public:
  Interrupted() : Error("interrupted") {}
};

/// What hears all that monitors send beside events. Cells are numbers in the plan's order.
class MonitorListener {
 public:
  virtual ~MonitorListener() = default;
  /// There is a new connection to the cell's monitor, maybe a later one.
  virtual void connected(std::size_t cell) = 0;
  virtual void take(std::size_t cell, const Message& message) = 0;
  /// The cell has told EVENT.
  virtual void note(std::size_t cell, const wire::Event& event) = 0;
};

/// Asks them. Single-threaded.
class Monitors {
 public:
  virtual ~Monitors() = default;

  /// Whether the cell's monitor can be asked.
  [[nodiscard]] virtual bool has_monitor(std::size_t cell) const = 0;
  /// Sends a request whose answer the listener hears; nothing where there is no monitor.
  virtual std::optional<std::uint64_t> send(std::size_t cell, std::string_view method,
                                            const Json& params) = 0;
  /// Asks and waits. Throws Error.
  virtual Json call(std::size_t cell, std::string_view method, const Json& params) = 0;
  /// Takes what monitors send, for TIME. Throws Interrupted.
  virtual void pump(Milliseconds time) = 0;
};

}  // namespace hive::cli
