// A byte of global memory, as commands name it.
#pragma once

#include <cstdint>
#include <string>

#include "guests/ctl/session.h"

namespace hive::ctl {

struct Spot {
  std::uint32_t home;
  std::uint64_t offset;
};

/// Byte OFFSET of PLACE, with global memory mapped so that it may be written. Throws hive::Error.
Spot find_spot(Session& session, const std::string& place, const std::string& offset);

}  // namespace hive::ctl
