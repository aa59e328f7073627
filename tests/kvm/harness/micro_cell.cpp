#include "tests/kvm/harness/micro_cell.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "vmm/base/units.h"
#include "vmm/memory/shared_file.h"

namespace hive::test {
namespace {

cell::CellConfig config_for(const std::string& script, std::size_t vcpus,
                            std::vector<cell::DiskConfig> disks, std::uint64_t memory,
                            std::optional<cell::GlobalConfig> global,
                            std::optional<cell::VsockConfig> vsock,
                            std::optional<cell::PolicyConfig> policy, std::uint64_t spare,
                            int progress) {
  cell::CellConfig config;
  config.name = "micro";
  config.vcpus = static_cast<unsigned>(vcpus);
  config.memory = memory;
  config.spare = spare;
  config.kernel = HIVE_MICRO_ELF;
  config.initrd = script;
  config.disks = std::move(disks);
  config.global = std::move(global);
  config.vsock = std::move(vsock);
  config.policy = std::move(policy);
  config.progress_fd = progress;
  return config;
}

}  // namespace

TempFile::TempFile(const std::vector<std::byte>& content) : path_("/tmp/hive-test-XXXXXX") {
  const UniqueFd fd(::mkstemp(path_.data()));
  if (!fd ||
      ::write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    throw std::runtime_error("cannot write " + path_);
  }
}

TempFile::~TempFile() { ::unlink(path_.c_str()); }

MicroCell::MicroCell(const std::vector<std::vector<micro::Action>>& scripts,
                     std::vector<cell::DiskConfig> disks, std::uint64_t memory,
                     std::optional<cell::GlobalConfig> global,
                     std::optional<cell::VsockConfig> vsock,
                     std::optional<cell::PolicyConfig> policy, std::uint64_t spare)
    : script_(micro::make_module(scripts)),
      progress_file_(memory::make_shared_file("progress", cell::Progress::kBytes)),
      progress_(progress_file_.get()),
      cell_(std::make_unique<cell::Cell>(
          loop_,
          config_for(script_.path(), scripts.size(), std::move(disks), memory, std::move(global),
                     std::move(vsock), std::move(policy), spare, ::dup(progress_file_.get())),
          [this](const cell::Report& report) { reports_.push_back(report); })) {}

bool MicroCell::run_until(const std::function<bool()>& done, std::chrono::seconds limit) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + limit;
  while (!done()) {
    if (Clock::now() > deadline) return false;
    loop_.restart();
    loop_.run_for(std::chrono::milliseconds(1));
  }
  return true;
}

bool MicroCell::run_until_report(cell::ReportKind kind) {
  return run_until([&] { return find(kind).has_value(); });
}

bool MicroCell::run_until_done(unsigned cpu) {
  return run_until([&] { return state(cpu) == HIVE_MICRO_DONE; });
}

std::optional<cell::Report> MicroCell::find(cell::ReportKind kind) const {
  const auto it = std::find_if(reports_.begin(), reports_.end(),
                               [kind](const cell::Report& report) { return report.kind == kind; });
  return it == reports_.end() ? std::nullopt : std::optional(*it);
}

hive_micro_result MicroCell::result(unsigned cpu, unsigned action) const {
  return cell_->memory().load<hive_micro_result>({micro::result_address(cpu, action)}).value();
}

std::uint32_t MicroCell::state(unsigned cpu) const {
  return cell_->memory().load<std::uint32_t>({micro::results_address(cpu)}).value();
}

std::uint64_t MicroCell::performed(unsigned cpu) const {
  return cell_->memory()
      .load<std::uint64_t>({micro::results_address(cpu) + offsetof(hive_micro_results, performed)})
      .value();
}

}  // namespace hive::test
