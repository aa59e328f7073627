#include "cellmon/cli/preflight.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <string_view>

#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"

namespace hive::cli {
namespace {

std::string_view remedy_of(int error) {
  switch (error) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
      return "load module kvm_intel or kvm_amd, switch virtualisation on in the firmware, or run "
             "in the lab: scripts/lab";
    case EACCES:
    case EPERM:
      return "add this user to group kvm and log in again, or run as root";
    default:
      return "";
  }
}

}  // namespace

void check_kvm(const std::string& path) {
  const UniqueFd kvm(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!kvm) throw_errno("cannot open " + path, errno, remedy_of(errno));
  const int version = ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0);
  if (version != KVM_API_VERSION) throw Error(path + ": not KVM, or not of a version that works");
}

}  // namespace hive::cli
