#include "guests/sdk/careful_object.h"

#include <cstring>

#include "guests/sdk/crc32c.h"

namespace hive::sdk {
namespace {

constexpr std::uint64_t kGone = ~std::uint64_t{0};
constexpr std::size_t kHeaderSize = sizeof(hive_careful_header);
constexpr std::size_t kSequenceSize = sizeof(hive_careful_header::sequence);
static_assert(offsetof(hive_careful_header, sequence) == 0);

std::uint32_t checksum_of(hive_careful_header header, const void* content) {
  header.checksum = 0;
  const std::uint32_t seed = crc32c(0, &header, kHeaderSize);
  return crc32c(seed, content, static_cast<std::size_t>(header.length));
}

bool is_tag(std::uint32_t tag) {
  return tag != HIVE_CAREFUL_NO_TAG && tag != HIVE_CAREFUL_GONE_TAG;
}

hive_status check_place(const CarefulPlace& place, std::uint64_t extent) {
  if (!is_tag(place.tag)) return HIVE_INVALID;
  if (place.offset % HIVE_CAREFUL_ALIGNMENT != 0) return HIVE_MISALIGNED;
  return lies_within(place.offset, kHeaderSize, extent) ? HIVE_OK : HIVE_OUT_OF_RANGE;
}

/// One try. HIVE_TORN: worth another.
hive_status try_to_read(CarefulMemory& memory, std::uint64_t extent, const CarefulPlace& place,
                        void* destination, std::size_t capacity, hive_careful_header& header) {
  if (!memory.load(place.offset, &header, kHeaderSize)) return HIVE_FAULT;
  hive_status status = check_careful_header(header, place, extent, capacity);
  if (status == HIVE_TORN || status == HIVE_GONE) return status;
  if (status == HIVE_OK) {
    const auto length = static_cast<std::size_t>(header.length);
    if (!memory.load(place.offset + kHeaderSize, destination, length)) return HIVE_FAULT;
    status = check_careful_content(header, destination);
  }
  std::uint64_t sequence = 0;
  if (!memory.load(place.offset, &sequence, kSequenceSize)) return HIVE_FAULT;
  return sequence == header.sequence ? status : HIVE_TORN;
}

}  // namespace

hive_careful_header make_careful_header(std::uint64_t sequence, std::uint32_t tag,
                                        std::uint32_t generation, const void* content,
                                        std::size_t length) {
  hive_careful_header header{};
  header.sequence = sequence;
  header.tag = tag;
  header.length = length;
  header.generation = generation;
  header.checksum = checksum_of(header, content);
  return header;
}

hive_status check_careful_header(const hive_careful_header& header, const CarefulPlace& place,
                                 std::uint64_t extent, std::size_t capacity) {
  if (header.sequence == kGone) return HIVE_GONE;
  if (header.sequence % 2 != 0) return HIVE_TORN;
  if (header.tag != place.tag) return HIVE_WRONG_TAG;
  if (header.reserved != 0) return HIVE_ROTTEN;
  if (place.generation != 0 && header.generation != place.generation) return HIVE_STALE;
  const std::uint64_t room = extent - place.offset - kHeaderSize;
  if (header.length > capacity || header.length > room) return HIVE_TOO_LONG;
  return HIVE_OK;
}

hive_status check_careful_content(const hive_careful_header& header, const void* content) {
  return checksum_of(header, content) == header.checksum ? HIVE_OK : HIVE_ROTTEN;
}

hive_status read_careful_object(CarefulMemory& memory, std::uint64_t extent,
                                const CarefulPlace& place, void* destination, std::size_t capacity,
                                hive_careful_header& header) {
  extent -= extent % HIVE_CAREFUL_ALIGNMENT;
  hive_status status = check_place(place, extent);
  for (unsigned attempt = 0; status == HIVE_OK && attempt < kCarefulAttempts; ++attempt) {
    if (attempt > 0) memory.pause(attempt - 1);
    const hive_status tried = try_to_read(memory, extent, place, destination, capacity, header);
    if (tried == HIVE_OK) return HIVE_OK;
    if (tried != HIVE_TORN) status = tried;
  }
  if (capacity > 0) std::memset(destination, 0, capacity);
  header = {};
  return status == HIVE_OK ? HIVE_TORN : status;
}

hive_status publish_careful_object(CarefulMemory& memory, std::uint64_t extent,
                                   const CarefulPlace& place, const void* content,
                                   std::size_t length) {
  extent -= extent % HIVE_CAREFUL_ALIGNMENT;
  if (const hive_status status = check_place(place, extent); status != HIVE_OK) return status;
  if (length > extent - place.offset - kHeaderSize) return HIVE_TOO_LONG;
  std::uint64_t sequence = 0;
  if (!memory.load(place.offset, &sequence, kSequenceSize)) return HIVE_FAULT;
  const std::uint64_t odd = (sequence + 1) | 1;
  const hive_careful_header header =
      make_careful_header(odd + 1, place.tag, place.generation, content, length);
  const auto* rest = reinterpret_cast<const unsigned char*>(&header) + kSequenceSize;
  const bool stored =
      memory.store(place.offset, &odd, kSequenceSize) &&
      memory.store(place.offset + kHeaderSize, content, length) &&
      memory.store(place.offset + kSequenceSize, rest, kHeaderSize - kSequenceSize) &&
      memory.store(place.offset, &header.sequence, kSequenceSize);
  return stored ? HIVE_OK : HIVE_FAULT;
}

}  // namespace hive::sdk
