// What a monitor tells of vsock: docs/control-protocol.md.
#pragma once

#include "cellmon/control/vsock/vsock.h"
#include "cellmon/wire/json_rpc.h"

namespace hive::control {

/// The cell's siblings: who may call whom, who is alive, and COUNTS, the VMM's of them and of its
/// guest.
wire::Json describe_vsock(const Vsock& vsock, const Siblings& siblings,
                          const CounterDesk::Answer& counts);

}  // namespace hive::control
