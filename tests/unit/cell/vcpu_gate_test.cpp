#include "vmm/cell/vcpu_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace hive::cell {
namespace {

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
    crowd.gate().close();
    EXPECT_EQ(crowd.inside(), 0);
    const long before = crowd.entries();
    std::this_thread::yield();
    EXPECT_EQ(crowd.entries(), before);
    crowd.gate().open();
  }
}

TEST(VcpuGate, OpensAgain) {
  Crowd crowd(2);
  crowd.gate().close();
  const long before = crowd.entries();
  crowd.gate().open();
  while (crowd.entries() == before) std::this_thread::sleep_for(std::chrono::microseconds(50));
  SUCCEED();
}

TEST(VcpuGate, DoesNotWaitForThoseWhoLeft) {
  VcpuGate gate([] {});
  gate.join();
  gate.leave();
  gate.close();
  SUCCEED();
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
  gate.close();
  gate.end();
  thread.join();
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace hive::cell
