// The checked plan of a machine: what its YAML file asks for, with every default filled in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vmm/base/ids.h"

namespace hive::plan {

/// One disk of a cell. Its place in `Cell::disks` is its place on the guest's PCI bus: the first is
/// /dev/vda.
struct Disk {
  std::string path;  ///< Absolute path of a raw image file or a block device.
  bool read_only = false;

  friend bool operator==(const Disk&, const Disk&) = default;
};

/// How the host backs a cell's private memory.
enum class HugePages {
  kAutomatic,  ///< 2 MiB pages where the host gives them without reservation.
  kReserved,   ///< Reserved (hugetlb) 2 MiB pages, or the cell does not start.
  kNone,       ///< 4 KiB pages.
};

/// What a write that the firewall stops comes to for the cell that made it.
enum class OnViolation {
  kFault,   ///< Its guest gets an exception at the instruction.
  kStop,    ///< The cell is stopped as failed.
  kIgnore,  ///< The write is dropped, and the guest goes on.
};

struct Cell {
  CellId id{};
  std::string name;                 ///< See is_name(); unique within the machine.
  unsigned vcpus = 1;               ///< 1 to kMaxVcpus.
  std::vector<unsigned> host_cpus;  ///< Host CPU of each vCPU, or empty: not pinned.
  std::uint64_t memory = 0;         ///< Bytes: kMinMemory or more, a multiple of kMemoryStep.
  HugePages huge_pages = HugePages::kAutomatic;
  std::uint64_t shared = 0;  ///< Bytes of global memory that it contributes: a multiple of 2 MiB.
  Cid cid = 0;
  std::string kernel;   ///< Absolute path of a bzImage or a PVH ELF kernel.
  std::string initrd;   ///< Absolute path, or empty for none.
  std::string cmdline;  ///< The whole kernel command line.
  std::vector<Disk> disks;
  bool agent = true;  ///< Whether the guest runs hive-agent; without, "up" means that vCPUs run.

  friend bool operator==(const Cell&, const Cell&) = default;
};

/// A machine. Immutable once checked.
struct Machine {
  std::string name;  ///< See is_name().
  std::vector<Cell> cells;
  OnViolation on_violation = OnViolation::kFault;

  friend bool operator==(const Machine&, const Machine&) = default;
};

}  // namespace hive::plan
