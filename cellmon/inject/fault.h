// One fault that is to be injected, from the words in which it is asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "cellmon/inject/catalogue.h"
#include "vmm/base/ids.h"
#include "vmm/cell/corruption.h"
#include "vmm/cell/device_fault.h"

namespace hive::inject {

/// Values by their parameters' names.
using Values = std::map<std::string, std::string>;

/// When a fault is done.
struct Timing {
  std::optional<std::chrono::milliseconds> at;  ///< From now, or from the event.
  std::string after;                            ///< The kind of an event; empty: none.
  std::optional<std::chrono::milliseconds> every;
  unsigned times = 1;  ///< From 1 to kMaxTimes.

  [[nodiscard]] bool is_now() const { return !at && after.empty() && !every; }
};

/// Where words of the guest's memory change.
enum class Where : std::uint8_t {
  kPhysical,
  kVirtual,
  kStack,
  kPageTable,
  kText,  ///< From here on the guest's agent says where it is.
  kData,
  kProcess,
  kAddressMap,  ///< Pointers in a process's address map.
  kCowTree,     ///< Those in the copy-on-write tree behind it.
};

inline constexpr std::uint64_t kLeastLength = 8;
inline constexpr std::uint64_t kMostLength = std::uint64_t{1} << 28;

/// How the guest's memory is corrupted, or which pages of it fail.
struct MemoryFault {
  Where where{};
  cell::Change change = cell::Change::kFlip;
  unsigned count = 1;
  std::uint64_t address = 0;  ///< Of kPhysical and kVirtual.
  std::uint64_t length = kLeastLength;
  std::string process;  ///< Of kProcess and those behind it: its number or name.
};

/// Whose memory a guest's program stores to.
enum class Target : std::uint8_t { kOwn = 1, kOthers, kAll };

inline constexpr std::uint64_t kMostStores = 1'000'000;
inline constexpr std::uint64_t kMostStoreRate = 100'000;

/// Stores all over global memory.
struct WildWrites {
  Target target{};
  std::uint32_t count = 1000;  ///< From 1 to kMostStores.
  std::uint32_t rate = 1000;   ///< Per second, from 1 to kMostStoreRate.
};

struct Fault {
  FaultKind kind{};
  std::optional<CellId> cell;
  std::optional<std::chrono::milliseconds> duration;  ///< From 1 ms to kLongest.
  std::optional<unsigned> vcpu;                       ///< Below kMaxVcpus.
  std::optional<MemoryFault> memory;                  ///< Of kMemoryCorrupt and kPageFail.
  /// Where is_in_device(kind); its seed, share and delay are not in it yet.
  std::optional<cell::DeviceFault> device;
  std::optional<std::uint64_t> seed;  ///< Of what is drawn. Missing: any.
  /// In percent: of the time, up to kMostShare; of requests, interrupts or packets, up to 100.
  std::optional<unsigned> share;
  std::optional<std::chrono::milliseconds> delay;   ///< Of packets up to kMostPacketDelay.
  std::optional<std::chrono::milliseconds> period;  ///< From kLeastPeriod to kMostPeriod.
  std::optional<WildWrites> writes;                 ///< Of kWildWrites.
  Timing timing;
  unsigned turn = 0;  ///< Which one of `timing.times` it is.
  std::string text;   ///< In words: its name, and its parameters as they were given.
};

/// Whether faults of KIND are in a device of the guest's.
bool is_in_device(FaultKind kind);
/// Whether faults of KIND are in packets from other cells.
bool is_in_packets(FaultKind kind);
/// Whether a fault of KIND puts a rogue in Wax's place: it is for the policy cell alone.
bool replaces_wax(FaultKind kind);

inline constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24);

inline constexpr unsigned kMostShare = 95;
inline constexpr std::chrono::milliseconds kLeastPeriod{100};
inline constexpr std::chrono::milliseconds kUsualPeriod{200};
inline constexpr std::chrono::milliseconds kMostPeriod{60'000};

inline constexpr std::chrono::milliseconds kMostPacketDelay{1000};

inline constexpr unsigned kMaxVcpus = 64;
inline constexpr unsigned kMaxTimes = 10'000;

/// The fault called NAME with VALUES, in cell OWN of those called CELLS; or why that is none, for
/// the user. Takes whatever a client sends.
std::variant<Fault, std::string> parse(std::string_view name, const Values& values,
                                       std::span<const std::string> cells, CellId own);

/// A whole number with unit ms or s, from 1 ms to kLongest; nothing where TEXT is none.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace hive::inject
