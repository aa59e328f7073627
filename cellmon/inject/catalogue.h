// The faults that can be injected into a machine whose plan has `faults: enabled`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hive::inject {

enum class FaultKind : std::uint8_t {
  kVmmKill,
  kVmmStop,
  kVmmSlow,
  kHomeFail,
  kVcpuStop,
  kTripleFault,
  kNmi,
  kHang,
  kMemoryCorrupt,
  kPageFail,
  kDiskError,
  kDiskDelay,
  kDiskTorn,
  kInterruptLoss,
  kRpcDrop,
  kRpcDelay,
  kRpcDuplicate,
  kRpcReorder,
  kRpcCorrupt,
  kPanic,
  kWildWrites,
  kMonitorKill,
  kMonitorStop,
  kMonitorSlow,
  kHeartbeatFreeze,
  kFalseAccusation,
  kMeshCut,
  kWaxGarbage,
  kWaxFlood,
};

/// What a parameter's value says.
enum class ValueKind : std::uint8_t {
  kCell,      ///< The name of another cell of the machine.
  kDuration,  ///< A whole number with its unit: 500ms, 2s.
  kDelay,     ///< The same: of requests or packets.
  kVcpu,      ///< The number of a vCPU, from 0.
  kEvent,     ///< The kind of an event of the cell's log.
  kTimes,     ///< How often, from 1.
  kWhere,     ///< A place in a guest's memory.
  kChange,    ///< What becomes of a word.
  kCount,     ///< How many words.
  kSeed,      ///< Any number of 64 bits.
  kAddress,   ///< The same.
  kLength,    ///< In bytes.
  kProcess,   ///< The number or the name of a process.
  kDisk,      ///< The name of a disk of the cell.
  kDevice,    ///< The name of a virtio device of the cell, or all.
  kOf,        ///< Which of a disk's requests.
  kShare,     ///< Of requests or of the time, in percent.
  kReport,    ///< What a guest is told of a write.
  kPeriod,    ///< A time within narrower bounds.
  kTarget,    ///< Whose part of global memory.
  kStores,    ///< How many stores.
  kRate,      ///< How many a second.
};

struct Parameter {
  std::string_view name;
  ValueKind kind;
  bool required;
  std::string_view meaning;
};

struct Entry {
  FaultKind kind;
  std::string_view name;
  std::string_view meaning;
  std::span<const Parameter> parameters;
};

/// How VALUES of this kind are written, for people: "TIME".
std::string_view placeholder(ValueKind kind);

/// All faults, in the order in which people are told of them.
std::span<const Entry> catalogue();
/// What every fault takes beside its own: when it is to be done.
std::span<const Parameter> timing_parameters();
/// Null where there is none of that name.
const Entry* find(std::string_view name);
const Entry& entry_of(FaultKind kind);

/// Whether a guest that lives on after the fault may have something of it in its memory or on its
/// disk that strikes at any later time.
bool leaves_marks(FaultKind kind);

}  // namespace hive::inject
