// What a cell's disks have done, as counted.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hive::device {

enum class BlockOperation : std::uint8_t { kRead, kWrite, kFlush, kDiscard, kOther };
inline constexpr std::size_t kBlockOperations = 5;

/// Of all disks of a cell. Written by the device loop's thread alone, read at any time.
struct BlockCounters {
  struct Operation {
    std::atomic<std::uint64_t> requests;  ///< That ended, well or not.
    std::atomic<std::uint64_t> bytes;     ///< Read, written, or made to read as zeroes.
    std::atomic<std::uint64_t> errors;    ///< Requests that failed or were refused.
  };

  void note(BlockOperation operation, std::uint64_t bytes, bool failed) noexcept {
    Operation& one = operations.at(static_cast<std::size_t>(operation));
    add(one.requests, 1);
    add(one.bytes, bytes);
    add(one.errors, failed ? 1 : 0);
  }

  std::array<Operation, kBlockOperations> operations;

 private:
  /// For the only thread that writes.
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t more) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
};

}  // namespace hive::device
