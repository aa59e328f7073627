// Round trips between two micro guests by shared memory and doorbells.
//
//   rpc_micro hive              in two cells; prints what turns took, as JSON
//   rpc_micro script NUMBER     the module of QEMU's guest NUMBER, with an ivshmem-doorbell device
//                               at 00:05.0
//   rpc_micro results FILE      waits until QEMU's guest 0, whose RAM is FILE, is at its end
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/bench/rpc/micro_talk.h"
#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_global.h"
#include "vmm/base/units.h"

namespace hive::bench {
namespace {

using Script = std::vector<micro::Action>;

constexpr std::uint64_t kPart = 2 * kMiB;  // Of the shared memory, each guest's.
constexpr std::uint8_t kVector = 0x55;
constexpr std::chrono::milliseconds kBetweenLooks{20};
constexpr std::chrono::seconds kPatience{120};

void append(Script& script, const Script& more) {
  script.insert(script.end(), more.begin(), more.end());
}

void await_end(const LoadWord& load) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!talk_is_over(load)) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("the guest hangs");
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

void print_times(const LoadWord& load) {
  std::puts(nlohmann::json(talk_times(load)).dump().c_str());
}

Script cell_script(unsigned number) {
  const test::MicroGlobal device{2 * kPart};
  const auto part = [](unsigned home) { return test::GlobalCells::address(home, 0, kPart); };
  Script setup = device.map();
  setup.push_back(micro::map(part(0)));
  setup.push_back(micro::map(part(1)));
  append(setup, device.program(0, kVector));
  append(setup, {device.mask(0, false), device.enable_msix()});
  TalkPlaces places;
  places.own = part(number);
  places.other = part(1 - number);
  places.doorbell = device.bar0(offsetof(hive_global_registers, doorbell));
  places.ring = (1 - number) << 16;
  return talk_script(number, places, setup);
}

void run_cells() {
  test::GlobalCells cells({{cell_script(0)}, {cell_script(1)}}, kPart);
  cells.start();
  const memory::GuestMemory& ram = cells.cell(0).cell().memory();
  const LoadWord load = [&](std::uint64_t at) { return ram.load<std::uint64_t>({at}).value(); };
  await_end(load);
  print_times(load);
}

/// QEMU's ivshmem-doorbell at 00:05.0, its BARs moved to where nothing else is.
Script qemu_script(unsigned number) {
  constexpr std::uint64_t kRegisters = 0xe000'0000, kTable = 0xe000'1000, kMemory = 0xd000'0000;
  constexpr std::uint32_t kMsix = 0x40;  // The capability; its upper half is Message Control.
  Script setup;
  const auto configure = [&](std::uint32_t offset, std::uint64_t value) {
    setup.push_back(micro::out(4, 0xcf8, 0x8000'0000 | 5 << 11 | offset));
    setup.push_back(micro::out(4, 0xcfc, static_cast<std::uint32_t>(value)));
  };
  configure(PCI_COMMAND, 0);
  configure(PCI_BASE_ADDRESS_0, kRegisters);
  configure(PCI_BASE_ADDRESS_1, kTable);
  configure(PCI_BASE_ADDRESS_2, kMemory);
  configure(PCI_BASE_ADDRESS_3, 0);
  configure(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  configure(kMsix, std::uint64_t{PCI_MSIX_FLAGS_ENABLE} << 16);
  append(setup,
         {micro::store(4, kTable, memory::layout::kLocalApic.start), micro::store(4, kTable + 4, 0),
          micro::store(4, kTable + 8, kVector), micro::store(4, kTable + 12, 0)});
  TalkPlaces places;
  places.own = kMemory + number * kPart;
  places.other = kMemory + (1 - number) * kPart;
  places.doorbell = kRegisters + offsetof(hive_global_registers, doorbell);
  places.ring = (1 - number) << 16;
  places.rings_always = true;
  return talk_script(number, places, setup);
}

void write_module(unsigned number) {
  const std::vector<std::byte> module = micro::make_module({qemu_script(number)});
  if (std::fwrite(module.data(), 1, module.size(), stdout) != module.size()) {
    throw std::runtime_error("cannot write");
  }
}

void read_results(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file < 0 || ::fstat(file, &status) != 0) throw std::runtime_error("cannot open " + path);
  const auto size = static_cast<std::size_t>(status.st_size);
  const void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) throw std::runtime_error("cannot map " + path);
  const LoadWord load = [&](std::uint64_t at) {
    if (at + 8 > size) throw std::runtime_error("too little RAM");
    return *reinterpret_cast<const volatile std::uint64_t*>(static_cast<const char*>(mapped) + at);
  };
  await_end(load);
  print_times(load);
}

bool run(const std::vector<std::string>& words) {
  if (words.size() == 1 && words[0] == "hive") {
    run_cells();
  } else if (words.size() == 2 && words[0] == "script") {
    write_module(static_cast<unsigned>(std::stoul(words[1])));
  } else if (words.size() == 2 && words[0] == "results") {
    read_results(words[1]);
  } else {
    return false;
  }
  return true;
}

}  // namespace
}  // namespace hive::bench

int main(int argc, char** argv) try {
  if (hive::bench::run(std::vector<std::string>(argv + 1, argv + argc))) return 0;
  std::fputs("usage: rpc_micro hive | script NUMBER | results FILE\n", stderr);
  return 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "rpc_micro: %s\n", error.what());
  return 1;
}
