// A function's message-signalled interrupts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "vmm/device/platform.h"

namespace hive::device {

/// An MSI-X table with its pending bits (PCI 3.0, 6.8.2). A vector is asked of the machine when the
/// guest first unmasks its entry. Not thread-safe: its device's lock covers it.
class MsixTable {
 public:
  static constexpr std::size_t kEntrySize = 16;

  /// ENTRIES is 1 to 64. CONTROLLER outlives the table.
  MsixTable(MsiController& controller, unsigned entries);

  [[nodiscard]] std::size_t table_size() const { return entries_.size() * kEntrySize; }
  [[nodiscard]] unsigned entries() const { return static_cast<unsigned>(entries_.size()); }

  /// The guest's accesses to the table and the pending bits. Bytes beyond them read as 0.
  void read_table(std::uint64_t offset, std::span<std::byte> data) const;
  void write_table(std::uint64_t offset, std::span<const std::byte> data);
  void read_pending(std::uint64_t offset, std::span<std::byte> data) const;

  /// Follows the message control register.
  void set_control(bool enabled, bool masked);
  [[nodiscard]] bool enabled() const { return enabled_; }

  /// Has interrupt VECTOR sent whenever EVENT_FD, an eventfd that outlives the table, is signalled.
  /// What comes while it is masked or MSI-X disabled stays in the eventfd: it is pending. Before
  /// the guest runs.
  void connect(unsigned vector, int event_fd);

  /// Sends interrupt VECTOR, or remembers it while it is masked. Does nothing while MSI-X is
  /// disabled or when there is no such entry.
  void raise(unsigned vector);

 private:
  struct Entry {
    std::uint32_t words[4] = {0, 0, 0, 1};  ///< Address low, high, data, vector control.
    std::unique_ptr<MsiVector> vector;
    std::uint64_t sent_address = 0;  ///< What `vector` was last told to send.
    std::uint32_t sent_data = 0;
    bool programmed = false;
    int source = -1;  ///< The eventfd that is connected.
    bool listening = false;
  };
  [[nodiscard]] bool deliverable(const Entry& entry) const;
  void refresh(unsigned index);
  static void listen(Entry& entry, bool wanted);
  [[nodiscard]] bool program(Entry& entry);

  MsiController& controller_;
  std::vector<Entry> entries_;
  std::uint64_t pending_ = 0;
  bool enabled_ = false;
  bool masked_ = false;
};

}  // namespace hive::device
