// Workers in several cells of one made-up machine.
#include "guests/workloads/team/cell_team.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "guests/workloads/ocean/solver.h"
#include "guests/workloads/raytrace/painter.h"
#include "guests/workloads/team/thread_team.h"
#include "tests/unit/sdk/cells.h"
#include "vmm/base/error.h"

namespace {

using hive::testing::FakeBells;
using hive::testing::FakeGlobalDevice;
using hive::workloads::CellTeam;
using hive::workloads::CellTeamOptions;
using hive::workloads::Found;
using hive::workloads::MemberPage;
using hive::workloads::OceanTask;
using hive::workloads::Team;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class CellTeamTest : public ::testing::Test {
 protected:
  static constexpr unsigned kCells = 3;  // And one that contributes nothing.
  CellTeamTest() { fake_.set_trusting(true); }

  std::unique_ptr<hive::sdk::Machine> machine(std::uint32_t cell) {
    auto opened = hive::sdk::open_device({}, fake_.paths());
    hive::sdk::Device device = std::move(opened).value();
    device.facts.cell = cell;
    return std::make_unique<hive::sdk::Machine>(std::move(device), 60s, bells_.bell(cell));
  }
  static CellTeamOptions options(unsigned workers, unsigned rank) {
    CellTeamOptions options;
    options.workers = workers;
    options.rank = rank;
    options.section = "work";
    options.task = 5;
    options.size = 8192;
    options.gather = 60s;
    return options;
  }
  /// Runs WORK as WORKERS workers in as many cells; what each one's error was.
  std::vector<std::string> run(unsigned workers, const std::function<void(Team&)>& work,
                               const std::function<void(CellTeamOptions&)>& change = {}) {
    std::vector<std::string> errors(workers);
    std::vector<std::thread> threads;
    for (unsigned rank = 0; rank < workers; ++rank) {
      threads.emplace_back([&, rank] {
        try {
          const auto own = machine(rank);
          CellTeamOptions mine = options(workers, rank);
          if (change) change(mine);
          CellTeam team(*own, mine);
          work(team);
        } catch (const hive::Error& error) {
          errors[rank] = error.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return errors;
  }
  /// That two workers of which CHANGE changes the second one's arguments refuse each other.
  void expect_refusal(const std::function<void(CellTeamOptions&)>& change) {
    std::vector<std::string> errors;
    // On a busy machine they may not meet in a short time.
    for (const auto gather : {500ms, 5000ms, 20'000ms}) {
      errors = run(
          2, [](Team& team) { team.leave(); },
          [&](CellTeamOptions& each) {
            each.gather = gather;
            if (each.rank == 1) change(each);
          });
      if ((errors[0] + errors[1]).find("other arguments") != std::string::npos) break;
    }
    EXPECT_THAT(errors[0] + errors[1], HasSubstr("other arguments"));
    EXPECT_NE(errors[0], "");
    EXPECT_NE(errors[1], "");
  }
  unsigned sections() {
    const auto own = machine(0);
    unsigned count = 0;
    for (unsigned cell = 0; cell < kCells; ++cell) {
      for (unsigned rank = 0; rank < kCells; ++rank) {
        count += own->find_section(cell, "work." + std::to_string(rank)).ok() ? 1 : 0;
      }
    }
    return count;
  }

  FakeGlobalDevice fake_{kCells + 1, 0, 1024};
  FakeBells bells_;
};

const std::vector<std::string> kNoErrors(3);

TEST_F(CellTeamTest, MeetsAndTells) {
  const auto errors = run(3, [](Team& team) {
    for (int round = 0; round < 50; ++round) {
      team.own()[round] = static_cast<unsigned char>(team.rank() + 1);
      EXPECT_EQ(team.meet(round == 7 ? team.rank() : round), round == 7 ? 2 : round);
      for (unsigned other = 0; other < 3; ++other) {
        unsigned char seen = 0;
        team.copy(other, static_cast<std::size_t>(round), &seen, 1);
        EXPECT_EQ(seen, other + 1);
        EXPECT_EQ(team.area(other)[round], other + 1);
      }
    }
    team.leave();
  });
  EXPECT_EQ(errors, kNoErrors);
  EXPECT_EQ(sections(), 0U) << "nothing is left";
}

TEST_F(CellTeamTest, CountsTogether) {
  std::vector<std::atomic<int>> taken(90);
  const auto errors = run(3, [&](Team& team) {
    team.meet(0);
    for (int i = 0; i < 30; ++i) ++taken.at(team.count().value());
    team.meet(0);
    team.leave();
  });
  EXPECT_EQ(errors, kNoErrors);
  for (const auto& each : taken) EXPECT_EQ(each, 1);
}

TEST_F(CellTeamTest, LetsWorkersCountAsSoonAsTheyHaveCome) {
  const auto errors = run(3, [&](Team& team) {
    if (team.rank() != 0) {
      const auto counters = machine(team.rank())->find_section(0, "work.0");
      EXPECT_TRUE(fake_.write_as(team.rank(), 0, counters.value().first + 1));
    }
    team.meet(0);
    team.leave();
  });
  EXPECT_EQ(errors, kNoErrors);
}

TEST_F(CellTeamTest, GrantsNothingButTheCounter) {
  const auto errors = run(3, [&](Team& team) {
    team.meet(0);
    if (team.rank() == 0) {
      const auto own = machine(0);
      for (unsigned rank = 0; rank < 3; ++rank) {
        const auto section =
            own->find_section(HIVE_ANY_HOME, "work." + std::to_string(rank)).value();
        for (std::uint64_t page = 0; page < section.pages; ++page) {
          const std::uint64_t home = 1 << rank;
          const std::uint64_t wanted = home | (rank == 0 && page == 1 ? 6 : 0);
          EXPECT_EQ(own->page(section.home, &section, page).value().writers, wanted);
        }
      }
    }
    team.meet(0);
    team.leave();
  });
  EXPECT_EQ(errors, kNoErrors);
}

TEST_F(CellTeamTest, ObjectsAreTakenWholeOrNotAtAll) {
  const auto errors = run(2, [](Team& team) {
    const std::uint64_t content = 1000 + team.rank();
    std::uint64_t found = 0;
    EXPECT_FALSE(team.take(1 - team.rank(), 64, 77, &found, sizeof found));
    team.meet(0);
    team.publish(64, 77, &content, sizeof content);
    team.meet(0);
    EXPECT_TRUE(team.take(1 - team.rank(), 64, 77, &found, sizeof found));
    EXPECT_EQ(found, 1000 + (1 - team.rank()));
    EXPECT_FALSE(team.take(1 - team.rank(), 64, 78, &found, sizeof found)) << "another kind";
    team.meet(0);
    team.own()[64 + Team::kObjectOverhead] ^= 1;
    team.meet(0);
    EXPECT_FALSE(team.take(1 - team.rank(), 64, 77, &found, sizeof found)) << "corrupted";
    team.meet(0);
    team.leave();
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
}

TEST_F(CellTeamTest, SectionsOfAnEarlierRunAreNotTakenForThisOnes) {
  const auto left_over = machine(1);
  const auto section = left_over->create_section("work.1", 4).value();
  MemberPage old{};
  old.magic = hive::workloads::kMemberMagic;
  old.workers = 2;
  old.rank = 1;
  old.task = 5;
  old.nonce = 99;
  old.step = 17;
  std::memcpy(fake_.memory(1) + section.first * 4096, &old, sizeof old);
  const auto alone = machine(0);
  CellTeamOptions first = options(2, 0);
  first.gather = 200ms;
  try {
    const CellTeam team(*alone, first);
    FAIL() << "it has found somebody";
  } catch (const hive::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("worker 1 has not come"));
  }
  const auto errors = run(2, [](Team& team) {
    team.meet(0);
    team.leave();
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
}

TEST_F(CellTeamTest, WorkersWithOtherArgumentsAreRefused) {
  expect_refusal([](CellTeamOptions& each) { each.task = 6; });
}

TEST_F(CellTeamTest, WorkersWithAnotherSizeAreRefused) {
  expect_refusal([](CellTeamOptions& each) { each.size *= 2; });
}

TEST_F(CellTeamTest, AWorkerThatGivesUpEndsTheOthersMeeting) {
  const auto errors = run(3, [](Team& team) {
    team.meet(0);
    if (team.rank() == 2) throw hive::Error("enough");
    team.meet(0);
  });
  EXPECT_EQ(errors[2], "enough");
  for (const unsigned rank : {0U, 1U}) {
    EXPECT_THAT(errors[rank], HasSubstr("worker ")) << rank;
    EXPECT_THAT(errors[rank], ::testing::Not(HasSubstr("late"))) << rank;
  }
}

TEST_F(CellTeamTest, AMeetingIsBounded) {
  std::string error;
  // A busy machine may keep both from the first meeting for that long.
  for (const auto timeout : {100ms, 2000ms, 10'000ms}) {
    std::atomic<int> met{0};
    error = run(
        2,
        [&](Team& team) {
          team.meet(0);
          ++met;
          if (team.rank() == 1) {
            std::this_thread::sleep_for(6 * timeout);
            return;
          }
          team.meet(0);
        },
        [&](CellTeamOptions& each) { each.timeout = timeout; })[0];
    if (met == 2) break;
  }
  EXPECT_THAT(error, HasSubstr("worker 1 (cell beta) is more than"));
}

TEST_F(CellTeamTest, OceanIsWhatItIsInPlainMemory) {
  const OceanTask task{{40}, 20, 0};
  std::string plain;
  hive::workloads::run_in_threads(1, ocean_area(task, 1),
                                  [&](Team& team) { plain = solve(team, task).digest.text(); });
  for (const unsigned workers : {1U, 2U, 3U}) {
    const auto errors = run(
        workers, [&](Team& team) { EXPECT_EQ(solve(team, task).digest.text(), plain); },
        [&](CellTeamOptions& each) { each.size = ocean_area(task, workers); });
    EXPECT_EQ(errors, std::vector<std::string>(workers));
  }
}

TEST_F(CellTeamTest, OceanEndsWhenACellIsGone) {
  const OceanTask task{{40}, 1000000, 0};
  const auto errors = run(
      2,
      [&](Team& team) {
        if (team.rank() == 0) return void(solve(team, task));
        for (int round = 0; round < 4; ++round) team.meet(0);
        // As the memory of a cell that has failed looks to the others.
        std::memset(fake_.memory(1), 0xff, 1024 * 4096);
        throw hive::Error("failed");
      },
      [&](CellTeamOptions& each) { each.size = ocean_area(task, 2); });
  EXPECT_THAT(errors[0], ::testing::AnyOf(HasSubstr("failed"), HasSubstr("given up")));
  EXPECT_THAT(errors[0], HasSubstr("worker 1"));
}

TEST_F(CellTeamTest, RaytraceIsWhatItIsInPlainMemoryThoughACellIsGone) {
  const hive::workloads::RaytraceTask task{{64, 48, 1}, 8, 3};
  std::vector<unsigned char> plain;
  hive::workloads::run_in_threads(1, raytrace_area(task),
                                  [&](Team& team) { plain = paint(team, task).picture.pixels(); });
  for (const unsigned failing : {3U, 0U, 2U}) {  // 3: none.
    std::atomic<int> here{0};
    const auto errors = run(
        3,
        [&](Team& team) {
          ++here;
          if (team.rank() != failing) {
            EXPECT_EQ(paint(team, task).picture.pixels(), plain);
            return;
          }
          team.count();
          while (here < 3)
            std::this_thread::sleep_for(1ms);  // Else the others look for it in vain.
          std::memset(fake_.memory(failing), 0xff, 1024 * 4096);
        },
        [&](CellTeamOptions& each) {
          each.size = raytrace_area(task);
          each.with_all = false;
        });
    EXPECT_EQ(errors, kNoErrors) << failing;
  }
}

TEST_F(CellTeamTest, GoesOnWithoutThoseWhoDoNotComeWhereItMay) {
  const auto own = machine(1);
  CellTeamOptions mine = options(3, 1);
  mine.gather = 100ms;
  mine.with_all = false;
  CellTeam team(*own, mine);
  EXPECT_FALSE(team.takes_part(0));
  EXPECT_TRUE(team.takes_part(1));
  EXPECT_EQ(team.count(), std::nullopt);
  EXPECT_EQ(team.area(0), nullptr);
  EXPECT_EQ(team.meet(3), 3);
  EXPECT_THROW(team.copy(0, 0, nullptr, 0), hive::Error);
  team.leave();
}

TEST_F(CellTeamTest, TellsWhenThereIsNoRoom) {
  const auto own = machine(0);
  CellTeamOptions mine = options(1, 0);
  mine.size = 1 << 30;
  try {
    const CellTeam team(*own, mine);
    FAIL();
  } catch (const hive::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("section work.0 of"));
  }
}

TEST(MemberPage, IsTakenForAFellowsOnlyWithThisRunsNonce) {
  MemberPage page{};
  const hive::workloads::Wanted wanted{2, 1, 5, 1234, 0};
  EXPECT_EQ(examine(page, wanted), Found::kNothing);
  page.magic = hive::workloads::kMemberMagic;
  page.rank = 1;
  page.workers = 2;
  page.task = 5;
  EXPECT_EQ(examine(page, wanted), Found::kNothing);
  page.nonce = 7;
  EXPECT_EQ(examine(page, wanted), Found::kWorker);
  page.seen[0] = 1234;
  EXPECT_EQ(examine(page, wanted), Found::kFellow);
  page.task = 6;
  EXPECT_EQ(examine(page, wanted), Found::kOther);
  std::memset(&page, 0xff, sizeof page);
  EXPECT_EQ(examine(page, wanted), Found::kNothing);
}

TEST(MemberPage, AStepThatCannotBeIsAFailure) {
  using hive::workloads::has_come;
  EXPECT_FALSE(has_come(4, 5, "x"));
  EXPECT_TRUE(has_come(5, 5, "x"));
  EXPECT_TRUE(has_come(6, 5, "x"));
  EXPECT_TRUE(has_come(hive::workloads::kLeft, 5, "x"));
  for (const std::uint32_t wrong : {0U, 3U, 7U, hive::workloads::kGone, hive::workloads::kGaveUp}) {
    EXPECT_THROW((void)has_come(wrong, 5, "x"), hive::Error) << wrong;
  }
}

}  // namespace
