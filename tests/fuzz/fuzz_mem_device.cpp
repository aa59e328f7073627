// A guest that asks its virtio-mem device for whatever it likes, while the host changes its mind
// about how much memory it is to have.
#include <fuzzer/FuzzedDataProvider.h>
#include <linux/virtio_mem.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>

#include "tests/unit/device/guest_driver.h"
#include "vmm/device/virtio/mem.h"

namespace hive::device::fuzz {
namespace {

constexpr std::uint64_t kBlock = VirtioMem::kBlock;
constexpr Range kRegion = memory::layout::spare_range(4 * kMiB, 384 * kMiB);
constexpr std::uint64_t kRing = 0x1'0000;
constexpr std::uint64_t kRequest = 0x2'0000;
constexpr std::uint64_t kAnswer = 0x3'0000;

void check(bool held) {
  if (!held) std::abort();
}

class Session {
 public:
  explicit Session(FuzzedDataProvider& input) : input_(input) {
    VirtioMem::Handlers handlers;
    handlers.plugged = [this](const Range& blocks) { machine_.ram.plug(blocks); };
    handlers.unplugged = [this](const Range& blocks) { return machine_.ram.unplug(blocks); };
    auto mem = std::make_unique<VirtioMem>(kRegion, std::move(handlers), plugged_);
    mem_ = mem.get();
    driver_.emplace(machine_, machine_.attach(std::move(mem)));
    start();
  }

  void step() {
    switch (input_.ConsumeIntegralInRange<unsigned>(0, 7)) {
      case 0:
        return mem_->want(input_.ConsumeIntegralInRange<std::uint64_t>(0, 400) * kMiB);
      case 1:
        return restart();
      case 2:
        return send(input_.ConsumeIntegral<std::uint8_t>(), input_.ConsumeIntegral<std::uint8_t>());
      case 3:
        machine_.loop.restart();
        return (void)machine_.loop.poll_one();
      default:
        return send(sizeof(virtio_mem_req), sizeof(virtio_mem_resp));
    }
  }

  /// What the device counts, what devices may reach and what the driver is told are the same.
  void check_accounts() {
    machine_.settle();
    std::uint64_t reachable = 0;
    for (std::uint64_t at = kRegion.start; at < kRegion.end(); at += kBlock) {
      if (machine_.ram.window({at}, kBlock)) reachable += kBlock;
    }
    virtio_mem_config config{};
    mem_->read_config(0, std::as_writable_bytes(std::span(&config, 1)));
    check(reachable == plugged_ && config.plugged_size == plugged_);
    check(config.requested_size <= config.usable_region_size);
    check(config.usable_region_size <= kRegion.size);
  }

 private:
  void start() {
    queue_.emplace(machine_.ram, kRing, 8);
    check(
        driver_->negotiate(input_.ConsumeBool() ? 1ULL << VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE : 0));
    driver_->enable(0, *queue_);
    driver_->ready();
  }

  void restart() {
    driver_->reset();
    machine_.settle();
    machine_.broken.clear();
    waiting_ = 0;
    is_short_ = false;
    start();
  }

  void send(std::uint32_t length, std::uint32_t room) {
    if (!machine_.broken.empty()) restart();
    const std::uint64_t before = plugged_;
    virtio_mem_req request{};
    request.type = input_.ConsumeIntegralInRange<std::uint16_t>(0, 4);
    request.u.plug.addr = input_.ConsumeBool()
                              ? kRegion.start + kBlock * input_.ConsumeIntegral<std::uint8_t>()
                              : input_.ConsumeIntegral<std::uint64_t>();
    request.u.plug.nb_blocks = input_.ConsumeBool() ? input_.ConsumeIntegral<std::uint8_t>()
                                                    : input_.ConsumeIntegral<std::uint16_t>();
    check(machine_.ram.store({kRequest}, request));
    queue_->add(0, {{kRequest, length, false}, {kAnswer, room, true}});
    driver_->kick(0);
    is_short_ = is_short_ || room < sizeof(virtio_mem_resp);
    // The next one comes, or a reset, before it is answered.
    if (input_.ConsumeBool() && ++waiting_ < queue_->size()) return;
    waiting_ = 0;
    machine_.settle();
    if (!machine_.broken.empty()) return check(is_short_);
    const auto answer = machine_.ram.load<virtio_mem_resp>({kAnswer});
    check(answer && answer->type <= VIRTIO_MEM_RESP_ERROR);
    virtio_mem_config config{};
    mem_->read_config(0, std::as_writable_bytes(std::span(&config, 1)));
    check(plugged_ <= before || plugged_ <= config.requested_size);
  }

  FuzzedDataProvider& input_;
  std::atomic<std::uint64_t> plugged_{0};
  test::TestMachine machine_{kRegion};
  std::optional<test::GuestQueue> queue_;
  std::optional<test::GuestDriver> driver_;
  VirtioMem* mem_ = nullptr;
  unsigned waiting_ = 0;   ///< Requests since the device had its turns.
  bool is_short_ = false;  ///< Whether one of them has no room for its answer.
};

}  // namespace
}  // namespace hive::device::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  hive::device::fuzz::Session session(input);
  for (unsigned step = 0; step < 48 && input.remaining_bytes() > 0; ++step) session.step();
  session.check_accounts();
  return 0;
}
