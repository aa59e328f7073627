#include "guests/sdk/last_message.h"

#include <cstring>

namespace {

/// Of a fixed size, so that telling of a lack of memory takes none.
thread_local char last_message[512] = "";

}  // namespace

namespace hive::sdk {

hive_status fail(hive_status status, const char* message) {
  std::strncpy(last_message, message, sizeof last_message - 1);
  return status;
}

}  // namespace hive::sdk

extern "C" const char* hive_last_message(void) { return last_message; }
