#include "cellmon/cli/run_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "vmm/base/error.h"

namespace hive::cli {
namespace {

std::string choose() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string chosen = variable("HIVE_RUNTIME_DIR"); !chosen.empty()) {
    return std::filesystem::absolute(chosen).string();
  }
  if (::geteuid() == 0) return "/run/hive";
  if (const std::string runtime = variable("XDG_RUNTIME_DIR"); !runtime.empty()) {
    return runtime + "/hive";
  }
  return "/tmp/hive-" + std::to_string(::geteuid());
}

}  // namespace

std::string ensure_run_dir() {
  const std::string path = choose();
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    throw_errno("cannot make runtime folder " + path, errno,
                "set HIVE_RUNTIME_DIR to a folder that you may write");
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()) {
    throw Error("runtime folder " + path +
                ": not a folder of this user; set HIVE_RUNTIME_DIR to one");
  }
  return path;
}

}  // namespace hive::cli
