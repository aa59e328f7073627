#include "cellmon/control/core_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "vmm/base/error.h"

namespace hive::control {
namespace {

constexpr mode_t kMode = 0600;  // It holds all that the guest knew.

UniqueFd open_folder(const std::string& path) {
  UniqueFd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) throw_errno(path);
  return folder;
}

}  // namespace

CoreFile::CoreFile(const std::string& folder, std::string name)
    : folder_path_(folder),
      name_(std::move(name)),
      folder_(open_folder(folder)),
      since_(std::chrono::steady_clock::now()) {
  file_.reset(::openat(folder_.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, kMode));
  if (file_) return;
  const bool knows_no_such = errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL;
  if (!knows_no_such) throw_errno(folder_path_ + ": no file can be made");
  partial_ = "." + name_ + ".partial";
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  file_.reset(::openat(folder_.get(), partial_.c_str(), kFlags, kMode));
  if (!file_) throw_errno(folder_path_ + "/" + partial_);
}

CoreFile::~CoreFile() {
  if (!partial_.empty()) ::unlinkat(folder_.get(), partial_.c_str(), 0);
}

std::string CoreFile::keep() {
  const std::string own = "/proc/self/fd/" + std::to_string(file_.get());
  for (unsigned twin = 0; twin < kMaxTwins; ++twin) {
    const std::string name = twin == 0 ? name_ : name_ + "." + std::to_string(twin);
    const int result =
        partial_.empty()
            ? ::linkat(AT_FDCWD, own.c_str(), folder_.get(), name.c_str(), AT_SYMLINK_FOLLOW)
            : ::linkat(folder_.get(), partial_.c_str(), folder_.get(), name.c_str(), 0);
    if (result == 0) return folder_path_ + "/" + name;
    if (errno != EEXIST) throw_errno(folder_path_ + "/" + name);
  }
  throw Error(folder_path_ + "/" + name_ + ": this name and " + std::to_string(kMaxTwins - 1) +
              " after it are taken");
}

std::uint64_t CoreFile::disk_size() const {
  constexpr std::uint64_t kBlock = 512;  // stat(2)
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_blocks) * kBlock;
}

std::chrono::milliseconds CoreFile::age() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               since_);
}

}  // namespace hive::control
