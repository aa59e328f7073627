#include "tests/support/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "vmm/base/error.h"

namespace hive::test {
namespace {

constexpr const char* kControl = "/dev/loop-control";

}  // namespace

std::string LoopDevice::unavailable() {
  try {
    const LoopDevice probe(4096);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

LoopDevice::LoopDevice(std::uint64_t size) {
  const UniqueFd backing(::memfd_create("loop-device", MFD_CLOEXEC));
  if (!backing || ::ftruncate(backing.get(), static_cast<off_t>(size)) != 0) {
    throw_errno("a loop device's file");
  }
  const UniqueFd control(::open(kControl, O_RDWR | O_CLOEXEC));
  if (!control) throw_errno(kControl);
  constexpr int kTries = 20;  // Others take free devices too.
  for (int tries = 0; tries < kTries; ++tries) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) throw_errno(kControl);
    path_ = "/dev/loop" + std::to_string(number);
    device_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    if (!device_) throw_errno(path_);
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(backing.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(device_.get(), LOOP_CONFIGURE, &config) == 0) return;
    if (errno != EBUSY) throw_errno(path_ + ": LOOP_CONFIGURE");
  }
  throw Error("no loop device is free");
}

}  // namespace hive::test
