// Locks among cells.
#include <memory>
#include <ostream>

#include "guests/ctl/commands.h"
#include "guests/ctl/spot.h"

namespace hive::ctl {
namespace {

constexpr double kMostSeconds = 86400;

struct Options {
  std::string place;
  std::string offset;
  double seconds = kMostSeconds;
};

CLI::App* add(CLI::App& app, const char* name, const char* help, Options& options) {
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("PLACE", options.place, "Which this cell may write")->required();
  command->add_option("OFFSET", options.offset, "In bytes; a multiple of 4")->required();
  return command;
}

void lock(Session& session, const Options& options) {
  const Spot spot = find_spot(session, options.place, options.offset);
  const auto most = std::chrono::milliseconds(static_cast<std::int64_t>(options.seconds * 1000));
  const auto taken = need(session.machine().lock(spot.home, spot.offset, most));
  session.out() << (taken == sdk::Taken::kAbandoned ? "taken: its owner failed\n" : "taken\n");
}

}  // namespace

void add_lock(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = add(app, "lock", "Take the lock in a 4-byte number, for this cell", *options);
  command->add_option("--for", options->seconds, "Seconds to wait, at most (default: a day)")
      ->check(CLI::Range(0.0, kMostSeconds));
  command->callback([&session, options] { lock(session, *options); });
}

void add_unlock(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = add(app, "unlock", "Free a lock that this cell has", *options);
  command->callback([&session, options] {
    const Spot spot = find_spot(session, options->place, options->offset);
    need(session.machine().unlock(spot.home, spot.offset));
  });
}

}  // namespace hive::ctl
