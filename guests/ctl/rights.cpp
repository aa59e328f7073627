// Who may write, and who has written.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "guests/ctl/commands.h"
#include "guests/ctl/numbers.h"
#include "vmm/base/units.h"

namespace hive::ctl {
namespace {

struct Options {
  std::string place;
  std::string cell;
  std::string pages = "all";
  std::uint64_t page = 0;
  bool json = false;
};

using Change = sdk::Result<std::uint64_t> (sdk::Machine::*)(std::uint32_t, const hive_section*,
                                                            const hive_pattern&);

void change(Session& session, const Options& options, Change how) {
  const Place place = session.place(options.place, Home::kOwn);
  const auto patterns = parse_pages(options.pages, place.size / kPageSize);
  if (!patterns) {
    throw Error(fmt::format("\"{}\" is no list of pages of {}, which has pages 0 to {}",
                            options.pages, options.place, place.size / kPageSize - 1),
                Error::Kind::kUsage);
  }
  const std::uint32_t cell = session.cell(options.cell);
  std::uint64_t changed = 0;
  for (const hive_pattern& pattern : *patterns) {
    changed += need((session.machine().*how)(cell, place.section_or_null(), pattern));
  }
  session.out() << fmt::format("{} pages changed\n", changed);
}

void add_change(CLI::App& app, Session& session, const char* name, const char* about, Change how) {
  CLI::App* command = app.add_subcommand(name, about);
  const auto options = std::make_shared<Options>();
  command->add_option("SECTION", options->place, "Of this cell; \":\" for all it contributes")
      ->required();
  command->add_option("CELL", options->cell, "Whose right it is")->required();
  command->add_option("PAGES", options->pages, "Such as 0-7 or 0-1023:1/2 (default: all)");
  command->callback([&session, options, how] { change(session, *options, how); });
}

void show_page(Session& session, const Options& options) {
  const Place place = session.place(options.place, Home::kAny);
  const hive_page page =
      need(session.machine().page(place.home, place.section_or_null(), options.page));
  std::vector<std::string> writers;
  for (std::uint32_t cell = 0; cell < session.machine().info().cells; ++cell) {
    if ((page.writers >> cell & 1) != 0) writers.push_back(session.cell_name(cell));
  }
  if (options.json) {
    const nlohmann::json json{
        {"generation", page.generation}, {"section", page.section}, {"writers", writers}};
    session.out() << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  } else {
    session.out() << fmt::format("generation {}\nsection {}\nwriters {}\n", page.generation,
                                 page.section, fmt::join(writers, " "));
  }
}

void show_written(Session& session, const Options& options) {
  const Place place = session.place(options.place, Home::kAny);
  const std::uint32_t cell = session.cell(options.cell);
  nlohmann::json runs = nlohmann::json::array();
  for (std::uint64_t from = 0; from < place.size / kPageSize;) {
    const auto found = session.machine().written(place.home, place.section_or_null(), cell, from);
    if (found.status() == HIVE_NOT_FOUND) break;
    const sdk::PageRun run = need(found);
    runs.push_back({{"first", run.first}, {"pages", run.pages}});
    from = run.first + run.pages;
    if (!options.json) {
      session.out() << (run.pages == 1 ? fmt::format("{}\n", run.first)
                                       : fmt::format("{}-{}\n", run.first, from - 1));
    }
  }
  if (options.json) session.out() << runs.dump(2) << '\n';
}

}  // namespace

void add_grant(CLI::App& app, Session& session) {
  add_change(app, session, "grant", "Let a cell write pages of this cell's", &sdk::Machine::grant);
}

void add_revoke(CLI::App& app, Session& session) {
  add_change(app, session, "revoke", "Take that right again", &sdk::Machine::revoke);
}

void add_page(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("page", "A page's generation, section and writers");
  const auto options = std::make_shared<Options>();
  command->add_option("PLACE", options->place)->required();
  command->add_option("PAGE", options->page, "Counts from the place's start")->required();
  command->add_flag("--json", options->json, "As JSON");
  command->callback([&session, options] { show_page(session, *options); });
}

void add_written(CLI::App& app, Session& session) {
  CLI::App* command =
      app.add_subcommand("written", "Pages that a cell has written since it was allowed to");
  const auto options = std::make_shared<Options>();
  command->add_option("PLACE", options->place)->required();
  command->add_option("CELL", options->cell)->required();
  command->add_flag("--json", options->json, "As JSON");
  command->callback([&session, options] { show_written(session, *options); });
}

}  // namespace hive::ctl
