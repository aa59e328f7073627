// What hive_last_message() tells.
#pragma once

#include "guests/sdk/hive.h"

namespace hive::sdk {

/// Remembers MESSAGE, cut to 511 bytes, for the calling thread; gives STATUS back. Takes no memory.
hive_status fail(hive_status status, const char* message);

}  // namespace hive::sdk
