// A PCI function's configuration space.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "vmm/base/range.h"

namespace hive::device {

/// What a PCI function says that it is.
struct PciIdentity {
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  std::uint16_t subsystem_vendor = 0;
  std::uint16_t subsystem = 0;
  std::uint32_t class_code = 0;  ///< Base class, subclass, interface: 24 bits.
  std::uint8_t revision = 0;
};

/// The width of a base address register for memory.
enum class BarWidth : std::uint8_t { k32, k64, k64Prefetchable };

/// The 256 bytes of a conventional function (PCI 3.0, chapter 6): a type 0 header without I/O
/// space, and a list of capabilities. What lies above them in the 4 KiB of ECAM reads as
/// all-ones, as a conventional function's does. Not thread-safe.
class PciConfigSpace {
 public:
  static constexpr std::size_t kSize = 256;
  static constexpr unsigned kBars = 6;

  explicit PciConfigSpace(const PciIdentity& identity);

  /// Gives the function a memory BAR of SIZE bytes, a power of two of at least 16, and of at most
  /// 2 GiB where its width is 32 bits. A 64-bit one takes INDEX and the next.
  void add_bar(unsigned index, std::uint64_t size, BarWidth width);
  /// Size of BAR INDEX, 0 for none.
  [[nodiscard]] std::uint64_t bar_size(unsigned index) const;
  /// Sets where BAR INDEX is, as firmware does.
  void assign_bar(unsigned index, std::uint64_t address);
  /// Turns memory decoding on, as firmware does for devices that work without a driver.
  void enable_memory();
  /// Gives the function interrupt pin INTA, which firmware has routed to LINE and left disabled.
  void add_interrupt_pin(std::uint8_t line);
  /// Whether the guest lets the function assert its pin.
  [[nodiscard]] bool interrupt_enabled() const;
  /// What the status register says of the pin (PCI 3.0, 6.2.3: interrupt status).
  void set_interrupt_status(bool asserted);
  /// Where the guest finds BAR INDEX; nothing while memory decoding is off.
  [[nodiscard]] std::optional<std::uint64_t> bar_address(unsigned index) const;

  /// Appends a capability ID whose bytes after the two of the list are BODY. The guest may change
  /// the bits that are set in WRITABLE (as long as BODY, or shorter). Returns its offset.
  std::size_t add_capability(std::uint8_t id, std::span<const std::byte> body,
                             std::span<const std::byte> writable = {});

  /// The guest's accesses, of any width, at OFFSET below 4096.
  void read(std::uint64_t offset, std::span<std::byte> data) const;
  void write(std::uint64_t offset, std::span<const std::byte> data);

  /// The device's own view of its registers.
  [[nodiscard]] std::uint16_t get16(std::size_t offset) const;
  [[nodiscard]] std::uint32_t get32(std::size_t offset) const;

 private:
  void put16(std::size_t offset, std::uint16_t value);
  void put32(std::size_t offset, std::uint32_t value);

  struct Bar {
    std::uint64_t size = 0;
    BarWidth width = BarWidth::k32;
  };
  std::array<std::byte, kSize> bytes_{};
  std::array<std::byte, kSize> writable_{};
  std::array<Bar, kBars> bars_{};
  std::size_t next_capability_ = 0x40;
  std::size_t last_link_ = 0x34;  ///< Where the next capability's offset is to be written.
};

}  // namespace hive::device
