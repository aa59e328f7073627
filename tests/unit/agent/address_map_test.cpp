#include "guests/agent/kernel/address_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "guests/agent/kernel/maple_tree.h"
#include "tests/unit/agent/fake_kernel.h"
#include "vmm/base/error.h"

namespace hive::agent::kernel {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;
using Fake = FakeKernel;

const Layout& layout() {
  static const Layout kLayout = read_layout(Btf(linux_types()));
  return kLayout;
}

constexpr std::uint64_t kRootWord = Fake::kRoot | Fake::kAllocatorWord | 2;

MapleTree tree(const Fake& kernel, std::uint64_t root = kRootWord) {
  return read_maple_tree(kernel.memory, layout().nodes, root);
}

std::uint64_t find(const Fake& kernel, std::uint32_t number) {
  return find_address_map(kernel.memory, layout(), kernel.task_bytes(), number);
}

/// Why ACTION is refused; empty where it is not.
template <typename Action>
std::string refusal(Action action) {
  try {
    (void)action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

std::vector<Range> words_at(std::uint64_t base, const std::vector<std::uint64_t>& offsets) {
  std::vector<Range> words;
  for (const std::uint64_t offset : offsets) words.push_back({base + offset, 8});
  return words;
}

std::vector<Range> join(std::vector<std::vector<Range>> lists) {
  std::vector<Range> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

TEST(MapleTree, IsWalkedFromItsRoot) {
  const MapleTree found = tree(Fake());
  EXPECT_THAT(found.entries, UnorderedElementsAre(Fake::kArea, Fake::kOtherArea));
  EXPECT_THAT(found.slots,
              UnorderedElementsAre(Range{Fake::kRoot + 80, 16}, Range{Fake::kLeaf + 128, 24},
                                   Range{Fake::kOtherLeaf + 128, 16}));
}

TEST(MapleTree, LeavesOutSlotsThatAreNotInUse) {
  Fake kernel;
  kernel.memory.set_word(Fake::kLeaf + 128 + 3 * 8, Fake::kOtherArea);
  kernel.memory.set_word(Fake::kOtherLeaf + 128 + 2 * 8, Fake::kArea);
  EXPECT_THAT(tree(kernel).entries, UnorderedElementsAre(Fake::kArea, Fake::kOtherArea));
}

TEST(MapleTree, HasFullLeavesWhole) {
  Fake kernel;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> full;
  for (std::uint64_t index = 0; index < 15; ++index) full.emplace_back(index + 1, index * 16);
  kernel.set_slots(Fake::kLeaf, 128, full);
  kernel.memory.set_word(Fake::kLeaf + 128 + 15 * 8, 16);  // Up to the node's own last index.
  const MapleTree found = tree(kernel);
  EXPECT_EQ(found.entries.size(), 17U);
  EXPECT_THAT(found.slots, Contains(Range{Fake::kLeaf + 128, 128}));
}

TEST(MapleTree, BearsWhatIsCorrupt) {
  Fake kernel;
  const std::vector<std::uint64_t> roots{0,
                                         6,
                                         Fake::kArea,
                                         kRootWord ^ (std::uint64_t{1} << 40),
                                         ~std::uint64_t{1},
                                         Fake::kRoot | 2,
                                         Fake::kRoot | 15 << 3 | 2};
  for (const std::uint64_t root : roots) {
    EXPECT_THAT(tree(kernel, root).entries, IsEmpty()) << std::hex << root;
  }
  // A node below itself, one out of RAM, one of no known type.
  kernel.set_slots(Fake::kRoot, 80,
                   {{Fake::kRoot | Fake::kAllocatorWord, 0xff},
                    {0xdead'0000'0000'0100 | Fake::kLeafWord, 0xfff},
                    {Fake::kLeaf | 9 << 3, 0xffff},
                    {Fake::kOtherLeaf | Fake::kLeafWord, Fake::kLast}});
  EXPECT_THAT(tree(kernel).entries, ElementsAre(Fake::kOtherArea));
}

TEST(Layout, IsRefusedWhereTheKernelHasNoMapleTrees) {
  BtfBuilder types;
  types.structure("mm_struct", 8, {{"mm_rb", types.pointer(), 0}});
  EXPECT_EQ(refusal([&] { return read_layout(Btf(types.bytes())); }),
            "the kernel's BTF has no mm_struct.mm_mt.ma_root");
}

TEST(Process, IsFoundInTheKernelsList) {
  const Fake kernel;
  EXPECT_EQ(find(kernel, 30), Fake::kMap);
  EXPECT_EQ(refusal([&] { return find(kernel, 2); }),
            "process 2 has no address map: it is the kernel's, or ends");
  EXPECT_EQ(refusal([&] { return find(kernel, 31); }),
            "process 31 is not in the kernel's list of processes any more");
}

TEST(Process, IsNotFoundInAListThatIsCorrupt) {
  constexpr const char* kWhy = "in which process 30 is to be, changes or is corrupt; try again";
  Fake round;  // It does not come back to where it began.
  round.memory.set_word(Fake::task(2) + 64, Fake::task(2) + 64);
  EXPECT_EQ(find(round, 30), Fake::kMap);
  EXPECT_THAT(refusal([&] { return find(round, 31); }), HasSubstr("changes or is corrupt"));
  Fake wild;
  wild.memory.set_word(Fake::task(1) + 64, 0xdead'0000'0000'0000);
  EXPECT_THAT(refusal([&] { return find(wild, 30); }), HasSubstr(kWhy));
  EXPECT_THAT(refusal([&] { return find_address_map(wild.memory, layout(), "short", 30); }),
              HasSubstr(kWhy));
}

TEST(AddressMap, HasItsPointers) {
  const Fake kernel;
  const std::vector<std::uint64_t> pointers{16, 32, 40, 48, 64, 72, 80, 96};
  EXPECT_THAT(address_map_pointers(kernel.memory, layout(), Fake::kMap),
              testing::UnorderedElementsAreArray(
                  join({tree(kernel).slots, words_at(Fake::kMap, {72}),
                        words_at(Fake::kArea, pointers), words_at(Fake::kOtherArea, pointers)})));
}

TEST(AddressMap, LeavesOutAreasOfOtherMaps) {
  Fake kernel;
  kernel.memory.set_word(Fake::kOtherArea + 16, Fake::kMap + 8);
  EXPECT_THAT(address_map_pointers(kernel.memory, layout(), Fake::kMap),
              Not(Contains(Range{Fake::kOtherArea + 16, 8})));
  kernel.memory.set_word(Fake::kArea + 16, 0);
  const auto places = {address_map_pointers, cow_tree_pointers};
  for (const auto& place : places) {
    EXPECT_THAT(refusal([&] { return place(kernel.memory, layout(), Fake::kMap); }),
                HasSubstr("has no areas as this agent knows them"));
    EXPECT_THAT(refusal([&] { return place(kernel.memory, layout(), 0x1000); }),
                HasSubstr("is not in RAM"));
  }
}

TEST(CowTree, HasTheLinksAndWhatTheyLeadTo) {
  const Fake kernel;
  const std::vector<std::uint64_t> link{0, 8, 16, 24, 40, 48}, source{0, 40};
  EXPECT_THAT(
      cow_tree_pointers(kernel.memory, layout(), Fake::kMap),
      testing::UnorderedElementsAreArray(join({{{Fake::kArea + 80, 8}, {Fake::kArea + 64, 16}},
                                               words_at(Fake::kLink, link),
                                               words_at(Fake::kOtherLink, link),
                                               words_at(Fake::kSource, source),
                                               words_at(Fake::kOtherSource, source)})))
      << "without the area that has no pages of its own, and without locks";
}

TEST(CowTree, BearsWhatIsCorrupt) {
  Fake kernel;
  const auto found = [&] { return cow_tree_pointers(kernel.memory, layout(), Fake::kMap); };
  kernel.memory.set_word(Fake::kOtherLink + 16, Fake::kLink + 16);  // Round, past the head.
  EXPECT_EQ(found().size(), 2U + 6 + 6 + 2 + 2);
  kernel.memory.set_word(Fake::kOtherLink, Fake::kOtherArea);  // Another area's.
  EXPECT_EQ(found().size(), 2U + 6 + 2);
  kernel.memory.set_word(Fake::kLink + 16, 0xdead'0000'0000'0000);
  EXPECT_EQ(found().size(), 2U + 6 + 2);
  kernel.memory.set_word(Fake::kArea + 64, Fake::kArea + 64);
  EXPECT_THAT(refusal(found), HasSubstr("has no copy-on-write tree"));
}

}  // namespace
}  // namespace hive::agent::kernel
