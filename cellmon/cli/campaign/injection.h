// A fault that a campaign asks a monitor for.
#pragma once

#include <string>

#include "cellmon/campaign/draw.h"
#include "cellmon/cli/rpc_client.h"

namespace hive::cli {

struct Injection {
  std::string refusal;      ///< Why the fault is not injected; empty where it is, or may be.
  bool is_certain = false;  ///< The monitor has said which.
};

/// Longer than a monitor waits for the guest's agent, 5 seconds, and then as long for its VMM.
inline constexpr Milliseconds kInjectionLimit{12'000};

/// Asks the monitor of CLIENT for the fault that was DRAWN, and waits for its answer, LIMIT at
/// most. A monitor that is gone, does not answer, or does not know what its VMM has done, may have
/// injected it all the same, or do it later.
Injection inject(RpcClient& client, const campaign::Draw& drawn,
                 Milliseconds limit = kInjectionLimit);

}  // namespace hive::cli
