#include "cellmon/control/vsock/monitor_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace hive::control {
namespace {

bool is_known(std::uint32_t hint) {
  return hint == HIVE_HINT_DEADLINE || hint == HIVE_HINT_BAD_REPLY;
}

bool is_well_formed(const hive_monitor_request& request) {
  if (request.magic != HIVE_MONITOR_MAGIC) return false;
  if (request.operation == HIVE_MONITOR_CELL) return true;
  return request.operation == HIVE_MONITOR_HINT && is_known(request.hint);
}

MonitorService::Answer refuse(hive_monitor_status status) {
  MonitorService::Answer answer;
  answer.reply.magic = HIVE_MONITOR_MAGIC;
  answer.reply.status = status;
  answer.is_last = status == HIVE_MONITOR_MALFORMED;
  return answer;
}

}  // namespace

std::string describe_hint(const CellHint& hint, const std::string& name) {
  const std::string what =
      hint.hint == HIVE_HINT_DEADLINE
          ? fmt::format("missed a call's deadline of {} us", hint.detail)
          : fmt::format("gave a reply that failed a check (status {})", hint.detail);
  return fmt::format("cell {}, incarnation {}, {}, says the guest", name, hint.incarnation, what);
}

std::optional<unsigned> MonitorService::find_cell(const hive_monitor_request& request,
                                                  const std::vector<CellFacts>& cells) {
  if (request.cid == 0) {
    return request.cell < cells.size() ? std::optional(request.cell) : std::nullopt;
  }
  const auto found = std::find_if(cells.begin(), cells.end(),
                                  [&](const CellFacts& cell) { return cell.cid == request.cid; });
  if (found == cells.end()) return std::nullopt;
  return static_cast<unsigned>(found - cells.begin());
}

MonitorService::Answer MonitorService::answer(std::string_view bytes, Clock::time_point now) {
  hive_monitor_request request{};
  if (bytes.size() != sizeof request) return refuse(HIVE_MONITOR_MALFORMED);
  std::memcpy(&request, bytes.data(), sizeof request);
  if (!is_well_formed(request)) return refuse(HIVE_MONITOR_MALFORMED);
  const std::vector<CellFacts> cells = directory_();
  const auto number = find_cell(request, cells);
  if (!number) return refuse(HIVE_MONITOR_NO_SUCH_CELL);
  const CellFacts& cell = cells[*number];
  if (request.operation == HIVE_MONITOR_HINT) {
    const auto status = take_hint(request, *number, cell.incarnation, now);
    if (status != HIVE_MONITOR_OK) return refuse(status);
  }
  Answer answer;
  answer.reply.magic = HIVE_MONITOR_MAGIC;
  answer.reply.status = HIVE_MONITOR_OK;
  answer.reply.cell = *number;
  answer.reply.cid = cell.cid;
  answer.reply.cells = static_cast<std::uint32_t>(cells.size());
  answer.reply.alive = cell.alive ? 1 : 0;
  answer.reply.incarnation = cell.incarnation;
  answer.reply.own = own_;
  cell.name.copy(answer.reply.name, sizeof answer.reply.name - 1);
  return answer;
}

hive_monitor_status MonitorService::take_hint(const hive_monitor_request& request, unsigned cell,
                                              Incarnation present, Clock::time_point now) {
  // A cell's own guest is no witness, and nobody has seen an incarnation that is to come.
  if (cell == own_ || request.incarnation > present) return HIVE_MONITOR_NO_SUCH_CELL;
  ++hints_;
  const auto [last, is_first] = last_told_.try_emplace({cell, request.hint}, now);
  if (told_ >= kMaxTold || (!is_first && now - last->second < kHintPause)) {
    return HIVE_MONITOR_TOO_MANY;
  }
  last->second = now;
  ++told_;
  on_hint_({cell, static_cast<hive_monitor_hint>(request.hint),
            request.incarnation == 0 ? present : request.incarnation, request.detail});
  return HIVE_MONITOR_OK;
}

void MonitorService::clear() {
  told_ = 0;
  last_told_.clear();
}

}  // namespace hive::control
