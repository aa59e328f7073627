// A whole cell, as hive-vmm makes it, whose guest is the micro guest.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "guests/abi/micro_script.h"
#include "vmm/base/unique_fd.h"
#include "vmm/base/units.h"
#include "vmm/cell/cell.h"
#include "vmm/cell/progress.h"

namespace hive::test {

/// A temporary file, removed with the object.
class TempFile {
 public:
  explicit TempFile(const std::vector<std::byte>& content);
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A cell with one script per vCPU. Its reports are kept, in order.
class MicroCell {
 public:
  static constexpr std::uint64_t kMemory = 16 * kMiB;

  explicit MicroCell(const std::vector<std::vector<micro::Action>>& scripts,
                     std::vector<cell::DiskConfig> disks = {}, std::uint64_t memory = kMemory,
                     std::optional<cell::GlobalConfig> global = {},
                     std::optional<cell::VsockConfig> vsock = {},
                     std::optional<cell::PolicyConfig> policy = {}, std::uint64_t spare = 0);

  cell::Cell& cell() { return *cell_; }
  /// What the cell shows its monitor.
  [[nodiscard]] const cell::Progress& progress() const { return *progress_; }
  boost::asio::io_context& loop() { return loop_; }

  /// Runs the device loop until DONE, at most LIMIT. Whether DONE came.
  bool run_until(const std::function<bool()>& done,
                 std::chrono::seconds limit = std::chrono::seconds(60));
  /// Runs until a report of KIND came.
  bool run_until_report(cell::ReportKind kind);
  /// Runs until CPU is at the end of its script.
  bool run_until_done(unsigned cpu = 0);

  [[nodiscard]] std::optional<cell::Report> find(cell::ReportKind kind) const;
  [[nodiscard]] hive_micro_result result(unsigned cpu, unsigned action) const;
  [[nodiscard]] std::uint32_t state(unsigned cpu) const;
  [[nodiscard]] std::uint64_t performed(unsigned cpu) const;

 private:
  boost::asio::io_context loop_{1};
  TempFile script_;
  UniqueFd progress_file_;
  cell::ProgressPage progress_;
  std::vector<cell::Report> reports_;
  std::unique_ptr<cell::Cell> cell_;
};

}  // namespace hive::test
