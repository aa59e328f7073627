#include "guests/agent/kernel/btf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "guests/agent/kernel/address_map.h"
#include "tests/unit/agent/btf_builder.h"
#include "tests/unit/agent/fake_kernel.h"
#include "vmm/base/error.h"

namespace hive::agent::kernel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Why ACTION is refused; empty where it is not.
template <typename Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

void expect_field(const Field& field, std::uint64_t offset, std::uint64_t size,
                  std::uint64_t count = 1) {
  EXPECT_EQ(field.offset, offset);
  EXPECT_EQ(field.size, size);
  EXPECT_EQ(field.count, count);
}

TEST(Btf, HasMembersByTheirPaths) {
  const Btf types(linux_types());
  expect_field(types.field("list_head", "prev"), 8, 8);
  expect_field(types.field("mm_struct", "mm_mt.ma_root"), 72, 8);
  expect_field(types.field("mm_struct", "mm_mt"), 64, 24);
  expect_field(types.field("maple_node", "mr64.slot"), 128, 8, 16);
  expect_field(types.field("maple_node", "ma64.pivot"), 8, 8, 9);
  expect_field(types.field("task_struct", "tgid"), 124, 4);
  expect_field(types.field("task_struct", "tasks.next"), 64, 8);
  EXPECT_EQ(types.size_of("anon_vma_chain"), 64U);
}

TEST(Btf, HasAStructuresPointers) {
  const Btf types(linux_types());
  EXPECT_THAT(types.pointers("vm_area_struct"), ElementsAre(16, 32, 40, 48, 64, 72, 80, 96))
      << "also in unions and in what has no name; each once";
  EXPECT_THAT(types.pointers("maple_arange_64"), ElementsAre(0)) << "without arrays";
  EXPECT_THAT(types.pointers("anon_vma"), ElementsAre(0, 16, 24, 40));
}

TEST(Btf, RefusesWhatItDoesNotHave) {
  const Btf types(linux_types());
  EXPECT_EQ(refusal([&] { (void)types.size_of("vm_area"); }),
            "the kernel's BTF has no struct vm_area");
  for (const char* path : {"mm_rb", "", ".", "mm_mt.", "mm_mt.ma", "mm_mt.ma_root.x", "."}) {
    EXPECT_EQ(refusal([&] { (void)types.field("mm_struct", path); }),
              "the kernel's BTF has no mm_struct." + std::string(path));
  }
}

TEST(Btf, TakesBitFieldsForNone) {
  BtfBuilder types;
  const auto number = types.integer("int", 4);
  types.structure("bits", 16, {{"some", number, 0, 3}, {"whole", number, 4}});
  const Btf btf(types.bytes());
  EXPECT_THAT(refusal([&] { (void)btf.field("bits", "some"); }),
              HasSubstr("has bits as bits.some"));
  expect_field(btf.field("bits", "whole"), 4, 4);
}

TEST(Btf, StepsOverTypesOfAllKinds) {
  BtfBuilder types;
  constexpr std::uint32_t kForward = 7, kFunction = 12, kPrototype = 13, kSection = 15, kFloat = 16,
                          kTag = 17;
  types.other(BtfBuilder::kEnum, 3, 8);
  types.other(BtfBuilder::kEnum64, 2, 12);
  types.other(kForward, 0, 0);
  types.other(kFunction, 1, 0);
  types.other(kPrototype, 2, 8);
  types.other(BtfBuilder::kVariable, 1, 4);
  types.other(kSection, 2, 12);
  types.other(kFloat, 0, 0);
  types.other(kTag, 1, 4);
  const auto number = types.name(BtfBuilder::kTypeTag, "rcu", types.integer("long", 8));
  types.structure("last", 8, {{"member", number, 0}});
  expect_field(Btf(types.bytes()).field("last", "member"), 0, 8);
  types.other(31, 0, 0);
  EXPECT_THAT(refusal([&] { (void)Btf(types.bytes()); }),
              HasSubstr("a kind of type, 31, that this agent does not know"));
}

TEST(Btf, RefusesWhatIsNone) {
  EXPECT_THAT(refusal([] { (void)Btf(""); }), HasSubstr("is too short"));
  std::string other = linux_types();
  other[0] = 'x';
  EXPECT_THAT(refusal([&] { (void)Btf(other); }), HasSubstr("has a header"));
  const std::string whole = linux_types();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(refusal([&] { (void)Btf(whole.substr(0, size)); }), "") << size;
  }
}

TEST(Btf, BearsAnyByteThatIsWrong) {
  const std::string whole = linux_types();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char byte : {'\0', '\x7f', '\xff', static_cast<char>(whole[at] ^ 1)}) {
      std::string wrong = whole;
      wrong[at] = byte;
      (void)refusal([&] { (void)read_layout(Btf(wrong)); });
    }
  }
}

TEST(Btf, IsTheFuzzTargetsSeed) {
  std::ifstream file(HIVE_SOURCE_DIR "/tests/fuzz/corpus/guest_btf/linux", std::ios::binary);
  const std::string seed((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(seed, linux_types())
      << "write linux_types() there, so that it begins with what is whole";
}

TEST(Btf, EndsWhereTypesGoRound) {
  BtfBuilder types;
  types.name(BtfBuilder::kTypedef, "round", 1);
  types.structure("member", 8, {{"round", 1, 0}});
  types.structure("inner", 8, {{"", 3, 0}});
  types.structure("wide", 8, {{"", 4, 0}, {"", 4, 0}, {"", 4, 0}});
  types.structure("lost", 8, {{"gone", 99, 0}});
  const Btf btf(types.bytes());
  EXPECT_THAT(refusal([&] { (void)btf.field("member", "round"); }), HasSubstr("go round"));
  EXPECT_THAT(refusal([&] { (void)btf.field("inner", "x"); }), HasSubstr("contain themselves"));
  EXPECT_NE(refusal([&] { (void)btf.pointers("wide"); }), "");
  EXPECT_THAT(refusal([&] { (void)btf.field("lost", "gone"); }),
              HasSubstr("a type that it does not have"));
}

}  // namespace
}  // namespace hive::agent::kernel
