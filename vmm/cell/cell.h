// One cell's machine: guest RAM, devices, kernel and vCPUs, put together from a configuration.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "vmm/cell/config.h"
#include "vmm/cell/monitor_protocol.h"

namespace hive::cell {

/// A cell, from its construction (all files opened, the guest loaded and ready) to its end. All
/// methods belong to the thread that runs LOOP; reports come on it too.
class Cell {
 public:
  using ReportSink = std::function<void(const Report&)>;

  /// Builds the cell. Throws Error when anything that CONFIG names cannot be had.
  Cell(boost::asio::io_context& loop, const CellConfig& config, ReportSink on_report);
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;
  /// Stops the vCPUs and devices.
  ~Cell();

  /// Starts the vCPUs and reports kStarted.
  void start();

  /// Gets all vCPUs out of the guest and the devices quiet, then reports kPaused. Does nothing
  /// while paused.
  void pause();
  /// Undoes pause() and reports kResumed. Does nothing while running.
  void resume();

  void press_power_button();

 private:
  class Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace hive::cell
