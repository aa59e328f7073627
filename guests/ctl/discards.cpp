// What failures of other cells cost this one, and the way back from it.
#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "guests/ctl/commands.h"
#include "vmm/base/units.h"

namespace hive::ctl {
namespace {

using std::chrono::milliseconds;

constexpr double kMostSeconds = 86400;

struct Options {
  std::string place;
  std::string file;
  std::uint32_t after = 0;
  double seconds = 0;
  bool follow = false;
  bool json = false;
};

/// The names of CELLS, a bit for each.
std::vector<std::string> names_of(Session& session, std::uint64_t cells) {
  std::vector<std::string> names;
  for (std::uint32_t cell = 0; cell < HIVE_GLOBAL_MAX_CELLS; ++cell) {
    if ((cells >> cell & 1) != 0) names.push_back(session.cell_name(cell));
  }
  return names;
}

std::string pages_text(std::uint64_t first, std::uint64_t pages) {
  const std::string start = std::to_string(first);
  return pages == 1 ? "page " + start : "pages " + start + "-" + std::to_string(first + pages - 1);
}

/// Calls TAKE with each discard after OPTIONS.after, as long as they say.
template <typename Take>
void for_each_discard(Session& session, const Options& options, Take take) {
  const auto patience = milliseconds(static_cast<std::int64_t>(options.seconds * 1000));
  std::uint32_t last = options.after;
  bool any = false;
  for (;;) {
    const bool waits = options.follow || !any;
    const milliseconds most = options.follow ? milliseconds(86'400'000) : patience;
    auto next = session.machine().next_discard(last, waits ? most : milliseconds(0));
    if (!next.ok() && next.status() == HIVE_DEADLINE) {
      if (options.follow) continue;
      return;
    }
    const sdk::Discard discard = need(std::move(next));
    take(discard, discard.number != last + 1);
    last = discard.number;
    any = true;
    session.out().flush();
  }
}

void list(Session& session, const Options& options) {
  session.mapping = HIVE_MAP_BEST;
  for_each_discard(session, options, [&](const sdk::Discard& discard, bool missed) {
    const auto names = names_of(session, discard.cells);
    if (options.json) {
      session.out() << nlohmann::json{{"number", discard.number}, {"first", discard.first},
                                      {"pages", discard.pages},   {"cells", names},
                                      {"epoch", discard.epoch},   {"missed", missed}}
                           .dump()
                    << '\n';
      return;
    }
    if (missed) session.out() << "(some are not told of any more)\n";
    session.out() << discard.number << ": " << pages_text(discard.first, discard.pages);
    for (const std::string& name : names) session.out() << ' ' << name;
    session.out() << '\n';
  });
}

bool is_empty(const std::vector<char>& page) {
  return std::all_of(page.begin(), page.end(), [](char byte) { return byte == 0; });
}

/// Gives PAGE of PLACE what FILE has for it, unless something was written there since: it reads as
/// zeros. Whether it did.
bool reload_page(Session& session, std::ifstream& file, const Place& place, std::uint64_t page) {
  std::vector<char> content(kPageSize);
  const std::uint64_t offset = place.offset + page * kPageSize;
  need(session.machine().copy_from(place.home, offset, content.data(), content.size()));
  if (!is_empty(content)) return false;
  file.clear();
  file.seekg(static_cast<std::streamoff>(page * kPageSize));
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  const auto length = static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0));
  if (length == 0) return false;
  need(session.machine().copy_to(place.home, offset, content.data(), length));
  return true;
}

void reload(Session& session, const Options& options) {
  session.mapping = HIVE_MAP_BEST;
  const Place place = session.place(options.place, Home::kOwn);
  std::ifstream file(options.file, std::ios::binary);
  if (!file) throw Error("file " + options.file + " cannot be read");
  const std::uint64_t start = place.offset / kPageSize;
  const std::uint64_t end = start + place.size / kPageSize;
  for_each_discard(session, options, [&](const sdk::Discard& discard, bool missed) {
    // Where some are not told of any more, any page may be among them.
    const std::uint64_t first = missed ? start : std::max(discard.first, start);
    const std::uint64_t past = missed ? end : std::min(discard.first + discard.pages, end);
    for (std::uint64_t page = first; page < past; ++page) {
      if (!reload_page(session, file, place, page - start)) continue;
      session.out() << "page " << page - start << " of " << options.place << " reloaded\n";
    }
  });
}

void add_times(CLI::App& command, Options& options) {
  command.add_option("--after", options.after, "Only those after this number (default: 0)");
  command.add_option("--for", options.seconds, "Seconds to wait for the first, if there is none")
      ->check(CLI::Range(0.0, kMostSeconds));
  command.add_flag("--follow", options.follow, "Go on with those that come");
}

}  // namespace

void add_discards(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand(
      "discards", "Show which pages of this cell lost their content when other cells failed");
  const auto options = std::make_shared<Options>();
  add_times(*command, *options);
  command->add_flag("--json", options->json, "One JSON object per line");
  command->callback([&session, options] { list(session, *options); });
}

void add_reload(CLI::App& app, Session& session) {
  CLI::App* command =
      app.add_subcommand("reload", "Give a section's discarded pages what its file has for them");
  const auto options = std::make_shared<Options>();
  command->add_option("SECTION", options->place, "Of this cell")->required();
  command->add_option("FILE", options->file, "What the section began with")->required();
  add_times(*command, *options);
  command->callback([&session, options] { reload(session, *options); });
}

}  // namespace hive::ctl
