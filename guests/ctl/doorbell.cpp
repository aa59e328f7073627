#include <memory>
#include <ostream>

#include "guests/ctl/commands.h"
#include "guests/ctl/numbers.h"

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
  session.mapping = HIVE_MAP_BEST;
  session.flags = HIVE_READ_ONLY;
  const auto offset = parse_bytes(options.offset);
  if (!offset) {
    throw Error("offset \"" + options.offset + "\" is not a number of bytes", Error::Kind::kUsage);
  }
  const Place place = session.place(options.place, Home::kAny);
  if (*offset >= place.size) throw Error("offset " + options.offset + " is past the place's end");
  const auto most = std::chrono::milliseconds(static_cast<std::int64_t>(options.seconds * 1000));
  session.out() << need(session.machine().wait(place.home, place.offset + *offset, options.old,
                                               most))
                << '\n';
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

}  // namespace hive::ctl
