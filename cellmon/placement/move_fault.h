// Why a section does not move, in words.
#pragma once

#include <string_view>

#include "cellmon/firewall/refusal.h"
#include "cellmon/mesh/packet.h"

namespace hive::placement {

/// What goes after "the new home says: ".
std::string_view describe(mesh::MoveFault fault);
/// What a home tells another that has no place for its section.
mesh::MoveFault fault_of(firewall::Reason reason);

}  // namespace hive::placement
