#include "cellmon/wire/cell_status.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "cellmon/wire/text.h"
#include "vmm/plan/text.h"

namespace hive::wire {
namespace {

constexpr std::array<std::pair<std::string_view, CellState>, 10> kStates{{
    {"starting", CellState::kStarting},
    {"booting", CellState::kBooting},
    {"running", CellState::kRunning},
    {"paused", CellState::kPaused},
    {"stopping", CellState::kStopping},
    {"rebooting", CellState::kRebooting},
    {"off", CellState::kOff},
    {"panicked", CellState::kPanicked},
    {"failed", CellState::kFailed},
    {"stopped", CellState::kStopped},
}};

/// Whether NAMES can be those of a machine's cells.
bool are_cells(const std::vector<std::string>& names) {
  const std::set<std::string_view> different(names.begin(), names.end());
  return names.size() <= kMaxCells && different.size() == names.size() &&
         std::all_of(names.begin(), names.end(), plan::is_name);
}

/// Reads members of one JSON object into variables of their types, and notes what does not fit.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json), sound_(json.is_object()) {}

  Reader& take(const char* key, std::string& out) {
    return take_if(key, [&](const Json& value) {
      if (!value.is_string()) return false;
      out = value.get<std::string>();
      return true;
    });
  }
  Reader& take(const char* key, bool& out) {
    return take_if(key, [&](const Json& value) {
      if (!value.is_boolean()) return false;
      out = value.get<bool>();
      return true;
    });
  }
  Reader& take(const char* key, std::uint64_t& out) {
    return take_if(key, [&](const Json& value) {
      if (!value.is_number_unsigned()) return false;
      out = value.get<std::uint64_t>();
      return true;
    });
  }
  Reader& take(const char* key, std::int64_t& out) {
    return take_if(key, [&](const Json& value) {
      if (!value.is_number_integer()) return false;
      out = value.get<std::int64_t>();
      return true;
    });
  }
  Reader& take(const char* key, std::vector<std::string>& out) {
    return take_if(key, [&](const Json& value) {
      const auto is_text = [](const Json& element) { return element.is_string(); };
      if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_text)) return false;
      out = value.get<std::vector<std::string>>();
      return true;
    });
  }

  Reader& take(const char* key, ViewStatus& out) { return take_by(key, parse_view, out); }
  Reader& take(const char* key, CpuStatus& out) { return take_by(key, parse_cpu, out); }

  [[nodiscard]] bool sound() const { return sound_; }

 private:
  template <typename Part>
  Reader& take_by(const char* key, std::optional<Part> (*parse)(const Json&), Part& out) {
    return take_if(key, [&](const Json& value) {
      auto part = parse(value);
      if (part) out = std::move(*part);
      return part.has_value();
    });
  }
  template <typename Take>
  Reader& take_if(const char* key, Take take) {
    if (!sound_) return *this;
    const auto found = json_.find(key);
    sound_ = found != json_.end() && take(*found);
    return *this;
  }

  const Json& json_;
  bool sound_;
};

}  // namespace

std::string_view to_string(CellState state) {
  for (const auto& [name, value] : kStates) {
    if (value == state) return name;
  }
  return "unknown";
}

std::optional<CellState> parse_state(std::string_view text) {
  for (const auto& [name, value] : kStates) {
    if (name == text) return value;
  }
  return std::nullopt;
}

bool is_ended(CellState state) {
  return state == CellState::kOff || state == CellState::kPanicked || state == CellState::kFailed ||
         state == CellState::kStopped;
}

Json to_json(const CellStatus& status) {
  return {{"machine", status.machine},
          {"cell", status.cell},
          {"state", to_string(status.state)},
          {"cause", status.cause},
          {"incarnation", status.incarnation},
          {"state_ms", status.state_ms},
          {"boot_ms", status.boot_ms},
          {"monitor_pid", status.monitor_pid},
          {"vmm_pid", status.vmm_pid},
          {"vcpus", status.vcpus},
          {"memory", status.memory},
          {"lent", status.lent},
          {"borrowed", status.borrowed},
          {"policy", status.policy},
          {"kernel", status.kernel},
          {"agent", status.agent},
          {"silent_ms", status.silent_ms},
          {"hang", status.hang},
          {"load", status.load},
          {"cpu", to_json(status.cpu)},
          {"console_line", status.console_line},
          {"log_file", status.log_file},
          {"console_file", status.console_file},
          {"ignored_reports", status.ignored_reports},
          {"pending_faults", status.pending_faults},
          {"cells", status.cells},
          {"view", to_json(status.view)}};
}

std::optional<CellStatus> parse_status(const Json& json) {
  CellStatus status;
  std::string state;
  std::uint64_t incarnation = 0;
  Reader reader(json);
  reader.take("machine", status.machine)
      .take("cell", status.cell)
      .take("state", state)
      .take("cause", status.cause)
      .take("incarnation", incarnation)
      .take("state_ms", status.state_ms)
      .take("boot_ms", status.boot_ms)
      .take("monitor_pid", status.monitor_pid)
      .take("vmm_pid", status.vmm_pid)
      .take("vcpus", status.vcpus)
      .take("memory", status.memory)
      .take("lent", status.lent)
      .take("borrowed", status.borrowed)
      .take("policy", status.policy)
      .take("kernel", status.kernel)
      .take("agent", status.agent)
      .take("silent_ms", status.silent_ms)
      .take("hang", status.hang)
      .take("load", status.load)
      .take("cpu", status.cpu)
      .take("console_line", status.console_line)
      .take("log_file", status.log_file)
      .take("console_file", status.console_file)
      .take("ignored_reports", status.ignored_reports)
      .take("pending_faults", status.pending_faults)
      .take("cells", status.cells)
      .take("view", status.view);
  const std::optional<CellState> known = parse_state(state);
  if (!reader.sound() || !known || !are_cells(status.cells)) return std::nullopt;
  status.state = *known;
  status.incarnation = static_cast<Incarnation>(incarnation);
  return status;
}

Json to_json(const Event& event) {
  return {{"sequence", event.sequence}, {"time", format_time(event.wall_ns)},
          {"wall_ns", event.wall_ns},   {"monotonic_ns", event.monotonic_ns},
          {"cell", event.cell},         {"kind", event.kind},
          {"detail", event.detail}};
}

std::optional<Event> parse_event(const Json& json) {
  Event event;
  Reader reader(json);
  reader.take("sequence", event.sequence)
      .take("wall_ns", event.wall_ns)
      .take("monotonic_ns", event.monotonic_ns)
      .take("cell", event.cell)
      .take("kind", event.kind)
      .take("detail", event.detail);
  if (!reader.sound()) return std::nullopt;
  return event;
}

}  // namespace hive::wire
