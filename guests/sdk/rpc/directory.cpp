#include "guests/sdk/rpc/directory.h"

#include <charconv>
#include <fstream>
#include <sstream>

#include "vmm/base/ids.h"

namespace hive::rpc {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} * 1024;  ///< Of the file.

/// All of TEXT as a number.
std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string read_start(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content(kMostBytes, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(file.gcount()));
  return content;
}

/// Of all cells, the one called NAME.
std::optional<CellState> search(Monitor& monitor, const std::string& name, Clock::time_point end) {
  for (std::uint32_t cell = 0; cell < kMaxCells; ++cell) {
    auto state = monitor.cell(cell, end);
    if (!state) return std::nullopt;  // Past the last, or no monitor.
    if (state->name == name) return state;
  }
  return std::nullopt;
}

}  // namespace

std::uint32_t find_cid(std::string_view content, std::string_view name) {
  while (!content.empty()) {
    const std::string_view line = content.substr(0, content.find('\n'));
    content.remove_prefix(std::min(content.size(), line.size() + 1));
    const std::size_t gap = line.find(' ');
    if (gap == std::string_view::npos || line.substr(gap + 1) != name) continue;
    const auto cid = number_of(line.substr(0, gap));
    if (cid && *cid >= kFirstCellCid) return *cid;
  }
  return 0;
}

sdk::Result<std::uint32_t> resolve_cell(const std::string& cell, Monitor& monitor,
                                        Clock::time_point end, const std::string& file) {
  const auto number = number_of(cell);
  if (!number) {
    const std::uint32_t cid = find_cid(read_start(file), cell);
    if (cid != 0) return cid;
  }
  const auto state = number ? monitor.cell(*number, end) : search(monitor, cell, end);
  if (state && state->cid >= kFirstCellCid) return state->cid;
  if (Clock::now() >= end) return sdk::Failure{HIVE_DEADLINE, "no time left to look a cell up"};
  return sdk::Failure{HIVE_NOT_FOUND,
                      "no cell " + cell + " in " + file + ", and the monitor does not know it"};
}

Identity own_identity(Monitor& monitor, Clock::time_point end) {
  const auto any = monitor.cell(0, end);
  if (!any) return {};
  const auto own = any->own == 0 ? any : monitor.cell(any->own, end);
  return own ? Identity{own->cell, own->incarnation} : Identity{};
}

}  // namespace hive::rpc
