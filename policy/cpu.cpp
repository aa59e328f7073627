#include "policy/cpu.h"

#include <algorithm>

#include "policy/permille.h"

namespace hive::policy {
namespace {

/// What all cells together want and get.
struct Demand {
  std::uint64_t wanted = 0;      ///< Nanoseconds, that were ran or waited.
  std::uint64_t waited = 0;      ///< Nanoseconds.
  std::uint64_t usual_load = 0;  ///< In permille.
  bool shifted = false;          ///< Some weight is not the usual one.
};

bool knows_cpu(const View& view, Cell cell) {
  if (!is_live(view, cell) || view.interval_ns == 0) return false;
  const CpuView& cpu = view.cells[cell].cpu;
  return cpu.vcpus != 0 && cpu.usual_weight >= kMinWeight && cpu.usual_weight <= kMaxWeight;
}

/// The part of the time of CELL's vCPUs, in permille, that they wanted a CPU.
std::uint32_t load_of(const View& view, const CpuView& cpu) {
  const std::uint64_t each = sum(cpu.ran_ns, cpu.waited_ns) / cpu.vcpus;
  return permille(each, view.interval_ns);
}

/// The mean load of the cells that policies know, each of which is taken as MOST at most.
std::uint64_t mean_load(const View& view, std::uint64_t most) {
  std::uint64_t loads = 0;
  std::uint32_t cells = 0;
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    if (!knows_cpu(view, cell)) continue;
    loads += std::min<std::uint64_t>(load_of(view, view.cells[cell].cpu), most);
    ++cells;
  }
  return cells == 0 ? 0 : loads / cells;
}

Demand demand_in(const View& view) {
  Demand demand;
  demand.usual_load = mean_load(view, mean_load(view, kWhole));
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    if (!knows_cpu(view, cell)) continue;
    const CpuView& cpu = view.cells[cell].cpu;
    demand.wanted = sum(demand.wanted, sum(cpu.ran_ns, cpu.waited_ns));
    demand.waited = sum(demand.waited, cpu.waited_ns);
    demand.shifted |= cpu.weight != cpu.usual_weight;
  }
  return demand;
}

/// The weight that a cell of that load should have where CPUs are contended.
std::uint32_t target_of(const CpuView& cpu, std::uint32_t load, const Demand& demand) {
  const std::uint64_t ratio =
      std::uint64_t{load} * kWhole / std::max<std::uint64_t>(demand.usual_load, 1);
  const bool is_usual = cpu.weight == cpu.usual_weight;
  if (ratio <= (is_usual ? kLeaveAbove : kReturnBelow)) return cpu.usual_weight;
  const std::uint64_t target = cpu.usual_weight * ratio / kWhole;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(target, most_weight(cpu.usual_weight)));
}

/// The weight after a round on the way from WEIGHT to TARGET.
std::uint32_t step(std::uint32_t weight, std::uint32_t target, std::uint32_t usual) {
  const std::uint32_t distance = weight < target ? target - weight : weight - target;
  if (distance <= std::min(weight, target) / kDeadBand) return target == usual ? target : weight;
  const std::uint32_t half = distance - distance / 2;
  return weight < target ? weight + half : weight - half;
}

/// Whether weights should follow the load. They have no effect where nobody waits, so there is no
/// hurry to go back.
bool is_contended(const View& view, const Demand& demand) {
  const std::uint32_t least = demand.shifted ? kLeastWaitingPermille / 2 : kLeastWaitingPermille;
  const bool waits = permille(demand.waited, view.interval_ns) >= least;
  const std::uint32_t waiting = waits ? permille(demand.waited, demand.wanted) : 0;
  if (!demand.shifted) return waiting >= kContendedPermille;
  if (waiting >= kRelaxedPermille) return true;
  if (view.cpus == 0) return false;
  return permille(demand.wanted / view.cpus, view.interval_ns) >= kSlackPermille;
}

}  // namespace

void cpu(const View& view, Hints& hints) {
  const Demand demand = demand_in(view);
  const bool contended = is_contended(view, demand);
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    if (!knows_cpu(view, cell)) continue;
    const CpuView& cpu = view.cells[cell].cpu;
    const std::uint32_t target =
        contended ? target_of(cpu, load_of(view, cpu), demand) : cpu.usual_weight;
    const std::uint32_t next = step(cpu.weight, target, cpu.usual_weight);
    if (next == cpu.weight) continue;
    hints.weight(cell, std::clamp(next, cpu.usual_weight, most_weight(cpu.usual_weight)));
  }
}

}  // namespace hive::policy
