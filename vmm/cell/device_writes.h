// Writes of a cell's devices to global memory.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>

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

  /// The calling thread is the loop's.
  void start();

  [[nodiscard]] bool write(std::byte* target, std::span<const std::byte> bytes) override;

 private:
  [[nodiscard]] bool write_piece(std::byte* target, std::span<const std::byte> bytes);

  boost::asio::io_context& loop_;
  memory::GlobalWindow& window_;
  Denials& denials_;
  Sink sink_;
  memory::BounceFile bounce_;
  bool started_ = false;
};

}  // namespace hive::cell
