#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "guests/ctl/commands.h"
#include "guests/ctl/numbers.h"
#include "guests/sdk/hive_placement.h"
#include "vmm/base/units.h"

namespace hive::ctl {
namespace {

/// What the commands about sections are told.
struct Options {
  std::string place;
  std::string size;
  std::string home;
  bool force = false;
  bool movable = false;
  std::uint64_t count = 0;
  bool json = false;
};

std::vector<std::uint32_t> cells_in(std::uint64_t bits) {
  std::vector<std::uint32_t> cells;
  for (std::uint32_t cell = 0; cell < 64; ++cell) {
    if ((bits >> cell & 1) != 0) cells.push_back(cell);
  }
  return cells;
}

nlohmann::json as_json(const hive_section& section) {
  return {{"home", section.home},
          {"section", section.number},
          {"name", section.name},
          {"first", section.first},
          {"pages", section.pages},
          {"movable", (section.flags & HIVE_MOVABLE) != 0},
          {"users", cells_in(section.users)}};
}

void print(Session& session, const std::vector<hive_section>& sections) {
  session.out() << fmt::format("{:<16} {:<24} {:>10} {:>10}  {}\n", "HOME", "SECTION", "FIRST PAGE",
                               "SIZE", "OPEN IN");
  for (const hive_section& section : sections) {
    std::string users;
    for (const std::uint32_t cell : cells_in(section.users)) {
      users += (users.empty() ? "" : " ") + session.cell_name(cell);
    }
    session.out() << fmt::format("{:<16} {:<24} {:>10} {:>10}  {}\n",
                                 session.cell_name(section.home), section.name, section.first,
                                 format_size(section.pages * kPageSize), users);
  }
}

void show(Session& session, const Options& options, const std::vector<hive_section>& sections) {
  if (!options.json) return print(session, sections);
  nlohmann::json list = nlohmann::json::array();
  for (const hive_section& section : sections) list.push_back(as_json(section));
  session.out() << list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

std::uint64_t pages_in(const std::string& size) {
  const auto bytes = parse_bytes(size);
  if (!bytes || *bytes == 0 || !is_aligned(*bytes, kPageSize)) {
    throw Error(
        "a section's size is a multiple of 4KiB, such as 64KiB or 1GiB; not \"" + size + "\"",
        Error::Kind::kUsage);
  }
  return *bytes / kPageSize;
}

void create(Session& session, const Options& options) {
  const std::uint64_t pages = pages_in(options.size);
  const std::uint32_t flags = options.movable ? HIVE_MOVABLE : 0;
  std::uint32_t home = session.machine().info().cell;
  if (options.home == "any") {
    home = HIVE_ANY_HOME;
  } else if (!options.home.empty()) {
    home = session.cell(options.home);
  }
  show(session, options,
       {need(session.machine().create_section_at(home, options.place, pages, flags))});
}

void open(Session& session, const Options& options) {
  const std::size_t colon = options.place.find(':');
  std::uint32_t home = HIVE_ANY_HOME;
  if (colon == 0) home = session.machine().info().cell;
  if (colon != std::string::npos && colon > 0) home = session.cell(options.place.substr(0, colon));
  const std::string name =
      colon == std::string::npos ? options.place : options.place.substr(colon + 1);
  show(session, options, {need(session.machine().open_section(home, name))});
}

hive_section section_at(Session& session, const std::string& text, Home home) {
  const Place place = session.place(text, home);
  if (!place.section) throw Error("\"" + text + "\" names no section", Error::Kind::kUsage);
  return *place.section;
}

void list(Session& session, const Options& options) {
  std::vector<hive_section> sections;
  const std::uint32_t cells = session.machine().info().cells;
  const std::uint32_t only = options.place.empty() ? cells : session.cell(options.place);
  for (std::uint32_t home = 0; home < cells; ++home) {
    if (only != cells && home != only) continue;
    const std::uint64_t end = session.machine().part(home).size / kPageSize;
    for (std::uint64_t first = 0; first < end;) {
      const auto section = session.machine().next_section(home, first);
      if (section.status() == HIVE_NOT_FOUND) break;
      if (section.status() == HIVE_HOME_GONE && only == cells) {
        session.err() << "hivectl: cell " << home << ": " << section.failure().message << '\n';
        break;
      }
      sections.push_back(need(section));
      first = sections.back().first + sections.back().pages;
    }
  }
  show(session, options, sections);
}

CLI::App* add(CLI::App& parent, Session& session, const char* name, const char* about,
              const std::shared_ptr<Options>& options, void (*work)(Session&, const Options&)) {
  CLI::App* command = parent.add_subcommand(name, about);
  command->callback([&session, options, work] { work(session, *options); });
  return command;
}

}  // namespace

void add_section(CLI::App& app, Session& session) {
  CLI::App* section = app.add_subcommand("section", "Make, find, use and end sections");
  section->require_subcommand(1);
  const auto options = std::make_shared<Options>();

  CLI::App* command = add(*section, session, "create",
                          "Make a section, of this cell's memory or another's", options, create);
  command->add_option("NAME", options->place, "1 to 63 of A-Z a-z 0-9 . _ -")->required();
  command->add_option("SIZE", options->size, "A multiple of 4KiB")->required();
  command->add_option("--home", options->home,
                      "Whose memory: a cell's, or any: where it is best; else this cell's");
  command->add_flag("--movable", options->movable, "It may be moved to another home");
  command->add_flag("--json", options->json, "As JSON");

  command = add(*section, session, "open", "Use a section: home then keeps it until it is closed",
                options, open);
  command->add_option("PLACE", options->place, "HOME:SECTION or SECTION")->required();
  command->add_flag("--json", options->json, "As JSON");

  command = add(*section, session, "close", "Take one open back", options,
                [](Session& with, const Options& of) {
                  need(with.machine().close_section(section_at(with, of.place, Home::kAny)));
                });
  command->add_option("PLACE", options->place, "HOME:SECTION or SECTION")->required();

  command = add(*section, session, "destroy", "End a section that this cell has, or has made",
                options, [](Session& with, const Options& of) {
                  const hive_section which = section_at(with, of.place, Home::kOwn);
                  need(with.machine().destroy_section(which, of.force ? HIVE_FORCE : 0));
                });
  command->add_option("NAME", options->place)->required();
  command->add_flag("--force", options->force, "Even while other cells have it open");

  command = add(*section, session, "use", "Say that a section was used so many times more", options,
                [](Session& with, const Options& of) {
                  need(with.machine().tell_use(section_at(with, of.place, Home::kAny), of.count));
                });
  command->add_option("PLACE", options->place, "HOME:SECTION or SECTION")->required();
  command->add_option("COUNT", options->count, "How often")->required();

  command = add(*section, session, "list", "Every cell's sections, or those of one", options, list);
  command->add_option("HOME", options->place, "A cell");
  command->add_flag("--json", options->json, "As JSON");
}

}  // namespace hive::ctl
