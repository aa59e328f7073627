// The only program of a guest: it uses shared memory as programs for QEMU's ivshmem-doorbell do
// (QEMU: docs/specs/ivshmem-spec) and knows nothing of Hive, but for the range that it maps from
// /dev/mem. Two peers share the memory by halves; each writes to its own half only.
//
// Prints a line `guest: ...` for each thing that it finds, the last of them `guest: done`.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;
using Word = volatile std::uint32_t;

constexpr std::size_t kPositionRegister = 2, kDoorbellRegister = 3;  // 32-bit words.
constexpr std::size_t kTurns = 20;

[[noreturn]] void fail(const std::string& what) {
  std::printf("guest: FAILED: %s\n", what.c_str());
  std::fflush(stdout);
  ::reboot(RB_POWER_OFF);
  std::abort();
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void mount_all() {
  for (const char* folder : {"/proc", "/sys", "/dev"}) ::mkdir(folder, 0755);
  ::mount("proc", "/proc", "proc", 0, nullptr);
  ::mount("sysfs", "/sys", "sysfs", 0, nullptr);
  ::mount("debugfs", "/sys/kernel/debug", "debugfs", 0, nullptr);
  ::mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
}

/// The sysfs folder of the first ivshmem device.
std::string find_device() {
  const std::string all = "/sys/bus/pci/devices/";
  DIR* folder = ::opendir(all.c_str());
  while (const dirent* entry = folder != nullptr ? ::readdir(folder) : nullptr) {
    const std::string device = all + entry->d_name;
    if (content(device + "/vendor") == "0x1af4\n" && content(device + "/device") == "0x1110\n" &&
        content(device + "/revision") == "0x01\n") {
      return device;
    }
  }
  fail("no ivshmem device");
}

Word* map(const std::string& path, std::size_t size, std::uint64_t offset = 0) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  void* mapped =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, static_cast<off_t>(offset));
  ::close(file);
  if (mapped == MAP_FAILED) fail("cannot map " + path);
  return static_cast<Word*>(mapped);
}

void await(const Word& word, std::uint32_t value) {
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  while (word != value) {
    if (Clock::now() > deadline) fail("the peer does not answer");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

/// Each peer counts on when the other has, and rings it.
void play(Word* registers, Word* memory, std::size_t half) {
  const std::uint32_t me = registers[kPositionRegister];
  const std::uint32_t peer = 1 - me;
  std::printf("guest: position %u\n", me);
  Word* mine = memory + me * half / sizeof(Word);
  const Word* theirs = memory + peer * half / sizeof(Word);
  for (std::uint32_t turn = 1; turn <= kTurns; ++turn) {
    if (me == 1) await(*theirs, turn);
    *mine = turn;
    registers[kDoorbellRegister] = peer << 16 | turn % 4;
    if (me == 0) await(*theirs, turn);
  }
  std::printf("guest: %zu turns\n", kTurns);
}

/// The last range of /proc/iomem that is reserved.
std::uint64_t reserved_range() {
  std::istringstream lines(content("/proc/iomem"));
  std::uint64_t start = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" : Reserved") != std::string::npos) start = std::stoull(line, nullptr, 16);
  }
  return start;
}

void check_window(const Word* memory, std::size_t size) {
  const std::uint64_t start = reserved_range();
  const Word* window = map("/dev/mem", size, start);
  for (const std::size_t offset : {std::size_t{0}, size / 2}) {
    if (window[offset / sizeof(Word)] != kTurns || memory[offset / sizeof(Word)] != kTurns) {
      fail("window and BAR differ");
    }
  }
  char range[64];
  std::snprintf(range, sizeof range, "[mem 0x%016llx-", static_cast<unsigned long long>(start));
  std::istringstream lines(content("/sys/kernel/debug/x86/pat_memtype_list"));
  for (std::string line; std::getline(lines, line);) {
    if (line.find(range) != std::string::npos) {
      std::printf("guest: window is %s\n", line.substr(line.rfind(' ') + 1).c_str());
    }
  }
}

/// What the kernel has to complain about.
void print_warnings() {
  const int log = ::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  char record[8192];
  for (ssize_t size = 0; (size = ::read(log, record, sizeof record - 1)) > 0;) {
    record[size] = 0;
    const char* text = std::strchr(record, ';');
    if ((std::atoi(record) & 7) <= 4 && text != nullptr) std::printf("guest: kernel: %s", text + 1);
  }
  ::close(log);
}

}  // namespace

int main() {
  mount_all();
  const std::string device = find_device();
  struct stat bar {};
  if (::stat((device + "/resource2").c_str(), &bar) != 0) fail("no BAR2");
  const auto size = static_cast<std::size_t>(bar.st_size);
  std::printf("guest: BAR2 has %zu bytes\n", size);
  Word* memory = map(device + "/resource2_wc", size);
  play(map(device + "/resource0", 256), memory, size / 2);
  check_window(memory, size);
  print_warnings();
  std::printf("guest: done\n");
  std::fflush(stdout);
  ::reboot(RB_POWER_OFF);
}
