// hive firewall: who may write which pages of global memory, and changes to that.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/memory_view.h"
#include "cellmon/cli/pages.h"
#include "vmm/base/error.h"
#include "vmm/plan/text.h"

namespace hive::cli {
namespace {

/// A revoke of many pages that were written takes microseconds for each.
constexpr Milliseconds kChangeTimeout{60'000};

struct ListOptions {
  std::string home;
  std::string cell;
  std::string section;
  bool written = false;
  bool json = false;
};

struct ChangeOptions {
  std::string home;
  std::string cell;
  std::string pages;
  std::string section;
  bool json = false;
};

void print_json(const Json& json) {
  fmt::print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// NAME without the machine, where that is the one of HOME.
std::string short_name(const std::string& name, const wire::CellAddress& home) {
  const std::string prefix = home.machine + "/";
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

Json list_home(RpcClient& client, const ListOptions& options) {
  const wire::CellAddress& home = client.address();
  Json params{{"written", options.written}};
  if (!options.cell.empty()) params["cell"] = short_name(options.cell, home);
  if (!options.section.empty()) params["section"] = options.section;
  return {{"machine", home.machine},
          {"home", home.cell},
          {"rights", read_rights(client, std::move(params))}};
}

/// Whether the cell contributes memory, and the one that OPTIONS name, if any, may be a writer of
/// it.
bool is_asked(RpcClient& client, const ListOptions& options) {
  const Json status = client.call("status", Json::object());
  const auto parsed = wire::parse_status(status);
  const std::string cell = short_name(options.cell, client.address());
  const bool knows =
      parsed && std::find(parsed->cells.begin(), parsed->cells.end(), cell) != parsed->cells.end();
  if (!options.cell.empty() && !knows) return false;
  try {
    return wire::number_member(client.call("memory", Json::object()), "size").value_or(0) != 0;
  } catch (const Error&) {
    return false;  // Its machine has no global memory.
  }
}

Json list_all(const ListOptions& options) {
  if (!options.section.empty()) {
    throw Error("--section needs the cell whose section it is: hive firewall list HOME --section " +
                    options.section,
                Error::Kind::kUsage);
  }
  const auto cells = find_cells();
  if (cells.empty()) choose_machine("", cells);
  Json homes = Json::array();
  for (const wire::CellAddress& cell : cells) {
    auto client = RpcClient::connect(cell);
    if (client && is_asked(*client, options)) homes.push_back(list_home(*client, options));
  }
  if (homes.empty()) {
    throw Error(options.cell.empty()
                    ? "no cell contributes memory; give one `shared: SIZE` in the plan"
                    : "no machine with a cell " + plan::quote(options.cell) +
                          " has memory that cells share; `hive memory` lists what there is");
  }
  return homes;
}

int run_list(const ListOptions& options) {
  Json homes = Json::array();
  if (options.home.empty()) {
    homes = list_all(options);
  } else {
    RpcClient client = RpcClient::reach(find_cell(options.home));
    homes.push_back(list_home(client, options));
  }
  if (options.json) {
    print_json({{"homes", std::move(homes)}});
    return 0;
  }
  std::vector<TableRow> rows{{"home", "writer", "pages", "count", "written"}};
  for (const Json& home : homes) {
    const std::string name =
        wire::text_member(home, "machine") + "/" + wire::text_member(home, "home");
    const auto more = rows_of_rights(name, home["rights"], std::numeric_limits<std::size_t>::max());
    rows.insert(rows.end(), more.begin(), more.end());
  }
  if (rows.size() == 1) {
    fmt::print("no page {} by another cell than its home\n",
               options.written ? "was written" : "may be written");
    return 0;
  }
  fmt::print("{}", format_table(rows, "lllrr"));
  return 0;
}

/// All pages that OPTIONS speak of.
PagePattern all_pages(RpcClient& client, const ChangeOptions& options) {
  const Json memory = read_memory(client);
  std::int64_t pages = wire::number_member(memory, "pages").value_or(0);
  if (!options.section.empty()) {
    pages = 0;
    for (const Json& section : memory["sections"]) {
      if (wire::text_member(section, "name") == options.section) {
        pages = wire::number_member(section, "pages").value_or(0);
      }
    }
  }
  // Where there are none, the monitor says why.
  const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(pages, 1));
  return {0, count, count, 1};
}

/// The pages that METHOD changed.
std::int64_t change(RpcClient& client, const char* method, const ChangeOptions& options,
                    const PageList& list) {
  const auto patterns =
      list.all ? std::vector<PagePattern>{all_pages(client, options)} : list.patterns;
  std::int64_t changed = 0;
  for (const PagePattern& pattern : patterns) {
    Json params{{"cell", short_name(options.cell, client.address())},
                {"first", pattern.first},
                {"pages", pattern.pages},
                {"stride", pattern.stride},
                {"runs", pattern.runs}};
    if (!options.section.empty()) params["section"] = options.section;
    try {
      const Json answer = client.call(method, params, kChangeTimeout);
      changed += wire::number_member(answer, "changed").value_or(0);
    } catch (const Error& error) {
      if (changed == 0) throw;
      throw Error(fmt::format("{}; {} pages before {} in the list are changed", error.what(),
                              changed, format_pages(pattern)));
    }
  }
  return changed;
}

int run_change(const ChangeOptions& options, const char* method, const char* done) {
  const auto list = parse_pages(options.pages);
  if (!list) {
    throw Error(plan::quote(options.pages) +
                    " is no list of pages; write such as 5, 0-63, 0-63:1/2 (every second page), "
                    "several with commas, or all",
                Error::Kind::kUsage);
  }
  RpcClient client = RpcClient::reach(find_cell(options.home));
  const std::int64_t changed = change(client, method, options, *list);
  const wire::CellAddress& home = client.address();
  const std::string cell = short_name(options.cell, home);
  if (options.json) {
    print_json(
        {{"machine", home.machine}, {"home", home.cell}, {"cell", cell}, {"changed", changed}});
    return 0;
  }
  fmt::print("{}: {} pages {} {}\n", home.full_name(), changed, done, cell);
  return 0;
}

void add_list(CLI::App& firewall, int& exit_status) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* command = firewall.add_subcommand(
      "list", "Show which pages other cells than their home may write, and have written");
  command->add_option("HOME", options->home,
                      "Only pages of this cell: CELL or MACHINE/CELL (default: of all)");
  command->add_option("--cell", options->cell, "Only what this cell may write");
  command->add_option("--section", options->section,
                      "Only pages of this section of HOME, counted from its start");
  command->add_flag("--written", options->written, "Only pages that were written");
  command->add_flag("--json", options->json, "As one JSON object");
  command->callback([options, &exit_status] { exit_status = run_list(*options); });
}

void add_change(CLI::App& firewall, int& exit_status, const char* name, const char* help,
                const char* method, const char* done) {
  auto options = std::make_shared<ChangeOptions>();
  CLI::App* command = firewall.add_subcommand(name, help);
  command->add_option("HOME", options->home, "The cell whose pages they are: CELL or MACHINE/CELL")
      ->required();
  command->add_option("CELL", options->cell, "The cell that writes them")->required();
  command
      ->add_option("PAGES", options->pages,
                   "Pages of 4 KiB, from 0: such as 5, 0-63, 0-63:1/2 (of every 2 the first 1), "
                   "several with commas, or all")
      ->required();
  command->add_option("--section", options->section,
                      "Count pages from the start of this section of HOME");
  command->add_flag("--json", options->json, "As one JSON object");
  command->callback(
      [options, method, done, &exit_status] { exit_status = run_change(*options, method, done); });
}

}  // namespace

void add_firewall(CLI::App& app, int& exit_status) {
  CLI::App* firewall =
      app.add_subcommand("firewall", "Show or change who may write pages of global memory");
  firewall->require_subcommand(1);
  add_list(*firewall, exit_status);
  add_change(*firewall, exit_status, "grant", "Let a cell write pages of another one",
             "firewall.grant", "more may be written by");
  add_change(*firewall, exit_status, "revoke", "Take pages from a cell; done when it returns",
             "firewall.revoke", "can no longer be written by");
}

}  // namespace hive::cli
