// HIVE_MICRO_TALK between two CPUs, whose doorbell is an IPI to each other.
#include <gmock/gmock.h>

#include "tests/kvm/harness/micro_machine.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using micro::Action;
using End = MicroMachine::End;

constexpr std::uint64_t kTurns = 20;
constexpr std::uint64_t kSlot = 0x300000, kTalk = 0x310000, kBuffer = 0x320000, kTimes = 0x330000;
constexpr std::uint64_t kEach = 0x8000;  // From CPU 0's to CPU 1's.
constexpr std::uint64_t kLength = 100;
constexpr std::uint64_t kForEver = 1'000'000'000'000;
constexpr std::uint32_t kVector = 0x55;
constexpr std::uint32_t kToOthers = 0xc4000;  // Fixed, to all but this CPU (SDM 3A, 11.6.1).

struct Case {
  const char* name;
  std::uint64_t flags;
  std::uint64_t spin;
};

class MicroTalk : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  static std::vector<Action> script(std::uint64_t cpu) {
    hive_micro_talk talk{};
    talk.own = kSlot + cpu * kEach;
    talk.other = kSlot + (1 - cpu) * kEach;
    talk.buffer = kBuffer + cpu * kEach;
    talk.length = kLength;
    talk.doorbell = memory::layout::kLocalApic.start + 0x300;
    talk.ring = kToOthers | kVector;
    talk.flags = GetParam().flags | (cpu == 0 ? HIVE_MICRO_TALK_CALLS : 0);
    talk.spin = GetParam().spin;
    talk.turns = kTurns;
    talk.times = kTimes + cpu * kEach;
    const auto* words = reinterpret_cast<const std::uint64_t*>(&talk);
    const std::uint64_t at = kTalk + cpu * kEach;
    std::vector<Action> made;
    for (std::size_t word = 0; word < sizeof talk / 8; ++word) {
      made.push_back(micro::store(8, at + 8 * word, words[word]));
    }
    if (cpu == 0) made.push_back(micro::fill(talk.buffer, 0xab, kLength));
    if (cpu == 0) made.push_back(micro::start_cpu(1));
    made.push_back(micro::talk(at));
    return made;
  }
};

TEST_P(MicroTalk, TakesTurns) {
  MicroMachine machine({script(0), script(1)});
  ASSERT_EQ(machine.run(), End::kDone);
  const memory::GuestMemory& memory = machine.memory();
  for (std::uint64_t cpu = 0; cpu < 2; ++cpu) {
    const hive_micro_result result =
        machine.result(static_cast<unsigned>(cpu), static_cast<unsigned>(script(cpu).size() - 1));
    EXPECT_EQ(result.status, HIVE_MICRO_OK);
    EXPECT_EQ(result.value, kTurns);
    EXPECT_EQ(memory.load<std::uint64_t>({kSlot + cpu * kEach}), kTurns);
    EXPECT_EQ(memory.load<std::uint8_t>({kBuffer + cpu * kEach + kLength - 1}), 0xab);
    EXPECT_EQ(memory.load<std::uint8_t>({kBuffer + cpu * kEach + kLength}), 0);
    for (std::uint64_t turn = 0; turn < kTurns; ++turn) {
      EXPECT_NE(memory.load<std::uint64_t>({kTimes + cpu * kEach + 8 * turn}), 0U);
    }
    EXPECT_EQ(memory.load<std::uint64_t>({kTimes + cpu * kEach + 8 * kTurns}), 0U);
  }
}

TEST_P(MicroTalk, RingsAsItIsTold) {
  MicroMachine machine({script(0), script(1)});
  ASSERT_EQ(machine.run(), End::kDone);
  // The answerer's doorbell: interrupts that came while it spun are still pending at its end.
  const std::uint64_t rung = machine.results(1).vectors[kVector];
  if (GetParam().spin != 0) {
    EXPECT_EQ(rung, 0U) << "it spins with interrupts off";
  } else {
    EXPECT_GT(rung, 0U);
    EXPECT_LE(rung, kTurns);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Policy, MicroTalk,
    ::testing::Values(Case{"Spinning", 0, kForEver},
                      Case{"SpinningRingingAlways", HIVE_MICRO_TALK_RINGS_ALWAYS, kForEver},
                      Case{"Sleeping", 0, 0},
                      Case{"SleepingRingingAlways", HIVE_MICRO_TALK_RINGS_ALWAYS, 0}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace hive::test
