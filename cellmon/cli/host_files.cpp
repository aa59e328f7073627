#include "cellmon/cli/host_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace hive::cli {
namespace {

plan::FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return plan::FileKind::kRegular;
  if (S_ISDIR(mode)) return plan::FileKind::kDirectory;
  if (S_ISBLK(mode)) return plan::FileKind::kBlockDevice;
  return plan::FileKind::kOther;
}

bool may(const std::string& path, int access) {
  return ::faccessat(AT_FDCWD, path.c_str(), access, AT_EACCESS) == 0;
}

}  // namespace

plan::FileFacts HostFileProbe::probe(const std::string& path) const {
  plan::FileFacts facts;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    facts.kind = missing ? plan::FileKind::kMissing : plan::FileKind::kUnreachable;
    return facts;
  }
  facts.kind = kind_of(status.st_mode);
  facts.readable = may(path, R_OK);
  facts.writable = may(path, W_OK);
  if (facts.kind == plan::FileKind::kBlockDevice) {
    facts.identity = {status.st_rdev, 0};
  } else {
    facts.identity = {status.st_dev, status.st_ino};
    facts.size = static_cast<std::uint64_t>(status.st_size);
  }
  return facts;
}

}  // namespace hive::cli
