#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <exception>
#include <ostream>

#include "guests/ctl/commands.h"

namespace hive::ctl {
namespace {

constexpr const char* kFooter = R"(
Cells are named by their names or numbers. A PLACE in global memory is
  HOME:SECTION   a section of cell HOME      SECTION   of whichever cell has it
  :SECTION       of this cell                HOME:     all that cell HOME contributes
PAGES of a place are a list such as 3, 0-7, 0-1023:1/2 (every second one), or all.
OFFSET and SIZE are bytes: 64, 0x40, 4KiB.

A first try, on cell alpha and then on cell beta:
  hivectl section create letters 64KiB
  hivectl grant letters beta 0
  echo hello | hivectl write alpha:letters 0      (on beta)
  hivectl read letters 0 5

Calls between cells, a service on alpha and its caller on beta:
  hivectl rpc serve upper -- tr a-z A-Z
  echo hello | hivectl rpc call alpha:upper
Global memory needs root. Exit status: 0, 1 where it failed, 2 for a wrong command line.)";

void add_all(CLI::App& app, Session& session) {
  app.require_subcommand(1);
  app.add_option("--device", session.function, "PCI function, as 0000:00:05.0 (default: Hive's)");
  app.add_option("--timeout", session.timeout_seconds, "Seconds for each request (default: 5)")
      ->check(CLI::Range(0.001, 86400.0));
  for (const auto& add : {add_info, add_section, add_grant, add_revoke, add_page, add_written,
                          add_read, add_write, add_fetch, add_publish, add_ring, add_wait, add_wake,
                          add_lock, add_unlock, add_discards, add_reload, add_rpc}) {
    add(app, session);
  }
  app.footer(kFooter);  // Last, so that commands do not inherit it.
}

std::string usage_error(const CLI::App* /*app*/, const CLI::Error& error) {
  return std::string("hivectl: ") + error.what() + "\nRun with --help for more information.\n";
}

}  // namespace

int run(int argc, const char* const* argv, Session& session) {
  try {
    CLI::App app("Global memory and calls of a Hive machine, as this cell sees them", "hivectl");
    add_all(app, session);
    app.failure_message(usage_error);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      const bool is_help = error.get_exit_code() == 0;
      app.exit(error, session.out(), session.err());
      return is_help ? 0 : 2;
    }
    session.out().flush();
    if (!session.out()) throw Error("cannot write the output; look at where it goes");
    return 0;
  } catch (const Error& error) {
    session.out().flush();
    session.err() << "hivectl: " << error.what() << '\n';
    return error.exit_status();
  } catch (const std::exception& error) {
    session.err() << "hivectl: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace hive::ctl
