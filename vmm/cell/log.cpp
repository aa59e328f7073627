#include "vmm/cell/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <ctime>
#include <memory>

namespace hive::cell {

void set_up_log() {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("hive-vmm"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%f %n %l: %v");
  ::tzset();  // Reads the time zone's file, which the sandbox does not let a VMM open later.
  const char* level = std::getenv("HIVE_LOG");
  spdlog::set_level(level == nullptr ? spdlog::level::info : spdlog::level::from_str(level));
}

}  // namespace hive::cell
