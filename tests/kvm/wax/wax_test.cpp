// What Wax advises on pages, sound ones and others.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "guests/abi/state_reading.h"
#include "policy/hint_words.h"
#include "policy/observer.h"
#include "policy/policy.h"
#include "tests/kvm/harness/micro_machine.h"
#include "tests/kvm/harness/wax_cell.h"
#include "tests/support/state_pages.h"

namespace hive::test {
namespace {

using Pages = std::vector<hive_state_page>;

constexpr std::uint64_t kSecond = 1'000'000'000;

bool operator==(const WaxRound& round, const std::vector<hive_wax_hint>& hints) {
  return round.hints.size() == hints.size() &&
         std::memcmp(round.hints.data(), hints.data(), hints.size() * sizeof hints[0]) == 0;
}

/// Three cells' pages of TIME, of which the first is short of memory and CPU time, and the second
/// has lent it some; RAN is the time that the first one's guest has had.
Pages pages_of(std::uint64_t time, std::uint64_t ran) {
  Pages pages{state_page(0, time, ran, 4), state_page(1, time, ran / 8, 90),
              state_page(2, time, 0, 80)};
  pages[0].shares.borrowed[1] = pages[1].shares.lent[0] = 3;
  pages[2].shares.unused_blocks = 40;
  return pages;
}

class WaxOnKvm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  void publish(const Pages& pages) {
    for (unsigned cell = 0; cell < pages.size(); ++cell) pages_.publish(cell, pages[cell]);
  }

  /// What POLICY advises, as this process sees it, where PAGES came after EARLIER ones.
  static std::vector<hive_wax_hint> advice(const std::string& policy, const Pages& earlier,
                                           const Pages& pages, std::uint64_t now) {
    const auto observer = std::make_unique<policy::Observer>();
    for (const Pages* each : {&earlier, &pages}) {
      for (policy::Cell cell = 0; cell < each->size(); ++cell) {
        StateReading reading;
        const bool read = read_state_page(each->at(cell), cell, reading);
        observer->see(cell, read ? &reading : nullptr);
      }
    }
    const auto view = std::make_unique<policy::View>();
    observer->show({now, WaxCell::kEpoch, 2}, *view);
    policy::Hints hints;
    policy::find(policy)->decide(*view, hints);
    std::vector<hive_wax_hint> words;
    for (const policy::Hint& hint : hints) {
      words.push_back(policy::words_of(hint, {WaxCell::kEpoch, WaxCell::kIncarnation}));
    }
    return words;
  }

  /// Publishes figures of two times, and expects of WAX what the policy advises here. Where the
  /// host is slow, figures may be stale before Wax sees them.
  void expect_same_advice(WaxCell& wax, const std::string& policy) {
    std::vector<hive_wax_hint> wanted;
    WaxRound last;
    for (int attempt = 0; attempt < 10; ++attempt) {
      const std::uint64_t now = host_time();
      const Pages earlier = pages_of(now - kSecond, kSecond);
      const Pages pages = pages_of(now, 3 * kSecond);
      wanted = advice(policy, earlier, pages, now);
      ASSERT_EQ(wanted.empty(), policy == "none");
      publish(earlier);
      for (int i = 0; i < 2; ++i) ASSERT_TRUE(wax.next_round());
      publish(pages);
      for (int i = 0; i < 4; ++i) {
        const auto round = wax.next_round();
        ASSERT_TRUE(round);
        // The first may have seen some of the pages before they were new.
        if (i > 0 && *round == wanted) return;
        last = *round;
      }
    }
    FAIL() << policy << ": " << wanted.size() << " hints were wanted, the last round had "
           << last.hints.size();
  }

  StatePages pages_{7};
};

class Advice : public WaxOnKvm, public ::testing::WithParamInterface<const char*> {};

TEST_P(Advice, IsThatOfThePolicyOnTheHost) {
  WaxCell wax(pages_, std::string("policy=") + GetParam());
  wax.start();
  expect_same_advice(wax, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Policies, Advice,
                         ::testing::Values("none", "memory", "cpu", "placement", "balance"));

TEST_F(WaxOnKvm, IsSilentWhereThereIsNobody) {
  WaxCell wax(pages_, "quiet policy=balance");
  wax.start();
  for (std::uint64_t number = 1; number <= 3; ++number) {
    const auto round = wax.next_round();
    ASSERT_TRUE(round);
    EXPECT_EQ(round->number, number);
    EXPECT_TRUE(round->hints.empty());
    EXPECT_EQ(round->dropped, 0U);
  }
}

TEST_F(WaxOnKvm, GoesOnBesidePagesThatAreGarbage) {
  std::mt19937_64 draw(11);
  const auto fill = [&](hive_state_page& page) {
    auto* words = reinterpret_cast<state_page::Word*>(&page);
    for (std::size_t i = 0; i < sizeof page / sizeof *words; ++i) words[i] = draw();
  };
  fill(pages_.page(3));
  fill(pages_.page(4));
  pages_.page(4).magic = HIVE_STATE_MAGIC;
  pages_.page(4).version = HIVE_STATE_VERSION;
  pages_.page(4).cell = 4;
  pages_.page(4).incarnation = 1;
  std::memset(&pages_.page(5), 0xff, sizeof(hive_state_page));
  // The last one changes all the time, its turns too.
  std::atomic<bool> over{false};
  std::thread writer([&, &page = pages_.page(6)] {
    for (std::uint64_t turn = 0; !over; ++turn) {
      state_page::store(page.guest_turn, turn);
      state_page::store(page.shares_turn, turn);
      state_page::store(page.heartbeat, turn);
    }
  });
  WaxCell wax(pages_, "policy=balance");
  wax.start();
  expect_same_advice(wax, "balance");
  over = true;
  writer.join();
}

TEST_F(WaxOnKvm, LeavesOutACellThatIsNotHeardOfAnyMore) {
  WaxCell wax(pages_, "policy=memory");
  wax.start();
  expect_same_advice(wax, "memory");
  const std::uint64_t end = host_time() + policy::kGuestStale + kSecond;
  while (host_time() < end) ASSERT_TRUE(wax.next_round());
  EXPECT_TRUE(wax.next_round()->hints.empty());
}

TEST_F(WaxOnKvm, SaysWhyItCannotStart) {
  for (const char* command_line : {"", "policy=nonsense", "mypolicy=none"}) {
    WaxCell wax(pages_, command_line);
    wax.start();
    const auto printed = wax.run_until_report(cell::ReportKind::kPanicked);
    ASSERT_TRUE(printed) << command_line;
    EXPECT_NE(printed->find("policy"), std::string::npos) << *printed;
  }
}

}  // namespace
}  // namespace hive::test
