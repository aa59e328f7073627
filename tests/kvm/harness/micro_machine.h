// A virtual machine that runs the micro guest, for tests of what KVM does.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "guests/abi/micro_script.h"
#include "vmm/base/units.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/kvm/vm.h"
#include "vmm/memory/guest_memory.h"

namespace hive::test {

/// RAM, KVM's interrupt controllers, one vCPU per script, and no device: accesses outside RAM are
/// recorded, and reads there give all-ones.
class MicroMachine {
 public:
  struct Access {
    unsigned cpu;
    kvm::ExitReason reason;
    std::uint64_t address;
    std::vector<std::byte> data;  ///< What was written; empty for a read.
  };

  enum class End {
    kDone,         ///< Every CPU that was started is at the end of its script.
    kTripleFault,  ///< A vCPU shut down.
    kFailed,       ///< KVM cannot go on.
    kTimedOut,
  };

  /// Why this process cannot run a virtual machine; empty when it can.
  static std::string unavailable();

  /// SCRIPTS as for micro::make_module(). Throws Error.
  explicit MicroMachine(const std::vector<std::vector<micro::Action>>& scripts,
                        std::uint64_t memory_size = 4 * kMiB);
  MicroMachine(const MicroMachine&) = delete;
  MicroMachine& operator=(const MicroMachine&) = delete;
  ~MicroMachine();

  /// Runs the guest from where it is, at most for LIMIT.
  End run(std::chrono::milliseconds limit = std::chrono::seconds(60));

  [[nodiscard]] hive_micro_results results(unsigned cpu) const;
  [[nodiscard]] hive_micro_result result(unsigned cpu, unsigned action) const;
  /// The recorded accesses, in the order of their exits. Not while run() runs.
  [[nodiscard]] const std::vector<Access>& accesses() const { return accesses_; }
  [[nodiscard]] const memory::GuestMemory& memory() const { return memory_; }
  [[nodiscard]] kvm::Vm& vm() { return vm_; }
  [[nodiscard]] kvm::Vcpu& vcpu(unsigned cpu) { return *vcpus_[cpu]; }

 private:
  void loop(unsigned cpu);
  [[nodiscard]] bool serve(unsigned cpu, const kvm::Exit& exit);
  [[nodiscard]] bool all_done() const;
  void stop(std::vector<std::thread>& threads);

  kvm::Kvm kvm_;
  memory::GuestMemory memory_;
  kvm::Vm vm_;
  std::vector<std::unique_ptr<kvm::Vcpu>> vcpus_;
  std::mutex mutex_;
  std::vector<Access> accesses_;  ///< Guarded by mutex_.
  std::atomic<bool> stopping_{false};
  std::atomic<End> ended_{End::kDone};  ///< kTripleFault or kFailed once a vCPU ended so.
};

}  // namespace hive::test
