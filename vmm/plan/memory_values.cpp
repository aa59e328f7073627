// Sizes of memory, from the plan file.
#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "vmm/base/units.h"
#include "vmm/plan/limits.h"
#include "vmm/plan/text.h"
#include "vmm/plan/values.h"

namespace hive::plan {
namespace {

/// A size of WHAT ("memory"), in bytes.
std::optional<std::uint64_t> read_size(const YamlNode& node, std::string_view what,
                                       FaultList& faults) {
  const auto size = parse_size(node.text);
  if (size) return size;
  const auto meant = suggest_size(node.text);
  const bool bare =
      !node.text.empty() && node.text.find_first_not_of("0123456789") == std::string::npos;
  faults.add(node.at,
             bare ? fmt::format("{} {} has no unit", what, quote(node.text))
                  : fmt::format("{} is not a size", quote(node.text)),
             meant ? fmt::format("write {}", *meant)
                   : "write a whole number and KiB, MiB, GiB or TiB, such as 256MiB");
  return std::nullopt;
}

/// Whether SIZE bytes of WHAT are whole steps.
bool is_whole(std::uint64_t size, std::string_view what, Position at, FaultList& faults) {
  const std::uint64_t below = align_down(size, kMemoryStep);
  if (size == below) return true;
  const bool above = below + kMemoryStep > below;  // Less than 2^64.
  faults.add(at,
             fmt::format("{} of {} is not a multiple of {}", format_size(size), what,
                         format_size(kMemoryStep)),
             fmt::format("write {}{}", format_size(below),
                         above ? fmt::format(" or {}", format_size(below + kMemoryStep)) : ""));
  return false;
}

}  // namespace

std::optional<std::uint64_t> read_memory(const YamlNode& node, FaultList& faults) {
  const auto size = read_size(node, "memory", faults);
  if (!size) return std::nullopt;
  if (*size < kMinMemory) {
    faults.add(node.at, fmt::format("{} of memory is too little for a cell", format_size(*size)),
               fmt::format("give it {} or more", format_size(kMinMemory)));
    return std::nullopt;
  }
  return is_whole(*size, "memory", node.at, faults) ? size : std::nullopt;
}

std::optional<std::uint64_t> read_reserve(const YamlNode& node, FaultList& faults) {
  const auto size = read_size(node, "memory", faults);
  return size && is_whole(*size, "memory", node.at, faults) ? size : std::nullopt;
}

std::optional<std::uint64_t> read_hosted(const YamlNode& node, FaultList& faults) {
  const auto size = read_size(node, "global memory", faults);
  return size && is_whole(*size, "global memory", node.at, faults) ? size : std::nullopt;
}

std::optional<std::uint64_t> read_shared(const YamlNode& node, FaultList& faults) {
  const auto size = read_size(node, "global memory", faults);
  if (!size) return std::nullopt;
  if (*size < kMinShared) {
    faults.add(node.at,
               fmt::format("{} of global memory is too little to contribute", format_size(*size)),
               fmt::format("write {} or more, or leave 'shared' out, here and under 'defaults'",
                           format_size(kMinShared)));
    return std::nullopt;
  }
  if (*size > kMaxShared) {
    faults.add(node.at,
               fmt::format("{} of global memory is too much for a machine", format_size(*size)),
               fmt::format("contribute at most {} in all cells together", format_size(kMaxShared)));
    return std::nullopt;
  }
  return is_whole(*size, "global memory", node.at, faults) ? size : std::nullopt;
}

}  // namespace hive::plan
