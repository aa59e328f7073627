// The registers through which a guest knows and asks about global memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "guests/abi/global_memory.h"
#include "vmm/base/range.h"

namespace hive::device {

/// What the read-only registers say.
struct GlobalFacts {
  std::uint32_t cell = 0;         ///< This cell's number.
  std::uint32_t incarnation = 0;  ///< How often it was booted.
  Range window;                   ///< Where the guest has global memory beside the BAR.
  std::vector<Range> parts;       ///< Of each cell of the machine, as offsets within the window.
};

/// struct hive_global_registers (guests/abi/global_memory.h) as a pure state machine. Accesses may
/// have any offset and width: what lies outside reads as 0, and stores there do nothing. Not
/// thread-safe.
class GlobalRegisters {
 public:
  /// Takes a request, copied once, as the guest wrote it: nothing of it is checked. The next comes
  /// only after answer().
  using RequestSink = std::function<void(const hive_global_request& request)>;
  /// Takes what the guest wrote to the doorbell register: any value.
  using DoorbellSink = std::function<void(std::uint32_t value)>;

  /// FACTS has parts of at most HIVE_GLOBAL_MAX_CELLS cells.
  GlobalRegisters(const GlobalFacts& facts, RequestSink on_request, DoorbellSink on_doorbell);

  void read(std::uint64_t offset, std::span<std::byte> data) const;
  /// Calls a sink where the guest asks for it.
  void write(std::uint64_t offset, std::span<const std::byte> data);

  /// What the guest made of it.
  [[nodiscard]] std::uint32_t pin_mode() const { return image_.pin_mode; }

  [[nodiscard]] bool busy() const { return image_.state == HIVE_GLOBAL_BUSY; }
  /// Ends the request under way. Does nothing where there is none.
  void answer(const hive_global_reply& reply);

 private:
  void write_request(std::uint64_t offset, std::span<const std::byte> data);

  hive_global_registers image_{};  ///< As a guest reads it.
  RequestSink on_request_;
  DoorbellSink on_doorbell_;
};

}  // namespace hive::device
