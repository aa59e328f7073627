#include "cellmon/cli/machine_end.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/types.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "cellmon/cli/machines.h"
#include "cellmon/cli/witness_end.h"
#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/local_socket.h"
#include "cellmon/wire/monitor_process.h"
#include "cellmon/wire/text.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

using std::chrono::steady_clock;

/// How long a process may take to end that was killed, and a witness that was left alone.
constexpr Milliseconds kKillLimit{15'000};
constexpr Milliseconds kWitnessLimit{5'000};
/// For how long monitors may come up in place of others that were ended; and how often it is seen.
constexpr Milliseconds kRestartLimit{15'000};
constexpr Milliseconds kNameRetry{5};

/// A monitor that was asked to end its cell.
class Ending {
 public:
  Ending(RpcClient client, const Json& params)
      : client_(std::move(client)),
        process_(client_.peer_pidfd()),
        id_(client_.send("down", params)) {}

  /// Waits for the answer and the monitor's end.
  void await(steady_clock::time_point deadline) {
    while (!answer_ && !client_.closed() && left_until(deadline).count() > 0) {
      const auto message = client_.receive(left_until(deadline));
      const auto* result = message ? std::get_if<wire::RpcResult>(&*message) : nullptr;
      if (result != nullptr && result->id == id_) answer_ = result->result;
    }
    await_process(deadline);
  }

  /// Kills a monitor that hangs; its VMM ends with it.
  void kill() {
    if (ended_) return;
    wire::kill_process(process_.get());
    await_process(steady_clock::now() + kKillLimit);
  }

  /// Tells how the cell ended; whether it did.
  [[nodiscard]] bool report(bool quiet) const {
    const std::string cell = client_.address().full_name();
    if (!ended_) {
      fmt::print(stderr, "hive: {}: its monitor does not end; use --force\n", cell);
      return false;
    }
    if (quiet) return true;
    const bool clean = answer_ && answer_->is_object() && answer_->value("clean", Json()) == true;
    fmt::print("{}: {}\n", cell, clean ? "stopped" : "stopped by force");
    if (!answer_ || !answer_->is_object() || !answer_->contains("kept")) return true;
    for (const Json& path : (*answer_)["kept"]) {
      fmt::print("{}: kept {}\n", cell,
                 wire::printable(path.is_string() ? path.get<std::string>() : "", 4096));
    }
    return true;
  }

 private:
  void await_process(steady_clock::time_point deadline) {
    pollfd entry{process_.get(), POLLIN, 0};
    ended_ = !process_ || ::poll(&entry, 1, static_cast<int>(left_until(deadline).count())) == 1;
  }

  RpcClient client_;
  UniqueFd process_;
  std::uint64_t id_;
  std::optional<Json> answer_;
  bool ended_ = false;
};

/// Ends the monitors of MACHINE that are among CELLS; whether all have ended.
bool end_monitors(const std::string& machine, const std::vector<wire::CellAddress>& cells,
                  const EndOptions& options) {
  std::vector<Ending> endings;
  bool all_ended = true;
  for (const wire::CellAddress& cell : cells) {
    if (cell.machine != machine) continue;
    try {
      auto client = RpcClient::connect(cell);
      if (!client) continue;
      endings.emplace_back(std::move(*client), Json{{"force", options.force},
                                                    {"grace_ms", options.grace.count()},
                                                    {"purge", options.purge}});
    } catch (const Error& why) {  // The others can end.
      fmt::print(stderr, "hive: {}\n", why.what());
      all_ended = false;
    }
  }
  const auto deadline = steady_clock::now() + options.grace + options.slack;
  for (Ending& ending : endings) {
    ending.await(deadline);
    if (options.force) ending.kill();
    all_ended = ending.report(options.quiet) && all_ended;
  }
  return all_ended;
}

bool has_any_of(const std::string& machine, const std::vector<wire::CellAddress>& cells) {
  return std::any_of(cells.begin(), cells.end(),
                     [&](const wire::CellAddress& cell) { return cell.machine == machine; });
}

/// Whether a cell of MACHINE among CELLS has a run: a monitor, perhaps one that starts, or a VMM.
bool has_run(const std::string& machine, const std::vector<wire::CellAddress>& cells) {
  return std::any_of(cells.begin(), cells.end(), [&](const wire::CellAddress& cell) {
    return cell.machine == machine && !wire::try_hold_abstract(wire::life_socket_name(cell));
  });
}

/// Ends the cells of MACHINE that are among KNOWN, and for a while monitors that were being started
/// in place of others. False when one does not end.
bool end_cells(const std::string& machine, const std::vector<wire::CellAddress>& known,
               const EndOptions& options) {
  const auto deadline = steady_clock::now() + kRestartLimit;
  auto cells = known;
  do {
    if (!end_monitors(machine, cells, options)) return false;
    std::this_thread::sleep_for(kNameRetry);  // Who waits for an ended one's name has it then.
    cells = find_cells();
    if (!has_any_of(machine, cells) && !has_run(machine, known)) return true;
  } while (steady_clock::now() < deadline);
  fmt::print(stderr, "hive: {}: a cell of it still has a run; try again\n", machine);
  return false;
}

}  // namespace

bool end_machine(const std::string& machine, const EndOptions& options) {
  if (!end_cells(machine, find_cells(), options)) return false;
  if (await_witness_end(machine, steady_clock::now() + kWitnessLimit)) return true;
  fmt::print(stderr, "hive: {}: its witness does not end\n", machine);
  return false;
}

}  // namespace hive::cli
