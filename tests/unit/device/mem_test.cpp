#include "vmm/device/virtio/mem.h"

#include <gtest/gtest.h>
#include <linux/virtio_mem.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "tests/unit/device/guest_driver.h"

namespace hive::device {
namespace {

constexpr std::uint64_t kBlock = VirtioMem::kBlock;
constexpr Range kRegion = memory::layout::spare_range(4 * kMiB, 128 * kMiB);
constexpr std::uint64_t kRing = 0x1'0000;
constexpr std::uint64_t kRequest = 0x2'0000;
constexpr std::uint64_t kAnswer = 0x3'0000;

std::uint64_t at(std::uint64_t block) { return kRegion.start + block * kBlock; }

class MemTest : public testing::Test {
 protected:
  void SetUp() override {
    auto mem = std::make_unique<VirtioMem>(
        kRegion,
        VirtioMem::Handlers{[this](const Range& blocks) { machine_.ram.plug(blocks); },
                            [this](const Range& blocks) {
                              releases_.push_back(blocks);
                              return !refuses_ && machine_.ram.unplug(blocks);
                            }},
        plugged_);
    mem_ = mem.get();
    driver_.emplace(machine_, machine_.attach(std::move(mem)));
    begin();
  }
  void begin() {
    queue_.emplace(machine_.ram, kRing, 8);
    ASSERT_TRUE(driver_->negotiate(1ULL << VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE));
    driver_->enable(0, *queue_);
    driver_->ready();
  }
  /// Makes a request of TYPE available, with LENGTH bytes of it and ROOM for its answer.
  void submit(std::uint16_t type, std::uint64_t address = 0, std::uint16_t blocks = 0,
              std::uint32_t length = sizeof(virtio_mem_req),
              std::uint32_t room = sizeof(virtio_mem_resp)) {
    virtio_mem_req request{};
    request.type = type;
    request.u.plug.addr = address;
    request.u.plug.nb_blocks = blocks;
    ASSERT_TRUE(machine_.ram.store({kRequest}, request));
    ASSERT_TRUE(machine_.ram.store({kAnswer}, std::array<std::uint8_t, 16>{0xff, 0xff}));
    queue_->add(0, {{kRequest, length, false}, {kAnswer, room, true}});
    driver_->kick(0);
  }
  /// What the device has answered, once it has.
  [[nodiscard]] virtio_mem_resp answer() {
    std::optional<test::GuestQueue::Used> used;
    EXPECT_TRUE(machine_.run_until([&] { return (used = queue_->take_used()).has_value(); }));
    EXPECT_EQ(used.value_or(test::GuestQueue::Used{}).length, sizeof(virtio_mem_resp));
    return machine_.ram.load<virtio_mem_resp>({kAnswer}).value();
  }
  [[nodiscard]] std::uint16_t ask(std::uint16_t type, std::uint64_t address = 0,
                                  std::uint16_t blocks = 0) {
    submit(type, address, blocks);
    return answer().type;
  }
  [[nodiscard]] std::uint16_t plug(std::uint64_t first, std::uint16_t blocks) {
    return ask(VIRTIO_MEM_REQ_PLUG, at(first), blocks);
  }
  [[nodiscard]] std::uint16_t unplug(std::uint64_t first, std::uint16_t blocks) {
    return ask(VIRTIO_MEM_REQ_UNPLUG, at(first), blocks);
  }
  [[nodiscard]] std::optional<std::uint16_t> state(std::uint64_t first, std::uint16_t blocks) {
    submit(VIRTIO_MEM_REQ_STATE, at(first), blocks);
    const virtio_mem_resp response = answer();
    if (response.type != VIRTIO_MEM_RESP_ACK) return std::nullopt;
    return response.u.state.state;
  }
  [[nodiscard]] virtio_mem_config config() {
    virtio_mem_config config{};
    mem_->read_config(0, std::as_writable_bytes(std::span(&config, 1)));
    return config;
  }

  std::atomic<std::uint64_t> plugged_{0};
  bool refuses_ = false;  ///< Whether the host takes nothing back.
  std::vector<Range> releases_;
  test::TestMachine machine_{kRegion};
  std::optional<test::GuestQueue> queue_;
  std::optional<test::GuestDriver> driver_;
  VirtioMem* mem_ = nullptr;
};

TEST_F(MemTest, TellsTheDriverWhatItIsToHave) {
  EXPECT_EQ(config().block_size, kBlock);
  EXPECT_EQ(config().addr, kRegion.start);
  EXPECT_EQ(config().region_size, kRegion.size);
  EXPECT_EQ(config().usable_region_size, kRegion.size);
  EXPECT_EQ(config().requested_size, 0U);
  const unsigned before = driver_->config_interrupts();
  mem_->want(6 * kMiB);
  EXPECT_EQ(config().requested_size, 6 * kMiB);
  EXPECT_EQ(driver_->config_interrupts(), before + 1);
  mem_->want(6 * kMiB);
  EXPECT_EQ(driver_->config_interrupts(), before + 1) << "nothing new";
  mem_->want(~std::uint64_t{0});
  EXPECT_EQ(config().requested_size, kRegion.size);
  EXPECT_EQ(plug(0, 1), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(config().plugged_size, kBlock);
}

TEST_F(MemTest, LendsMemoryAndTakesItBack) {
  EXPECT_FALSE(machine_.ram.store({at(2)}, 7));
  mem_->want(3 * kBlock);
  EXPECT_EQ(plug(2, 3), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(plugged_, 3 * kBlock);
  EXPECT_TRUE(machine_.ram.store({at(2)}, 7));
  EXPECT_TRUE(machine_.ram.store({at(4)}, 7));
  EXPECT_EQ(unplug(2, 2), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(plugged_, kBlock);
  EXPECT_EQ(releases_, (std::vector<Range>{{at(2), 2 * kBlock}}));
  EXPECT_FALSE(machine_.ram.load<int>({at(2)}));
  EXPECT_EQ(machine_.ram.load<int>({at(4)}), 7);
  EXPECT_EQ(plug(2, 1), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(machine_.ram.load<int>({at(2)}), 0);
}

TEST_F(MemTest, LendsNoMoreThanIsWanted) {
  EXPECT_EQ(plug(0, 1), VIRTIO_MEM_RESP_NACK);
  mem_->want(2 * kBlock);
  EXPECT_EQ(plug(0, 3), VIRTIO_MEM_RESP_NACK);
  EXPECT_EQ(plug(0, 2), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(plug(2, 1), VIRTIO_MEM_RESP_NACK);
  mem_->want(0);
  EXPECT_EQ(plugged_, 2 * kBlock) << "the driver's to give back";
  EXPECT_EQ(unplug(0, 1), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(plug(0, 1), VIRTIO_MEM_RESP_NACK);
}

TEST_F(MemTest, TellsWhatIsPluggedIn) {
  mem_->want(kRegion.size);
  EXPECT_EQ(plug(1, 2), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(state(1, 2), VIRTIO_MEM_STATE_PLUGGED);
  EXPECT_EQ(state(0, 2), VIRTIO_MEM_STATE_MIXED);
  EXPECT_EQ(state(3, 9), VIRTIO_MEM_STATE_UNPLUGGED);
  EXPECT_EQ(state(63, 2), std::nullopt);
}

TEST_F(MemTest, RefusesWhatMakesNoSense) {
  mem_->want(kRegion.size);
  ASSERT_EQ(plug(4, 4), VIRTIO_MEM_RESP_ACK);
  constexpr std::array<std::uint16_t, 3> kTypes{VIRTIO_MEM_REQ_PLUG, VIRTIO_MEM_REQ_UNPLUG,
                                                VIRTIO_MEM_REQ_STATE};
  for (const std::uint16_t type : kTypes) {
    for (const std::uint64_t address :
         {std::uint64_t{0}, kRegion.start - kBlock, kRegion.start + 4096, kRegion.end(),
          ~std::uint64_t{0}, ~kBlock + 1}) {
      EXPECT_EQ(ask(type, address, 1), VIRTIO_MEM_RESP_ERROR) << type << " " << address;
    }
    EXPECT_EQ(ask(type, at(0), 0), VIRTIO_MEM_RESP_ERROR) << type;
    EXPECT_EQ(ask(type, at(0), 0xffff), VIRTIO_MEM_RESP_ERROR) << type;
    EXPECT_EQ(ask(type, at(60), 5), VIRTIO_MEM_RESP_ERROR) << type;
  }
  EXPECT_EQ(plug(3, 2), VIRTIO_MEM_RESP_ERROR) << "one of them is plugged in";
  EXPECT_EQ(unplug(7, 2), VIRTIO_MEM_RESP_ERROR) << "one of them is not";
  for (const int type : {4, 0x100, 0xffff}) {
    EXPECT_EQ(ask(static_cast<std::uint16_t>(type), at(4), 1), VIRTIO_MEM_RESP_ERROR);
  }
  EXPECT_EQ(plugged_, 4 * kBlock);
  EXPECT_TRUE(releases_.empty());
}

TEST_F(MemTest, DoesNothingForARequestThatIsCutOff) {
  mem_->want(kRegion.size);
  submit(VIRTIO_MEM_REQ_PLUG, at(0), 1, sizeof(virtio_mem_req) - 1);
  EXPECT_EQ(answer().type, VIRTIO_MEM_RESP_ERROR);
  EXPECT_EQ(plugged_, 0U);
  submit(VIRTIO_MEM_REQ_PLUG, at(0), 1, sizeof(virtio_mem_req), sizeof(virtio_mem_resp) - 1);
  machine_.settle();
  EXPECT_EQ(plugged_, 0U);
  EXPECT_EQ(machine_.broken.size(), 1U) << "it cannot be answered";
}

TEST_F(MemTest, TakesAllBack) {
  mem_->want(kRegion.size);
  EXPECT_EQ(plug(0, 30), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(plug(31, 1), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(plug(63, 1), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(ask(VIRTIO_MEM_REQ_UNPLUG_ALL), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(plugged_, 0U);
  std::uint64_t released = 0;
  for (const Range& each : releases_) {
    EXPECT_LE(each.size, VirtioMem::kMostAtOnce * kBlock);
    released += each.size;
  }
  EXPECT_EQ(released, 32 * kBlock) << "what was never plugged in costs nothing";
  EXPECT_EQ(ask(VIRTIO_MEM_REQ_UNPLUG_ALL), VIRTIO_MEM_RESP_ACK);
}

TEST_F(MemTest, GivesOthersTheirTurnBeforeALongRequestEnds) {
  mem_->want(kRegion.size);
  ASSERT_EQ(plug(0, 64), VIRTIO_MEM_RESP_ACK);
  submit(VIRTIO_MEM_REQ_UNPLUG, at(0), 64);
  EXPECT_TRUE(machine_.run_until([&] { return !releases_.empty(); }));
  EXPECT_EQ(releases_.size(), 1U);
  EXPECT_FALSE(queue_->take_used()) << "not before its end";
  EXPECT_EQ(answer().type, VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(plugged_, 0U);
}

TEST_F(MemTest, CountsWhatTheHostCouldNotTake) {
  mem_->want(3 * kBlock);
  ASSERT_EQ(plug(2, 3), VIRTIO_MEM_RESP_ACK);
  ASSERT_TRUE(machine_.ram.store({at(3)}, 7));
  refuses_ = true;
  EXPECT_EQ(unplug(2, 2), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(config().plugged_size, kBlock);
  EXPECT_EQ(plugged_, 3 * kBlock) << "the host has none of it";
  EXPECT_EQ(state(2, 2), VIRTIO_MEM_STATE_UNPLUGGED);
  EXPECT_EQ(plugged_, 3 * kBlock) << "it refuses still";
  refuses_ = false;
  EXPECT_EQ(state(2, 2), VIRTIO_MEM_STATE_UNPLUGGED);
  EXPECT_EQ(plugged_, kBlock) << "any request has it tried again";
  const std::size_t tries = releases_.size();
  EXPECT_EQ(state(2, 2), VIRTIO_MEM_STATE_UNPLUGGED);
  EXPECT_EQ(releases_.size(), tries) << "and no more than that";
}

TEST_F(MemTest, LendsNoMoreWhileTheHostCouldNotTakeSome) {
  mem_->want(2 * kBlock);
  ASSERT_EQ(plug(0, 2), VIRTIO_MEM_RESP_ACK);
  ASSERT_TRUE(machine_.ram.store({at(0)}, 7));
  refuses_ = true;
  ASSERT_EQ(unplug(0, 2), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(plug(4, 1), VIRTIO_MEM_RESP_BUSY) << "it is all in use";
  EXPECT_EQ(plug(4, 3), VIRTIO_MEM_RESP_NACK) << "nor would it be allowed";
  EXPECT_EQ(plug(1, 1), VIRTIO_MEM_RESP_ACK) << "of those in use";
  EXPECT_EQ(plugged_, 2 * kBlock);
  EXPECT_EQ(config().plugged_size, kBlock);
  refuses_ = false;
  EXPECT_EQ(plug(0, 1), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(machine_.ram.load<int>({at(0)}), 0) << "it was given back before";
  EXPECT_EQ(plugged_, 2 * kBlock);
}

TEST_F(MemTest, OffersToTheHostAgainWhenItWantsAnotherAmount) {
  mem_->want(2 * kBlock);
  ASSERT_EQ(plug(0, 2), VIRTIO_MEM_RESP_ACK);
  refuses_ = true;
  ASSERT_EQ(ask(VIRTIO_MEM_REQ_UNPLUG_ALL), VIRTIO_MEM_RESP_ACK);
  EXPECT_EQ(plugged_, 2 * kBlock);
  refuses_ = false;
  mem_->want(0);
  EXPECT_EQ(plugged_, 0U);
}

TEST_F(MemTest, OffersSomeAtATimeAndEachInItsTurn) {
  mem_->want(kRegion.size);
  ASSERT_EQ(plug(0, 20), VIRTIO_MEM_RESP_ACK);
  refuses_ = true;
  ASSERT_EQ(unplug(0, 20), VIRTIO_MEM_RESP_ACK);
  releases_.clear();
  for (int request = 0; request < 3; ++request) {
    const std::size_t before = releases_.size();
    EXPECT_EQ(state(0, 20), VIRTIO_MEM_STATE_UNPLUGGED);
    EXPECT_EQ(releases_.size() - before, VirtioMem::kMostAtOnce);
  }
  for (std::uint64_t block = 0; block < 20; ++block) {
    EXPECT_NE(std::find(releases_.begin(), releases_.end(), Range{at(block), kBlock}),
              releases_.end())
        << block;
  }
}

TEST_F(MemTest, KeepsWhatIsPluggedInOverAReset) {
  mem_->want(kRegion.size);
  ASSERT_EQ(plug(0, 2), VIRTIO_MEM_RESP_ACK);
  ASSERT_TRUE(machine_.ram.store({at(1)}, 7));
  driver_->reset();
  EXPECT_EQ(plugged_, 2 * kBlock);
  begin();
  EXPECT_EQ(config().requested_size, kRegion.size);
  EXPECT_EQ(state(0, 2), VIRTIO_MEM_STATE_PLUGGED);
  EXPECT_EQ(machine_.ram.load<int>({at(1)}), 7);
}

TEST_F(MemTest, ForgetsARequestThatAResetEnds) {
  mem_->want(kRegion.size);
  ASSERT_EQ(plug(0, 64), VIRTIO_MEM_RESP_ACK);
  submit(VIRTIO_MEM_REQ_UNPLUG, at(0), 64);
  ASSERT_TRUE(machine_.run_until([&] { return !releases_.empty(); }));
  driver_->reset();
  const std::uint64_t left = plugged_;
  EXPECT_GT(left, 0U);
  begin();
  EXPECT_EQ(state(63, 1), VIRTIO_MEM_STATE_PLUGGED);
  EXPECT_EQ(plugged_, left);
  EXPECT_EQ(unplug(63, 1), VIRTIO_MEM_RESP_ACK);
}

}  // namespace
}  // namespace hive::device
