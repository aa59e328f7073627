#include "vmm/kvm/stats.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "vmm/kvm/uapi.h"

namespace hive::kvm {
namespace {

constexpr std::uint32_t kNameSize = 48;

/// The head of a file with statistics.
class Head {
 public:
  explicit Head(std::uint32_t count) {
    header_ = {0, kNameSize, count, 24, 24, 4096};
    bytes_.resize(sizeof header_);
    write();
  }

  Head& add(const std::string& name, std::uint32_t type, std::uint16_t size, std::uint32_t offset) {
    kvm_stats_desc description{};
    description.flags = type;
    description.size = size;
    description.offset = offset;
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof description + kNameSize);
    std::memcpy(bytes_.data() + at, &description, sizeof description);
    std::memcpy(bytes_.data() + at + sizeof description, name.data(),
                std::min<std::size_t>(name.size(), kNameSize));
    return *this;
  }
  void write() { std::memcpy(bytes_.data(), &header_, sizeof header_); }

  kvm_stats_header header_{};
  std::vector<std::byte> bytes_;
};

TEST(ParseStats, GivesNumbersWithTheirPlaces) {
  Head head(4);
  head.add("exits", KVM_STATS_TYPE_CUMULATIVE, 1, 8)
      .add("pages_4k", KVM_STATS_TYPE_INSTANT, 1, 0)
      .add("halt_wait_hist", KVM_STATS_TYPE_LOG_HIST, 32, 16)
      .add("nx_most", KVM_STATS_TYPE_PEAK, 1, 272);
  EXPECT_EQ(parse_stats(head.bytes_),
            (std::vector<Stat>{
                {"exits", true, 4104}, {"pages_4k", false, 4096}, {"nx_most", false, 4368}}));
}

TEST(ParseStats, TakesANameWithoutItsEnd) {
  Head head(1);
  head.add(std::string(60, 'n'), KVM_STATS_TYPE_CUMULATIVE, 1, 0);
  ASSERT_EQ(parse_stats(head.bytes_).size(), 1U);
  EXPECT_EQ(parse_stats(head.bytes_)[0].name, std::string(kNameSize, 'n'));
}

TEST(ParseStats, GivesWhatIsThereOfAHeadThatIsCut) {
  Head head(2);
  head.add("one", 0, 1, 0).add("two", 0, 1, 8);
  for (std::size_t size = 0; size < head.bytes_.size(); ++size) {
    EXPECT_LE(parse_stats(std::span(head.bytes_).first(size)).size(), 1U) << size;
  }
  head.header_.num_desc = 1'000'000;
  head.write();
  EXPECT_TRUE(parse_stats(head.bytes_).empty());
}

TEST(ParseStats, LeavesOutWhatIsBeyondTheFile) {
  Head head(1);
  head.add("far", 0, 1, 0xffff'fff8);
  EXPECT_TRUE(parse_stats(head.bytes_).empty());
}

TEST(ParseStats, TakesAnything) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    Head head(3);
    head.add("one", 0, 1, 0).add("two", 1, 1, 8).add("three", 2, 1, 16);
    for (int change = 0; change < 6; ++change) {
      head.bytes_[random() % head.bytes_.size()] = static_cast<std::byte>(random());
    }
    for (const Stat& stat : parse_stats(head.bytes_)) {
      EXPECT_LE(stat.offset + 8, Stats::kMaxBytes);
      EXPECT_LE(stat.name.size(), 256U);
    }
  }
}

}  // namespace
}  // namespace hive::kvm
