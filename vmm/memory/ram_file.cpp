#include "vmm/memory/ram_file.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::memory {
namespace {

/// A file on a detached tmpfs mount whose files get huge pages; nothing where that is not allowed.
/// The mount goes with the file's last descriptor.
UniqueFd make_huge_tmpfs_file() {
  const UniqueFd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context) return {};
  const auto set = [&](unsigned command, const char* key, const char* value) {
    return ::fsconfig(context.get(), command, key, value, 0) == 0;
  };
  // tmpfs limits itself to half of the host's memory unless told otherwise.
  if (!set(FSCONFIG_SET_STRING, "huge", "always") || !set(FSCONFIG_SET_STRING, "size", "0") ||
      !set(FSCONFIG_CMD_CREATE, nullptr, nullptr)) {
    return {};
  }
  const UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount) return {};
  return UniqueFd(::openat(mount.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

UniqueFd make_memfd(Backing backing) {
  const unsigned huge = backing == Backing::kHugePages ? MFD_HUGETLB | MFD_HUGE_2MB : 0U;
  UniqueFd fd(::memfd_create("hive-guest-ram", MFD_CLOEXEC | huge));
  if (!fd) throw_errno("guest memory: memfd_create");
  return fd;
}

}  // namespace

UniqueFd make_ram_file(std::uint64_t size, Backing backing) {
  UniqueFd fd;
  if (backing == Backing::kAutomatic) fd = make_huge_tmpfs_file();
  if (!fd) fd = make_memfd(backing);
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
    throw_errno("guest memory: cannot make " + format_size(size));
  }
  return fd;
}

}  // namespace hive::memory
