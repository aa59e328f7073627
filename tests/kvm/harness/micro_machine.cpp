#include "tests/kvm/harness/micro_machine.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "vmm/base/error.h"
#include "vmm/boot/boot.h"
#include "vmm/cell/vcpu_setup.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

/// The script as the guest's module.
class ModuleImage : public boot::ImageSource {
 public:
  explicit ModuleImage(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    std::memcpy(out.data(), bytes_.data() + offset, out.size());
  }

 private:
  std::string name_ = "the script";
  std::vector<std::byte> bytes_;
};

void prepare_kicks() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGRTMIN, &action, nullptr);
}

}  // namespace

std::string MicroMachine::unavailable() {
  try {
    const kvm::Kvm kvm;
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

MicroMachine::MicroMachine(const std::vector<std::vector<micro::Action>>& scripts,
                           std::uint64_t memory_size)
    : memory_(memory_size, memory::layout::kHole, memory::Backing::kSmallPages), vm_(kvm_) {
  prepare_kicks();
  for (const memory::MemoryRegion& region : memory_.regions()) vm_.add_memory(region);
  const auto count = static_cast<unsigned>(scripts.size());
  const boot::FileImage kernel(HIVE_MICRO_ELF, "kernel");
  const ModuleImage module(micro::make_module(scripts));
  const boot::BootState entry = boot::prepare_boot(memory_, count, kernel, &module, "");
  const kvm::MachineChecks checks = kvm_.machine_checks();
  for (unsigned cpu = 0; cpu < count; ++cpu) {
    vcpus_.push_back(std::make_unique<kvm::Vcpu>(kvm_, vm_, cpu));
    cell::set_up_cpu(kvm_, checks, *vcpus_.back(), cpu, count);
  }
  cell::enter_at(*vcpus_.front(), entry);
}

MicroMachine::~MicroMachine() = default;

MicroMachine::End MicroMachine::run(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  stopping_ = false;
  std::vector<std::thread> threads;
  for (unsigned cpu = 0; cpu < vcpus_.size(); ++cpu) {
    vcpus_[cpu]->accept_kick();
    threads.emplace_back([this, cpu] { loop(cpu); });
  }
  End end = End::kTimedOut;
  while (std::chrono::steady_clock::now() < deadline) {
    end = ended_;
    if (end != End::kDone || all_done()) break;
    end = End::kTimedOut;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  stop(threads);
  return end;
}

void MicroMachine::stop(std::vector<std::thread>& threads) {
  stopping_ = true;
  for (unsigned cpu = 0; cpu < threads.size(); ++cpu) {
    vcpus_[cpu]->kick();
    ::pthread_kill(threads[cpu].native_handle(), SIGRTMIN);
  }
  for (std::thread& thread : threads) thread.join();
}

bool MicroMachine::all_done() const {
  for (unsigned cpu = 0; cpu < vcpus_.size(); ++cpu) {
    const auto state =
        memory_.load<std::uint32_t>({micro::results_address(cpu)}).value_or(HIVE_MICRO_IDLE);
    if (state == HIVE_MICRO_RUNNING || (cpu == 0 && state == HIVE_MICRO_IDLE)) return false;
  }
  return true;
}

void MicroMachine::loop(unsigned cpu) {
  while (!stopping_) {
    if (!serve(cpu, vcpus_[cpu]->run())) return;
  }
}

bool MicroMachine::serve(unsigned cpu, const kvm::Exit& exit) {
  switch (exit.reason) {
    case kvm::ExitReason::kInterrupted:
      return true;
    case kvm::ExitReason::kShutdown:
      ended_ = End::kTripleFault;
      return false;
    case kvm::ExitReason::kFailed:
      ended_ = End::kFailed;
      return false;
    default:
      break;
  }
  const bool read =
      exit.reason == kvm::ExitReason::kPortRead || exit.reason == kvm::ExitReason::kMemoryRead;
  if (read) std::fill(exit.data.begin(), exit.data.end(), std::byte{0xff});
  const std::lock_guard lock(mutex_);
  accesses_.push_back({cpu, exit.reason, exit.address,
                       read ? std::vector<std::byte>{}
                            : std::vector<std::byte>(exit.data.begin(), exit.data.end())});
  return true;
}

hive_micro_results MicroMachine::results(unsigned cpu) const {
  return memory_.load<hive_micro_results>({micro::results_address(cpu)}).value();
}

hive_micro_result MicroMachine::result(unsigned cpu, unsigned action) const {
  return memory_.load<hive_micro_result>({micro::result_address(cpu, action)}).value();
}

}  // namespace hive::test
