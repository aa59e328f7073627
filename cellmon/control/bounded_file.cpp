#include "cellmon/control/bounded_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "vmm/base/error.h"

namespace hive::control {

BoundedFile::BoundedFile(std::string path, std::size_t limit, Begin begin)
    : path_(std::move(path)), limit_(limit), fd_(create(begin)) {
  if (!fd_) throw_errno("cannot create " + path_);
  if (begin == Begin::kAnew) ::unlink(old_path().c_str());
  struct stat info {};
  if (::fstat(fd_.get(), &info) == 0) size_ = static_cast<std::size_t>(info.st_size);
}

UniqueFd BoundedFile::create(Begin begin) const {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
  const int flags = begin == Begin::kAnew ? kFlags | O_TRUNC : kFlags;
  return UniqueFd(::open(path_.c_str(), flags, 0600));
}

void BoundedFile::append(std::string_view bytes) {
  if (!fd_) return;
  if (size_ > 0 && size_ + bytes.size() > limit_) {
    ::rename(path_.c_str(), old_path().c_str());
    fd_ = create(Begin::kAnew);
    size_ = 0;
    if (!fd_) return;
  }
  const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
  if (count > 0) size_ += static_cast<std::size_t>(count);
}

BoundedFile::~BoundedFile() {
  if (keep_) return;
  ::unlink(path_.c_str());
  ::unlink(old_path().c_str());
}

}  // namespace hive::control
