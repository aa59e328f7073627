// hive events: what happened in cells.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/event_page.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/rpc_client.h"
#include "cellmon/wire/cell_status.h"
#include "cellmon/wire/text.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

using std::chrono::steady_clock;

struct EventsOptions {
  std::string machine;
  bool follow = false;
  bool json = false;
};

struct MachineEvent {
  std::string machine;
  wire::Event event;
};

void print(const MachineEvent& entry, bool json) {
  const wire::Event& event = entry.event;
  if (json) {
    Json object = to_json(event);
    object["machine"] = entry.machine;
    fmt::print("{}\n", object.dump(-1, ' ', false, Json::error_handler_t::replace));
    return;
  }
  constexpr std::size_t kMaxText = 1024;
  fmt::print("{}  {}/{}  {}{}{}\n", wire::format_time(event.wall_ns), entry.machine,
             wire::printable(event.cell, kMaxText), wire::printable(event.kind, kMaxText),
             event.detail.empty() ? "" : ": ", wire::printable(event.detail, kMaxText));
}

/// Says that one monitor cannot tell, for reason WHY: the others can.
void complain(const Error& why) { fmt::print(stderr, "hive: {}\n", why.what()); }

/// All events that the monitor keeps; the answer to request ID, with the first of them, is to come
/// until DEADLINE.
void list(RpcClient& client, std::uint64_t id, steady_clock::time_point deadline,
          std::vector<MachineEvent>& out) {
  const std::string machine = client.address().machine;
  std::uint64_t after = 0;
  const auto take = [&](const Json& page) {
    std::vector<wire::Event> events;
    const bool more = take_events(page, after, events);
    for (wire::Event& event : events) out.push_back({machine, std::move(event)});
    return more;
  };
  bool more = take(client.answer(id, share_of(deadline)));
  while (more) more = take(client.call("events.list", {{"after", after}}));
}

/// Whether all told. All are asked before the first is waited for.
bool print_all(std::vector<RpcClient>& clients, bool json) {
  const auto deadline = steady_clock::now() + RpcClient::kQuick;
  std::vector<std::uint64_t> ids;
  for (RpcClient& client : clients) ids.push_back(client.send("events.list", {{"after", 0}}));
  std::vector<MachineEvent> events;
  bool all_told = true;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    try {
      list(clients[i], ids[i], deadline, events);
    } catch (const Error& why) {
      complain(why);
      all_told = false;
    }
  }
  std::stable_sort(events.begin(), events.end(), [](const MachineEvent& a, const MachineEvent& b) {
    return a.event.wall_ns < b.event.wall_ns;
  });
  for (const MachineEvent& event : events) print(event, json);
  return all_told;
}

/// Prints events as they come, until all monitors are gone.
void follow(std::vector<RpcClient>& clients, bool json) {
  for (RpcClient& client : clients) client.send("events.follow", {{"after", 0}});
  while (!clients.empty()) {
    std::vector<pollfd> entries;
    for (const RpcClient& client : clients) entries.push_back({client.fd(), POLLIN, 0});
    ::poll(entries.data(), entries.size(), -1);
    for (RpcClient& client : clients) {
      while (const auto message = client.receive(Milliseconds(0))) {
        throw_refusal(client, *message);
        const auto* notification = std::get_if<wire::RpcNotification>(&*message);
        if (notification == nullptr || notification->method != "event") continue;
        const auto event = wire::parse_event(notification->params);
        if (event) print({client.address().machine, *event}, json);
      }
    }
    std::fflush(stdout);
    std::erase_if(clients, [](const RpcClient& client) { return client.closed(); });
  }
}

int run_events(const EventsOptions& options) {
  const auto cells = find_cells();
  if (cells.empty() || !options.machine.empty()) choose_machine(options.machine, cells);
  std::vector<RpcClient> clients;
  bool all_told = true;
  for (const wire::CellAddress& cell : cells) {
    if (!options.machine.empty() && cell.machine != options.machine) continue;
    try {
      if (auto client = RpcClient::connect(cell)) clients.push_back(std::move(*client));
    } catch (const Error& why) {
      complain(why);
      all_told = false;
    }
  }
  if (options.follow) {
    follow(clients, options.json);
  } else {
    all_told = print_all(clients, options.json) && all_told;
  }
  return all_told ? 0 : 1;
}

}  // namespace

void add_events(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<EventsOptions>();
  CLI::App* command = app.add_subcommand("events", "Show what happened in cells");
  command->add_option("MACHINE", options->machine, "Only this one's");
  command->add_flag("--follow", options->follow, "Go on with events as they happen");
  command->add_flag("--json", options->json, "One JSON object per line");
  command->callback([options, &exit_status] { exit_status = run_events(*options); });
}

}  // namespace hive::cli
