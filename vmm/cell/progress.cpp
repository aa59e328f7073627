#include "vmm/cell/progress.h"

#include <sys/mman.h>

#include "vmm/base/error.h"

namespace hive::cell {

std::string_view to_string(ExitKind kind) {
  switch (kind) {
    case ExitKind::kPortRead:
      return "port-read";
    case ExitKind::kPortWrite:
      return "port-write";
    case ExitKind::kMmioRead:
      return "mmio-read";
    case ExitKind::kMmioWrite:
      return "mmio-write";
    case ExitKind::kInterrupted:
      return "interrupted";
    case ExitKind::kFirewall:
      return "firewall";
    case ExitKind::kShutdown:
      return "shutdown";
    case ExitKind::kOther:
      break;
  }
  return "other";
}

ProgressPage::ProgressPage(int file) {
  const int flags = file < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
  void* const page =
      ::mmap(nullptr, Progress::kBytes, PROT_READ | PROT_WRITE, flags, file < 0 ? -1 : file, 0);
  if (page == MAP_FAILED) throw_errno("cannot map the page of a guest's progress");
  progress_ = static_cast<Progress*>(page);
}

ProgressPage::~ProgressPage() { ::munmap(progress_, Progress::kBytes); }

}  // namespace hive::cell
