// Serves a gatekeeper's descriptors from the monitor's loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>

#include "cellmon/firewall/gatekeeper.h"

namespace hive::control {

/// Calls a gatekeeper whenever a write of another cell waits, or a VMM has answered.
class FaultServer {
 public:
  /// GATEKEEPER outlives the server.
  FaultServer(boost::asio::io_context& loop, firewall::Gatekeeper& gatekeeper)
      : loop_(loop), gatekeeper_(gatekeeper) {}
  FaultServer(const FaultServer&) = delete;
  FaultServer& operator=(const FaultServer&) = delete;
  ~FaultServer();

  /// As the gatekeeper's; from then on CELL is served. Throws on a descriptor that cannot be
  /// watched; CELL's writes then wait.
  void admit(CellId cell, memory::WriteGuard guard, UniqueFd denials);
  void dismiss(CellId cell);

 private:
  class Watch;

  boost::asio::io_context& loop_;
  firewall::Gatekeeper& gatekeeper_;
  std::map<CellId, std::shared_ptr<Watch>> watches_;
};

}  // namespace hive::control
