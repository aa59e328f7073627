#include "vmm/cell/vcpu_thread.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include <x86intrin.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "vmm/base/error.h"

namespace hive::cell {
namespace {

/// Its arrival alone gets a vCPU out of KVM_RUN.
int kick_signal() { return SIGRTMIN; }

void pin(std::thread& thread, unsigned host_cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(host_cpu, &cpus);
  const int error = ::pthread_setaffinity_np(thread.native_handle(), sizeof(cpus), &cpus);
  if (error != 0) {
    throw_errno("cannot pin a vCPU to host CPU " + std::to_string(host_cpu), error,
                "choose CPUs that are online and allowed to this process");
  }
}

/// A clock that costs about 10 ns to read, beside an exit's microseconds.
std::uint64_t ticks() { return __rdtsc(); }

ExitKind kind_of(kvm::ExitReason reason) {
  using kvm::ExitReason;
  switch (reason) {
    case ExitReason::kPortRead:
      return ExitKind::kPortRead;
    case ExitReason::kPortWrite:
      return ExitKind::kPortWrite;
    case ExitReason::kMemoryRead:
      return ExitKind::kMmioRead;
    case ExitReason::kMemoryWrite:
      return ExitKind::kMmioWrite;
    case ExitReason::kInterrupted:
      return ExitKind::kInterrupted;
    case ExitReason::kShutdown:
      return ExitKind::kShutdown;
    case ExitReason::kStepped:
    case ExitReason::kRefused:
    case ExitReason::kFailed:
      break;
  }
  return ExitKind::kOther;
}

/// Serves string I/O one unit at a time.
template <typename Access>
void for_each_unit(const kvm::Exit& exit, Access access) {
  for (std::size_t done = 0; done < exit.data.size(); done += exit.unit) {
    access(exit.data.subspan(done, exit.unit));
  }
}

}  // namespace

VcpuThread::VcpuThread(std::unique_ptr<kvm::Vcpu> vcpu, VcpuProgress& progress, Buses buses,
                       const GlobalAccess* global, VcpuGate& gate, OnEnd on_end)
    : vcpu_(std::move(vcpu)),
      halts_(vcpu_->fd()),
      progress_(progress),
      buses_(buses),
      global_(global),
      gate_(gate),
      on_end_(std::move(on_end)) {}

VcpuThread::~VcpuThread() {
  if (thread_.joinable()) thread_.join();
}

void VcpuThread::prepare_kicks() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  if (::sigaction(kick_signal(), &action, nullptr) != 0) throw_errno("sigaction");
}

void VcpuThread::start(unsigned index, std::optional<unsigned> host_cpu) {
  index_ = index;
  gate_.join();
  thread_ = std::thread([this] { loop(); });
  ::pthread_setname_np(thread_.native_handle(), ("vcpu" + std::to_string(index)).c_str());
  if (host_cpu) pin(thread_, *host_cpu);
}

void VcpuThread::kick() {
  vcpu_->kick();
  if (thread_.joinable()) ::pthread_kill(thread_.native_handle(), kick_signal());
}

void VcpuThread::look() {
  look_wanted_.store(true);
  kick();
}

void VcpuThread::keep_out(bool out) {
  kept_out_.store(out);
  out ? kick() : gate_.tell_held();
}

void VcpuThread::loop() {
  progress_.thread.store(::gettid());
  try {
    std::optional<ForeignWrites> foreign;
    if (global_ != nullptr) {
      foreign.emplace(
          *global_, gate_, [this] { kick(); },
          [this](const kvm::Exit& exit) { return serve_device(exit); });
    }
    run_guest(foreign ? &*foreign : nullptr);
  } catch (const std::exception& error) {
    on_end_({ReportKind::kFailed, error.what()});
  }
  gate_.leave();
}

void VcpuThread::run_guest(ForeignWrites* foreign) {
  for (;;) {
    if (!gate_.open_now() || kept_out_.load()) {
      if (!wait_outside(foreign)) break;
      continue;
    }
    const auto end = enter(foreign);
    if (end) {
      on_end_(*end);
      break;
    }
  }
}

std::optional<Report> VcpuThread::enter(ForeignWrites* foreign) {
  if (foreign != nullptr) {
    if (foreign->unfinished()) return finish_counted(*foreign);
    foreign->before_run();
  }
  const kvm::Exit exit = vcpu_->run();
  const std::uint64_t left = ticks();
  note_exit(exit);
  return serve_counted(foreign, exit, left);
}

std::optional<Report> VcpuThread::finish_counted(ForeignWrites& foreign) {
  const std::uint64_t start = ticks();
  const auto handled = foreign.finish(*vcpu_, index_);
  progress_.note_more(ExitKind::kFirewall, ticks() - start);
  return end_after(foreign, handled);
}

std::optional<Report> VcpuThread::serve_counted(ForeignWrites* foreign, const kvm::Exit& exit,
                                                std::uint64_t left) {
  ExitKind kind = kind_of(exit.reason);
  std::optional<Report> end = serve(foreign, exit, kind);
  progress_.note(kind, ticks() - left);
  return end;
}

std::optional<Report> VcpuThread::serve(ForeignWrites* foreign, const kvm::Exit& exit,
                                        ExitKind& kind) {
  if (foreign == nullptr) return serve_device(exit);
  const auto handled = foreign->handle(*vcpu_, index_, exit);
  if (handled == ForeignWrites::Handled::kNotOurs) return serve_device(exit);
  kind = ExitKind::kFirewall;
  return end_after(*foreign, handled);
}

std::optional<Report> VcpuThread::complete_access(ForeignWrites* foreign) {
  // KVM splits an access in few parts. A string instruction, too, comes to an end between two of
  // its turns.
  constexpr unsigned kMaxParts = 64;
  for (unsigned part = 0; part < kMaxParts; ++part) {
    const kvm::Exit exit = vcpu_->finish_access();
    const std::uint64_t left = ticks();
    if (exit.reason == kvm::ExitReason::kInterrupted) break;
    if (auto end = serve_counted(foreign, exit, left)) return end;
  }
  return std::nullopt;
}

void VcpuThread::note_exit(const kvm::Exit& exit) {
  // This thread alone writes it.
  progress_.exits.store(progress_.exits.load(std::memory_order_relaxed) + 1,
                        std::memory_order_relaxed);
  if (exit.reason == kvm::ExitReason::kInterrupted && look_wanted_.exchange(false)) take_look();
}

void VcpuThread::take_look() {
  constexpr std::uint64_t kInterruptFlag = 1U << 9;  // Of RFLAGS: Intel SDM vol. 1, 3.4.3.
  const kvm_regs regs = vcpu_->regs();
  const bool masked = (regs.rflags & kInterruptFlag) == 0;
  const bool user = vcpu_->sregs().ss.dpl == 3;  // The CPL: Intel SDM vol. 3C, 25.4.1.
  progress_.rip.store(regs.rip, std::memory_order_relaxed);
  progress_.halts.store(halts_.read(), std::memory_order_relaxed);
  progress_.flags.store((masked ? VcpuProgress::kMasked : 0) | (user ? VcpuProgress::kUser : 0) |
                            (vcpu_->is_started() ? 0 : VcpuProgress::kUnstarted) |
                            (vcpu_->is_halted() ? VcpuProgress::kHalted : 0),
                        std::memory_order_relaxed);
  progress_.looks.fetch_add(1, std::memory_order_release);
}

bool VcpuThread::wait_outside(ForeignWrites* foreign) {
  if (settles_.load() || kept_out_.load()) {
    if (const auto end = complete_access(foreign)) {
      on_end_(*end);
      return false;
    }
  }
  if (foreign != nullptr) foreign->suspend();
  const bool go_on = gate_.wait(&kept_out_);
  if (go_on) vcpu_->tell_of_pause();
  if (foreign != nullptr) foreign->resume();
  return go_on;
}

std::optional<Report> VcpuThread::end_after(ForeignWrites& foreign,
                                            ForeignWrites::Handled handled) const {
  using Handled = ForeignWrites::Handled;
  if (handled == Handled::kEnded) return foreign.take_end();
  if (handled != Handled::kStop) return std::nullopt;
  return Report{ReportKind::kFailed,
                "stopped, as the plan wants it, at a write that the "
                "firewall denied: " +
                    vcpu_->describe_failure()};
}

std::optional<Report> VcpuThread::serve_device(const kvm::Exit& exit) {
  using kvm::ExitReason;
  switch (exit.reason) {
    case ExitReason::kPortRead:
      for_each_unit(exit, [&](auto unit) { buses_.ports.read(exit.address, unit); });
      return std::nullopt;
    case ExitReason::kPortWrite:
      for_each_unit(exit, [&](auto unit) { buses_.ports.write(exit.address, unit); });
      return std::nullopt;
    case ExitReason::kMemoryRead:
      buses_.memory.read(exit.address, exit.data);
      return std::nullopt;
    case ExitReason::kMemoryWrite:
      buses_.memory.write(exit.address, exit.data);
      return std::nullopt;
    case ExitReason::kInterrupted:
      // Before the loop looks at the gate again: who closes it kicks afterwards.
      vcpu_->accept_kick();
      return std::nullopt;
    case ExitReason::kShutdown:
      return Report{ReportKind::kTripleFault, vcpu_->describe_failure()};
    case ExitReason::kStepped:
    case ExitReason::kRefused:
    case ExitReason::kFailed:
      break;
  }
  return Report{ReportKind::kFailed, vcpu_->describe_failure()};
}

}  // namespace hive::cell
