#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "guests/ctl/commands.h"
#include "vmm/base/units.h"

namespace hive::ctl {
namespace {

const char* mapping_text(std::uint32_t mapping) {
  switch (mapping) {
    case HIVE_MAP_WRITE_BACK:
      return "write-back";
    case HIVE_MAP_WRITE_COMBINING:
      return "write-combining";
    case HIVE_MAP_UNCACHED:
      return "uncached";
    default:
      return "none";
  }
}

struct CellLine {
  std::uint32_t number;
  std::optional<std::string> name;  ///< None where its monitor does not answer.
  hive_global_part part;
};

std::vector<CellLine> cells_of(sdk::Machine& machine) {
  std::vector<CellLine> cells;
  for (std::uint32_t number = 0; number < machine.info().cells; ++number) {
    const auto found = machine.cell(number);
    if (!found.ok() && found.status() != HIVE_HOME_GONE) throw Error(found.failure().message);
    CellLine line{number, std::nullopt, machine.part(number)};
    if (found.ok()) line.name = found.value().name;
    cells.push_back(std::move(line));
  }
  return cells;
}

void print_json(Session& session) {
  const hive_machine_info info = session.machine().info();
  nlohmann::json cells = nlohmann::json::array();
  for (const CellLine& cell : cells_of(session.machine())) {
    cells.push_back({{"cell", cell.number},
                     {"name", cell.name ? nlohmann::json(*cell.name) : nlohmann::json()},
                     {"offset", cell.part.offset},
                     {"size", cell.part.size}});
  }
  const nlohmann::json json{{"cell", info.cell},
                            {"incarnation", info.incarnation},
                            {"vectors", info.vectors},
                            {"device", info.function},
                            {"mapping", mapping_text(info.mapping)},
                            {"window", {{"start", info.window_start}, {"size", info.window_size}}},
                            {"cells", cells}};
  session.out() << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void print_text(Session& session) {
  const hive_machine_info info = session.machine().info();
  session.out() << fmt::format(
      "cell {} of {}, incarnation {}, device {}\nglobal memory: {} at {:#x}, mapping: {}\n",
      info.cell, info.cells, info.incarnation, info.function, format_size(info.window_size),
      info.window_start, mapping_text(info.mapping));
  session.out() << fmt::format("{:>4}  {:<16} {:>12} {:>10}\n", "CELL", "NAME", "OFFSET", "SIZE");
  for (const CellLine& cell : cells_of(session.machine())) {
    session.out() << fmt::format("{:>4}  {:<16} {:>#12x} {:>10}\n", cell.number,
                                 cell.name.value_or("(no answer)"), cell.part.offset,
                                 format_size(cell.part.size));
  }
}

}  // namespace

void add_info(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("info", "This cell, the others, and what they contribute");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  command->callback([&session, json] {
    session.flags = HIVE_READ_ONLY;
    // What the registers say is worth knowing even where nothing can be mapped.
    if (const auto failure = session.try_to_map(HIVE_MAP_BEST)) {
      if (session.try_to_map(HIVE_MAP_NONE)) throw Error(*failure);
      session.err() << "hivectl: " << *failure << '\n';
    }
    *json ? print_json(session) : print_text(session);
  });
}

}  // namespace hive::ctl
