// A guest that writes Wax's registers at any place and in any width, at any time; and a VMM that
// sends its monitor anything in the place of hints.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "policy/hint_words.h"
#include "vmm/cell/policy_protocol.h"
#include "vmm/device/policy/policy_registers.h"

namespace {

using hive::device::PolicyRegisters;

void check(bool holds) {
  if (!holds) std::abort();
}

/// What a monitor does with BYTES.
void receive(std::span<const std::byte> bytes) {
  const auto packet = hive::cell::parse_policy_packet(bytes);
  if (!packet) return;
  const auto* hint = std::get_if<hive::cell::PolicyHint>(&*packet);
  if (hint == nullptr) return;
  check(std::memcmp(bytes.data(), hint, sizeof *hint) == 0);
  hive::policy::Hint read;
  if (!hive::policy::read_hint(hint->hint, read)) return;
  const hive_wax_hint again =
      hive::policy::words_of(read, {hint->hint.epoch, hint->hint.incarnation});
  check(std::memcmp(&again, &hint->hint, sizeof again) == 0);
}

class Guest {
 public:
  void step(FuzzedDataProvider& input) {
    switch (input.ConsumeIntegralInRange<unsigned>(0, 5)) {
      case 0:
        now_ += input.ConsumeIntegral<std::uint32_t>();
        return;
      case 1: {
        std::vector<std::byte> data(input.ConsumeIntegralInRange<std::size_t>(0, 300));
        registers_.read(offset(input), data);
        return;
      }
      case 2: {
        const std::uint32_t value = 1;
        for (int i = input.ConsumeIntegral<std::uint8_t>(); i >= 0; --i) {
          registers_.write(offsetof(hive_wax_registers, submit),
                           std::as_bytes(std::span(&value, 1)));
        }
        return;
      }
      default: {
        const std::uint64_t place = offset(input);
        const auto bytes =
            input.ConsumeBytes<std::uint8_t>(input.ConsumeIntegralInRange<std::size_t>(0, 64));
        registers_.write(place, std::as_bytes(std::span(bytes)));
      }
    }
  }

  void check_bounds() {
    const std::uint64_t passed = now_ - kStart;
    check(hints_ <= HIVE_WAX_MAX_HINTS + passed / (kSecond / (kCells * HIVE_WAX_HINT_RATE)));
    check(beats_ <= (passed / kRound + 2) * HIVE_WAX_MAX_BEATS);
    hive_wax_registers all;
    registers_.read(0, std::as_writable_bytes(std::span(&all, 1)));
    check(all.magic == HIVE_WAX_MAGIC && all.epoch == 9 && all.incarnation == 7);
    check(all.now_ns == now_ && all.submit == 0);
  }

 private:
  static constexpr std::uint64_t kStart = 1'000'000'000;
  static constexpr std::uint64_t kSecond = 1'000'000'000;
  static constexpr std::uint64_t kRound = 250'000'000;
  static constexpr std::uint32_t kCells = 3;

  /// Mostly near what can be written, sometimes anywhere.
  static std::uint64_t offset(FuzzedDataProvider& input) {
    if (input.ConsumeBool()) return input.ConsumeIntegralInRange<std::uint64_t>(0x78, 0x128);
    return input.ConsumeIntegral<std::uint64_t>();
  }

  std::uint64_t now_ = kStart;
  std::uint64_t hints_ = 0;
  std::uint64_t beats_ = 0;
  PolicyRegisters registers_{{kCells, 8, 9, 7, 250},
                             [this] { return now_; },
                             [this](const hive_wax_hint& hint) {
                               hive::cell::PolicyHint packet;
                               packet.hint = hint;
                               receive(std::as_bytes(std::span(&packet, 1)));
                               return ++hints_ % 3 != 0;
                             },
                             [this](std::uint64_t, std::uint64_t) { ++beats_; }};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  receive(std::as_bytes(std::span(data, size)));
  FuzzedDataProvider input(data, size);
  Guest guest;
  while (input.remaining_bytes() > 0) {
    guest.step(input);
    guest.check_bounds();
  }
  return 0;
}
