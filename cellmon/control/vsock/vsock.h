// A monitor's part in its cell's vsock.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cellmon/control/siblings.h"
#include "cellmon/control/vsock/counter_desk.h"
#include "cellmon/control/vsock/host_ports.h"
#include "cellmon/control/vsock/listen_ports.h"
#include "cellmon/control/vsock/monitor_service.h"
#include "cellmon/control/vsock/ring_routes.h"
#include "cellmon/control/vsock/service_clients.h"
#include "cellmon/control/vsock/vmm_vsock_link.h"
#include "vmm/cell/config.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Joins the cell's VMM with those of its siblings, with sockets of the host, and with this
/// monitor's own service. Packets never come by here. Single-threaded.
class Vsock {
 public:
  struct Handlers {
    /// The guest's evidence about a sibling; DETAIL is for people.
    std::function<void(const CellHint& hint, const std::string& detail)> on_hint;
    /// Counters that were asked for are there.
    std::function<void()> on_counters;
  };

  /// Failures of one incarnation to connect that are logged; more are only counted.
  static constexpr unsigned kMaxLogged = 20;

  /// Makes the sockets that the plan wants on the host, and joins SIBLINGS, which have not been
  /// started. Throws Error.
  Vsock(boost::asio::io_context& loop, const plan::Machine& machine, Siblings& siblings,
        Handlers handlers, spdlog::logger& log);

  /// What a VMM is to be started with; the descriptors stay this object's.
  [[nodiscard]] cell::VsockConfig config() const { return routes_.config(); }
  /// The VMM of INCARNATION has been started, with LINK (vmm/cell/vsock_protocol.h).
  void attach(UniqueFd link, Incarnation incarnation);
  /// It has ended.
  void detach();

  /// One line for each cell of the machine, its CID and its name: for the guest's agent.
  [[nodiscard]] std::string list_cells() const;

  [[nodiscard]] const plan::Machine& machine() const { return machine_; }
  [[nodiscard]] const RingRoutes& routes() const { return routes_; }
  /// Asks the VMM for its counters; the number of the question.
  std::uint32_t ask_counters();
  /// Nothing while question NUMBER is under way.
  [[nodiscard]] std::optional<CounterDesk::Answer> counters(std::uint32_t number) const {
    return counters_.answer(number);
  }
  /// Sets what happens to packets from sibling CELL, until the VMM's end. False when there is no
  /// VMM, or it does not read.
  bool set_faults(CellId cell, const cell::PathFaults& faults);

  /// The guest's evidence about siblings, told or not.
  [[nodiscard]] std::uint64_t hints() const { return service_.hints(); }
  /// Packets of VMMs on their links that were none, and calls of host ports that failed.
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }
  [[nodiscard]] std::uint64_t failed_calls() const { return failed_calls_; }

 private:
  VmmVsockLink::Handlers link_handlers();
  void open(const cell::VsockHostOpen& wanted);
  void connect_service(std::uint32_t request);
  void reply(std::uint32_t request, std::uint32_t port, int error, UniqueFd socket);
  void pass_on(std::uint32_t port, UniqueFd caller);
  [[nodiscard]] std::vector<MonitorService::CellFacts> facts() const;

  boost::asio::io_context& loop_;
  const plan::Machine& machine_;
  Siblings& siblings_;
  Handlers handlers_;
  spdlog::logger& log_;
  RingRoutes routes_;
  HostPorts host_ports_;
  ListenPorts listen_ports_;
  MonitorService service_;
  ServiceClients clients_;
  CounterDesk counters_;
  Incarnation incarnation_ = 0;  ///< Of the last VMM.
  std::unique_ptr<VmmVsockLink> link_;
  unsigned logged_ = 0;
  std::uint64_t malformed_ = 0;
  std::uint64_t failed_calls_ = 0;
};

}  // namespace hive::control
