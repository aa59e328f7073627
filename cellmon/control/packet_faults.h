// Faults of packets on their way to a cell, injected for a time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "cellmon/control/deadline.h"
#include "cellmon/control/vsock/vsock.h"
#include "cellmon/inject/fault.h"

namespace hive::control {

/// What the kinds of faults come to on each path, one kind beside the other. Single-threaded.
class PacketFaults {
 public:
  /// The references outlive this object.
  PacketFaults(boost::asio::io_context& loop, Vsock& vsock) : loop_(loop), vsock_(vsock) {}

  /// Why FAULT, which is in packets, cannot be done; empty where it can.
  [[nodiscard]] std::string check(const inject::Fault& fault) const;
  /// Does FAULT, which draws from SEED, in place of one of its kind on the same path. False where
  /// there is no VMM, or it does not read.
  bool begin(const inject::Fault& fault, std::uint64_t seed);
  /// The VMM is gone, and all faults with it.
  void detach();

 private:
  void end(CellId cell, inject::FaultKind kind);

  boost::asio::io_context& loop_;
  Vsock& vsock_;
  std::map<CellId, cell::PathFaults> paths_;
  std::map<std::pair<CellId, inject::FaultKind>, Deadline> ends_;
};

}  // namespace hive::control
