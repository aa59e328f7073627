// Lists of host CPUs in the kernel's notation.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hive::plan {

/// Reads "0-3,6" into CPU numbers, in the order written and with repetitions kept. Nothing for a
/// text that is no list, a range that runs backwards, a CPU above kMaxHostCpu, or more than
/// kMaxHostCpu + 1 CPUs in all.
std::optional<std::vector<unsigned>> parse_cpu_list(std::string_view text);

/// "0-3,6" of CPUs in ascending order; "none" when there are none.
std::string format_cpu_list(std::span<const unsigned> cpus);

}  // namespace hive::plan
