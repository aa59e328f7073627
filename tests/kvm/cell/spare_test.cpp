// A guest that plugs in memory beyond its own, and one that uses what it has not plugged in.
#include <gtest/gtest.h>
#include <linux/virtio_mem.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_machine.h"
#include "tests/kvm/harness/micro_virtio.h"
#include "vmm/base/units.h"
#include "vmm/device/virtio/ring_abi.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

constexpr std::uint64_t kBlock = 2 * kMiB;
constexpr Range kSpare = memory::layout::spare_range(MicroCell::kMemory, 256 * kMiB);
constexpr std::uint64_t kPlace = kSpare.start + 4 * kBlock;
/// Behind the entropy device and the balloon.
constexpr unsigned kFunction = 3;
constexpr std::uint64_t kConfig =
    memory::layout::kPciWindow.start + (kFunction - 1) * 0x8000ULL + 0x2000;
constexpr MicroVirtio::Queue kQueue{HIVE_MICRO_FREE, HIVE_MICRO_FREE + 0x1000,
                                    HIVE_MICRO_FREE + 0x2000, 4};
constexpr std::uint64_t kRequest = HIVE_MICRO_FREE + 0x3000;
constexpr std::uint64_t kAnswer = HIVE_MICRO_FREE + 0x4000;
constexpr std::uint64_t kAck = VIRTIO_MEM_RESP_ACK;
constexpr std::uint64_t kNack = VIRTIO_MEM_RESP_NACK;
constexpr std::uint64_t kGo = HIVE_MICRO_FREE + 0x5000;

using Script = MicroVirtio::Script;

Script set_up() {
  Script script{micro::map(kSpare.start)};
  MicroVirtio::append(script, MicroVirtio(kFunction).set_up({kQueue}));
  MicroVirtio::append(script, MicroVirtio::descriptor(kQueue.descriptors, 0, kRequest,
                                                      sizeof(virtio_mem_req), VRING_DESC_F_NEXT));
  MicroVirtio::append(script, MicroVirtio::descriptor(kQueue.descriptors, 1, kAnswer,
                                                      sizeof(virtio_mem_resp), VRING_DESC_F_WRITE));
  return script;
}

/// Request NUMBER, from 1 on; its last action's result is the answer.
Script request(unsigned number, std::uint16_t type, std::uint64_t address, std::uint16_t blocks) {
  return {micro::store(8, kRequest, type),
          micro::store(8, kRequest + 8, address),
          micro::store(8, kRequest + 16, blocks),
          micro::store(2, kQueue.available + 4 + 2 * ((number - 1) % kQueue.size), 0),
          micro::store(2, kQueue.available + 2, number),
          MicroVirtio(kFunction).kick(0),
          micro::wait(2, kQueue.used + 2, number),
          micro::load(2, kAnswer)};
}

class SpareMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }
  /// Adds ACTION; its number.
  unsigned add(const micro::Action& action) {
    script_.push_back(action);
    return static_cast<unsigned>(script_.size() - 1);
  }
  unsigned add(const Script& actions) {
    MicroVirtio::append(script_, actions);
    return static_cast<unsigned>(script_.size() - 1);
  }
  Script script_ = set_up();
};

TEST_F(SpareMemory, IsPluggedInUsedAndGivenBack) {
  add(micro::wait(8, kConfig + offsetof(virtio_mem_config, requested_size), 2 * kBlock));
  const unsigned too_much = add(request(1, VIRTIO_MEM_REQ_PLUG, kPlace, 3));
  const unsigned plugged = add(request(2, VIRTIO_MEM_REQ_PLUG, kPlace, 2));
  add(micro::store(8, kPlace + kBlock, 0x1234));
  add(micro::store(8, kPlace + 2 * kBlock - 8, 0x5678));
  const unsigned filled = add(micro::wait(8, kGo, 1));
  const unsigned unplugged = add(request(3, VIRTIO_MEM_REQ_UNPLUG, kPlace, 2));
  const unsigned left = add(micro::load(8, kPlace + kBlock));
  MicroCell cell({script_}, {}, MicroCell::kMemory, {}, {}, {}, kSpare.size);
  const auto& bytes = cell.progress().devices.plugged_bytes;
  cell.cell().start();
  cell.cell().set_spare(2 * kBlock);
  ASSERT_TRUE(cell.run_until([&] { return cell.performed(0) >= filled; }));
  EXPECT_EQ(bytes.load(), 2 * kBlock);
  const memory::GuestMemory& memory = cell.cell().memory();
  EXPECT_EQ(memory.load<std::uint64_t>({kPlace + 2 * kBlock - 8}), 0x5678U);
  EXPECT_FALSE(memory.window({kPlace + 2 * kBlock}, 1)) << "not plugged in";
  ASSERT_TRUE(memory.store({kGo}, std::uint64_t{1}));
  ASSERT_TRUE(cell.run_until_done());
  EXPECT_EQ(cell.result(0, too_much).value, kNack);
  EXPECT_EQ(cell.result(0, plugged).value, kAck);
  EXPECT_EQ(cell.result(0, unplugged).value, kAck);
  EXPECT_EQ(cell.result(0, left).value, 0U) << "it went back to the host";
  EXPECT_EQ(bytes.load(), 0U);
}

TEST_F(SpareMemory, HurtsNobodyWhereItIsUsedWithoutBeingPluggedIn) {
  const unsigned unasked = add(request(1, VIRTIO_MEM_REQ_PLUG, kPlace, 1));
  add(micro::store(8, kPlace, 0x1234));
  const unsigned stored = add(micro::load(8, kPlace));
  add(micro::map(kSpare.end() - 8));
  add(micro::store(8, kSpare.end() - 8, 0x5678));
  const unsigned beyond = add(micro::load(8, kSpare.end()));
  const unsigned again = add(request(2, VIRTIO_MEM_REQ_STATE, kPlace, 1));
  MicroCell cell({script_}, {}, MicroCell::kMemory, {}, {}, {}, kSpare.size);
  cell.cell().start();
  ASSERT_TRUE(cell.run_until_done());
  EXPECT_EQ(cell.result(0, unasked).value, kNack);
  EXPECT_EQ(cell.result(0, stored).value, 0x1234U) << "the host's loss";
  EXPECT_EQ(cell.result(0, beyond).value, ~0ULL);
  EXPECT_EQ(cell.result(0, again).value, kAck);
  EXPECT_EQ(cell.progress().devices.plugged_bytes.load(), 0U);
  EXPECT_FALSE(cell.cell().memory().window({kPlace}, 8)) << "no memory to devices";
}

}  // namespace
}  // namespace hive::test
