#include "vmm/boot/image_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "vmm/base/error.h"

namespace hive::boot {

// Not blocking: opening a FIFO that nobody writes must not hang the VMM.
FileImage::FileImage(const std::string& path, const char* what)
    : name_(std::string(what) + " " + path),
      fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (!fd_) {
    const int error = errno;
    throw_errno(name_, error,
                error == EACCES ? "let the user that runs the cell read it"
                                : "check the path in the machine's file");
  }
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) throw_errno(name_);
  if (!S_ISREG(status.st_mode)) {
    throw Error(name_ + ": not a regular file; give the path of an image file");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

void FileImage::read(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const auto got = ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(name_ + ": cannot read");
    if (got == 0) {
      throw Error(name_ +
                  ": became shorter while it was read; start the cell again once nothing "
                  "writes the file");
    }
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

}  // namespace hive::boot
