// hive move: a section of global memory to another home.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/memory_view.h"
#include "cellmon/wire/text.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

/// Longer than a monitor gives a move, but for one whose target is cut off from it.
constexpr Milliseconds kMoveTimeout{60'000};
constexpr std::size_t kMaxShown = 4096;

struct MoveOptions {
  std::vector<std::string> words;  ///< [MACHINE] SECTION
  std::string to;
};

/// HOME:NAME, or NAME with an empty home.
struct SectionName {
  std::string home;
  std::string name;
};

SectionName parse_section(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {"", text};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

/// The cells of a machine that have a section, and those that keep a place for it.
struct Homes {
  std::vector<wire::CellAddress> here;
  std::vector<wire::CellAddress> coming;
};

Homes homes_of(const std::string& machine, const SectionName& section) {
  Homes homes;
  for (const wire::CellAddress& cell : find_cells()) {
    if (cell.machine != machine || (!section.home.empty() && cell.cell != section.home)) continue;
    auto client = RpcClient::connect(cell);
    if (!client) continue;
    const Presence presence = presence_of(read_memory(*client), section.name);
    if (presence == Presence::kHere) homes.here.push_back(cell);
    if (presence == Presence::kComing) homes.coming.push_back(cell);
  }
  return homes;
}

wire::CellAddress find_home(const std::string& machine, const SectionName& section) {
  const auto [here, coming] = homes_of(machine, section);
  if (here.size() == 1) return here.front();
  if (here.empty() && !coming.empty()) {
    throw Error(fmt::format("section \"{}\" is being moved to {}; ask again soon", section.name,
                            coming.front().cell));
  }
  if (here.empty()) {
    throw Error(fmt::format(
        "no cell{} of machine {} has a section \"{}\"; `hive memory {}` lists "
        "what there is",
        section.home.empty() ? "" : " called " + section.home, machine, section.name, machine));
  }
  std::string places;
  for (const wire::CellAddress& home : here) {
    places += fmt::format("{}{}:{}", places.empty() ? "" : " or ", home.cell, section.name);
  }
  throw Error(fmt::format("{} cells have a section \"{}\"; say which: {}", here.size(),
                          section.name, places),
              Error::Kind::kUsage);
}

int run_move(const MoveOptions& options) {
  const std::string wanted = options.words.size() > 1 ? options.words.front() : "";
  const std::string machine = choose_machine(wanted, find_cells());
  const SectionName section = parse_section(options.words.back());
  const wire::CellAddress home = find_home(machine, section);
  const Json params{{"section", section.name}, {"to", options.to}};
  const Json answer = RpcClient::reach(home).call("section.move", params, kMoveTimeout);
  const std::string trouble = wire::text_member(answer, "trouble");
  fmt::print("{}: {} is at {} now{}{}\n", machine, section.name,
             wire::printable(wire::text_member(answer, "home"), kMaxShown),
             trouble.empty() ? "" : ", ", wire::printable(trouble, kMaxShown));
  return trouble.empty() ? 0 : 1;
}

}  // namespace

void add_move(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<MoveOptions>();
  CLI::App* command =
      app.add_subcommand("move", "Move a section of global memory to another cell's");
  command->add_option("SECTION", options->words, "[MACHINE] SECTION, or [MACHINE] HOME:SECTION")
      ->required()
      ->expected(1, 2);
  command->add_option("--to", options->to, "The cell that is to have it")->required();
  command->callback([options, &exit_status] { exit_status = run_move(*options); });
}

}  // namespace hive::cli
