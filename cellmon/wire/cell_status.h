// What a monitor tells of its cell: state, status and events, and their wire form (JSON).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/wire/cpu_status.h"
#include "cellmon/wire/json_rpc.h"
#include "cellmon/wire/view_status.h"
#include "vmm/base/ids.h"

namespace hive::wire {

enum class CellState {
  kStarting,   ///< The VMM sets the cell up.
  kBooting,    ///< The vCPUs run; the guest's agent has not reported yet.
  kRunning,    ///< The agent has reported, or the vCPUs run in a cell without an agent.
  kPaused,     ///< The vCPUs are held by `pause`.
  kStopping,   ///< `down` was asked for.
  kRebooting,  ///< The old VMM ends so that a new one can start.
  kOff,        ///< The guest powered itself off.
  kPanicked,   ///< The guest's kernel panicked.
  kFailed,     ///< The VMM or the virtual machine failed.
  kStopped,    ///< `down` is complete; the monitor exits.
};

std::string_view to_string(CellState state);
std::optional<CellState> parse_state(std::string_view text);

/// Whether the cell has no VMM in STATE and will not get one by itself.
bool is_ended(CellState state);

struct CellStatus {
  std::string machine;
  std::string cell;
  CellState state{};
  std::string cause;  ///< Of kFailed and kPanicked, else empty.
  Incarnation incarnation = 0;
  std::uint64_t state_ms = 0;  ///< Milliseconds in this state.
  std::uint64_t boot_ms = 0;   ///< From the VMM's start until the guest was up; 0: not yet.
  std::int64_t monitor_pid = 0;
  std::int64_t vmm_pid = 0;  ///< 0: none runs.
  std::uint64_t vcpus = 0;
  std::uint64_t memory = 0;     ///< Bytes, by the plan.
  std::uint64_t lent = 0;       ///< Bytes of that which other cells may use.
  std::uint64_t borrowed = 0;   ///< Bytes of other cells' memory that it may use.
  std::string policy;           ///< What Wax goes by, in the cell that runs it; else empty.
  std::string kernel;           ///< As the guest's agent tells it.
  bool agent = false;           ///< Whether the agent can be asked to run commands.
  std::uint64_t silent_ms = 0;  ///< How long it has been silent, less what is not its fault.
  std::string hang;             ///< Why the guest is thought to hang; else empty.
  std::uint64_t load = 0;       ///< CPU time of the vCPUs, in percent of one CPU.
  CpuStatus cpu;                ///< Its share of the CPUs.
  std::string console_line;     ///< The last line of the serial console that is not blank.
  std::string log_file;
  std::string console_file;
  std::uint64_t ignored_reports = 0;  ///< Malformed messages from the VMM.
  std::uint64_t pending_faults = 0;   ///< Injected ones that wait for their time.
  std::vector<std::string> cells;     ///< All cells of the machine, in the plan's order.
  ViewStatus view;                    ///< Who of them is a member.
};

struct Event {
  std::uint64_t sequence = 0;      ///< From 1, without gaps, per monitor.
  std::int64_t wall_ns = 0;        ///< Since 1970-01-01T00:00:00Z.
  std::uint64_t monotonic_ns = 0;  ///< CLOCK_MONOTONIC.
  std::string cell;
  std::string kind;
  std::string detail;
};

Json to_json(const CellStatus& status);
Json to_json(const Event& event);
/// Nothing when a member is missing or of the wrong type, or where `cells` are not at most
/// kMaxCells different names of cells.
std::optional<CellStatus> parse_status(const Json& json);
std::optional<Event> parse_event(const Json& json);

}  // namespace hive::wire
