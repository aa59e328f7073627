#include "cellmon/cli/machines.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "cellmon/cli/inquiry.h"
#include "cellmon/cli/rpc_client.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

using wire::CellAddress;

using std::chrono::steady_clock;

/// Asks all before it waits for any: however many do not answer, it takes no longer than for one.
std::vector<CellView> look_at(const std::vector<CellAddress>& cells) {
  const auto deadline = steady_clock::now() + RpcClient::kQuick;
  std::vector<Inquiry> inquiries;
  inquiries.reserve(cells.size());
  for (const CellAddress& cell : cells) inquiries.emplace_back(cell, deadline);
  std::vector<CellView> views;
  views.reserve(cells.size());
  for (Inquiry& inquiry : inquiries) {
    inquiry.answer(deadline);
    views.push_back(std::move(inquiry.view()));
  }
  return views;
}

bool is_named(const CellAddress& cell, const std::string& name) {
  return cell.cell == name || cell.full_name() == name;
}

std::string list_of(const std::vector<CellAddress>& cells) {
  std::string list;
  for (const CellAddress& cell : cells) list += "\n  " + cell.full_name();
  return list;
}

MachineView make_machine(const std::string& name, std::vector<CellView> cells) {
  MachineView machine{name, {}};
  const auto told = std::find_if(cells.begin(), cells.end(),
                                 [](const CellView& cell) { return cell.status.has_value(); });
  const std::vector<std::string> planned =
      told == cells.end() ? std::vector<std::string>{} : told->status->cells;
  const uid_t uid = cells.front().address.uid;
  for (const std::string& cell : planned) {
    const auto found = std::find_if(cells.begin(), cells.end(), [&](const CellView& view) {
      return view.address.cell == cell;
    });
    if (found == cells.end()) {
      machine.cells.push_back({{uid, name, cell}, std::nullopt, kMonitorLost});
    } else {
      machine.cells.push_back(std::move(*found));
      cells.erase(found);
    }
  }
  std::move(cells.begin(), cells.end(), std::back_inserter(machine.cells));
  return machine;
}

}  // namespace

std::vector<CellAddress> find_cells() {
  std::ifstream file("/proc/net/unix");
  if (!file) throw_errno("cannot read /proc/net/unix");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return wire::find_listening(text, ::geteuid());
}

std::vector<MachineView> group_by_machine(std::vector<CellView> cells) {
  std::set<std::string> names;
  for (const CellView& cell : cells) names.insert(cell.address.machine);
  std::vector<MachineView> machines;
  for (const std::string& name : names) {
    std::vector<CellView> members;
    std::copy_if(cells.begin(), cells.end(), std::back_inserter(members),
                 [&](const CellView& cell) { return cell.address.machine == name; });
    machines.push_back(make_machine(name, std::move(members)));
  }
  return machines;
}

std::vector<MachineView> look_at_machines(const std::string& machine) {
  std::vector<CellAddress> cells = find_cells();
  std::erase_if(cells, [&](const CellAddress& address) {
    return !machine.empty() && address.machine != machine;
  });
  return group_by_machine(look_at(cells));
}

CellAddress choose_cell(const std::string& name, const std::vector<CellAddress>& cells) {
  std::vector<CellAddress> matches;
  std::copy_if(cells.begin(), cells.end(), std::back_inserter(matches),
               [&](const CellAddress& cell) { return is_named(cell, name); });
  if (matches.size() == 1) return matches.front();
  if (matches.size() > 1) {
    throw Error("cell " + name + " is in several machines; name one of" + list_of(matches),
                Error::Kind::kUsage);
  }
  if (cells.empty()) throw Error("no cell " + name + ": no machine runs; start one: hive up FILE");
  throw Error("no cell " + name + " runs; these do:" + list_of(cells));
}

std::optional<CellAddress> find_lost(const std::string& name,
                                     const std::vector<MachineView>& machines) {
  for (const MachineView& machine : machines) {
    for (const CellView& cell : machine.cells) {
      if (cell.problem == kMonitorLost && is_named(cell.address, name)) return cell.address;
    }
  }
  return std::nullopt;
}

CellAddress find_cell(const std::string& name) {
  const std::vector<CellAddress> cells = find_cells();
  const bool listens = std::any_of(cells.begin(), cells.end(),
                                   [&](const CellAddress& cell) { return is_named(cell, name); });
  if (!listens) {
    if (const auto lost = find_lost(name, look_at_machines(""))) throw lost_monitor(*lost);
  }
  return choose_cell(name, cells);
}

std::string choose_machine(const std::string& name, const std::vector<CellAddress>& cells) {
  std::set<std::string> names;
  for (const CellAddress& cell : cells) names.insert(cell.machine);
  if (names.empty()) throw Error("no machine runs; start one: hive up FILE");
  std::string list;
  for (const std::string& each : names) list += "\n  " + each;
  if (name.empty()) {
    if (names.size() == 1) return *names.begin();
    throw Error("several machines run; name one of" + list, Error::Kind::kUsage);
  }
  if (names.contains(name)) return name;
  throw Error("machine " + name + " does not run; these do:" + list);
}

}  // namespace hive::cli
