// Writes of a cell's devices to global memory.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "vmm/cell/denials.h"
#include "vmm/cell/foreign_writes.h"
#include "vmm/memory/bounce_file.h"
#include "vmm/memory/foreign_writer.h"
#include "vmm/memory/global_window.h"

namespace hive::cell {

/// Makes and answers for what the devices write, on the loop's thread, which start() enrols.
class DeviceWrites : public memory::ForeignWriter {
 public:
  using Sink = std::function<void(const Violation&)>;

  /// SINK is told of each violation. Throws Error.
  DeviceWrites(boost::asio::io_context& loop, memory::GlobalWindow& window, Denials& denials,
               Sink sink);
  DeviceWrites(const DeviceWrites&) = delete;
  DeviceWrites& operator=(const DeviceWrites&) = delete;
  ~DeviceWrites() override;

  /// The calling thread is the loop's. Throws Error.
  void start();

  [[nodiscard]] bool write(std::byte* target, std::span<const std::byte> bytes) override;
  [[nodiscard]] std::byte* shown(std::byte* target, std::size_t length) override;

  /// How long a write waits for its home's word; and how long one does, for kMemory, after another
  /// was given up: a guest that writes again and again must not keep the loop.
  static constexpr std::chrono::milliseconds kPatience{1000};
  static constexpr std::chrono::milliseconds kShortPatience{10};
  static constexpr std::chrono::seconds kMemory{10};

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr unsigned kMaxLogged = 10;

  [[nodiscard]] std::uint64_t offset_of(const std::byte* target) const {
    return static_cast<std::uint64_t>(target - window_.base());
  }
  [[nodiscard]] bool write_pieces(std::byte* target, std::span<const std::byte> bytes);
  [[nodiscard]] bool write_piece(std::byte* target, std::span<const std::byte> bytes);
  void give_up(const std::byte* target);

  boost::asio::io_context& loop_;
  memory::GlobalWindow& window_;
  Denials& denials_;
  Sink sink_;
  memory::BounceFile bounce_;
  bool started_ = false;
  Clock::time_point deadline_;  ///< Of the write under way.
  std::optional<Clock::time_point> gave_up_;
  unsigned logged_ = 0;
};

}  // namespace hive::cell
