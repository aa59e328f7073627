// Careful reference, but for the memory itself: which objects are sound, and how they are made.
#pragma once

#include <cstddef>
#include <cstdint>

#include "guests/abi/careful_object.h"
#include "guests/abi/global_memory.h"
#include "guests/sdk/hive.h"

namespace hive::sdk {

/// One cell's contribution, which may change at any moment and may fault. Offsets count from its
/// start; callers keep within its bounds. Accesses are made in aligned 8-byte words, loads with
/// acquire and stores with release order.
class CarefulMemory {
 public:
  CarefulMemory() = default;
  CarefulMemory(const CarefulMemory&) = delete;
  CarefulMemory& operator=(const CarefulMemory&) = delete;
  virtual ~CarefulMemory() = default;

  /// Copies SIZE bytes from OFFSET, a multiple of 8; may read up to the next multiple of 8. Whether
  /// no access faulted.
  [[nodiscard]] virtual bool load(std::uint64_t offset, void* destination, std::size_t size) = 0;
  /// Copies SIZE bytes to OFFSET, a multiple of 8, and zeros behind them up to the next one.
  /// Whether no access faulted.
  [[nodiscard]] virtual bool store(std::uint64_t offset, const void* source, std::size_t size) = 0;
  /// Gives a writer time before a reader's next try; ATTEMPT counts from 0.
  virtual void pause(unsigned attempt) = 0;
};

/// Where an object should be, and what it should be.
struct CarefulPlace {
  std::uint64_t offset = 0;
  std::uint32_t tag = HIVE_CAREFUL_NO_TAG;
  std::uint32_t generation = 0;  ///< 0: any.
};

/// How often a reader tries while an object is being written.
inline constexpr unsigned kCarefulAttempts = 64;

/// Whether SIZE bytes from OFFSET lie within EXTENT bytes. Never wraps.
constexpr bool lies_within(std::uint64_t offset, std::uint64_t size, std::uint64_t extent) {
  return offset <= extent && size <= extent - offset;
}

/// HEADER of CONTENT, complete with its checksum.
hive_careful_header make_careful_header(std::uint64_t sequence, std::uint32_t tag,
                                        std::uint32_t generation, const void* content,
                                        std::size_t length);

/// What HEADER by itself says about the object at PLACE of a contribution of EXTENT bytes, to be
/// read into CAPACITY bytes. HIVE_OK: its content may be read, and lies within both.
hive_status check_careful_header(const hive_careful_header& header, const CarefulPlace& place,
                                 std::uint64_t extent, std::size_t capacity);

/// HIVE_OK or HIVE_ROTTEN. CONTENT has `header.length` bytes.
hive_status check_careful_content(const hive_careful_header& header, const void* content);

/// See hive_careful_read(). MEMORY has EXTENT bytes.
hive_status read_careful_object(CarefulMemory& memory, std::uint64_t extent,
                                const CarefulPlace& place, void* destination, std::size_t capacity,
                                hive_careful_header& header);

/// See hive_careful_publish().
hive_status publish_careful_object(CarefulMemory& memory, std::uint64_t extent,
                                   const CarefulPlace& place, const void* content,
                                   std::size_t length);

}  // namespace hive::sdk
