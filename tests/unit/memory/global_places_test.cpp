#include "vmm/memory/global_places.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "vmm/base/units.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/layout.h"

namespace hive::memory {
namespace {

constexpr Range kWindow{4 * kGiB, 4 * kMiB};
constexpr std::uint64_t kAlias = 5 * kGiB;

TEST(GlobalPlaces, AreTheWindowAndTheAlias) {
  GlobalPlaces places(kWindow);
  EXPECT_EQ(places.offset_of({kWindow.start + 8}, 8), 8U);
  EXPECT_EQ(places.offset_of({kWindow.end() - 8}, 8), kWindow.size - 8);
  EXPECT_FALSE(places.offset_of({kWindow.end() - 8}, 9));
  EXPECT_FALSE(places.offset_of({kWindow.start - 1}, 1));
  EXPECT_FALSE(places.offset_of({kWindow.end()}, 0));
  EXPECT_FALSE(places.offset_of({kAlias}, 1));
  EXPECT_FALSE(places.offset_of({~0ULL}, 1));

  places.set_alias(GuestAddress{kAlias});
  EXPECT_EQ(places.offset_of({kAlias + 16}, 8), 16U);
  EXPECT_FALSE(places.offset_of({kAlias + kWindow.size}, 1));
  EXPECT_EQ(places.offset_of({kWindow.start}, 1), 0U);
  places.set_alias(std::nullopt);
  EXPECT_FALSE(places.offset_of({kAlias + 16}, 8));
}

class NoWriter : public ForeignWriter {
 public:
  [[nodiscard]] bool write(std::byte* /*target*/, std::span<const std::byte> /*bytes*/) override {
    return false;
  }
  [[nodiscard]] std::byte* shown(std::byte* target, std::size_t length) override {
    return length > kMost ? nullptr : instead != nullptr ? instead : target;
  }

  static constexpr std::size_t kMost = 100;
  std::byte* instead = nullptr;
};

TEST(GuestMemory, LetsDevicesReachGlobalMemoryWhereverItIs) {
  GuestMemory memory(2 * kMiB, layout::kHole, Backing::kSmallPages);
  std::vector<std::byte> content(kWindow.size);
  GlobalPlaces places(kWindow);
  NoWriter writer;
  EXPECT_FALSE(memory.dma_window({kWindow.start}, 8));
  memory.add_global(places, content.data(), writer);
  for (const std::uint64_t start : {kWindow.start, kAlias}) {
    places.set_alias(GuestAddress{kAlias});
    const auto window = memory.dma_window({start + 64}, 8);
    ASSERT_TRUE(window);
    EXPECT_EQ(window->bytes.data(), content.data() + 64);
    EXPECT_EQ(window->writer, &writer);
    EXPECT_FALSE(memory.dma_window({start + kWindow.size - 4}, 8));
  }
  EXPECT_FALSE(memory.dma_window({kWindow.start}, NoWriter::kMost + 1));
  std::byte other{};
  writer.instead = &other;
  EXPECT_EQ(memory.dma_window({kWindow.start + 64}, 1)->bytes.data(), &other);
  places.set_alias(std::nullopt);
  EXPECT_FALSE(memory.dma_window({kAlias}, 8));
  EXPECT_EQ(memory.dma_window({0}, 8)->writer, nullptr);
}

}  // namespace
}  // namespace hive::memory
