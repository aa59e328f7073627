#include "vmm/kvm/vcpu.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "vmm/base/error.h"

namespace hive::kvm {
namespace {

UniqueFd create_vcpu(const Vm& vm, unsigned index) {
  UniqueFd fd(::ioctl(vm.fd(), KVM_CREATE_VCPU, static_cast<unsigned long>(index)));
  if (!fd) throw_errno("kvm: KVM_CREATE_VCPU " + std::to_string(index));
  return fd;
}

kvm_run* map_run_area(int fd, std::size_t size) {
  void* area = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (area == MAP_FAILED) throw_errno("kvm: cannot map a vCPU's run area");
  return static_cast<kvm_run*>(area);
}

template <typename T>
void vcpu_ioctl(int fd, unsigned long request, T* argument, const char* name) {
  if (::ioctl(fd, request, argument) < 0) throw_errno(std::string("kvm: ") + name);
}

}  // namespace

Vcpu::Vcpu(const Kvm& kvm, const Vm& vm, unsigned index)
    : fd_(create_vcpu(vm, index)),
      index_(index),
      run_size_(kvm.run_area_size()),
      run_(map_run_area(fd_.get(), run_size_)) {}

Vcpu::~Vcpu() { ::munmap(run_, run_size_); }

void Vcpu::set_cpuid(const std::vector<kvm_cpuid_entry2>& entries) {
  std::vector<std::byte> buffer(sizeof(kvm_cpuid2) + entries.size() * sizeof(kvm_cpuid_entry2));
  auto* table = reinterpret_cast<kvm_cpuid2*>(buffer.data());
  table->nent = static_cast<std::uint32_t>(entries.size());
  std::memcpy(buffer.data() + sizeof(kvm_cpuid2), entries.data(),
              entries.size() * sizeof(kvm_cpuid_entry2));
  vcpu_ioctl(fd_.get(), KVM_SET_CPUID2, table, "KVM_SET_CPUID2");
}

void Vcpu::set_msrs(std::span<const kvm_msr_entry> msrs) {
  std::vector<std::byte> buffer(sizeof(kvm_msrs) + msrs.size_bytes());
  auto* table = reinterpret_cast<kvm_msrs*>(buffer.data());
  table->nmsrs = static_cast<std::uint32_t>(msrs.size());
  std::memcpy(buffer.data() + sizeof(kvm_msrs), msrs.data(), msrs.size_bytes());
  const int done = ::ioctl(fd_.get(), KVM_SET_MSRS, table);
  if (done < 0) throw_errno("kvm: KVM_SET_MSRS");
  if (static_cast<std::size_t>(done) != msrs.size()) {
    throw Error(fmt::format("kvm: KVM refused MSR {:#x}", msrs[static_cast<unsigned>(done)].index));
  }
}

std::uint64_t Vcpu::msr(std::uint32_t index) const {
  alignas(kvm_msrs) std::array<std::byte, sizeof(kvm_msrs) + sizeof(kvm_msr_entry)> buffer{};
  kvm_msr_entry asked{};
  asked.index = index;
  const std::uint32_t count = 1;
  std::memcpy(buffer.data() + offsetof(kvm_msrs, nmsrs), &count, sizeof count);
  std::memcpy(buffer.data() + sizeof(kvm_msrs), &asked, sizeof asked);
  const int done = ::ioctl(fd_.get(), KVM_GET_MSRS, buffer.data());
  if (done < 0) throw_errno("kvm: KVM_GET_MSRS");
  if (done != 1) throw Error(fmt::format("kvm: KVM does not know MSR {:#x}", index));
  std::memcpy(&asked, buffer.data() + sizeof(kvm_msrs), sizeof asked);
  return asked.data;
}

kvm_regs Vcpu::regs() const {
  kvm_regs regs{};
  vcpu_ioctl(fd_.get(), KVM_GET_REGS, &regs, "KVM_GET_REGS");
  return regs;
}

void Vcpu::set_regs(const kvm_regs& regs) {
  vcpu_ioctl(fd_.get(), KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

kvm_sregs Vcpu::sregs() const {
  kvm_sregs sregs{};
  vcpu_ioctl(fd_.get(), KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
  return sregs;
}

void Vcpu::set_sregs(const kvm_sregs& sregs) {
  vcpu_ioctl(fd_.get(), KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
}

kvm_vcpu_events Vcpu::events() const {
  kvm_vcpu_events events{};
  vcpu_ioctl(fd_.get(), KVM_GET_VCPU_EVENTS, &events, "KVM_GET_VCPU_EVENTS");
  return events;
}

void Vcpu::set_events(const kvm_vcpu_events& events) {
  vcpu_ioctl(fd_.get(), KVM_SET_VCPU_EVENTS, &events, "KVM_SET_VCPU_EVENTS");
}

kvm_debugregs Vcpu::debug_registers() const {
  kvm_debugregs registers{};
  vcpu_ioctl(fd_.get(), KVM_GET_DEBUGREGS, &registers, "KVM_GET_DEBUGREGS");
  return registers;
}

void Vcpu::set_debug_registers(const kvm_debugregs& registers) {
  vcpu_ioctl(fd_.get(), KVM_SET_DEBUGREGS, &registers, "KVM_SET_DEBUGREGS");
}

void Vcpu::set_guest_debug(const kvm_guest_debug& debug) {
  vcpu_ioctl(fd_.get(), KVM_SET_GUEST_DEBUG, &debug, "KVM_SET_GUEST_DEBUG");
}

std::optional<memory::GuestAddress> Vcpu::translate(std::uint64_t address) const {
  kvm_translation translation{};
  translation.linear_address = address;
  vcpu_ioctl(fd_.get(), KVM_TRANSLATE, &translation, "KVM_TRANSLATE");
  if (translation.valid == 0) return std::nullopt;
  return memory::GuestAddress{translation.physical_address};
}

std::uint32_t Vcpu::activity() const {
  kvm_mp_state state{};
  vcpu_ioctl(fd_.get(), KVM_GET_MP_STATE, &state, "KVM_GET_MP_STATE");
  return state.mp_state;
}

bool Vcpu::is_started() const {
  const std::uint32_t activity = this->activity();
  return activity == KVM_MP_STATE_RUNNABLE || activity == KVM_MP_STATE_HALTED;
}

bool Vcpu::is_halted() const { return activity() == KVM_MP_STATE_HALTED; }

void Vcpu::wake() {
  kvm_mp_state state{KVM_MP_STATE_RUNNABLE};
  vcpu_ioctl(fd_.get(), KVM_SET_MP_STATE, &state, "KVM_SET_MP_STATE");
}

void Vcpu::raise_nmi() {
  if (::ioctl(fd_.get(), KVM_NMI, 0) < 0) throw_errno("kvm: KVM_NMI");
}

void Vcpu::set_up_machine_checks(std::uint64_t capability) {
  vcpu_ioctl(fd_.get(), KVM_X86_SETUP_MCE, &capability, "KVM_X86_SETUP_MCE");
}

void Vcpu::log(const kvm_x86_mce& error) {
  kvm_x86_mce copy = error;
  vcpu_ioctl(fd_.get(), KVM_X86_SET_MCE, &copy, "KVM_X86_SET_MCE");
}

void Vcpu::set_local_interrupts() {
  // Intel SDM vol. 3A, 11.5.1: delivery mode is bits 8 to 10 of a local vector table entry.
  constexpr std::size_t kLvtLint0 = 0x350, kLvtLint1 = 0x360;
  constexpr std::uint32_t kNmi = 4U << 8, kExtInt = 7U << 8;
  kvm_lapic_state lapic{};
  vcpu_ioctl(fd_.get(), KVM_GET_LAPIC, &lapic, "KVM_GET_LAPIC");
  std::memcpy(lapic.regs + kLvtLint0, &kExtInt, sizeof(kExtInt));
  std::memcpy(lapic.regs + kLvtLint1, &kNmi, sizeof(kNmi));
  vcpu_ioctl(fd_.get(), KVM_SET_LAPIC, &lapic, "KVM_SET_LAPIC");
}

Exit Vcpu::run() {
  run_error_ = 0;
  if (::ioctl(fd_.get(), KVM_RUN, 0) == 0) return decode();
  // EAGAIN: an application processor that waits for its start-up message was woken for nothing.
  if (errno == EINTR || errno == EAGAIN) return {ExitReason::kInterrupted, 0, {}, 0};
  run_error_ = errno;
  if (run_error_ == EFAULT) return {ExitReason::kRefused, 0, {}, 0};
  return {ExitReason::kFailed, 0, {}, 0};
}

Exit Vcpu::finish_access() {
  // KVM first completes what the last exit began, and only then looks whether to leave at once.
  const std::uint8_t kicked = std::atomic_ref(run_->immediate_exit).exchange(1);
  const Exit next = run();
  if (kicked == 0) std::atomic_ref(run_->immediate_exit).store(0);
  return next;
}

void Vcpu::raise(std::uint8_t exception, std::optional<std::uint32_t> error_code) {
  kvm_vcpu_events events = this->events();
  events.exception.injected = 1;
  events.exception.nr = exception;
  events.exception.has_error_code = error_code ? 1 : 0;
  events.exception.error_code = error_code.value_or(0);
  set_events(events);
}

void Vcpu::raise_general_protection() { raise(13, 0); }

void Vcpu::raise_invalid_opcode() { raise(6, std::nullopt); }

Exit Vcpu::decode() {
  auto* base = reinterpret_cast<std::byte*>(run_);
  switch (run_->exit_reason) {
    case KVM_EXIT_IO: {
      const auto& io = run_->io;
      return {io.direction == KVM_EXIT_IO_OUT ? ExitReason::kPortWrite : ExitReason::kPortRead,
              io.port,
              {base + io.data_offset, static_cast<std::size_t>(io.size) * io.count},
              io.size};
    }
    case KVM_EXIT_MMIO: {
      auto& mmio = run_->mmio;
      return {mmio.is_write ? ExitReason::kMemoryWrite : ExitReason::kMemoryRead,
              mmio.phys_addr,
              {reinterpret_cast<std::byte*>(mmio.data), mmio.len},
              mmio.len};
    }
    case KVM_EXIT_INTR:
      return {ExitReason::kInterrupted, 0, {}, 0};
    case KVM_EXIT_DEBUG:
      return {ExitReason::kStepped, 0, {}, 0};
    case KVM_EXIT_SHUTDOWN:
      return {ExitReason::kShutdown, 0, {}, 0};
    default:
      return {ExitReason::kFailed, 0, {}, 0};
  }
}

// KVM refuses it where the guest has not set its clock up; then it has none to look at.
void Vcpu::tell_of_pause() { (void)::ioctl(fd_.get(), KVM_KVMCLOCK_CTRL, 0); }

// Sequentially consistent, with the gate's flag: a vCPU that clears its kick and then finds the
// gate open must not hide a later kick behind its own store.
void Vcpu::kick() { std::atomic_ref(run_->immediate_exit).store(1); }

void Vcpu::accept_kick() { std::atomic_ref(run_->immediate_exit).store(0); }

bool Vcpu::met_its_limits() const {
  return run_error_ == 0 && run_->exit_reason == KVM_EXIT_INTERNAL_ERROR;
}

std::string Vcpu::describe_failure() const {
  std::string text = fmt::format("vCPU {}: ", index_);
  if (run_error_ != 0) {
    text += fmt::format("KVM_RUN: {}", std::strerror(run_error_));
  } else if (run_->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
    text += fmt::format("KVM internal error, suberror {}", run_->internal.suberror);
  } else if (run_->exit_reason == KVM_EXIT_FAIL_ENTRY) {
    text += fmt::format("entry failed, hardware reason {:#x}",
                        run_->fail_entry.hardware_entry_failure_reason);
  } else {
    text += fmt::format("KVM exit {}", run_->exit_reason);
  }
  kvm_regs r{};
  kvm_sregs s{};
  if (::ioctl(fd_.get(), KVM_GET_REGS, &r) == 0 && ::ioctl(fd_.get(), KVM_GET_SREGS, &s) == 0) {
    text +=
        fmt::format(" at rip {:#x} rsp {:#x} rflags {:#x} cr0 {:#x} cr2 {:#x} cr3 {:#x} efer {:#x}",
                    r.rip, r.rsp, r.rflags, s.cr0, s.cr2, s.cr3, s.efer);
  }
  return text;
}

}  // namespace hive::kvm
