#include "cellmon/control/vsock/vsock.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

namespace hive::control {
namespace {

const std::vector<plan::VsockPort>& ports_of(const plan::Machine& machine, unsigned cell) {
  return machine.cells[cell].vsock;
}

}  // namespace

Vsock::Vsock(boost::asio::io_context& loop, const plan::Machine& machine, Siblings& siblings,
             Handlers handlers, spdlog::logger& log)
    : loop_(loop),
      machine_(machine),
      siblings_(siblings),
      handlers_(std::move(handlers)),
      log_(log),
      routes_(
          machine, siblings,
          [this](CellId cell) {
            if (link_) link_->tell(static_cast<unsigned>(cell), routes_.life(cell));
          },
          log),
      host_ports_(loop, ports_of(machine, siblings.own()),
                  [this](std::uint32_t request, std::uint32_t port, int error, UniqueFd socket) {
                    reply(request, port, error, std::move(socket));
                  }),
      listen_ports_(
          loop, ports_of(machine, siblings.own()),
          [this](std::uint32_t port, UniqueFd caller) { pass_on(port, std::move(caller)); }, log),
      service_(
          siblings.own(), [this] { return facts(); },
          [this](const CellHint& hint) {
            handlers_.on_hint(hint, describe_hint(hint, siblings_.names()[hint.cell]));
          }),
      clients_(loop, service_),
      counters_(
          loop, [this](const auto& question) { return link_ && link_->send(question); },
          [this] { handlers_.on_counters(); }) {}

void Vsock::attach(UniqueFd link, Incarnation incarnation) {
  incarnation_ = incarnation;
  logged_ = 0;
  service_.clear();
  routes_.attach();
  if (!link) return;
  link_ = std::make_unique<VmmVsockLink>(loop_, std::move(link), link_handlers());
  for (unsigned cell = 0; cell < machine_.cells.size(); ++cell) {
    const auto id = static_cast<CellId>(cell);
    if (cell != siblings_.own() && routes_.is_pair(id)) link_->tell(cell, routes_.life(id));
  }
}

void Vsock::detach() {
  link_.reset();
  host_ports_.clear();
  clients_.clear();
  counters_.give_up();
}

VmmVsockLink::Handlers Vsock::link_handlers() {
  VmmVsockLink::Handlers handlers;
  handlers.on_host_open = [this](const cell::VsockHostOpen& wanted) { open(wanted); };
  handlers.on_count = [this](const cell::VsockCount& count) { counters_.take(count); };
  handlers.on_guest_count = [this](const auto& count) { counters_.take(count); };
  handlers.on_malformed = [this] { ++malformed_; };
  return handlers;
}

void Vsock::open(const cell::VsockHostOpen& wanted) {
  if (wanted.port == HIVE_MONITOR_PORT) return connect_service(wanted.request);
  host_ports_.open(wanted.request, wanted.port);
}

void Vsock::connect_service(std::uint32_t request) {
  try {
    UniqueFd stream = clients_.connect();
    const int error = stream ? 0 : EUSERS;
    reply(request, HIVE_MONITOR_PORT, error, std::move(stream));
  } catch (const std::exception& error) {
    log_.error("a guest's program cannot ask its monitor: {}", error.what());
    reply(request, HIVE_MONITOR_PORT, EMFILE, {});
  }
}

void Vsock::reply(std::uint32_t request, std::uint32_t port, int error, UniqueFd socket) {
  if (error != 0) {
    ++failed_calls_;
    const std::string path = host_ports_.path_of(port);
    if (logged_++ < kMaxLogged) {
      log_.warn("the guest's call of the host's port {} is refused: {}", port,
                path.empty() && port != HIVE_MONITOR_PORT
                    ? "the plan has no such port"
                    : path + (path.empty() ? "" : ": ") + std::strerror(error));
    }
  }
  if (!link_) return;
  const cell::VsockHostReply answer{cell::VsockMessage::kHostReply, request, error};
  const std::array<int, 1> file{socket.get()};
  (void)link_->send(answer, error == 0 ? std::span<const int>(file) : std::span<const int>());
}

void Vsock::pass_on(std::uint32_t port, UniqueFd caller) {
  const std::array<int, 1> file{caller.get()};
  if (link_) (void)link_->send(cell::VsockHostCall{cell::VsockMessage::kHostCall, port}, file);
}

std::string Vsock::list_cells() const {
  std::string lines;
  for (const plan::Cell& cell : machine_.cells)
    lines += fmt::format("{} {}\n", cell.cid, cell.name);
  return lines;
}

std::uint32_t Vsock::ask_counters() {
  if (!link_) return counters_.ask(std::nullopt);
  std::set<unsigned> cells;
  for (const auto& peer : routes_.config().peers) cells.insert(peer.cell);
  return counters_.ask(cells);
}

bool Vsock::set_faults(CellId cell, const cell::PathFaults& faults) {
  return link_ && link_->send(cell::VsockFaults{cell::VsockMessage::kFaults,
                                                static_cast<std::uint32_t>(cell), faults});
}

std::vector<MonitorService::CellFacts> Vsock::facts() const {
  std::vector<MonitorService::CellFacts> facts;
  for (std::size_t cell = 0; cell < machine_.cells.size(); ++cell) {
    const RingRoutes::Life life = cell == siblings_.own()
                                      ? RingRoutes::Life{incarnation_, link_ != nullptr}
                                      : routes_.life(static_cast<CellId>(cell));
    facts.push_back(
        {machine_.cells[cell].name, machine_.cells[cell].cid, life.up, life.incarnation});
  }
  return facts;
}

}  // namespace hive::control
