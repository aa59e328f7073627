#include "cellmon/cli/campaign/booted_machine.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "cellmon/cli/machine_end.h"

namespace hive::cli {
namespace {

using std::chrono::steady_clock;

constexpr Milliseconds kRetry{20};
constexpr Milliseconds kConnect{200};

/// A monitor that a fault has stopped is not waited for.
constexpr Milliseconds kEndSlack{1'500};

}  // namespace

BootedMachine::BootedMachine(const plan::Machine& machine, const std::string& run_dir,
                             const SignalFd& signals, MonitorListener& listener, Milliseconds limit)
    : plan_(machine), signals_(signals), listener_(listener), cells_(campaign::cells_of(machine)) {
  const auto deadline = steady_clock::now() + limit;
  start_ = std::make_unique<MachineStart>(machine, run_dir, signals);
  for (const std::string& name : cells_.names) {
    Link link;
    link.address = {::geteuid(), machine.name, name};
    links_.push_back(std::move(link));
  }
  try {
    await_up(deadline);
  } catch (...) {
    start_.reset();
    throw;
  }
}

BootedMachine::~BootedMachine() {
  links_.clear();
  EndOptions options;
  options.force = options.purge = options.quiet = true;
  options.slack = kEndSlack;
  try {
    end_machine(plan_.name, options);
  } catch (const Error& error) {
    fmt::print(stderr, "hive: {}\n", error.what());
  }
}

std::size_t BootedMachine::index_of(const std::string& cell) const {
  const std::vector<std::string>& names = cells_.names;
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), cell) - names.begin());
}

void BootedMachine::await_up(steady_clock::time_point deadline) {
  for (;;) {
    pump(kRetry);
    bool up = true;
    for (const Link& link : links_) up = up && link.runs && link.client;
    if (up && is_linked()) return;
    for (const wire::Event& event : events_) {
      if (event.kind != "failed" && event.kind != "panicked") continue;
      if (cells_.is_policy(event.cell)) continue;  // Its monitor starts the next Wax by itself.
      throw Error(fmt::format("machine {}: cell {} {}: {}", plan_.name, event.cell, event.kind,
                              event.detail));
    }
    if (steady_clock::now() >= deadline) {
      throw Error("machine " + plan_.name + " is not up in time; see `boot` of the campaign");
    }
  }
}

bool BootedMachine::await_linked(Milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  do {
    pump(Milliseconds(0));
    try {
      if (is_linked()) return true;
    } catch (const Error&) {
      return false;  // A monitor that answers nothing.
    }
    pump(kRetry);
  } while (steady_clock::now() < deadline);
  return false;
}

bool BootedMachine::is_linked() {
  for (std::size_t cell = 0; cell < links_.size(); ++cell) {
    const Json report = call(cell, "rpc", Json::object());
    if (cells_.names.size() < 2) continue;
    if (!report.contains("peers") || !report["peers"].is_array()) return false;
    for (const Json& peer : report["peers"]) {
      if (wire::text_member(peer, "state") != "joined" || !peer.value("up", Json()).is_boolean() ||
          !peer["up"].get<bool>()) {
        return false;
      }
    }
  }
  return true;
}

void BootedMachine::connect(std::size_t cell) {
  Link& link = links_[cell];
  if (steady_clock::now() - link.tried < kRetry) return;
  link.tried = steady_clock::now();
  try {
    link.client = RpcClient::connect(link.address, kConnect);
  } catch (const Error&) {
    return;  // It may serve soon.
  }
  if (!link.client) return;
  if (link.client->peer_pid() != link.monitor) {
    link.monitor = link.client->peer_pid();
    link.last = 0;
  }
  link.client->send("events.follow", {{"after", link.last}});
  listener_.connected(cell);
}

void BootedMachine::pump(Milliseconds time) {
  const auto deadline = steady_clock::now() + time;
  do {
    std::vector<pollfd> entries{{signals_.fd(), POLLIN, 0}};
    bool all_there = true;
    for (std::size_t cell = 0; cell < links_.size(); ++cell) {
      if (!links_[cell].client) connect(cell);
      if (links_[cell].client) entries.push_back({links_[cell].client->fd(), POLLIN, 0});
      all_there = all_there && links_[cell].client.has_value();
    }
    const Milliseconds wait =
        all_there ? left_until(deadline) : std::min(left_until(deadline), kRetry);
    ::poll(entries.data(), entries.size(), static_cast<int>(wait.count()));
    if (signals_.take() != 0) throw Interrupted();
    for (std::size_t cell = 0; cell < links_.size(); ++cell) drain(cell);
  } while (steady_clock::now() < deadline);
}

void BootedMachine::drain(std::size_t cell) {
  std::optional<RpcClient>& client = links_[cell].client;
  if (!client) return;
  while (const auto message = client->receive(Milliseconds(0))) take(cell, *message);
  if (client->closed()) client.reset();
}

void BootedMachine::take(std::size_t cell, const Message& message) {
  const auto* notification = std::get_if<wire::RpcNotification>(&message);
  if (notification == nullptr || notification->method != "event") {
    return listener_.take(cell, message);
  }
  const auto event = wire::parse_event(notification->params);
  if (!event || event->cell != cells_.names[cell]) return;
  links_[cell].last = event->sequence;
  if (wire::parse_state(event->kind)) links_[cell].runs = event->kind == "running";
  events_.push_back(*event);
  listener_.note(cell, *event);
}

std::optional<std::uint64_t> BootedMachine::send(std::size_t cell, std::string_view method,
                                                 const Json& params) {
  if (!links_[cell].client) return std::nullopt;
  return links_[cell].client->send(method, params);
}

Json BootedMachine::call(std::size_t cell, std::string_view method, const Json& params) {
  if (!links_[cell].client) throw lost_monitor(links_[cell].address);
  return links_[cell].client->call(method, params);
}

Injection BootedMachine::inject(const campaign::Draw& drawn) {
  std::optional<RpcClient>& client = links_[index_of(drawn.cell)].client;
  if (!client) return {"the cell has no monitor", true};
  return cli::inject(*client, drawn);
}

}  // namespace hive::cli
