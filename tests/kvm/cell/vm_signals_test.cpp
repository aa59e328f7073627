#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <stop_token>
#include <thread>

#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"

namespace hive::kvm {
namespace {

TEST(Vm, IsCreatedWhileSignalsArrive) {
  struct sigaction heard {};
  heard.sa_handler = [](int) {};
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGUSR1, &heard, &before), 0);
  {
    const std::jthread caller([self = ::pthread_self()](const std::stop_token& over) {
      while (!over.stop_requested()) {
        ::pthread_kill(self, SIGUSR1);
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
    });
    const Kvm kvm;
    for (int i = 0; i < 100; ++i) EXPECT_NO_THROW(Vm{kvm});
  }
  ASSERT_EQ(::sigaction(SIGUSR1, &before, nullptr), 0);
}

}  // namespace
}  // namespace hive::kvm
