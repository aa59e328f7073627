#include "vmm/cell/vcpu_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

namespace hive::cell {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);

/// Threads that do as vCPU threads do: pass the gate, and be inside until kicked.
class Crowd {
 public:
  explicit Crowd(unsigned size) : gate_([this] { ++kicks_; }) {
    for (unsigned i = 0; i < size; ++i) {
      gate_.join();
      threads_.emplace_back([this] { run(); });
    }
  }
  ~Crowd() {
    gate_.end();
    for (std::thread& thread : threads_) thread.join();
  }

  VcpuGate& gate() { return gate_; }
  [[nodiscard]] int inside() const { return inside_; }
  [[nodiscard]] long entries() const { return entries_; }

 private:
  void run() {
    for (;;) {
      if (!gate_.open_now()) {
        if (!gate_.wait()) break;
        continue;
      }
      ++inside_;
      ++entries_;
      std::this_thread::yield();
      --inside_;
    }
    gate_.leave();
  }

  std::atomic<int> inside_{0};
  std::atomic<long> entries_{0};
  std::atomic<int> kicks_{0};
  VcpuGate gate_;
  std::vector<std::thread> threads_;
};

TEST(VcpuGate, LetsNobodyInsideOnceClosed) {
  Crowd crowd(4);
  for (int round = 0; round < 200; ++round) {
    ASSERT_TRUE(crowd.gate().close(kPatience));
    EXPECT_EQ(crowd.inside(), 0);
    const long before = crowd.entries();
    std::this_thread::yield();
    EXPECT_EQ(crowd.entries(), before);
    crowd.gate().open();
  }
}

TEST(VcpuGate, OpensAgain) {
  Crowd crowd(2);
  ASSERT_TRUE(crowd.gate().close(kPatience));
  const long before = crowd.entries();
  crowd.gate().open();
  while (crowd.entries() == before) std::this_thread::sleep_for(std::chrono::microseconds(50));
  SUCCEED();
}

TEST(VcpuGate, KeepsOneOutThatIsHeld) {
  VcpuGate gate([] {});
  gate.join();
  std::atomic<bool> held{true};
  std::promise<bool> passed;
  std::thread thread([&] {
    passed.set_value(gate.wait(&held));
    gate.leave();
  });
  std::future<bool> result = passed.get_future();
  EXPECT_TRUE(gate.close(kPatience)) << "it is outside";
  gate.open();
  EXPECT_EQ(result.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  held = false;
  gate.tell_held();
  EXPECT_EQ(result.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(result.get());
  thread.join();
}

TEST(VcpuGate, EndsOneThatIsHeld) {
  VcpuGate gate([] {});
  gate.join();
  std::atomic<bool> held{true};
  std::thread thread([&] {
    EXPECT_FALSE(gate.wait(&held));
    gate.leave();
  });
  gate.end();
  EXPECT_TRUE(gate.await_empty(kPatience));
  thread.join();
}

/// Members of a gate that each want to be alone again and again.
class Hermits {
 public:
  explicit Hermits(unsigned size) {
    for (unsigned i = 0; i < size; ++i) gate_.join();
    for (unsigned i = 0; i < size; ++i) threads_.emplace_back([this] { run(); });
  }
  ~Hermits() {
    gate_.end();
    for (std::thread& thread : threads_) thread.join();
  }

  VcpuGate& gate() { return gate_; }
  [[nodiscard]] int inside() const { return inside_; }
  [[nodiscard]] long times_alone() const { return times_alone_; }
  [[nodiscard]] bool met() const { return met_; }

 private:
  void run() {
    for (;;) {
      if (!gate_.open_now()) {
        if (!gate_.wait()) break;
        continue;
      }
      ++inside_;
      std::this_thread::yield();
      --inside_;
      if (gate_.begin_alone()) be_alone();
    }
    gate_.leave();
  }

  void be_alone() {
    if (gate_.await_others(kPatience)) {
      if (++inside_ != 1) met_ = true;
      std::this_thread::yield();
      if (inside_-- != 1) met_ = true;
      ++times_alone_;
    }
    gate_.end_alone();
  }

  std::atomic<int> inside_{0};
  std::atomic<long> times_alone_{0};
  std::atomic<bool> met_{false};
  VcpuGate gate_{[] {}};
  std::vector<std::thread> threads_;
};

TEST(VcpuGate, LetsOneBeAloneAtATime) {
  Hermits hermits(4);
  while (hermits.times_alone() < 500) std::this_thread::sleep_for(std::chrono::microseconds(50));
  EXPECT_FALSE(hermits.met());
}

TEST(VcpuGate, ClosesAndOpensAmongThoseWhoAreAlone) {
  Hermits hermits(4);
  for (int round = 0; round < 200; ++round) {
    ASSERT_TRUE(hermits.gate().close(kPatience));
    EXPECT_EQ(hermits.inside(), 0);
    const long before = hermits.times_alone();
    std::this_thread::yield();
    EXPECT_EQ(hermits.times_alone(), before);
    hermits.gate().open();
  }
  const long before = hermits.times_alone();
  while (hermits.times_alone() == before) std::this_thread::yield();
  EXPECT_FALSE(hermits.met());
}

TEST(VcpuGate, TellsTheOneWhoIsAloneThatItIsWanted) {
  VcpuGate gate([] {});
  gate.join();
  ASSERT_TRUE(gate.begin_alone());
  EXPECT_TRUE(gate.await_others(kPatience));
  EXPECT_FALSE(gate.begin_alone()) << "somebody is alone already";
  EXPECT_FALSE(gate.wanted());
  EXPECT_FALSE(gate.close(std::chrono::milliseconds(1)));
  EXPECT_TRUE(gate.wanted());
  gate.end_alone();
  EXPECT_FALSE(gate.open_now()) << "it is closed still";
  gate.open();
  EXPECT_TRUE(gate.open_now());
}

TEST(VcpuGate, WaitsForOthersOnlyUntilItIsWanted) {
  VcpuGate gate([] {});
  gate.join();
  gate.join();  // Never comes out.
  ASSERT_TRUE(gate.begin_alone());
  EXPECT_FALSE(gate.await_others(std::chrono::milliseconds(20)));
  std::thread closer([&] { (void)gate.close(std::chrono::milliseconds(1)); });
  EXPECT_FALSE(gate.await_others(kPatience));
  gate.end_alone();
  closer.join();
}

TEST(VcpuGate, DoesNotWaitForThoseWhoLeft) {
  VcpuGate gate([] {});
  gate.join();
  gate.leave();
  EXPECT_TRUE(gate.close(kPatience));
}

TEST(VcpuGate, EndReleasesTheParked) {
  VcpuGate gate([] {});
  gate.join();
  std::atomic<bool> ended = false;
  std::thread thread([&] {
    while (gate.open_now()) std::this_thread::yield();
    ended = !gate.wait();
    gate.leave();
  });
  EXPECT_TRUE(gate.close(kPatience));
  gate.end();
  EXPECT_TRUE(gate.await_empty(kPatience));
  thread.join();
  EXPECT_TRUE(ended);
}

TEST(VcpuGate, WaitsOnlySoLongForAVcpuThatStaysInside) {
  VcpuGate gate([] {});
  gate.join();
  std::promise<void> leave;
  std::thread thread([&] {
    leave.get_future().wait();  // Deaf to kicks.
    while (gate.wait()) std::this_thread::yield();
    gate.leave();
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(gate.close(std::chrono::milliseconds(30)));
  EXPECT_FALSE(gate.open_now());
  gate.open();
  gate.end();
  EXPECT_FALSE(gate.await_empty(std::chrono::milliseconds(30)));
  EXPECT_LT(std::chrono::steady_clock::now() - start, kPatience);
  leave.set_value();
  EXPECT_TRUE(gate.await_empty(kPatience));
  thread.join();
}

}  // namespace
}  // namespace hive::cell
