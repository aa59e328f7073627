// The cell's doorbell as a stock kernel offers it to programs.
#pragma once

#include <memory>
#include <string>

#include "guests/sdk/device.h"
#include "guests/sdk/events/bell.h"
#include "guests/sdk/events/uio_driver.h"
#include "guests/sdk/registers.h"

namespace hive::sdk {

/// Rings by the device's register, and listens by the UIO device of its function, whose driver it
/// binds when first somebody is to sleep.
class UioBell : public Bell {
 public:
  UioBell(DevicePaths paths, std::string function, Registers registers)
      : paths_(std::move(paths)),
        function_(std::move(function)),
        registers_(registers),
        driver_(paths_, function_) {}

  Result<std::unique_ptr<Listener>> listen(Clock::time_point end) override;
  void ring(std::uint32_t cell) override;

 private:
  DevicePaths paths_;
  std::string function_;
  Registers registers_;
  UioDriver driver_;
};

}  // namespace hive::sdk
