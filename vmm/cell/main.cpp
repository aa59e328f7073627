// hive-vmm: one cell's virtual machine monitor.

#include <getopt.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

#include "vmm/base/error.h"
#include "vmm/cell/cell.h"
#include "vmm/cell/log.h"
#include "vmm/cell/monitor_link.h"
#include "vmm/cell/process.h"
#include "vmm/cell/sandbox.h"

namespace hive::cell {
namespace {

constexpr const char* kUsage =
    "usage: hive-vmm --monitor FD    the cell's configuration comes over socket FD\n"
    "       hive-vmm --config FILE   a cell on its own, serial port on standard input and output\n"
    "FILE is JSON as described in vmm/cell/config.h.\n";

struct Options {
  int monitor_fd = -1;
  std::string config_file;
};

Options parse_options(int argc, char** argv) {
  const option known[] = {{"monitor", required_argument, nullptr, 'm'},
                          {"config", required_argument, nullptr, 'c'},
                          {"help", no_argument, nullptr, 'h'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  for (int c; (c = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    if (c == 'm') {
      options.monitor_fd = std::atoi(optarg);
    } else if (c == 'c') {
      options.config_file = optarg;
    } else {
      throw Error(kUsage, Error::Kind::kUsage);
    }
  }
  const bool one = (options.monitor_fd >= 3) != !options.config_file.empty();
  if (!one || optind != argc) throw Error(kUsage, Error::Kind::kUsage);
  return options;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(path + ": cannot be opened for reading", Error::Kind::kUsage);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Runs one cell to its end and tells the monitor, when there is one, how it ended.
class Program {
 public:
  explicit Program(const Options& options) : options_(options) {}

  /// Whether run() left nothing behind that the host's kernel still uses, so that this object may
  /// be destroyed.
  [[nodiscard]] bool ended() const { return ended_; }

  int run() {
    UniqueFd socket(options_.monitor_fd);
    const std::string text =
        socket ? receive_config(socket.get()) : read_file(options_.config_file);
    if (socket) {
      link_.emplace(
          loop_, std::move(socket),
          [this](Command command, UniqueFd file) { obey(command, std::move(file)); },
          [this] { quit(); });
      link_->on_fault([this](const GuestFault& fault) {
        if (cell_ && !end_) cell_->inject(fault);
      });
      link_->on_balloon([this](std::uint32_t pages) {
        if (cell_ && !end_) cell_->set_balloon(pages);
      });
      link_->on_spare([this](std::uint64_t bytes) {
        if (cell_ && !end_) cell_->set_spare(bytes);
      });
    }
    boost::asio::signal_set signals(loop_, SIGTERM, SIGINT);
    signals.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) quit();
    });
    try {
      start(text);
    } catch (const Error& error) {
      if (!link_) throw;
      link_->send({ReportKind::kNotStarted, error.what()});
      return error.exit_status();
    } catch (const std::exception& error) {
      if (!link_) throw;
      link_->send({ReportKind::kNotStarted, std::string("the host refused: ") + error.what()});
      return 1;
    }
    loop_.run();
    cell_->stop_vcpus();
    // Before its disks are: they may hang. That they are closed shows in the end of this process.
    if (end_ && link_) link_->send(*end_);
    ended_ = cell_->shut_down(kEndLimit);
    if (!ended_) spdlog::warn("a vCPU or a request to a disk did not end in time");
    if (waits_for_dump()) serve_dump();
    return end_ && end_->kind >= ReportKind::kTripleFault ? 1 : 0;
  }

 private:
  void start(const std::string& config) {
    const CellConfig parsed = parse_config(config);
    dumps_ = parsed.crash_dump;
    cell_ = std::make_unique<Cell>(loop_, parsed, [this](const Report& report) { handle(report); });
    drop_privileges();  // Threads have the capabilities of the one that starts them.
    cell_->start([this] {
      enter_sandbox(
          {static_cast<std::uint32_t>(::getpid()), cell_->first_kept(), cell_->memory().span()});
    });
  }

  void handle(const Report& report) {
    // Guests cause reports; the log is a pipe that somebody may have stopped reading.
    if (logged_ < kMaxLogged) spdlog::info("{}", to_json(report));
    ++logged_;
    if (end_) return;  // It was the last.
    const bool is_end = ends_vmm(report.kind) || (dumps_ && leaves_core(report.kind));
    if (!is_end) {
      if (link_) link_->send(report);
    } else {
      end_ = report;
      loop_.stop();
    }
  }

  void quit() {
    quits_ = true;
    loop_.stop();
  }

  [[nodiscard]] bool waits_for_dump() const {
    return link_ && !quits_ && (core_file_ || (dumps_ && end_ && leaves_core(end_->kind)));
  }

  /// The guest has failed, or hangs, and stands still. The monitor decides how long this may take.
  void serve_dump() {
    if (!ended_) {
      link_->send({ReportKind::kNotDumped, "a vCPU or a request to a disk did not end in time"});
      return;
    }
    link_->send({ReportKind::kPaused, ""});
    while (!quits_ && !core_file_) {
      loop_.restart();
      loop_.run();
    }
    if (quits_) return;
    Report answer{ReportKind::kDumped, ""};
    try {
      cell_->write_core(core_file_.get());
    } catch (const std::exception& error) {
      answer = {ReportKind::kNotDumped, error.what()};
    }
    core_file_.reset();
    link_->send(answer);
  }

  void obey(Command command, UniqueFd file) {
    if (!cell_) return;
    switch (command) {
      case Command::kPause:
        return cell_->pause();
      case Command::kResume:
        return cell_->resume();
      case Command::kPowerButton:
        return cell_->press_power_button();
      case Command::kLook:
        return cell_->look();
      case Command::kQuit:
        return quit();
      case Command::kDump:
        if (!dumps_) return;
        core_file_ = std::move(file);
        return loop_.stop();
      case Command::kFault:
      case Command::kBalloon:
      case Command::kSpare:
        return;  // The link tells of it otherwise.
    }
  }

  static constexpr unsigned kMaxLogged = 100;
  /// For vCPUs and disks. Its monitor kills a VMM that has not ended 5 seconds after its report.
  static constexpr std::chrono::milliseconds kEndLimit{3000};

  const Options& options_;
  boost::asio::io_context loop_{1};
  std::optional<MonitorLink> link_;
  std::unique_ptr<Cell> cell_;
  std::optional<Report> end_;
  bool ended_ = true;
  bool dumps_ = false;  ///< The monitor may want a failed guest's memory.
  bool quits_ = false;  ///< This process is to end at once.
  UniqueFd core_file_;
  unsigned logged_ = 0;  ///< Reports so far.
};

}  // namespace
}  // namespace hive::cell

int main(int argc, char** argv) {
  try {
    hive::cell::set_up_log();
    hive::cell::limit_process_memory();
    ::signal(SIGPIPE, SIG_IGN);
    const auto options = hive::cell::parse_options(argc, argv);
    hive::cell::Program program(options);
    const int status = program.run();
    if (!program.ended()) std::_Exit(status);
    return status;
  } catch (const hive::Error& error) {
    std::fprintf(stderr, "hive-vmm: %s\n", error.what());
    return error.exit_status();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hive-vmm: internal error: %s\n", error.what());
    return 1;
  }
}
