// Where the memory of a channel's ends is mapped.
#pragma once

#include "guests/sdk/channel/ring_view.h"
#include "guests/sdk/machine.h"

namespace hive::sdk {

struct ChannelMapping {
  unsigned char* ring;
  unsigned char* credit;
};

/// Of the channel at PLACE, an end of which has its own word or ring at OWN. HIVE_INVALID: the
/// place is not aligned, or OWN is not in this cell's memory. HIVE_NOT_MAPPED: that is not for
/// writing. Else as Machine::place().
Result<ChannelMapping> map_channel(const Machine& machine, const ChannelPlace& place,
                                   const WaitKey& own);

}  // namespace hive::sdk
