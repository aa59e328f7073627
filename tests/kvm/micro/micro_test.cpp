// The micro guest itself, on KVM: that each action does what its ABI says.
#include <gmock/gmock.h>

#include <cstring>

#include "tests/kvm/harness/micro_machine.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using micro::Action;
using End = MicroMachine::End;

constexpr std::uint64_t kData = 0x300000;
constexpr std::uint32_t kFixedIpi = 0x4000;

class Micro : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }
};

/// Expects each action of CPU's script to have ended OK, and returns their values.
std::vector<std::uint64_t> values_of(const MicroMachine& machine, unsigned cpu, std::size_t count) {
  std::vector<std::uint64_t> values;
  for (unsigned i = 0; i < count; ++i) {
    const hive_micro_result result = machine.result(cpu, i);
    EXPECT_EQ(result.status, HIVE_MICRO_OK)
        << "cpu " << cpu << ", action " << i << ", vector " << int{result.vector};
    values.push_back(result.value);
  }
  return values;
}

/// The values of SCRIPT's actions, all of which end OK.
std::vector<std::uint64_t> run(const std::vector<Action>& script) {
  MicroMachine machine({script});
  EXPECT_EQ(machine.run(), End::kDone);
  EXPECT_EQ(machine.results(0).performed, script.size());
  return values_of(machine, 0, script.size());
}

TEST_F(Micro, StoresAndLoadsEveryWidth) {
  const auto values = run({micro::store(8, kData, 0x1122'3344'5566'7788), micro::load(1, kData),
                           micro::load(2, kData), micro::load(4, kData), micro::load(8, kData),
                           micro::store(1, kData, 0xfff), micro::store(4, kData + 4, ~0ULL),
                           micro::load(8, kData)});
  EXPECT_EQ(values[1], 0x88U);
  EXPECT_EQ(values[2], 0x7788U);
  EXPECT_EQ(values[3], 0x5566'7788U);
  EXPECT_EQ(values[4], 0x1122'3344'5566'7788U);
  EXPECT_EQ(values[7], 0xffff'ffff'5566'77ffU);
}

TEST_F(Micro, StoresAcrossAPageBoundary) {
  const auto values = run({micro::store(8, kData + 0xffc, 0x1122'3344'5566'7788),
                           micro::load(4, kData + 0xffc), micro::load(4, kData + 0x1000)});
  EXPECT_EQ(values[1], 0x5566'7788U);
  EXPECT_EQ(values[2], 0x1122'3344U);
}

TEST_F(Micro, LocksItsReadModifyWrites) {
  const auto values = run({micro::add(4, kData, 5), micro::add(4, kData, 6),
                           micro::xchg(2, kData, 0x99), micro::cmpxchg(8, kData, 0x99, 0x77),
                           micro::cmpxchg(8, kData, 0x99, 0x55), micro::load(8, kData)});
  EXPECT_THAT(values, ::testing::ElementsAre(0, 5, 11, 0x99, 0x77, 0x77));
}

TEST_F(Micro, FillsAndCopies) {
  MicroMachine machine({{micro::fill(kData, 0xab, 8192), micro::copy(kData + 0x4001, kData, 100)}});
  ASSERT_EQ(machine.run(), End::kDone);
  EXPECT_EQ(machine.memory().load<std::uint8_t>({kData + 8191}), 0xab);
  EXPECT_EQ(machine.memory().load<std::uint8_t>({kData + 8192}), 0);
  EXPECT_EQ(machine.memory().load<std::uint8_t>({kData + 0x4064}), 0xab);
  EXPECT_EQ(machine.memory().load<std::uint8_t>({kData + 0x4065}), 0);
}

TEST_F(Micro, SweepsOverMemory) {
  MicroMachine machine({{micro::sweep(kData, 4096, 3), micro::sweep(kData + 16, 4096, 0)}});
  ASSERT_EQ(machine.run(), End::kDone);
  values_of(machine, 0, 2);
  for (std::uint64_t turn = 0; turn < 3; ++turn) {
    const std::uint64_t at = kData + turn * 4096;
    EXPECT_EQ(machine.memory().load<std::uint64_t>({at}), at);
    EXPECT_EQ(machine.memory().load<std::uint64_t>({at + 8}), 0U);
    EXPECT_EQ(machine.memory().load<std::uint64_t>({at + 16}), 0U);
  }
  EXPECT_EQ(machine.memory().load<std::uint64_t>({kData + 3 * 4096}), 0U);
}

TEST_F(Micro, AccessesPortsAndDeviceMemory) {
  constexpr std::uint64_t kDevice = memory::layout::kPciWindow.start;
  MicroMachine machine(
      {{micro::out(1, 0x505, 0x12), micro::out(4, 0x600, 0xdead'beef), micro::in(2, 0x601),
        micro::store(4, kDevice, 0x1234'5678), micro::load(8, kDevice + 8)}});
  ASSERT_EQ(machine.run(), End::kDone);
  const auto values = values_of(machine, 0, 5);
  EXPECT_EQ(values[2], 0xffffU);
  EXPECT_EQ(values[4], ~0ULL);
  const auto& accesses = machine.accesses();
  ASSERT_EQ(accesses.size(), 5U);
  EXPECT_EQ(accesses[0].address, 0x505U);
  EXPECT_EQ(accesses[0].data, std::vector{std::byte{0x12}});
  EXPECT_EQ(accesses[1].data.size(), 4U);
  EXPECT_EQ(accesses[2].reason, kvm::ExitReason::kPortRead);
  EXPECT_EQ(accesses[3].address, kDevice);
  EXPECT_EQ(accesses[3].reason, kvm::ExitReason::kMemoryWrite);
  EXPECT_EQ(accesses[3].data[3], std::byte{0x12});
  EXPECT_EQ(accesses[4].address, kDevice + 8);
}

TEST_F(Micro, ReadsCpuRegisters) {
  constexpr std::uint32_t kApicBase = 0x1b;
  constexpr std::uint32_t kLstar = 0xc000'0082;
  const auto values =
      run({micro::cpuid(0), micro::rdmsr(kApicBase), micro::wrmsr(kLstar, 0x1234'5678'9abc),
           micro::rdmsr(kLstar), micro::rdtsc(), micro::rdtsc()});
  EXPECT_GE(values[0] & 0xffff'ffff, 1U);
  EXPECT_EQ(values[1] & ~0xfffULL, memory::layout::kLocalApic.start);
  EXPECT_EQ(values[3], 0x1234'5678'9abcU);
  EXPECT_GT(values[5], values[4]);
}

TEST_F(Micro, RecordsExceptionsAndGoesOn) {
  constexpr std::uint64_t kUnmapped = 5 * kGiB;
  MicroMachine machine({{micro::load(8, kUnmapped), micro::store(8, kUnmapped, 1),
                         micro::load(8, 1ULL << 63), micro::undefined(), micro::load(3, kData),
                         Action{9999, 0, 0, 0, 0}, micro::store(8, kData, 7)}});
  ASSERT_EQ(machine.run(), End::kDone);
  const auto expect = [&](unsigned action, int vector, std::uint32_t error, std::uint64_t extra) {
    const hive_micro_result result = machine.result(0, action);
    EXPECT_EQ(result.status, HIVE_MICRO_EXCEPTION) << action;
    EXPECT_EQ(result.vector, vector) << action;
    EXPECT_EQ(result.error_code, error) << action;
    EXPECT_EQ(result.extra, extra) << action;
    EXPECT_GE(result.rip, kMiB) << action;
  };
  expect(0, 14, 0, kUnmapped);
  expect(1, 14, 2, kUnmapped);
  expect(2, 13, 0, 0);
  expect(3, 6, 0, 0);
  EXPECT_EQ(machine.result(0, 4).status, HIVE_MICRO_INVALID);
  EXPECT_EQ(machine.result(0, 5).status, HIVE_MICRO_INVALID);
  EXPECT_EQ(machine.memory().load<std::uint64_t>({kData}), 7U);
  EXPECT_EQ(machine.results(0).exceptions, 4U);
}

TEST_F(Micro, MapsMemoryAbove4Gib) {
  const auto values =
      run({micro::map(5 * kGiB), micro::load(4, 5 * kGiB + 0x1234), micro::map(5 * kGiB + 4096)});
  EXPECT_EQ(values[1], 0xffff'ffffU);
}

TEST_F(Micro, WaitsNoLongerThanItsBound) {
  MicroMachine machine({{micro::wait(4, kData, 1, 100'000), micro::await(0x40, 1, 100'000),
                         micro::barrier(0, 2, 100'000), micro::start_cpu(9, 3'000'000)}});
  ASSERT_EQ(machine.run(), End::kDone);
  for (unsigned i = 0; i < 4; ++i)
    EXPECT_EQ(machine.result(0, i).status, HIVE_MICRO_TIMED_OUT) << i;
}

TEST_F(Micro, RepeatsLoops) {
  const auto values = [] {
    MicroMachine machine({{micro::loop(5, 3), micro::add(8, kData, 1), micro::loop(3, 1),
                           micro::add(8, kData + 8, 1), micro::loop(0, 1), micro::undefined(),
                           micro::load(8, kData), micro::load(8, kData + 8), micro::loop(2, 99)}});
    EXPECT_EQ(machine.run(), End::kDone);
    EXPECT_EQ(machine.result(0, 5).status, HIVE_MICRO_NOT_RUN);
    EXPECT_EQ(machine.result(0, 8).status, HIVE_MICRO_INVALID);
    EXPECT_EQ(machine.results(0).performed, 5U + 15 + 2);
    return std::pair(machine.result(0, 6).value, machine.result(0, 7).value);
  }();
  EXPECT_EQ(values.first, 5U);
  EXPECT_EQ(values.second, 15U);
}

TEST_F(Micro, EndsWhereItsScriptSays) {
  MicroMachine machine(
      {{micro::loop(5, 2), micro::add(8, kData, 1), micro::end(), micro::store(8, kData, 99)}});
  ASSERT_EQ(machine.run(), End::kDone);
  EXPECT_EQ(machine.memory().load<std::uint64_t>({kData}), 1U);
}

class MicroApic : public Micro, public ::testing::WithParamInterface<bool> {
 protected:
  /// The script in the APIC mode under test.
  static std::vector<Action> in_mode(std::vector<Action> script) {
    if (GetParam()) script.insert(script.begin(), micro::x2apic());
    return script;
  }
};

TEST_P(MicroApic, CountsInterrupts) {
  // KVM may deliver an interrupt some instructions after it was sent: wait for its count.
  constexpr std::uint64_t kCount =
      HIVE_MICRO_RESULTS + offsetof(hive_micro_results, vectors) + std::uint64_t{4} * 0x43;
  const std::vector<Action> script =
      in_mode({micro::ipi(kFixedIpi | 0x41, 0), micro::halt(), micro::ipi(kFixedIpi | 0x42, 0),
               micro::ipi(kFixedIpi | 0xfe, 0), micro::await(0x42, 1), micro::await(0xfe, 1),
               micro::interrupts(true), micro::ipi(kFixedIpi | 0x43, 0), micro::wait(4, kCount, 1),
               micro::undefined(), micro::ipi(kFixedIpi | 0x43, 0), micro::wait(4, kCount, 2),
               micro::interrupts(false), micro::ipi(kFixedIpi | 0x43, 0),
               micro::wait(4, kCount, 3, 1'000'000)});
  MicroMachine machine({script});
  ASSERT_EQ(machine.run(), End::kDone);
  const hive_micro_results results = machine.results(0);
  EXPECT_EQ(results.interrupts, 5U);
  EXPECT_EQ(results.vectors[0x41], 1U);
  EXPECT_EQ(results.vectors[0x42], 1U);
  EXPECT_EQ(results.vectors[0x43], 2U);
  EXPECT_EQ(results.vectors[0xfe], 1U);
  EXPECT_EQ(results.result[script.size() - 1].status, HIVE_MICRO_TIMED_OUT);
}

TEST_P(MicroApic, StartsOtherCpus) {
  constexpr unsigned kCpus = 3;
  std::vector<std::vector<Action>> scripts{
      in_mode({micro::start_cpu(1), micro::start_cpu(2), micro::barrier(0, kCpus),
               micro::ipi(kFixedIpi | 0x50, 2), micro::wait(8, kData + 8, 1)})};
  for (unsigned cpu = 1; cpu < kCpus; ++cpu) {
    scripts.push_back(
        in_mode({micro::cpuid(1), micro::add(8, kData, cpu), micro::barrier(0, kCpus)}));
  }
  scripts[2].push_back(micro::await(0x50, 1));
  scripts[2].push_back(micro::store(8, kData + 8, 1));
  MicroMachine machine(scripts);
  ASSERT_EQ(machine.run(), End::kDone);
  EXPECT_EQ(machine.memory().load<std::uint64_t>({kData}), 3U);
  for (unsigned cpu = 0; cpu < kCpus; ++cpu) {
    values_of(machine, cpu, scripts[cpu].size());
    EXPECT_EQ(machine.results(cpu).state, HIVE_MICRO_DONE);
  }
}

INSTANTIATE_TEST_SUITE_P(Mode, MicroApic, ::testing::Bool(),
                         [](const auto& mode) { return mode.param ? "X2apic" : "Xapic"; });

TEST_F(Micro, AddsAtomicallyOnTwoCpus) {
  constexpr std::uint64_t kTurns = 500;
  const std::vector<Action> add{micro::barrier(0, 2), micro::loop(kTurns, 1),
                                micro::add(8, kData, 1), micro::barrier(1, 2)};
  std::vector<Action> first = add;
  first.insert(first.begin(), micro::start_cpu(1));
  MicroMachine machine({first, add});
  ASSERT_EQ(machine.run(), End::kDone);
  EXPECT_EQ(machine.memory().load<std::uint64_t>({kData}), 2 * kTurns);
}

TEST_F(Micro, TripleFaults) {
  MicroMachine machine({{micro::triple_fault()}});
  EXPECT_EQ(machine.run(), End::kTripleFault);
}

TEST_F(Micro, SpinsUntilStopped) {
  MicroMachine machine({{micro::spin()}});
  // A busy host takes longer for the guest's start.
  for (int turn = 0; turn < 100 && machine.results(0).state != HIVE_MICRO_RUNNING; ++turn) {
    EXPECT_EQ(machine.run(std::chrono::milliseconds(50)), End::kTimedOut);
  }
  EXPECT_EQ(machine.results(0).state, HIVE_MICRO_RUNNING);
}

}  // namespace
}  // namespace hive::test
