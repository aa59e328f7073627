// Usage: table_operations prepare
//        table_operations measure HOME ROUND COUNT
//
// A guest's program for tests/bench/tables/lab.py: how long operations take within a cell and
// across cells. `prepare` makes the memory that others measure with; `measure` prints, as JSON,
// each operation's median in ns on this cell's memory and on HOME's. ROUND, from 0, says which of
// HOME's pages this cell has not touched yet.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "guests/sdk/machine.h"

namespace {

using Clock = std::chrono::steady_clock;
using hive::sdk::Machine;
using Times = std::vector<long long>;

constexpr const char* kSection = "table";
constexpr std::uint32_t kTag = 0x4b434c43;  // "CLCK" in memory.
constexpr std::uint64_t kPage = 4096, kBlock = 4 << 20;
// Where things are in the section.
constexpr std::uint64_t kObject = 0, kLock = kPage, kData = 2 * kPage, kFresh = kData + kBlock;
constexpr std::uint64_t kFreshPages = 64;  // For one round of reads, and as many of writes.
constexpr std::uint64_t kRounds = 16;
constexpr std::uint64_t kPages = kFresh / kPage + 2 * kFreshPages * kRounds;

template <typename T>
T need(hive::sdk::Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.failure().message);
  return std::move(result).value();
}

/// The section of this program in one cell.
struct Area {
  Machine& machine;
  hive_section section;

  [[nodiscard]] std::uint64_t at(std::uint64_t offset) const {
    return section.first * kPage + offset;
  }
  [[nodiscard]] unsigned char* memory(std::uint64_t offset, std::uint64_t size) const {
    return need(machine.place(section.home, at(offset), size));
  }
};

void prepare(Machine& machine) {
  const Area own{machine, need(machine.create_section(kSection, kPages))};
  std::memset(own.memory(0, kPages * kPage), 1, kPages * kPage);
  std::memset(own.memory(kLock, kPage), 0, kPage);
  const std::uint64_t clock = 1;
  need(machine.careful_publish(own.section.home, own.at(kObject), kTag, 0, &clock, sizeof clock));
  const hive_machine_info info = machine.info();
  for (std::uint32_t cell = 0; cell < info.cells; ++cell) {
    if (cell != info.cell) need(machine.grant(cell, &own.section, {0, kPages, kPages, 1}));
  }
}

long long median(Times times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

long long time_of(const std::function<void()>& operation) {
  const auto start = Clock::now();
  operation();
  return std::chrono::nanoseconds(Clock::now() - start).count();
}

/// The median of COUNT times, after some that do not count.
long long measure(std::size_t count, const std::function<void()>& operation) {
  for (std::size_t i = 0; i < count / 10 + 1; ++i) operation();
  Times times;
  for (std::size_t i = 0; i < count; ++i) times.push_back(time_of(operation));
  return median(std::move(times));
}

void tell(const char* name, long long local, long long remote) {
  static bool first = true;
  std::printf("%s\n \"%s\": {\"local\": %lld, \"remote\": %lld}", first ? "{" : ",", name, local,
              remote);
  first = false;
}

void tell(const char* name, const Area& own, const Area& other,
          const std::function<long long(const Area&)>& measured) {
  const long long local = measured(own);
  tell(name, local, measured(other));
}

void measure_copies(const Area& own, const Area& other, std::size_t count) {
  std::vector<unsigned char> buffer(kBlock, 1);
  std::uint64_t clock = 0;
  tell("careful read of a clock", own, other, [&](const Area& area) {
    return measure(count, [&] {
      need(area.machine.careful_read(area.section.home, area.at(kObject), kTag, 0, &clock,
                                     sizeof clock));
    });
  });
  for (const auto& [size, times, name] :
       {std::tuple{kPage, count, "4 KiB"}, std::tuple{kBlock, count / 20 + 1, "4 MiB"}}) {
    const auto bytes = static_cast<std::size_t>(size);
    tell(("read " + std::string(name)).c_str(), own, other, [&](const Area& area) {
      return measure(times, [&] {
        need(area.machine.copy_from(area.section.home, area.at(kData), buffer.data(), bytes));
      });
    });
    tell(("write " + std::string(name)).c_str(), own, other, [&](const Area& area) {
      return measure(times, [&] {
        need(area.machine.copy_to(area.section.home, area.at(kData), buffer.data(), bytes));
      });
    });
  }
}

/// The first touch of each STRIDE-th page from MEMORY on.
long long touch(unsigned char* memory, bool writes, std::uint64_t stride = 1) {
  Times times;
  for (std::uint64_t page = 0; page < kFreshPages; ++page) {
    volatile unsigned char* byte = memory + page * stride * kPage;
    times.push_back(time_of([&] {
      if (writes) {
        *byte = 2;
      } else {
        (void)*byte;
      }
    }));
  }
  return median(std::move(times));
}

/// A fault at a file's page maps those around it too, 16 of them.
constexpr std::uint64_t kStride = 16;

/// Pages of a file that is in the page cache, or, to be written, of no file.
unsigned char* map_pages(bool writes) {
  const std::size_t size = kFreshPages * kStride * kPage;
  int file = -1;
  if (!writes) {
    file = memfd_create("pages", 0);
    const std::vector<unsigned char> content(size, 1);
    if (::write(file, content.data(), size) != static_cast<ssize_t>(size)) {
      throw std::runtime_error("no file in memory");
    }
  }
  void* mapped = mmap(nullptr, size, PROT_READ | (writes ? PROT_WRITE : 0),
                      writes ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) throw std::runtime_error("no pages");
  madvise(mapped, size, MADV_NOHUGEPAGE);
  return static_cast<unsigned char*>(mapped);
}

void measure_faults(const Area& other, std::uint64_t round) {
  if (round >= kRounds) throw std::runtime_error("no pages are left that were not touched");
  const std::uint64_t bytes = kFreshPages * kPage;
  const std::uint64_t fresh = kFresh + 2 * round * bytes;
  tell("first read of a page", touch(map_pages(false), false, kStride),
       touch(other.memory(fresh, bytes), false));
  tell("first write of a page", touch(map_pages(true), true, kStride),
       touch(other.memory(fresh + bytes, bytes), true));
}

void measure_requests(const Area& own, const Area& other, std::size_t count) {
  Machine& machine = own.machine;
  tell("open and close a section", own, other, [&](const Area& area) {
    return measure(count, [&] {
      need(machine.close_section(need(machine.open_section(area.section.home, kSection))));
    });
  });
  tell("lock and unlock", own, other, [&](const Area& area) {
    return measure(count, [&] {
      need(machine.lock(area.section.home, area.at(kLock), std::chrono::seconds(5)));
      need(machine.unlock(area.section.home, area.at(kLock)));
    });
  });
  // What only home may do.
  tell("create and destroy a section",
       measure(count,
               [&] {
                 need(machine.destroy_section(need(machine.create_section("table.small", 1)), 0));
               }),
       -1);
  const std::uint32_t cell = other.section.home;
  const hive_pattern page{kFresh / kPage, 1, 1, 1};
  tell("grant and revoke a page",
       measure(count,
               [&] {
                 need(machine.grant(cell, &own.section, page));
                 need(machine.revoke(cell, &own.section, page));
               }),
       -1);
}

void run(const std::vector<std::string>& words) {
  const bool prepares = words.size() == 1 && words[0] == "prepare";
  if (!prepares && (words.size() != 4 || words[0] != "measure")) {
    throw std::runtime_error("usage: table_operations prepare | measure HOME ROUND COUNT");
  }
  const auto machine = need(Machine::open({}));
  if (prepares) return prepare(*machine);
  const std::uint32_t home = need(machine->find_cell(words[1]));
  const Area own{*machine, need(machine->find_section(machine->info().cell, kSection))};
  const Area other{*machine, need(machine->find_section(home, kSection))};
  const std::size_t count = std::stoul(words[3]);
  measure_copies(own, other, count);
  measure_faults(other, std::stoul(words[2]));
  measure_requests(own, other, count);
  std::puts("\n}");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "table_operations: %s\n", error.what());
    return 1;
  }
}
