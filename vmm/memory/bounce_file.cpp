#include "vmm/memory/bounce_file.h"

#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/base/error.h"

namespace hive::memory {

BounceFile::BounceFile() : file_(::memfd_create("hive-bounce", MFD_CLOEXEC)) {
  if (!file_) throw_errno("global memory: memfd_create");
}

bool BounceFile::write(std::byte* target, std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxWrite) return false;
  if (::pwrite(file_.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return false;
  }
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        ::pread(file_.get(), target + done, bytes.size() - done, static_cast<off_t>(done));
    if (got <= 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace hive::memory
