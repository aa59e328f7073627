#include "guests/sdk/file_mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace hive::sdk {

Result<FileMapping> FileMapping::map(const std::string& path, std::uint64_t offset,
                                     std::size_t size, bool writable) {
  FileMapping made;
  made.fd_.reset(::open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC));
  if (!made.fd_) return system_failure("cannot open " + path, errno);
  struct stat status = {};
  // A device has no size of its own; past the end of a file, or of a BAR, accesses would fault.
  if (::fstat(made.fd_.get(), &status) == 0 && S_ISREG(status.st_mode) &&
      (static_cast<std::uint64_t>(status.st_size) < offset ||
       static_cast<std::uint64_t>(status.st_size) - offset < size)) {
    return Failure{HIVE_OUT_OF_RANGE, path + " is too short"};
  }
  void* address = ::mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
                         made.fd_.get(), static_cast<off_t>(offset));
  if (address == MAP_FAILED) return system_failure("cannot map " + path, errno);
  made.address_ = static_cast<unsigned char*>(address);
  made.size_ = size;
  return made;
}

FileMapping::FileMapping(FileMapping&& other) noexcept
    : fd_(std::move(other.fd_)),
      address_(std::exchange(other.address_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

FileMapping& FileMapping::operator=(FileMapping&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(address_, other.address_);
  std::swap(size_, other.size_);
  return *this;
}

FileMapping::~FileMapping() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

}  // namespace hive::sdk
