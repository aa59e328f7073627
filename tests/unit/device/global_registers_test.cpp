#include "vmm/device/global/global_registers.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

#include "vmm/base/units.h"

namespace hive::device {
namespace {

constexpr std::uint64_t kRequest = offsetof(hive_global_registers, request);
constexpr std::uint64_t kSubmit = offsetof(hive_global_registers, submit);
constexpr std::uint64_t kReply = offsetof(hive_global_registers, reply);

class GlobalRegistersTest : public ::testing::Test {
 protected:
  template <typename T>
  T get(std::uint64_t offset) {
    T value{};
    registers_.read(offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  template <typename T>
  void set(std::uint64_t offset, const T& value) {
    registers_.write(offset, std::as_bytes(std::span(&value, 1)));
  }
  std::uint32_t state() { return get<std::uint32_t>(offsetof(hive_global_registers, state)); }

  std::vector<hive_global_request> requests_;
  std::vector<std::uint32_t> rung_;
  GlobalRegisters registers_{
      {.cell = 2,
       .incarnation = 7,
       .window = {4 * kGiB, 6 * kMiB},
       .parts = {{0, 4 * kMiB}, {4 * kMiB, 0}, {4 * kMiB, 2 * kMiB}}},
      [this](const hive_global_request& request) { requests_.push_back(request); },
      [this](std::uint32_t value) { rung_.push_back(value); }};
};

TEST_F(GlobalRegistersTest, TellWhatTheMachineIs) {
  const auto all = get<hive_global_registers>(0);
  EXPECT_EQ(all.iv_position, 2U);
  EXPECT_EQ(std::memcmp(&all.magic, "HIVG", 4), 0);
  EXPECT_EQ(all.version, HIVE_GLOBAL_VERSION);
  EXPECT_EQ(all.cell, 2U);
  EXPECT_EQ(all.cells, 3U);
  EXPECT_EQ(all.window_start, 4 * kGiB);
  EXPECT_EQ(all.window_size, 6 * kMiB);
  EXPECT_EQ(all.incarnation, 7U);
  EXPECT_EQ(all.vectors, HIVE_GLOBAL_VECTORS);
  EXPECT_EQ(all.parts[0].size, 4 * kMiB);
  EXPECT_EQ(all.parts[1].offset, 0U);
  EXPECT_EQ(all.parts[1].size, 0U);
  EXPECT_EQ(all.parts[2].offset, 4 * kMiB);
  EXPECT_EQ(all.parts[2].size, 2 * kMiB);
  EXPECT_EQ(all.parts[3].size, 0U);
  EXPECT_EQ(all.state, HIVE_GLOBAL_IDLE);
  EXPECT_EQ(all.doorbell, 0U);
}

TEST_F(GlobalRegistersTest, CannotBeWrittenWhereTheyAreReadOnly) {
  const auto before = get<hive_global_registers>(0);
  for (std::uint64_t offset = 0; offset < sizeof before; offset += 8) {
    const bool request = offset >= kRequest && offset < kRequest + sizeof(hive_global_request);
    if (!request && offset != kSubmit) set<std::uint64_t>(offset, ~0ULL);
  }
  const auto after = get<hive_global_registers>(0);
  EXPECT_EQ(std::memcmp(&before, &after, sizeof before), 0);
  EXPECT_TRUE(requests_.empty());
}

TEST_F(GlobalRegistersTest, RingOnlyByWholeStoresToTheDoorbell) {
  constexpr std::uint64_t kDoorbell = offsetof(hive_global_registers, doorbell);
  set<std::uint16_t>(kDoorbell, 1);
  set<std::uint8_t>(kDoorbell, 1);
  set<std::uint64_t>(kDoorbell - 4, 1ULL << 32);
  set<std::uint32_t>(kDoorbell + 1, 1);
  EXPECT_TRUE(rung_.empty());
  set<std::uint32_t>(kDoorbell, 0xffff'ffff);
  set<std::uint32_t>(kDoorbell, 2 << 16 | 1);
  EXPECT_EQ(rung_, (std::vector<std::uint32_t>{0xffff'ffff, 2 << 16 | 1}));
}

TEST_F(GlobalRegistersTest, CopyARequestOnceAndAnswerIt) {
  hive_global_request request{};
  request.tag = 0x1122334455667788;
  request.operation = HIVE_GLOBAL_SECTION_OPEN;
  std::memcpy(request.name, "frames", 7);
  set(kRequest, request);
  EXPECT_EQ(state(), HIVE_GLOBAL_IDLE);
  set<std::uint32_t>(kSubmit, 0);
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(std::memcmp(requests_.data(), &request, sizeof request), 0);
  EXPECT_EQ(state(), HIVE_GLOBAL_BUSY);
  EXPECT_EQ(get<std::uint32_t>(kSubmit), 0U);

  hive_global_reply reply{};
  reply.tag = request.tag;
  reply.section = 9;
  registers_.answer(reply);
  EXPECT_EQ(state(), HIVE_GLOBAL_ANSWERED);
  EXPECT_EQ(get<hive_global_reply>(kReply).tag, request.tag);
  EXPECT_EQ(get<hive_global_reply>(kReply).section, 9U);
}

TEST_F(GlobalRegistersTest, LoseWhatIsWrittenWhileBusy) {
  set<std::uint64_t>(kRequest, 1);
  set<std::uint32_t>(kSubmit, 1);
  set<std::uint64_t>(kRequest, 2);
  set<std::uint32_t>(kSubmit, 1);
  EXPECT_EQ(requests_.size(), 1U);
  EXPECT_EQ(get<std::uint64_t>(kRequest), 1U);
  registers_.answer({});
  EXPECT_EQ(requests_.size(), 1U) << "what was written while busy came later";
  set<std::uint64_t>(kRequest, 3);
  set<std::uint32_t>(kSubmit, 1);
  ASSERT_EQ(requests_.size(), 2U);
  EXPECT_EQ(requests_[1].tag, 3U);
}

TEST_F(GlobalRegistersTest, TakeNoAnswerThatNobodyAskedFor) {
  hive_global_reply reply{};
  reply.tag = 5;
  registers_.answer(reply);
  EXPECT_EQ(state(), HIVE_GLOBAL_IDLE);
  EXPECT_EQ(get<hive_global_reply>(kReply).tag, 0U);
}

TEST_F(GlobalRegistersTest, TakeAccessesOfAnyWidthAndPlace) {
  std::vector<std::byte> bytes(8192, std::byte{0x5a});
  registers_.write(kRequest + 120, std::span(bytes).first(12));  // Request's end and submit.
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(requests_[0].name[63], 0x5a);
  EXPECT_EQ(requests_[0].name[55], 0);
  registers_.answer({});
  registers_.write(0, bytes);
  ASSERT_EQ(requests_.size(), 2U);
  EXPECT_EQ(requests_[1].tag, 0x5a5a'5a5a'5a5a'5a5aU);
  EXPECT_EQ(get<std::uint32_t>(8), 2U);
  registers_.write(4096, bytes);
  registers_.write(~0ULL, std::span(bytes).first(1));
  registers_.write(kSubmit, {});
  registers_.read(0, {});
  registers_.read(4090, bytes);
  EXPECT_EQ(bytes[8191], std::byte{0});
  registers_.read(~0ULL, bytes);
  EXPECT_EQ(bytes[0], std::byte{0});
}

}  // namespace
}  // namespace hive::device
