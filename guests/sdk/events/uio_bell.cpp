#include "guests/sdk/events/uio_bell.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <utility>

#include "guests/abi/global_memory.h"
#include "guests/abi/system_area.h"
#include "vmm/base/unique_fd.h"

namespace hive::sdk {
namespace {

// The upper byte of PCI's command register, and "interrupt disable" in it (PCI 3.0, 6.2.2).
constexpr off_t kCommandHigh = 5;
constexpr unsigned char kInterruptDisable = 0x04;

class UioListener : public Listener {
 public:
  /// HELD_BACK: the pin is, by "interrupt disable", which the driver sets at each interrupt.
  UioListener(UniqueFd device, UniqueFd config, bool held_back)
      : device_(std::move(device)), config_(std::move(config)), held_back_(held_back) {}

  bool enable() override {
    if (!held_back_) return true;
    unsigned char command = 0;
    if (::pread(config_.get(), &command, 1, kCommandHigh) != 1) return false;
    if ((command & kInterruptDisable) == 0) return true;
    command &= static_cast<unsigned char>(~kInterruptDisable);
    return ::pwrite(config_.get(), &command, 1, kCommandHigh) == 1;
  }

  void wait_until(Clock::time_point end) override {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0) return;
    pollfd entry{device_.get(), POLLIN, 0};
    (void)::poll(&entry, 1, static_cast<int>(left.count()));
  }
  [[nodiscard]] int descriptor() const override { return device_.get(); }

 protected:
  bool forget_interrupts() override {
    std::uint32_t count = 0;
    const bool any = ::read(device_.get(), &count, sizeof count) == sizeof count;
    // There may have been one just before the device was opened.
    return (any || std::exchange(is_new_, false)) && !held_back_;
  }

 private:
  UniqueFd device_;
  UniqueFd config_;
  bool held_back_;
  bool is_new_ = true;
};

/// Whether the UIO DEVICE has an interrupt at all.
bool has_interrupt(int device) {
  std::uint32_t count = 0;
  return ::read(device, &count, sizeof count) == sizeof count || errno == EAGAIN;
}

}  // namespace

Result<std::unique_ptr<Listener>> UioBell::listen(Clock::time_point end) {
  const auto name = driver_.find(end);
  if (!name.ok()) return name.failure();
  UniqueFd device(
      ::open((paths_.devices + "/" + name.value()).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  UniqueFd config(
      ::open((paths_.functions + "/" + function_ + "/config").c_str(), O_RDWR | O_CLOEXEC));
  if (!device || !config) return system_failure("open " + name.value(), errno);
  if (!has_interrupt(device.get())) {
    return Failure{HIVE_NOT_FOUND, "PCI function " + function_ + " has no interrupt"};
  }
  // Last, so that the pin stays as it was where nobody comes to listen.
  constexpr std::size_t kPinMode = offsetof(hive_global_registers, pin_mode);
  registers_.store32(kPinMode, HIVE_GLOBAL_PIN_ALWAYS);
  const bool held_back = registers_.load32(kPinMode) != HIVE_GLOBAL_PIN_ALWAYS;
  return std::unique_ptr<Listener>(
      std::make_unique<UioListener>(std::move(device), std::move(config), held_back));
}

void UioBell::ring(std::uint32_t cell) {
  registers_.store32(offsetof(hive_global_registers, doorbell), cell << 16 | HIVE_WAKE_VECTOR);
}

}  // namespace hive::sdk
