#include "vmm/cell/spin.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace hive::cell {
namespace {

std::vector<std::byte> code(std::initializer_list<unsigned> bytes) {
  std::vector<std::byte> code;
  for (const unsigned byte : bytes) code.push_back(static_cast<std::byte>(byte));
  return code;
}

TEST(Padding, IsWhatFollowsAReturn) {
  EXPECT_EQ(find_padding(code({0x90, 0xc3, 0xcc, 0xcc, 0xcc, 0x55})), 3U);
  EXPECT_EQ(find_padding(code({0xc3, 0xcc, 0xcc, 0xcc})), 2U);
}

TEST(Padding, IsALongRow) {
  std::vector<std::byte> row(8, std::byte{0xcc});
  EXPECT_EQ(find_padding(row), 6U);
  row.pop_back();
  EXPECT_EQ(find_padding(row), std::nullopt);
}

TEST(Padding, IsNoConstantInAnInstruction) {
  // mov $0xcccccccd, %eax; movabs $0xcccccccccccccccd, %rax
  EXPECT_EQ(find_padding(code({0xb8, 0xcd, 0xcc, 0xcc, 0xcc, 0xf7, 0xe2})), std::nullopt);
  EXPECT_EQ(find_padding(code({0x48, 0xb8, 0xcd, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0x48})),
            std::nullopt);
  EXPECT_EQ(find_padding({}), std::nullopt);
}

TEST(Gate, HasItsHandler) {
  // Offset 0xffffffff81e01a70, selector 0x10, an interrupt gate that is present.
  std::array<std::byte, 16> gate{};
  const auto bytes = code({0x70, 0x1a, 0x10, 0, 0, 0x8e, 0xe0, 0x81, 0xff, 0xff, 0xff, 0xff});
  std::copy(bytes.begin(), bytes.end(), gate.begin());
  const auto handler = decode_gate(gate);
  ASSERT_TRUE(handler.has_value());
  EXPECT_EQ(handler->address, 0xffffffff81e01a70U);
  EXPECT_EQ(handler->selector, 0x10);
  gate[5] = std::byte{0x0e};
  EXPECT_FALSE(decode_gate(gate).has_value()) << "not present";
}

TEST(Kernel, IsEnteredWithItsPrivilege) {
  kvm_sregs sregs{};
  sregs.cs.dpl = sregs.ss.dpl = 3;
  enter_kernel(sregs, 0x10);
  EXPECT_EQ(sregs.cs.selector, 0x10);
  EXPECT_EQ(sregs.cs.dpl, 0);
  EXPECT_EQ(sregs.cs.l, 1);
  EXPECT_EQ(sregs.ss.dpl, 0);
}

}  // namespace
}  // namespace hive::cell
