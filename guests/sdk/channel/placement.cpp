#include "guests/sdk/channel/placement.h"

namespace hive::sdk {

Result<ChannelMapping> map_channel(const Machine& machine, const ChannelPlace& place,
                                   const WaitKey& own) {
  constexpr std::uint64_t kAlignment = 64;
  if (!is_ring_capacity(place.capacity) || place.ring.offset % kAlignment != 0 ||
      place.credit.offset % kAlignment != 0 || own.home != machine.info().cell) {
    return Failure{HIVE_INVALID, "that is no place for an end of a channel"};
  }
  const auto ring = machine.place(place.ring.home, place.ring.offset, ring_size(place.capacity));
  if (!ring.ok()) return ring.failure();
  const auto credit =
      machine.place(place.credit.home, place.credit.offset, sizeof(hive_channel_credit));
  if (!credit.ok()) return credit.failure();
  if (machine.device().read_only) return failure_of(HIVE_NOT_MAPPED);
  return ChannelMapping{ring.value(), credit.value()};
}

}  // namespace hive::sdk
