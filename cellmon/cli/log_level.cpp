#include "cellmon/cli/log_level.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cellmon/wire/text.h"
#include "vmm/base/error.h"

namespace hive::cli {

void check_log_level() {
  static constexpr std::array<std::string_view, 6> kLevels{"trace", "debug", "info",
                                                           "warn",  "error", "off"};
  const char* value = std::getenv("HIVE_LOG");
  const std::string_view level(value == nullptr ? "" : value);
  if (level.empty() || std::find(kLevels.begin(), kLevels.end(), level) != kLevels.end()) return;
  throw Error("HIVE_LOG: '" + wire::printable(level, 64) +
                  "' is no level; use trace, debug, info, warn, error or off",
              Error::Kind::kUsage);
}

}  // namespace hive::cli
