// The library's requests, over a device that a thread plays.
#include "guests/sdk/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "guests/sdk/hive_placement.h"
#include "tests/unit/sdk/opened_machine.h"
#include "vmm/base/unique_fd.h"

namespace {

using hive::sdk::Machine;
using hive::sdk::testing::open;
using hive::testing::FakeGlobalDevice;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::uint64_t kPage = 4096;

hive_options with_deadline(std::uint32_t deadline_ms) {
  hive_options options{};
  options.deadline_ms = deadline_ms;
  return options;
}

class MachineTest : public ::testing::Test {
 protected:
  FakeGlobalDevice device_;
  std::unique_ptr<Machine> machine_ = open(device_);
};

TEST_F(MachineTest, KnowsItsCellsAndTheirMemory) {
  const hive_machine_info info = machine_->info();
  EXPECT_EQ(info.cell, 0U);
  EXPECT_EQ(info.cells, 3U);
  EXPECT_EQ(info.incarnation, 1U);
  EXPECT_EQ(info.mapping, static_cast<std::uint32_t>(HIVE_MAP_WRITE_BACK));
  EXPECT_STREQ(info.function, FakeGlobalDevice::kFunction);
  const auto beta = machine_->cell(1);
  ASSERT_TRUE(beta.ok());
  EXPECT_STREQ(beta.value().name, "beta");
  EXPECT_EQ(beta.value().offset, 64 * kPage);
  EXPECT_EQ(machine_->find_cell("gamma").value(), 2U);
  EXPECT_EQ(machine_->find_cell("nobody").status(), HIVE_NOT_FOUND);
  EXPECT_EQ(machine_->cell(3).status(), HIVE_NO_SUCH_CELL);
}

TEST_F(MachineTest, MapsEachContributionWhereItLies) {
  std::memcpy(device_.memory(1) + kPage, "hello", 6);
  EXPECT_STREQ(reinterpret_cast<char*>(machine_->address(1, kPage, 6)), "hello");
  machine_->address(0, 5, 1)[0] = 77;
  EXPECT_EQ(device_.memory(0)[5], 77);
  EXPECT_EQ(machine_->address(0, 63 * kPage, kPage + 1), nullptr);
  EXPECT_EQ(machine_->address(0, ~std::uint64_t{0}, 2), nullptr);
  EXPECT_EQ(machine_->address(2, 0, 1), nullptr);
  EXPECT_EQ(machine_->address(9, 0, 0), nullptr);
}

TEST_F(MachineTest, MakesAndListsAndEndsSections) {
  const auto first = machine_->create_section("first", 3);
  const auto second = machine_->create_section("second", 5);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(second.value().first, 3U);
  EXPECT_EQ(second.value().pages, 5U);
  EXPECT_STREQ(machine_->next_section(0, 1).value().name, "second");
  EXPECT_EQ(machine_->next_section(0, 4).status(), HIVE_NOT_FOUND);
  EXPECT_EQ(machine_->find_section(0, "second").value().number, second.value().number);
  EXPECT_EQ(machine_->find_section(HIVE_ANY_HOME, "first").value().home, 0U);
  EXPECT_EQ(machine_->find_section(1, "first").status(), HIVE_NO_SUCH_SECTION);
  EXPECT_EQ(machine_->create_section("first", 1).status(), HIVE_NAME_TAKEN);
  EXPECT_EQ(machine_->create_section("all", 64).status(), HIVE_NO_SPACE);
  EXPECT_EQ(machine_->create_section("a b", 1).status(), HIVE_BAD_NAME);
  EXPECT_EQ(machine_->create_section(std::string(64, 'a'), 1).status(), HIVE_BAD_NAME);
  EXPECT_TRUE(machine_->destroy_section(first.value(), 0).ok());
  EXPECT_EQ(machine_->destroy_section(first.value(), 0).status(), HIVE_NO_SUCH_SECTION);
}

TEST_F(MachineTest, MakesSectionsThatMayBeMovedAndTellsOfTheirUse) {
  const auto moves = machine_->create_section_at(0, "moves", 1, HIVE_MOVABLE);
  ASSERT_TRUE(moves.ok());
  EXPECT_EQ(moves.value().flags, HIVE_MOVABLE);
  EXPECT_EQ(machine_->find_section(0, "moves").value().flags, HIVE_MOVABLE);
  EXPECT_EQ(machine_->create_section("stays", 1).value().flags, 0U);
  EXPECT_EQ(machine_->create_section_at(0, "bad", 1, HIVE_FORCE).status(), HIVE_INVALID);
  EXPECT_TRUE(machine_->tell_use(moves.value(), 5).ok());
  EXPECT_EQ(device_.uses(0, moves.value().number), 5U);
  EXPECT_TRUE(machine_->use_section(moves.value(), 7).ok());
  EXPECT_EQ(device_.uses(0, moves.value().number), 5U) << "it is not time to tell yet";
}

TEST_F(MachineTest, MakesSectionsElsewhere) {
  EXPECT_EQ(machine_->create_section_at(1, "there", 2, 0).status(), HIVE_NOT_HOME);
  device_.set_hosting(1, 4);
  const auto there = machine_->create_section_at(1, "there", 2, 0);
  ASSERT_TRUE(there.ok()) << there.failure().message;
  EXPECT_EQ(there.value().home, 1U);
  EXPECT_EQ(machine_->page(1, &there.value(), 1).value().writers, 0b11U);
  EXPECT_EQ(machine_->grant(2, &there.value(), {0, 1, 0, 1}).value(), 1U);
  EXPECT_EQ(machine_->create_section_at(1, "more", 3, 0).status(), HIVE_NO_SPACE);
  EXPECT_TRUE(machine_->destroy_section(there.value(), 0).ok());
  const auto anywhere = machine_->create_section_at(HIVE_ANY_HOME, "anywhere", 2, 0);
  ASSERT_TRUE(anywhere.ok());
  EXPECT_EQ(anywhere.value().home, 0U) << "nothing is advised";
  device_.set_alter([](hive_global_reply& reply) { reply.home = 9; });
  EXPECT_EQ(machine_->create_section_at(HIVE_ANY_HOME, "nowhere", 2, 0).status(), HIVE_BROKEN);
  EXPECT_EQ(machine_->create_section_at(9, "nowhere", 2, 0).status(), HIVE_NO_SUCH_CELL);
}

TEST_F(MachineTest, OpensSectionsOfOthers) {
  ASSERT_EQ(device_.create_as(1, "theirs", 2), HIVE_GLOBAL_OK);
  const auto section = machine_->open_section(HIVE_ANY_HOME, "theirs");
  ASSERT_TRUE(section.ok());
  EXPECT_EQ(section.value().home, 1U);
  EXPECT_EQ(section.value().users, 1U);
  EXPECT_EQ(machine_->destroy_section(section.value(), 0).status(), HIVE_NOT_HOME);
  EXPECT_TRUE(machine_->close_section(section.value()).ok());
  EXPECT_EQ(machine_->close_section(section.value()).status(), HIVE_NOT_OPEN);
  device_.lose(1);
  const auto lost = machine_->open_section(HIVE_ANY_HOME, "theirs");
  EXPECT_EQ(lost.status(), HIVE_NO_SUCH_SECTION);
  EXPECT_THAT(lost.failure().message, HasSubstr("did not answer: 1"));
  EXPECT_EQ(machine_->open_section(1, "theirs").status(), HIVE_HOME_GONE);
}

TEST_F(MachineTest, GrantsAndRevokesPatternsOfASection) {
  ASSERT_TRUE(machine_->create_section("before", 7).ok());
  const hive_section section = machine_->create_section("mine", 16).value();
  const hive_pattern every_second{1, 1, 2, 8};
  EXPECT_EQ(machine_->grant(1, &section, every_second).value(), 8U);
  EXPECT_EQ(machine_->page(0, &section, 1).value().writers, 3U);
  EXPECT_EQ(machine_->page(0, &section, 2).value().writers, 1U);
  EXPECT_EQ(machine_->page(0, nullptr, 8).value().section, section.number);
  EXPECT_EQ(machine_->page(0, nullptr, 8).value().generation, 1U);
  const hive_pattern one{3, 1, 0, 1};
  EXPECT_EQ(machine_->revoke(1, &section, one).value(), 1U);
  EXPECT_EQ(machine_->revoke(1, nullptr, {0, 64, 0, 1}).value(), 7U);
  EXPECT_EQ(machine_->grant(1, &section, {1, 2, 2, 8}).status(), HIVE_OUT_OF_RANGE);
  EXPECT_EQ(machine_->page(0, &section, 16).status(), HIVE_OUT_OF_RANGE);
  EXPECT_EQ(machine_->revoke(0, &section, one).status(), HIVE_HOME_WRITES);
}

TEST_F(MachineTest, RefusesPatternsThatMakeNoSense) {
  const std::uint64_t most = ~std::uint64_t{0};
  for (const hive_pattern& pattern :
       {hive_pattern{0, 0, 0, 1}, hive_pattern{0, 1, 1, 0}, hive_pattern{0, 2, 1, 2},
        hive_pattern{most, 1, 1, 1}, hive_pattern{0, 1, most, 3}}) {
    EXPECT_EQ(machine_->grant(1, nullptr, pattern).status(), HIVE_INVALID);
  }
}

TEST(MachineRuns, AreAskedForInAsManyRequestsAsTheyTake) {
  FakeGlobalDevice device;
  const auto machine = open(device);
  std::atomic<unsigned> requests{0};
  device.set_alter([&](hive_global_reply& reply) {
    ++requests;
    reply.status = HIVE_GLOBAL_OK;
    reply.pages = 10;
  });
  const std::uint64_t runs = 2 * std::uint64_t{HIVE_GLOBAL_MAX_RUNS} + 1;
  EXPECT_EQ(machine->grant(1, nullptr, {0, 1, 2, runs}).value(), 30U);
  EXPECT_EQ(requests, 3U);
  const hive_global_request& last = device.registers().request;
  EXPECT_EQ(last.runs, 1U);
  EXPECT_EQ(last.first, 4 * std::uint64_t{HIVE_GLOBAL_MAX_RUNS});
}

TEST_F(MachineTest, TellsWhatWasWrittenAsTheSectionCounts) {
  ASSERT_TRUE(machine_->create_section("before", 7).ok());
  const hive_section section = machine_->create_section("mine", 16).value();
  ASSERT_TRUE(machine_->grant(1, &section, {0, 16, 0, 1}).ok());
  for (const std::uint64_t page : {9U, 10U, 20U}) ASSERT_TRUE(device_.write_as(1, 0, page));
  const auto run = machine_->written(0, &section, 1, 0);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run.value().first, 2U);
  EXPECT_EQ(run.value().pages, 2U);
  EXPECT_EQ(machine_->written(0, &section, 1, 4).value().first, 13U);
  EXPECT_EQ(machine_->written(0, nullptr, 1, 0).value().first, 9U);
  EXPECT_EQ(machine_->written(0, &section, 1, 14).status(), HIVE_NOT_FOUND);
  EXPECT_EQ(machine_->written(0, &section, 1, 16).status(), HIVE_NOT_FOUND);
}

TEST_F(MachineTest, RingsByTheRegister) {
  ASSERT_TRUE(machine_->ring(2, 3).ok());
  EXPECT_EQ(device_.registers().doorbell, 2U << 16 | 3U);
  EXPECT_EQ(machine_->ring(3, 0).status(), HIVE_NO_SUCH_CELL);
  EXPECT_EQ(machine_->ring(1, 4).status(), HIVE_INVALID);
}

TEST_F(MachineTest, WaitsForAWordToChange) {
  std::thread writer([this] {
    std::this_thread::sleep_for(30ms);
    __atomic_store_n(reinterpret_cast<std::uint32_t*>(device_.memory(1) + 12), 5U,
                     __ATOMIC_RELEASE);
  });
  EXPECT_EQ(machine_->wait(1, 12, 0, 10s).value(), 5U);
  writer.join();
  EXPECT_EQ(machine_->wait(1, 12, 5, 20ms).status(), HIVE_DEADLINE);
  EXPECT_EQ(machine_->wait(1, 8, 1, 0ms).value(), 0U);
  EXPECT_EQ(machine_->wait(1, 13, 5, 1ms).status(), HIVE_MISALIGNED);
  EXPECT_EQ(machine_->wait(1, 64 * kPage, 5, 1ms).status(), HIVE_OUT_OF_RANGE);
}

TEST_F(MachineTest, PublishesAndReadsWithCare) {
  const std::uint64_t value = 0x1234;
  ASSERT_TRUE(machine_->careful_publish(0, 64, 9, 1, &value, sizeof value).ok());
  std::uint64_t back = 0;
  const auto object = machine_->careful_read(0, 64, 9, 1, &back, sizeof back);
  ASSERT_TRUE(object.ok());
  EXPECT_EQ(back, value);
  EXPECT_EQ(object.value().length, sizeof value);
  std::memset(device_.memory(0), 0xff, kPage);
  EXPECT_EQ(machine_->careful_read(0, 64, 9, 1, &back, sizeof back).status(), HIVE_GONE);
  EXPECT_EQ(machine_->careful_read(2, 0, 9, 1, &back, sizeof back).status(), HIVE_OUT_OF_RANGE);
  EXPECT_EQ(machine_->careful_read(3, 0, 9, 1, &back, sizeof back).status(), HIVE_NO_SUCH_CELL);
}

TEST_F(MachineTest, SurvivesMemoryThatFaults) {
  // Past the end of the file the mapping raises SIGBUS, as memory of a home that is gone may.
  std::filesystem::resize_file(device_.folder() + "/mem", FakeGlobalDevice::kWindowStart + kPage);
  std::uint64_t back = 0;
  EXPECT_EQ(machine_->careful_read(1, 0, 9, 1, &back, sizeof back).status(), HIVE_FAULT);
  EXPECT_EQ(machine_->careful_publish(1, 0, 9, 1, &back, sizeof back).status(), HIVE_FAULT);
  EXPECT_EQ(machine_->copy_from(0, kPage - 3, &back, 8).status(), HIVE_FAULT);
  EXPECT_EQ(machine_->copy_to(1, 3, &back, 8).status(), HIVE_FAULT);
  EXPECT_EQ(machine_->wait(1, 0, 0, 1s).status(), HIVE_FAULT);
  EXPECT_TRUE(machine_->copy_from(0, 3, &back, 8).ok());
}

TEST_F(MachineTest, LetsManyThreadsAskAtOnce) {
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([this, number] {
      const std::string name = "s" + std::to_string(number);
      for (int round = 0; round < 25; ++round) {
        const auto section = machine_->create_section(name, 1 + number);
        ASSERT_TRUE(section.ok());
        ASSERT_EQ(section.value().name, name);
        ASSERT_EQ(section.value().pages, 1U + number);
        ASSERT_TRUE(machine_->destroy_section(section.value(), 0).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(MachineTest, TakesTurnsWithOtherPrograms) {
  const auto other = open(device_);  // Its lock is another one than machine_'s.
  std::thread thread([&] {
    for (int round = 0; round < 50; ++round) ASSERT_STREQ(other->cell(1).value().name, "beta");
  });
  for (int round = 0; round < 50; ++round) ASSERT_STREQ(machine_->cell(0).value().name, "alpha");
  thread.join();
}

TEST(MachineDeadline, PassesWhereAnotherProgramHoldsTheRegisters) {
  FakeGlobalDevice device;
  const auto hasty = open(device, with_deadline(30));
  const auto patient = open(device, with_deadline(20000));
  const hive::UniqueFd other(::open((device.function_folder() + "/resource0").c_str(), O_RDWR));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  EXPECT_EQ(hasty->cell(0).status(), HIVE_DEADLINE);
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  EXPECT_TRUE(patient->cell(0).ok());
}

TEST(MachineDeadline, PassesWhereNobodyAnswersAndTheNextRequestGetsItsOwnReply) {
  FakeGlobalDevice device;
  const auto machine = open(device, with_deadline(50));
  device.set_mute(true);
  EXPECT_EQ(machine->cell(0).status(), HIVE_DEADLINE);
  EXPECT_EQ(machine->cell(0).status(), HIVE_DEADLINE);  // The first one is still under way.
  const auto patient = open(device, with_deadline(20000));
  std::thread later([&] {
    std::this_thread::sleep_for(20ms);
    device.set_mute(false);
  });
  EXPECT_STREQ(patient->cell(1).value().name, "beta");
  later.join();
}

TEST(MachineDistrust, RepliesThatMakeNoSenseAreRefused) {
  FakeGlobalDevice device;
  const auto machine = open(device);
  ASSERT_TRUE(machine->create_section("mine", 2).ok());
  device.set_alter([](hive_global_reply& reply) { reply.pages = ~std::uint64_t{0}; });
  EXPECT_EQ(machine->next_section(0, 0).status(), HIVE_BROKEN);
  device.set_alter([](hive_global_reply& reply) { reply.first = 63; });
  EXPECT_EQ(machine->next_section(0, 0).status(), HIVE_BROKEN);
  device.set_alter([](hive_global_reply& reply) { reply.status = 99; });
  EXPECT_EQ(machine->next_section(0, 0).status(), HIVE_BROKEN);
  device.set_alter([](hive_global_reply& reply) { std::memset(reply.name, 'a', 64); });
  EXPECT_EQ(std::strlen(machine->next_section(0, 0).value().name), 63U);
  device.set_alter([](hive_global_reply& reply) { ++reply.tag; });
  const auto hasty = open(device, with_deadline(50));
  EXPECT_EQ(hasty->next_section(0, 0).status(), HIVE_DEADLINE);
}

TEST(MachineDistrust, SectionsThatStartBeforeWhatWasAskedForDoNotLoop) {
  FakeGlobalDevice device;
  const auto machine = open(device);
  ASSERT_TRUE(machine->create_section("mine", 2).ok());
  device.set_alter([](hive_global_reply& reply) {
    reply = {reply.tag, HIVE_GLOBAL_OK, 0, 1, 0, 0, 2, 0, "again", ""};
  });
  EXPECT_EQ(machine->find_section(0, "mine").status(), HIVE_BROKEN);
}

TEST(MachineDistrust, MessagesAreSafeToPrint) {
  FakeGlobalDevice device;
  const auto machine = open(device);
  device.set_alter([](hive_global_reply& reply) {
    reply.status = HIVE_GLOBAL_LIMIT;
    std::memset(reply.message, '\x1b', sizeof reply.message);
  });
  const auto refused = machine->cell(0);
  EXPECT_EQ(refused.failure().message, std::string(HIVE_GLOBAL_MESSAGE_SIZE, '?'));
}

}  // namespace
