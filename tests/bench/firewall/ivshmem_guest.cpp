// The only program of a guest that has an ivshmem device (QEMU: docs/specs/ivshmem-spec): how fast
// it stores to memory of its own, and to the start of each half of the device's.
//
// Prints a line `stores AREA SPEED` for each of the areas private, first and second, the speed in
// megabytes a second; or `stores FAILED: ...`.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Word = volatile std::uint64_t;

constexpr std::size_t kArea = 1 << 20;
// Many short passes, so that a busy host cuts into few of them.
constexpr std::size_t kSweeps = 4, kPasses = 251;

struct Area {
  const char* name;
  Word* memory;
  std::vector<double> speeds{};
};

[[noreturn]] void fail(const std::string& what) {
  std::printf("stores FAILED: %s\n", what.c_str());
  std::fflush(stdout);
  ::reboot(RB_POWER_OFF);
  std::abort();
}

/// BAR2 of the first ivshmem device.
std::string find_memory() {
  for (const auto& entry : std::filesystem::directory_iterator("/sys/bus/pci/devices")) {
    std::string id;
    std::ifstream(entry.path() / "device") >> id;
    if (id == "0x1110") return entry.path() / "resource2_wc";
  }
  fail("no ivshmem device");
}

std::byte* map_memory(const std::string& path, std::size_t size) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  void* mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) fail("cannot map " + path);
  ::close(file);
  return static_cast<std::byte*>(mapped);
}

/// In pages of 4 KiB, as the kernel maps BARs in.
std::byte* map_private() {
  void* mapped = ::mmap(nullptr, kArea, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) fail("no memory");
  ::madvise(mapped, kArea, MADV_NOHUGEPAGE);
  return static_cast<std::byte*>(mapped);
}

/// Megabytes a second.
double speed_of_a_pass(Word* memory) {
  const auto start = Clock::now();
  for (std::size_t sweep = 0; sweep < kSweeps; ++sweep) {
    for (std::size_t word = 0; word < kArea / sizeof(Word); ++word) memory[word] = sweep;
  }
  const std::chrono::duration<double> time = Clock::now() - start;
  return static_cast<double>(kSweeps * kArea) / 1e6 / time.count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main() {
  ::mkdir("/sys", 0755);
  ::mount("sysfs", "/sys", "sysfs", 0, nullptr);
  const std::string bar = find_memory();
  struct stat status {};
  if (::stat(bar.c_str(), &status) != 0) fail("no " + bar);
  const auto size = static_cast<std::size_t>(status.st_size);
  std::byte* shared = map_memory(bar, size);
  const auto words = [](std::byte* start) { return reinterpret_cast<Word*>(start); };
  std::array<Area, 3> areas{Area{"private", words(map_private())}, Area{"first", words(shared)},
                            Area{"second", words(shared + size / 2)}};
  for (const Area& area : areas) {
    speed_of_a_pass(area.memory);  // Touches all pages.
    if (*area.memory != kSweeps - 1) fail(std::string("nothing is stored in area ") + area.name);
  }
  for (std::size_t pass = 0; pass < kPasses; ++pass) {
    for (Area& area : areas) area.speeds.push_back(speed_of_a_pass(area.memory));
  }
  for (const Area& area : areas) std::printf("stores %s %.1f\n", area.name, median(area.speeds));
  std::fflush(stdout);
  ::reboot(RB_POWER_OFF);
}
