#include "guests/sdk/window_memory.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "guests/sdk/guard.h"

namespace hive::sdk {

bool WindowMemory::load(std::uint64_t offset, void* destination, std::size_t size) {
  return guarded_load(base_ + offset, destination, size);
}

bool WindowMemory::store(std::uint64_t offset, const void* source, std::size_t size) {
  return guarded_store(base_ + offset, source, size);
}

void WindowMemory::pause(unsigned attempt) {
  if (attempt < 4) return std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::microseconds(1U << std::min(attempt - 4, 6U)));
}

}  // namespace hive::sdk
