// The bounds of a plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vmm/base/units.h"

namespace hive::plan {

inline constexpr std::size_t kMaxFileSize = kMiB;  ///< Bytes of a plan file.
inline constexpr std::size_t kMaxDepth = 16;       ///< Nested lists and mappings in a plan file.
inline constexpr std::size_t kMaxFaults = 1000;    ///< Faults reported of one file.

inline constexpr std::size_t kMaxNameLength = 32;
inline constexpr std::string_view kWitnessName = "witness";  ///< No cell's.
inline constexpr unsigned kMaxVcpus = 64;
inline constexpr unsigned kMaxHostCpu = 8191;  ///< Linux's largest CPU number on x86.
inline constexpr std::uint64_t kMinMemory = 16 * kMiB;
inline constexpr std::uint64_t kPolicyMemory = 4 * kMiB;       ///< Of a policy cell.
inline constexpr std::uint64_t kMemoryStep = kHugePageSize;    ///< Of what cells contribute, too.
inline constexpr std::uint64_t kMaxSpare = 4 * 1024 * kGiB;    ///< What a cell may be lent.
inline constexpr std::uint64_t kMinShared = kMemoryStep;       ///< Of a cell that contributes any.
inline constexpr std::uint64_t kMaxShared = 16 * 1024 * kGiB;  ///< Of all cells together.
inline constexpr std::size_t kMaxDisks = 16;
inline constexpr std::size_t kMaxPathLength = 4095;
inline constexpr std::size_t kMaxCmdlineLength = 2047;    ///< x86 Linux: COMMAND_LINE_SIZE - 1.
inline constexpr std::size_t kMaxPorts = 64;              ///< Of a cell that the host knows of.
inline constexpr std::uint32_t kMaxPort = 0xffff'fffe;    ///< The one above stands for any port.
inline constexpr std::uint32_t kLastReservedPort = 1023;  ///< Of the host's: Hive's own services.
inline constexpr std::size_t kMaxSocketPath = 107;        ///< Linux: sockaddr_un, less a NUL.
inline constexpr std::uint32_t kMinPacketRate = 100;      ///< Packets a second.
inline constexpr std::uint32_t kMaxPacketRate = 10'000'000;
inline constexpr std::uint32_t kDefaultPacketRate = 200'000;
inline constexpr std::uint32_t kMinCpuWeight = 1;  ///< As of cgroup v2.
inline constexpr std::uint32_t kMaxCpuWeight = 10'000;
inline constexpr std::uint32_t kDefaultCpuWeight = 100;
inline constexpr std::uint32_t kPolicyCpuWeight = 4;  ///< Of a policy cell.
inline constexpr std::uint32_t kMinWatchdog = 2;      ///< Seconds.
inline constexpr std::uint32_t kMaxWatchdog = 3600;
inline constexpr std::uint32_t kDefaultWatchdog = 10;  ///< Of a cell with an agent.
inline constexpr std::uint32_t kMaxCid = 0xffff'fffe;  ///< The one above stands for any CID.

}  // namespace hive::plan
