#include "guests/sdk/result.h"

#include <cerrno>
#include <system_error>

#include "guests/sdk/status.h"

namespace hive::sdk {

Failure failure_of(hive_status status) { return {status, status_text(status)}; }

Failure system_failure(const std::string& what, int error) {
  const bool denied = error == EACCES || error == EPERM;
  std::string message = what + ": " + std::generic_category().message(error);
  if (denied) message += "; run it as root";
  return {denied ? HIVE_NO_PERMISSION : HIVE_SYSTEM, std::move(message)};
}

}  // namespace hive::sdk
