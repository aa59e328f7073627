// hive down: end a machine.
#include <fmt/format.h>
#include <poll.h>
#include <sys/types.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/rpc_client.h"
#include "cellmon/cli/seconds.h"
#include "cellmon/cli/witness_end.h"
#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/local_socket.h"
#include "cellmon/wire/text.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

using std::chrono::steady_clock;

struct DownOptions {
  std::string machine;
  bool force = false;
  double timeout = 10;  // Seconds.
};

/// How much longer than a guest's grace its monitor may take; and how long where nothing waits for
/// a guest.
constexpr Milliseconds kSlack{15'000};
constexpr Milliseconds kForcedSlack{5'000};
constexpr Milliseconds kStep{5};

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
    ::kill(client_.peer_pid(), SIGKILL);
    await_process(steady_clock::now() + kSlack);
  }

  /// Tells how the cell ended; whether it did.
  [[nodiscard]] bool report() const {
    const std::string cell = client_.address().full_name();
    if (!ended_) {
      fmt::print(stderr, "hive: {}: its monitor does not end; use --force\n", cell);
      return false;
    }
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
                  const DownOptions& options) {
  const Milliseconds grace = to_milliseconds(options.timeout);
  std::vector<Ending> endings;
  bool all_ended = true;
  for (const wire::CellAddress& cell : cells) {
    if (cell.machine != machine) continue;
    try {
      auto client = RpcClient::connect(cell);
      if (!client) continue;
      endings.emplace_back(std::move(*client),
                           Json{{"force", options.force}, {"grace_ms", grace.count()}});
    } catch (const Error& why) {  // The others can end.
      fmt::print(stderr, "hive: {}\n", why.what());
      all_ended = false;
    }
  }
  const auto deadline = steady_clock::now() + (options.force ? kForcedSlack : grace + kSlack);
  for (Ending& ending : endings) {
    ending.await(deadline);
    if (options.force) ending.kill();
    all_ended = ending.report() && all_ended;
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
/// in place of others. False when a monitor that was found does not end.
bool end_cells(const std::string& machine, const std::vector<wire::CellAddress>& known,
               const DownOptions& options) {
  const auto deadline = steady_clock::now() + kSlack;
  auto cells = known;
  do {
    if (!end_monitors(machine, cells, options)) return false;
    std::this_thread::sleep_for(
        kStep);  // Who waits for the name of one that has ended has it then.
    cells = find_cells();
  } while ((has_any_of(machine, cells) || has_run(machine, known)) &&
           steady_clock::now() < deadline);
  return true;
}

int run_down(const DownOptions& options) {
  const auto cells = find_cells();
  const std::string machine = choose_machine(options.machine, cells);
  if (!end_cells(machine, cells, options)) return 1;
  if (await_witness_end(machine, steady_clock::now() + kForcedSlack)) return 0;
  fmt::print(stderr, "hive: {}: its witness does not end\n", machine);
  return 1;
}

}  // namespace

void add_down(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<DownOptions>();
  CLI::App* command = app.add_subcommand("down", "End a machine: shut its guests down");
  command->add_option("MACHINE", options->machine, "Which; not needed when one runs");
  command->add_flag("--force", options->force, "Kill the guests, and monitors that hang");
  add_seconds(*command, "--timeout", options->timeout,
              "Seconds that the guests have to shut down before they are killed");
  command->callback([options, &exit_status] { exit_status = run_down(*options); });
}

}  // namespace hive::cli
