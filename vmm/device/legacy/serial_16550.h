// The serial port of a PC: a 16550A.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>

#include "vmm/device/bus_device.h"
#include "vmm/device/platform.h"

namespace hive::device {

/// The other end of a serial port's wire. Called on vCPU threads with the port's lock held: must
/// not block, throw or call the port.
class SerialSink {
 public:
  virtual ~SerialSink() = default;
  /// The guest sent BYTE.
  virtual void transmit(std::byte byte) = 0;
  /// The port has room again, after receive() could not take all that it was given.
  virtual void receiver_ready() = 0;
};

/// A 16550A with its two 16-byte FIFOs (registers as in National Semiconductor's PC16550D data
/// sheet). Bytes leave at once, so the transmitter is always empty and each output byte costs the
/// guest one store. Interrupts are edges on the line: one each time the port goes from nothing to
/// report to something. Attach at eight ports. Thread-safe.
class Serial16550 : public BusDevice {
 public:
  static constexpr std::size_t kFifoSize = 16;

  /// LINE and SINK outlive the port.
  Serial16550(InterruptLine& line, SerialSink& sink) : line_(line), sink_(sink) {}

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;

  /// Puts bytes from the wire into the receive FIFO. Returns how many had room.
  std::size_t receive(std::span<const std::byte> data);

 private:
  [[nodiscard]] std::uint8_t load(std::uint64_t reg);
  void store(std::uint64_t reg, std::uint8_t value);
  [[nodiscard]] std::uint8_t take_received();
  void transmit(std::byte byte);
  void put_received(std::byte byte);
  void set_fifo_control(std::uint8_t value);
  void set_modem_control(std::uint8_t value);
  [[nodiscard]] std::uint8_t take_line_status();
  [[nodiscard]] std::uint8_t take_modem_status();
  [[nodiscard]] std::uint8_t modem_inputs() const;
  [[nodiscard]] std::uint8_t pending_cause() const;
  [[nodiscard]] std::uint8_t take_interrupt_identity();
  [[nodiscard]] std::size_t free_space() const;
  void update_outputs();

  InterruptLine& line_;
  SerialSink& sink_;
  std::mutex mutex_;
  std::array<std::byte, kFifoSize> fifo_{};
  std::size_t fifo_head_ = 0;
  std::size_t fifo_count_ = 0;
  std::uint8_t interrupt_enable_ = 0;
  std::uint8_t fifo_control_ = 0;
  std::uint8_t line_control_ = 0;
  std::uint8_t modem_control_ = 0;
  std::uint8_t modem_changes_ = 0;  ///< The delta bits of MSR, until read.
  std::uint8_t scratch_ = 0;
  std::uint16_t divisor_ = 12;   ///< 9600 baud; has no effect.
  bool transmit_event_ = false;  ///< The transmitter became empty; no IIR read has told so yet.
  bool overrun_ = false;
  bool sender_waits_ = false;  ///< receive() could not take all: tell the sink when there is room.
  bool asserted_ = false;      ///< State of the interrupt output.
};

}  // namespace hive::device
