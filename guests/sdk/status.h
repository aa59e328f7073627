// Statuses in words.
#pragma once

#include "guests/sdk/hive.h"

namespace hive::sdk {

/// A few words for STATUS; for what is none as well. Never NULL.
const char* status_text(hive_status status);

}  // namespace hive::sdk
