// How a cell rings others' interrupts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/device/platform.h"

namespace hive::device {

/// The doorbell register of one cell: a value of cell << 16 | vector signals that cell's eventfd.
/// A value's first use goes through the VMM; from then on the machine does it where it can. Not
/// thread-safe.
class GlobalDoorbells {
 public:
  /// EVENTS[cell][vector]; a cell may have fewer vectors, or none. CONTROLLER outlives this object.
  GlobalDoorbells(std::vector<std::vector<UniqueFd>> events, DoorbellController& controller);
  GlobalDoorbells(const GlobalDoorbells&) = delete;
  GlobalDoorbells& operator=(const GlobalDoorbells&) = delete;
  ~GlobalDoorbells();

  /// The guest wrote VALUE. Does nothing where no cell has such a vector. Never blocks, but for a
  /// signal's time where another holder of the eventfd has filled it.
  void ring(std::uint32_t value);
  /// The register is at ADDRESS now, or nowhere.
  void move(std::optional<memory::GuestAddress> address);

  /// The eventfds of CELL.
  [[nodiscard]] const std::vector<UniqueFd>& events(unsigned cell) const { return events_[cell]; }

 private:
  struct Attached {
    std::uint32_t value;
    int event_fd;
  };
  [[nodiscard]] int find(std::uint32_t value) const;

  std::vector<std::vector<UniqueFd>> events_;
  DoorbellController& controller_;
  std::optional<memory::GuestAddress> address_;
  std::vector<Attached> attached_;  ///< At address_.
};

}  // namespace hive::device
