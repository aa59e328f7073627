#include "vmm/dump/core_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/dump/core_reader.h"
#include "vmm/base/units.h"

namespace hive::dump {
namespace {

using test::CoreReader;

Contents sample() {
  Contents contents;
  for (std::uint64_t index = 0; index < 2; ++index) {
    Cpu& cpu = contents.cpus.emplace_back();
    cpu.regs.rip = 0xffff'ffff'8100'0000 + index;
    cpu.regs.rsp = 0xffff'c900'0000'0000 + index;
    cpu.regs.rax = 11;
    cpu.regs.r15 = 15;
    cpu.regs.rflags = 0x246;
    cpu.sregs.cs = {0, 0xffff'ffff, 0x10, 0xb, 1, 0, 0, 1, 1, 1, 0, 0, 0};
    cpu.sregs.gs.base = 0xffff'8880'0000'0000 + index;
    cpu.sregs.idt = {0xffff'fe00'0000'0000, 0xfff, {}};
    cpu.sregs.cr0 = 0x8005'0033;
    cpu.sregs.cr3 = 0x1000'0000;
    cpu.sregs.cr4 = 0x3606f0;
  }
  contents.ram = {{0, 3 * kMiB}, {16 * kMiB, 2 * kMiB}};
  contents.mappings = {{0xffff'8880'0000'0000, 0, 3 * kMiB},
                       {0xffff'ffff'8100'0000, 17 * kMiB, kMiB}};
  return contents;
}

/// The header of CONTENTS and then RAM, each page of which begins with its number.
CoreReader file_of(const Contents& contents, const std::string& vmcoreinfo = {}) {
  const auto header =
      make_header(contents, std::as_bytes(std::span(vmcoreinfo.data(), vmcoreinfo.size())));
  std::string bytes(reinterpret_cast<const char*>(header.data()), header.size());
  EXPECT_EQ(bytes.size(), header_size(contents));
  while (bytes.size() < file_size(contents)) {
    bytes += static_cast<char>((bytes.size() - header.size()) / kPageSize);
    bytes.resize(align_up(bytes.size(), kPageSize));
  }
  return CoreReader(bytes);
}

std::string byte(std::uint64_t value) { return {static_cast<char>(value)}; }

TEST(CoreFile, HasEachVcpusRegisters) {
  const CoreReader core = file_of(sample());
  ASSERT_TRUE(core.is_core());
  const auto registers = core.registers();
  ASSERT_EQ(registers.size(), 2U);
  for (unsigned index = 0; index < 2; ++index) {
    EXPECT_EQ(registers[index].rip, 0xffff'ffff'8100'0000 + index);
    EXPECT_EQ(registers[index].rsp, 0xffff'c900'0000'0000 + index);
    EXPECT_EQ(registers[index].rax, 11U);
    EXPECT_EQ(registers[index].r15, 15U);
    EXPECT_EQ(registers[index].eflags, 0x246U);
    EXPECT_EQ(registers[index].cs, 0x10U);
    EXPECT_EQ(registers[index].gs_base, 0xffff'8880'0000'0000 + index);
  }
}

TEST(CoreFile, HasTheControlRegistersThatCrashLooksFor) {
  const auto notes = file_of(sample()).notes("QEMU");
  ASSERT_EQ(notes.size(), 2U);
  // Version and size, 18 registers, 10 segments of 24 bytes, 5 control registers.
  const std::string& state = notes[1].content;
  ASSERT_EQ(state.size(), 432U);
  const auto number = [&](std::size_t offset) {
    std::uint64_t value = 0;
    std::memcpy(&value, state.data() + offset, sizeof value);
    return value;
  };
  EXPECT_EQ(number(0), 1 | std::uint64_t{432} << 32);
  EXPECT_EQ(number(8 + 16 * 8), 0xffff'ffff'8100'0001U) << "rip";
  EXPECT_EQ(number(152), 0x10 | std::uint64_t{0xffff'ffff} << 32) << "cs";
  EXPECT_EQ(number(160) & 0xffff'ffff, 0xa0'9b00U) << "its flags";
  EXPECT_EQ(number(152 + 9 * 24 + 16), 0xffff'fe00'0000'0000U) << "base of the IDT";
  EXPECT_EQ(number(392), 0x8005'0033U) << "cr0";
  EXPECT_EQ(number(392 + 3 * 8), 0x1000'0000U) << "cr3";
  EXPECT_EQ(number(392 + 4 * 8), 0x3606f0U) << "cr4";
}

TEST(CoreFile, HasRamByItsPhysicalAddresses) {
  const CoreReader core = file_of(sample());
  EXPECT_EQ(core.physical(0, 1), byte(0));
  EXPECT_EQ(core.physical(5 * kPageSize, 1), byte(5));
  EXPECT_EQ(core.physical(3 * kMiB - kPageSize, kPageSize)->substr(0, 1), byte(3 * 256 - 1));
  EXPECT_EQ(core.physical(3 * kMiB, 1), std::nullopt) << "there is a hole";
  EXPECT_EQ(core.physical(16 * kMiB, 1), byte(3 * 256));
  EXPECT_EQ(core.physical(18 * kMiB - kPageSize, 1), byte(5 * 256 - 1));
  EXPECT_EQ(core.physical(18 * kMiB, 1), std::nullopt);
}

TEST(CoreFile, HasTheKernelsMappings) {
  const CoreReader core = file_of(sample());
  EXPECT_EQ(core.kernel(0xffff'8880'0000'7000, 1), byte(7));
  EXPECT_EQ(core.kernel(0xffff'ffff'8100'2000, 1), byte(4 * 256 + 2));
  EXPECT_EQ(core.kernel(0xffff'ffff'8110'0000, 1), std::nullopt);
}

TEST(CoreFile, HasTheGuestsOwnNote) {
  std::string note(12, '\0');
  note[0] = 11;
  note[4] = 13;
  note += std::string("VMCOREINFO\0\0", 12) + "OSRELEASE=6.1" + std::string(3, '\0');
  const auto found = file_of(sample(), note).notes("VMCOREINFO");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].content, "OSRELEASE=6.1");
  EXPECT_TRUE(file_of(sample(), std::string(kMaxVmcoreinfo + 1, 'x')).notes("VMCOREINFO").empty());
}

TEST(CoreFile, HasRoomForAsManyMappingsAsThereMayBe) {
  Contents contents = sample();
  contents.mappings.assign(kMaxMappings, {0xffff'ffff'8100'0000, kMiB, kPageSize});
  const CoreReader core = file_of(contents);
  EXPECT_EQ(core.segments().size(), 1 + 2 + kMaxMappings);
  EXPECT_EQ(core.registers().size(), 2U);
  EXPECT_EQ(core.kernel(0xffff'ffff'8100'0000, 1), byte(256));
}

}  // namespace
}  // namespace hive::dump
