// The checked plan of a machine: what its YAML file asks for, with every default filled in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vmm/base/ids.h"

namespace hive::plan {

/// One disk of a cell. Its place in `Cell::disks` is its place on the guest's PCI bus: /dev/vda,
/// ...
struct Disk {
  std::string path;  ///< Absolute path of a raw image file or a block device.
  bool read_only = false;
};

/// How the host backs a cell's private memory.
enum class HugePages {
  kAutomatic,  ///< 2 MiB pages where the host gives them without reservation.
  kReserved,   ///< Reserved (hugetlb) 2 MiB pages, or the cell does not start.
  kNone,       ///< 4 KiB pages.
};

struct Cell {
  CellId id{};
  std::string name;  ///< [a-z0-9-], 1 to 32 characters, unique within the machine.
  unsigned vcpus = 1;
  std::vector<unsigned> host_cpus;  ///< Host CPU of each vCPU, or empty: not pinned.
  std::uint64_t memory = 0;         ///< Bytes, a multiple of 2 MiB.
  HugePages huge_pages = HugePages::kAutomatic;
  Cid cid = 0;
  std::string kernel;   ///< Absolute path of a bzImage or a PVH ELF kernel.
  std::string initrd;   ///< Absolute path, or empty for none.
  std::string cmdline;  ///< The whole kernel command line.
  std::vector<Disk> disks;
  bool agent = true;  ///< Whether the guest runs hive-agent; without, "up" means that vCPUs run.
};

/// A machine. Immutable once checked.
struct Machine {
  std::string name;  ///< [a-z0-9-], 1 to 32 characters.
  std::vector<Cell> cells;
};

}  // namespace hive::plan
