#include "vmm/kvm/kvm.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "vmm/base/error.h"

namespace hive::kvm {
namespace {

constexpr const char* kDevice = "/dev/kvm";
constexpr std::size_t kMaxCpuidEntries = 256;

const char* remedy_for(int error) {
  switch (error) {
    case ENOENT:
      return "load the module kvm_intel or kvm_amd, or enable virtualisation in the firmware";
    case EACCES:
    case EPERM:
      return "run as root or join the group that owns it (usually kvm)";
    case ENODEV:
    case ENXIO:
      return "this kernel has the device but no working KVM; load kvm_intel or kvm_amd";
    case EBUSY:
      return "another hypervisor holds the CPU's virtualisation extension; stop it";
    default:
      return "";
  }
}

}  // namespace

Kvm::Kvm() : fd_(::open(kDevice, O_RDWR | O_CLOEXEC)) {
  if (!fd_) throw_errno(kDevice, errno, remedy_for(errno));
  const int version = ::ioctl(fd_.get(), KVM_GET_API_VERSION, 0);
  if (version != KVM_API_VERSION) {
    throw Error(std::string(kDevice) + ": API version " + std::to_string(version) + ", not " +
                std::to_string(KVM_API_VERSION) + "; use a kernel with the stable KVM API");
  }
}

int Kvm::extension(unsigned capability) const {
  const int value = ::ioctl(fd_.get(), KVM_CHECK_EXTENSION, capability);
  return value < 0 ? 0 : value;
}

std::vector<kvm_cpuid_entry2> Kvm::supported_cpuid() const {
  std::vector<std::byte> buffer(sizeof(kvm_cpuid2) + kMaxCpuidEntries * sizeof(kvm_cpuid_entry2));
  auto* table = reinterpret_cast<kvm_cpuid2*>(buffer.data());
  table->nent = kMaxCpuidEntries;
  if (::ioctl(fd_.get(), KVM_GET_SUPPORTED_CPUID, table) != 0) {
    throw_errno("kvm: KVM_GET_SUPPORTED_CPUID");
  }
  std::vector<kvm_cpuid_entry2> entries(table->nent);
  std::memcpy(entries.data(), buffer.data() + sizeof(kvm_cpuid2),
              entries.size() * sizeof(kvm_cpuid_entry2));
  return entries;
}

MachineChecks Kvm::machine_checks() const {
  std::uint64_t known = 0;
  const bool has = ::ioctl(fd_.get(), KVM_X86_GET_MCE_CAP_SUPPORTED, &known) == 0;
  return choose_machine_checks(supported_cpuid(), has ? extension(KVM_CAP_MCE) : 0, known);
}

std::size_t Kvm::run_area_size() const {
  const int size = ::ioctl(fd_.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
  if (size < 0) throw_errno("kvm: KVM_GET_VCPU_MMAP_SIZE");
  return static_cast<std::size_t>(size);
}

}  // namespace hive::kvm
