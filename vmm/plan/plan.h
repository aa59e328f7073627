// The checked plan of a machine: what its YAML file asks for, with every default filled in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vmm/base/ids.h"
#include "vmm/plan/limits.h"

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

/// What recovery discards of the pages that a failed cell could write in other cells' memory.
enum class Discard {
  kWritten,   ///< Those that it has written.
  kWritable,  ///< All of them.
};

/// What a cell's failure comes to, once the others have recovered.
enum class OnFailure {
  kLeave,        ///< It stays out until somebody starts it anew.
  kReboot,       ///< It is started anew, later each time when it keeps failing.
  kStopMachine,  ///< All cells are shut down.
};

/// What a cell is for.
enum class Role {
  kWorker,  ///< It runs a guest of the user's.
  kPolicy,  ///< It runs Wax, which advises the monitors.
};

/// Whether a machine has a witness: a monitor without a cell, which votes.
enum class WitnessWish {
  kAutomatic,  ///< Where there are two cells: neither could outvote the other.
  kAlways,
  kNone,
};

/// A vsock port that the cell's guest and the host share.
struct VsockPort {
  /// Which side connects to which.
  enum class Caller {
    kGuest,  ///< Who calls the host's port in the guest is connected to the socket at `path`.
    kHost,   ///< Who connects to the socket at `path`, which Hive makes, calls the guest's port.
  };

  std::uint32_t port = 0;  ///< 1 to kMaxPort.
  Caller caller = Caller::kGuest;
  std::string path;  ///< Absolute path of a Unix stream socket, at most kMaxSocketPath bytes.

  friend bool operator==(const VsockPort&, const VsockPort&) = default;
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
  std::vector<VsockPort> vsock = {};
  std::string crash_dump = {};  ///< Absolute path of the folder for core files, or empty: none.
  OnFailure on_failure = OnFailure::kLeave;
  /// Seconds for which a guest may hang before its cell has failed: kMinWatchdog to kMaxWatchdog;
  /// 0: for ever.
  std::uint32_t watchdog = 0;
  /// Its share of the CPUs beside other cells': kMinCpuWeight to kMaxCpuWeight.
  std::uint32_t cpu_weight = kDefaultCpuWeight;
  /// Bytes that it may be lent beyond `memory`, at most kMaxSpare: a multiple of kMemoryStep, and 0
  /// where its huge pages are reserved.
  std::uint64_t spare = 0;
  /// Bytes of its memory that it keeps, whoever wants to borrow: at most `memory`, and a multiple
  /// of kMemoryStep.
  std::uint64_t reserve = 0;
  /// Bytes of `shared` that sections of other cells may take: at most `shared`, whole pages.
  std::uint64_t hosted = 0;
  std::string policy = {};  ///< What Wax goes by, in the cell that runs it; else empty.

  [[nodiscard]] bool is_policy() const { return !policy.empty(); }

  friend bool operator==(const Cell&, const Cell&) = default;
};

/// The cells that one cell may call.
struct Calls {
  CellId from{};
  std::vector<CellId> to;

  friend bool operator==(const Calls&, const Calls&) = default;
};

/// How cells may talk to each other by vsock.
struct Rpc {
  /// Nothing: every cell may call every other. Otherwise at most one element for each cell; a cell
  /// that has none may call nobody.
  std::optional<std::vector<Calls>> calls = {};
  /// How many packets a second a cell takes from each other one.
  std::uint32_t packets_per_second = kDefaultPacketRate;

  friend bool operator==(const Rpc&, const Rpc&) = default;
};

/// A machine. Immutable once checked.
struct Machine {
  std::string name;  ///< See is_name().
  std::vector<Cell> cells;
  OnViolation on_violation = OnViolation::kFault;
  Rpc rpc = {};
  bool faults = false;  ///< Whether faults may be injected.
  Discard discard = Discard::kWritten;
  bool witness = false;  ///< Whether a monitor without a cell votes, too (kWitnessName).

  friend bool operator==(const Machine&, const Machine&) = default;
};

/// Whether cell FROM of MACHINE may open connections to cell TO. A policy cell and the others never
/// may.
bool may_call(const Machine& machine, CellId from, CellId to);

}  // namespace hive::plan
