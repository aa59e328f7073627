#include <memory>
#include <ostream>

#include "guests/ctl/commands.h"
#include "guests/ctl/spot.h"

namespace hive::ctl {
namespace {

constexpr double kMostSeconds = 86400;

struct WaitOptions {
  std::string place;
  std::string offset;
  std::uint32_t old = 0;
  double seconds = kMostSeconds;
};

void wait(Session& session, const WaitOptions& options) {
  const Spot spot = find_spot(session, options.place, options.offset);
  const auto most = std::chrono::milliseconds(static_cast<std::int64_t>(options.seconds * 1000));
  session.out() << need(session.machine().wait(spot.home, spot.offset, options.old, most)) << '\n';
}

}  // namespace

void add_ring(CLI::App& app, Session& session) {
  struct Options {
    std::string cell;
    std::uint32_t vector = 0;
  };
  CLI::App* command = app.add_subcommand("ring", "Ring a cell's doorbell");
  const auto options = std::make_shared<Options>();
  command->add_option("CELL", options->cell)->required();
  command->add_option("VECTOR", options->vector, "Which doorbell (default: 0)");
  command->callback([&session, options] {
    need(session.machine().ring(session.cell(options->cell), options->vector));
  });
}

void add_wait(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand(
      "wait", "Wait until a 4-byte number is another one than OLD, and print it");
  const auto options = std::make_shared<WaitOptions>();
  command->add_option("PLACE", options->place)->required();
  command->add_option("OFFSET", options->offset, "In bytes; a multiple of 4")->required();
  command->add_option("OLD", options->old)->required();
  command->add_option("--for", options->seconds, "Seconds, at most (default: a day)")
      ->check(CLI::Range(0.0, kMostSeconds));
  command->callback([&session, options] { wait(session, *options); });
}

void add_wake(CLI::App& app, Session& session) {
  struct Options {
    std::string place;
    std::string offset;
  };
  CLI::App* command =
      app.add_subcommand("wake", "Wake all who wait for a number; print how many cells were rung");
  const auto options = std::make_shared<Options>();
  command->add_option("PLACE", options->place)->required();
  command->add_option("OFFSET", options->offset, "In bytes; a multiple of 4")->required();
  command->callback([&session, options] {
    const Spot spot = find_spot(session, options->place, options->offset);
    session.out() << need(session.machine().wake(spot.home, spot.offset)) << '\n';
  });
}

}  // namespace hive::ctl
