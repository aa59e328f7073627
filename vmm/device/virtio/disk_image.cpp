#include "vmm/device/virtio/disk_image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>

#include "vmm/base/error.h"

namespace hive::device {
namespace {

std::string_view open_remedy(int error, bool read_only) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "correct the path, or create the image with truncate -s SIZE FILE";
    case EACCES:
    case EPERM:
      return read_only ? "give this user the right to read it"
                       : "give this user the right to read and write it, or attach it read-only";
    case EROFS:
      return "attach it read-only";
    case EISDIR:
      return "name a raw image file or a block device";
    default:
      return {};
  }
}

/// What open(2) is asked for. With O_EXCL it refuses a block device that is mounted or that another
/// process has so opened (open(2)).
int flags_for(const std::string& path, bool read_only) {
  // Not blocking: opening a FIFO by mistake must not wait for its other end.
  const int flags = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
  struct stat status {};
  const bool block = ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
  return block && !read_only ? flags | O_EXCL : flags;
}

/// Size in bytes of an open file or block device.
std::uint64_t size_of(const UniqueFd& fd, const std::string& what) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_errno(what);
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    throw Error(what + ": is neither a file nor a block device; name one of them");
  }
  const off_t end = ::lseek(fd.get(), 0, SEEK_END);  // A block device's st_size is 0.
  if (end < 0) throw_errno(what);
  return static_cast<std::uint64_t>(end);
}

void lock_whole(const UniqueFd& fd, const std::string& what, bool read_only) {
  struct flock range {};
  range.l_type = read_only ? F_RDLCK : F_WRLCK;
  range.l_whence = SEEK_SET;
  if (::fcntl(fd.get(), F_OFD_SETLK, &range) == 0) return;
  if (errno == EAGAIN || errno == EACCES) {
    throw Error(what + ": busy: another cell or program is using it; stop that one, " +
                (read_only ? "or have it attached read-only there as well"
                           : "or attach it read-only in all of them"));
  }
  throw_errno(what + ": cannot lock it", errno, "keep it on a file system that supports locks");
}

}  // namespace

DiskImage DiskImage::open(const std::string& path, bool read_only) {
  const std::string what = "disk " + path;
  DiskImage image;
  image.path_ = path;
  image.read_only_ = read_only;
  image.fd_.reset(::open(path.c_str(), flags_for(path, read_only)));
  if (!image.fd_ && errno == EBUSY) {
    throw Error(what +
                ": busy: it is mounted, or another cell or program holds it; stop that one, "
                "unmount it, or make it read-only");
  }
  if (!image.fd_) throw_errno(what, errno, open_remedy(errno, read_only));
  const std::uint64_t size = size_of(image.fd_, what);
  if (::fcntl(image.fd_.get(), F_SETFL, 0) != 0) throw_errno(what);
  if (size == 0) throw Error(what + ": is empty; give it a size with truncate -s SIZE FILE");
  if (size % kSectorSize != 0) {
    throw Error(
        fmt::format("{}: its size of {} bytes is not a multiple of {}; round it up with "
                    "truncate -s %{} FILE",
                    what, size, kSectorSize, kSectorSize));
  }
  lock_whole(image.fd_, what, read_only);
  struct statfs system {};
  image.begins_slowly_ =
      ::fstatfs(image.fd_.get(), &system) == 0 && system.f_type == FUSE_SUPER_MAGIC;
  image.sectors_ = size / kSectorSize;
  return image;
}

}  // namespace hive::device
