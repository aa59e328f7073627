#include "cellmon/control/run_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "vmm/base/error.h"

namespace hive::control {

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
  if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) {
    throw_errno("cannot make folder " + path_);
  }
  struct stat info {};
  if (::lstat(path_.c_str(), &info) != 0) throw_errno("cannot look at folder " + path_);
  constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & kOthersWrite) != 0) {
    throw Error("folder " + path_ + ": not a folder that only this user can write; remove it");
  }
}

RunFolder::~RunFolder() { ::rmdir(path_.c_str()); }

}  // namespace hive::control
