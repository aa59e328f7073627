#include "vmm/cell/cell.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <optional>
#include <utility>

#include "vmm/base/error.h"
#include "vmm/boot/boot.h"
#include "vmm/cell/vcpu_setup.h"
#include "vmm/dump/writer.h"

namespace hive::cell {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFlushLimit{1000};
constexpr milliseconds kClosingRetry{100};
// What else keeps a vCPU inside ends much sooner than a write that waits for a home that hangs.
constexpr milliseconds kForeignWriteLimit{50};

}  // namespace

Cell::Cell(boost::asio::io_context& loop, const CellConfig& config, Machine::ReportSink on_report)
    : loop_(loop),
      host_cpus_(config.host_cpus),
      on_report_(std::move(on_report)),
      progress_(UniqueFd(config.progress_fd).get()),
      machine_(loop, config, *progress_, on_report_),
      gate_([this] {
        for (const auto& vcpu : vcpus_) vcpu->kick();
      }),
      machine_checks_(machine_.kvm().machine_checks()),
      faults_(loop, machine_.memory(), machine_.vm(), vcpus_, machine_.device_faults(),
              machine_checks_),
      quiet_limit_(loop),
      closing_retry_(loop) {
  VcpuThread::prepare_kicks();
  if (config.global) open_global_memory(config);
  if (config.progress_fd >= 0) {
    statistics_.emplace(*progress_, machine_.vm().fd());
    machine_.set_on_count([this] { statistics_->refresh(); });
  }
  add_vcpus(config);
}

Cell::~Cell() {
  gate_.end();
  (void)await_vcpus([this](milliseconds limit) { return gate_.await_empty(limit); }, kVcpuLimit);
}

void Cell::add_vcpus(const CellConfig& config) {
  const boot::BootState entry = boot::prepare_boot(machine_.memory(), config.vcpus, config.kernel,
                                                   config.initrd, config.cmdline, machine_.upper());
  for (unsigned index = 0; index < config.vcpus; ++index) {
    auto vcpu = std::make_unique<kvm::Vcpu>(machine_.kvm(), machine_.vm(), index);
    set_up_cpu(machine_.kvm(), machine_checks_, *vcpu, index, config.vcpus);
    if (statistics_) statistics_->add_vcpu(vcpu->fd());
    if (index == 0) enter_at(*vcpu, entry);
    vcpus_.push_back(std::make_unique<VcpuThread>(
        std::move(vcpu), progress_->vcpus.at(index), machine_.buses(),
        global_ ? &*global_ : nullptr, gate_,
        [this](const Report& end) { boost::asio::post(loop_, [this, end] { on_report_(end); }); }));
  }
}

void Cell::open_global_memory(const CellConfig& config) {
  const auto tell = [this](const Violation& violation) { on_violation(violation); };
  memory::GlobalWindow& window = *machine_.global();
  denials_.emplace(window);
  const bool stop = config.global->on_violation == OnViolation::kStop;
  device_writes_.emplace(loop_, window, *denials_, [this, stop](const Violation& violation) {
    on_violation(violation);
    if (!stop) return;
    boost::asio::post(loop_, [this] {
      on_report_({ReportKind::kFailed,
                  "stopped, as the plan wants it, at a device's write that the firewall denied"});
    });
  });
  machine_.connect_global(*device_writes_);
  machine_.global_link().on_close([this](std::uint64_t homes) { close_homes(homes); });
  const OnViolation policy = config.global->on_violation;
  if (policy == OnViolation::kIgnore) drop_.emplace(machine_.vm(), window, machine_.memory());
  global_.emplace(GlobalAccess{window, *denials_, machine_.global_places(), policy, tell,
                               drop_ ? &*drop_ : nullptr});
}

std::vector<Cell::HomeLink> Cell::take_home_links() {
  std::vector<HomeLink> links;
  if (!denials_) return links;
  for (memory::HomeGuard& guard : machine_.global()->take_guards()) {
    UniqueFd denials = denials_->connect(guard.home);
    links.push_back({std::move(guard), std::move(denials)});
  }
  return links;
}

std::string Cell::describe(const Violation& violation) {
  const std::string home = violation.home < 0 ? "global memory that is no cell's"
                                              : fmt::format("home {}", violation.home);
  std::string page = fmt::format("write to page {:#x} of {}", violation.offset, home);
  if (violation.closed) {
    page = violation.home < 0 ? "write to a home that has failed" : page + ", which has failed";
  }
  if (violation.vcpu < 0) return page + ", by a device";
  return page + fmt::format(", by vCPU {} at rip {:#x}", violation.vcpu, violation.rip);
}

void Cell::on_violation(const Violation& violation) {
  if (violation.closed) memory_failures_.fetch_add(1);
  // A guest may do nothing else than this: it must not fill the loop's queue.
  if (violations_posted_.fetch_add(1) >= kMaxViolationsPosted) {
    violations_posted_.fetch_sub(1);
    return;
  }
  boost::asio::post(loop_, [this, violation] {
    violations_posted_.fetch_sub(1);
    if (violation.closed) machine_.global_link().tell_failures(memory_failures_.load());
    on_report_({ReportKind::kViolation, describe(violation)});
  });
}

void Cell::close_homes(std::uint64_t homes) {
  if (state_ == State::kEnded) return;
  closing_ = homes;
  const bool runs = state_ == State::kRunning;
  if (runs && !await_vcpus([this](milliseconds limit) { return gate_.close(limit); }, kVcpuLimit)) {
    gate_.open();
    spdlog::warn("homes cannot be closed or opened yet: a vCPU does not leave the guest");
    closing_retry_.expires_after(kClosingRetry);
    closing_retry_.async_wait([this](const boost::system::error_code& error) {
      if (!error && closing_) close_homes(*closing_);
    });
    return;
  }
  closing_.reset();
  closing_retry_.cancel();
  machine_.close_homes(homes);
  if (runs) gate_.open();
  machine_.global_link().tell_closed(homes);
}

void Cell::start(const std::function<void()>& before_guest) {
  if (denials_) {
    if (machine_.global_link().connected()) {
      for (HomeLink& link : take_home_links()) {
        machine_.global_link().offer(std::move(link.guard), std::move(link.denials));
      }
    }
    denials_->start();
    device_writes_->start();
  }
  (void)gate_.close(kVcpuLimit);  // Nobody enters the guest before all have their CPU.
  for (unsigned index = 0; index < vcpus_.size(); ++index) {
    vcpus_[index]->start(index,
                         host_cpus_.empty() ? std::nullopt : std::optional(host_cpus_[index]));
  }
  if (before_guest) {
    if (!gate_.close(kVcpuLimit)) throw Error("the vCPUs' threads do not start in time");
    before_guest();
  }
  gate_.open();
  state_ = State::kRunning;
  on_report_({ReportKind::kStarted, ""});
}

bool Cell::await_vcpus(const std::function<bool(milliseconds)>& wait, milliseconds limit) {
  if (!denials_) return wait(limit);
  const milliseconds first = std::min(limit, kForeignWriteLimit);
  if (wait(first)) return true;
  denials_->stop_all();
  const bool done = wait(limit - first);
  denials_->let_go_on();
  return done;
}

void Cell::look() {
  for (const auto& vcpu : vcpus_) vcpu->look();
}

void Cell::inject(const GuestFault& fault) {
  if (state_ != State::kRunning) {
    return on_report_({ReportKind::kFaultNotDone, "the guest is held at present"});
  }
  for (const auto& vcpu : vcpus_) vcpu->settle(true);
  const bool outside =
      await_vcpus([this](milliseconds limit) { return gate_.close(limit); }, kVcpuLimit);
  on_report_(outside ? try_fault(fault)
                     : Report{ReportKind::kFaultNotDone, "a vCPU does not leave the guest"});
  for (const auto& vcpu : vcpus_) vcpu->settle(false);
  gate_.open();
}

Report Cell::try_fault(const GuestFault& fault) {
  try {
    return {ReportKind::kFaultDone, faults_.perform(fault)};
  } catch (const std::exception& error) {
    return {ReportKind::kFaultNotDone, error.what()};
  }
}

void Cell::pause(std::chrono::milliseconds quiet_limit) {
  if (state_ == State::kPaused) return on_report_({ReportKind::kPaused, ""});
  resume_wanted_ = false;
  if (state_ != State::kRunning) return;
  if (!await_vcpus([this](milliseconds limit) { return gate_.close(limit); }, kVcpuLimit)) {
    gate_.open();
    return on_report_({ReportKind::kNotPaused, "a vCPU does not leave the guest"});
  }
  state_ = State::kPausing;
  const unsigned attempt = ++pauses_;
  quiet_limit_.expires_after(quiet_limit);
  quiet_limit_.async_wait([this, attempt](const boost::system::error_code& error) {
    if (!error && state_ == State::kPausing && attempt == pauses_) give_up_pause();
  });
  machine_.pci().quiesce([this, attempt] {
    if (state_ == State::kPausing && attempt == pauses_) on_quiet();
  });
}

void Cell::on_quiet() {
  quiet_limit_.cancel();
  state_ = State::kPaused;
  on_report_({ReportKind::kPaused, ""});
  if (resume_wanted_) resume();
}

void Cell::give_up_pause() {
  go_on();
  on_report_({ReportKind::kNotPaused, "requests to a disk do not end"});
  if (resume_wanted_) on_report_({ReportKind::kResumed, ""});
}

void Cell::go_on() {
  machine_.pci().resume();
  gate_.open();
  state_ = State::kRunning;
}

void Cell::resume() {
  if (state_ == State::kEnded) return;
  if (state_ == State::kPausing) {
    resume_wanted_ = true;
    return;
  }
  if (state_ == State::kPaused) go_on();
  on_report_({ReportKind::kResumed, ""});
}

void Cell::stop_vcpus() {
  state_ = State::kEnded;
  gate_.end();
}

bool Cell::shut_down(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  stop_vcpus();
  // A vCPU that hangs may hold a device's lock.
  const bool ended =
      await_vcpus([this](milliseconds time) { return gate_.await_empty(time); }, limit) &&
      await_quiet(deadline);
  machine_.flush_output(kFlushLimit);
  return ended;
}

void Cell::write_core(int file) {
  if (!gate_.await_empty(milliseconds(0))) throw Error("a vCPU does not leave the guest");
  std::vector<dump::Cpu> cpus;
  for (const auto& vcpu : vcpus_) cpus.push_back(vcpu->registers());
  dump::write_core(machine_.memory(), std::move(cpus), file);
}

bool Cell::await_quiet(std::chrono::steady_clock::time_point deadline) {
  const auto quiet = std::make_shared<bool>(false);
  machine_.pci().quiesce([quiet] { *quiet = true; });
  while (!*quiet && std::chrono::steady_clock::now() < deadline) {
    loop_.restart();
    loop_.run_one_until(deadline);
  }
  return *quiet;
}

}  // namespace hive::cell
