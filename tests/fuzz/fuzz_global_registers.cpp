// A guest that reads and writes the registers of global memory at any place and in any width, and a
// monitor that answers whenever it likes.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include "vmm/base/units.h"
#include "vmm/device/global/global_registers.h"

namespace hive::device {
namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

/// Registers beside a naive model of what they must do.
class Guest {
 public:
  void step(FuzzedDataProvider& input) {
    switch (input.ConsumeIntegralInRange<unsigned>(0, 7)) {
      case 0:
        return answer(input);
      case 1:
      case 2:
        return read(offset(input), input.ConsumeIntegralInRange<std::size_t>(0, 512));
      case 3:
        return write(kSubmit, input.ConsumeBytes<std::uint8_t>(4));
      default:
        const std::uint64_t place = offset(input);
        return write(place, input.ConsumeBytes<std::uint8_t>(width(input)));
    }
  }

  void check_constants() const {
    const hive_global_registers now = image();
    check(now.magic == HIVE_GLOBAL_MAGIC && now.cell == 1 && now.iv_position == 1);
    check(now.interrupt_mask == 0 && now.interrupt_status == 0 && now.doorbell == 0);
    check(now.window_start == 4 * kGiB && now.parts[1].size == 2 * kMiB && now.submit == 0);
    check(std::memcmp(&now.request, &request_, sizeof request_) == 0);
    check(std::memcmp(&now.reply, &reply_, sizeof reply_) == 0);
    check(now.state == (busy_         ? HIVE_GLOBAL_BUSY
                        : reply_seen_ ? HIVE_GLOBAL_ANSWERED
                                      : HIVE_GLOBAL_IDLE));
  }

 private:
  static constexpr std::uint64_t kRequest = offsetof(hive_global_registers, request);
  static constexpr std::uint64_t kSubmit = offsetof(hive_global_registers, submit);

  /// Mostly near the request, sometimes anywhere.
  static std::uint64_t offset(FuzzedDataProvider& input) {
    switch (input.ConsumeIntegralInRange<unsigned>(0, 3)) {
      case 0:
        return input.ConsumeIntegral<std::uint64_t>();
      case 1:
        return input.ConsumeIntegralInRange<std::uint64_t>(0, 4100);
      default:
        return input.ConsumeIntegralInRange<std::uint64_t>(kRequest - 16, kSubmit + 16);
    }
  }

  static std::size_t width(FuzzedDataProvider& input) {
    static constexpr std::array<std::size_t, 8> kWidths{1, 2, 4, 8, 3, 16, 64, 300};
    return input.PickValueInArray(kWidths);
  }

  [[nodiscard]] hive_global_registers image() const {
    hive_global_registers all;
    registers_.read(0, std::as_writable_bytes(std::span(&all, 1)));
    return all;
  }

  void read(std::uint64_t offset, std::size_t size) {
    const hive_global_registers all = image();
    std::vector<std::byte> got(size, std::byte{0xee});
    registers_.read(offset, got);
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint64_t at = offset + i;
      const bool inside = offset < sizeof all && at < sizeof all;
      check(got[i] == (inside ? reinterpret_cast<const std::byte*>(&all)[at] : std::byte{0}));
    }
  }

  void write(std::uint64_t offset, const std::vector<std::uint8_t>& bytes) {
    const unsigned before = requests_;
    const bool was_busy = busy_;
    bool submits = false;
    for (std::size_t i = 0; !was_busy && offset < 4096 && i < bytes.size(); ++i) {
      const std::uint64_t at = offset + i;
      const bool in_request = at >= kRequest && at < kRequest + sizeof request_;
      if (in_request) reinterpret_cast<std::uint8_t*>(&request_)[at - kRequest] = bytes[i];
      submits = submits || (at >= kSubmit && at < kSubmit + 4);
    }
    busy_ = was_busy || submits;
    registers_.write(offset, std::as_bytes(std::span(bytes)));
    check(requests_ == before + (submits ? 1 : 0));
  }

  void answer(FuzzedDataProvider& input) {
    hive_global_reply reply{};
    const auto bytes = input.ConsumeBytes<std::uint8_t>(sizeof reply);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::uint8_t*>(&reply));
    registers_.answer(reply);
    if (!busy_) return;
    busy_ = false;
    reply_seen_ = true;
    reply_ = reply;
  }

  hive_global_request request_{};
  hive_global_reply reply_{};
  bool busy_ = false;
  bool reply_seen_ = false;
  unsigned requests_ = 0;
  GlobalRegisters registers_{{.cell = 1,
                              .incarnation = 1,
                              .window = {4 * kGiB, 4 * kMiB},
                              .parts = {{0, 2 * kMiB}, {2 * kMiB, 2 * kMiB}}},
                             [this](const hive_global_request& request) {
                               check(std::memcmp(&request, &request_, sizeof request) == 0);
                               ++requests_;
                             },
                             [](std::uint32_t) {}};
};

}  // namespace
}  // namespace hive::device

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  hive::device::Guest guest;
  while (input.remaining_bytes() > 0) {
    guest.step(input);
    guest.check_constants();
  }
  return 0;
}
