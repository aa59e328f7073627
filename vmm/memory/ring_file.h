// The file behind a ring, by which packets go from one cell's VMM to another's.
#pragma once

#include <cstdint>

namespace hive::memory {

/// A ring file is a shared file (shared_file.h) of kRingFileBytes: a page that its producer writes,
/// a page that its consumer writes, then kRingDataBytes of records. All-zero is an empty ring. What
/// is in the pages is in vmm/device/vsock/ring.h; who only hands rings on needs no more than this.
inline constexpr std::uint64_t kRingPageBytes = 4096;
inline constexpr std::uint64_t kRingDataBytes = 256 * 1024;
inline constexpr std::uint64_t kRingFileBytes = 2 * kRingPageBytes + kRingDataBytes;

}  // namespace hive::memory
