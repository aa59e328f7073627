// A monitor process, from its start to its cell's end.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "cellmon/control/bounded_file.h"
#include "cellmon/control/cell_monitor.h"
#include "cellmon/control/control_server.h"
#include "cellmon/control/heritage.h"
#include "cellmon/control/replacements.h"
#include "cellmon/control/run_folder.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Where a monitor comes from.
struct Origin {
  agree::Life life = agree::kFounder;  ///< CellSettings.
  Heritage heritage;
  Replacements::Start start_monitor;
  std::string cgroup = kNoCgroup;  ///< CellSettings.
  /// How long what is left of the cell's last monitor and VMM may take to end.
  std::chrono::milliseconds end_limit{10'000};
};

/// Serves one cell of a machine: its control socket, its log and its VMM.
class Service {
 public:
  /// Binds the control socket and makes the cell's files, in the machine's folder in RUN_DIR. A
  /// later monitor goes on with the files of the one before it. Waits until that one's VMM is gone,
  /// and, where this is a later one, the monitor itself. Throws Error; then nothing is left behind.
  Service(const plan::Machine& machine, const plan::Cell& cell, const std::string& run_dir,
          const std::string& vmm_program, Origin origin = {});
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  Service(Service&&) = delete;
  Service& operator=(Service&&) = delete;
  ~Service();

  [[nodiscard]] const std::string& log_path() const { return log_file_.path(); }

  /// Starts the cell and serves until it is down. SIGTERM and SIGINT end it by force.
  void run();

 private:
  void await_signal();
  /// Ends the process soon; the result is what `down` answers.
  wire::Json finish(bool purge);
  /// Ends the loop when all answers have left, or after TRIES more looks.
  void linger(int tries);

  /// What only one monitor of a cell can have at a time.
  struct Names {
    Names(const plan::Machine& machine, const plan::Cell& cell, const Origin& origin);

    UniqueFd listener;
    UniqueFd life;  ///< Its VMMs have it, too.
  };

  boost::asio::io_context loop_{1};
  /// Holds the cell's name again once the server ends: after all files, since it is the first
  /// member. So no other monitor of the cell can have made files that this one then removes.
  Names names_;
  RunFolder folder_;
  BoundedFile log_file_;
  std::shared_ptr<spdlog::logger> log_;
  CellMonitor monitor_;
  ControlServer server_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer linger_;
};

}  // namespace hive::control
