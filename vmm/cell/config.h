// What a VMM is started with, and its wire form (JSON).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vmm/base/ids.h"
#include "vmm/memory/guest_memory.h"

namespace hive::cell {

struct DiskConfig {
  std::string path;
  bool read_only = false;
};

/// What a vCPU's write to a page of global memory that it may not write comes to.
enum class OnViolation {
  kFault,  ///< The guest gets a general protection fault at the instruction.
  kStop,   ///< The cell is stopped as failed.
  /// The guest goes on after the instruction, which has written only where it may. For debugging:
  /// each violation stops all of the cell's vCPUs for a moment.
  kIgnore,
};

/// A cell's contribution to global memory.
struct Contribution {
  int file = -1;           ///< An inherited descriptor; -1 where `size` is 0.
  std::uint64_t size = 0;  ///< Bytes, a multiple of 2 MiB.
  /// Inherited eventfds, HIVE_GLOBAL_VECTORS of them or none, each for an interrupt of the cell.
  std::vector<int> doorbells;
};

/// Global memory as one cell is given it.
struct GlobalConfig {
  unsigned own = 0;                         ///< The cell's index among the contributions.
  std::vector<Contribution> contributions;  ///< Of each cell, in the order of the plan.
  OnViolation on_violation = OnViolation::kFault;
  std::uint64_t closed = 0;  ///< Homes whose pages are all-ones at first (bit n: cell n).
  /// An inherited socket to the monitor (vmm/cell/global_protocol.h), or -1.
  int link = -1;
};

/// One direction of packets between two cells' VMMs. Inherited descriptors.
struct RingConfig {
  int file = -1;   ///< A ring file (vmm/memory/ring_file.h).
  int data = -1;   ///< An eventfd: the producer says that there is more.
  int space = -1;  ///< An eventfd: the consumer says that there is room again.
};

/// A sibling with which this cell may talk.
struct VsockPeerConfig {
  unsigned cell = 0;  ///< Its number.
  std::string name;
  Cid cid = 0;
  bool may_call = false;       ///< This cell may open connections to it.
  bool may_be_called = false;  ///< It may open connections to this cell.
  RingConfig out;              ///< This VMM is the producer.
  RingConfig in;               ///< This VMM is the consumer.
};

/// The cell's vsock device.
struct VsockConfig {
  unsigned own = 0;  ///< The cell's number.
  Cid cid = 0;
  /// How many packets a second the cell takes from each sibling, bursts of a tenth of that apart.
  std::uint32_t packets_per_second = 0;
  std::vector<VsockPeerConfig> peers;
  /// An inherited socket to the monitor (vmm/cell/vsock_protocol.h), or -1: the host has no ports.
  int link = -1;
};

/// What makes a cell Wax's: a device by which it sees all cells, and no other on its PCI bus. Hints
/// quote the cell's incarnation.
struct PolicyConfig {
  /// Inherited descriptors of all cells' state pages (guests/abi/state_page.h), in the order of the
  /// plan; -1: there is none.
  std::vector<int> pages;
  std::uint64_t epoch = 0;       ///< Of the view that the incarnation is for.
  unsigned cpus = 0;             ///< Of the host, that the cells share; 0: unknown.
  std::uint32_t round_ms = 250;  ///< HIVE_WAX_MIN_ROUND to HIVE_WAX_MAX_ROUND.
  /// An inherited socket to the monitor (vmm/cell/policy_protocol.h), or -1: hints are lost.
  int link = -1;
};

/// Everything that one hive-vmm needs to know of its cell.
struct CellConfig {
  std::string name;
  Incarnation incarnation = 1;
  unsigned vcpus = 1;
  std::vector<unsigned> host_cpus;  ///< Host CPU of each vCPU, or empty.
  std::uint64_t memory = 0;         ///< Bytes, a multiple of 2 MiB.
  /// Bytes that the guest may be lent beyond that, a multiple of 128 MiB; 0: none.
  std::uint64_t spare = 0;
  memory::Backing backing = memory::Backing::kAutomatic;
  std::string kernel;
  std::string initrd;  ///< Empty for none.
  std::string cmdline;
  std::vector<DiskConfig> disks;
  /// The monitor may ask for the memory of a guest that has failed (monitor_protocol.h).
  bool crash_dump = false;
  std::optional<GlobalConfig> global;  ///< Nothing where no cell contributes any.
  std::optional<VsockConfig> vsock;    ///< Nothing: the cell has no vsock device.
  std::optional<PolicyConfig> policy;  ///< Nothing: the cell is not Wax's.
  /// Connected stream sockets inherited from the monitor, or -1: the serial port (-1: the VMM's
  /// own standard input and output), the virtio console (-1: none), the agent's port (-1: none).
  int serial_fd = -1;
  int console_fd = -1;
  int agent_fd = -1;
  /// An inherited file for a Progress (vmm/cell/progress.h), or -1: nobody looks.
  int progress_fd = -1;
};

/// Throws Error (kUsage) naming the key that is missing, unknown or of the wrong type.
CellConfig parse_config(const std::string& json);
std::string to_json(const CellConfig& config);

}  // namespace hive::cell
