// What a monitor writes for its guest's programs of other cells' failures.
#include "cellmon/control/recovery_news.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guests/abi/system_area.h"
#include "vmm/base/unique_fd.h"

namespace hive::control {
namespace {

constexpr CellId kA{0};
constexpr CellId kB{1};

/// A contribution of only a system area, as a guest sees it.
class News : public testing::Test {
 protected:
  News() { EXPECT_EQ(::ftruncate(file_.get(), sizeof(hive_system_area)), 0); }
  ~News() override { ::munmap(area_, sizeof(hive_system_area)); }

  [[nodiscard]] const hive_recovery_news& guest_sees() {
    if (area_ == nullptr) {
      area_ = ::mmap(nullptr, sizeof(hive_system_area), PROT_READ, MAP_SHARED, file_.get(), 0);
    }
    return static_cast<const hive_system_area*>(area_)->news;
  }

  UniqueFd file_{::memfd_create("contribution", MFD_CLOEXEC)};
  void* area_ = nullptr;
  RecoveryNews news_{file_.get(), sizeof(hive_system_area)};
};

TEST_F(News, TellWhatIsOverFromTheView) {
  agree::View view = agree::founding_view(agree::CellSet::of(kA) | agree::CellSet::of(kB));
  view.epoch = 7;
  view.members = agree::CellSet::of(kA);
  view.incarnations[0] = 3;
  view.incarnations[1] = 5;
  news_.note_view(view);
  news_.begin(3);
  EXPECT_EQ(guest_sees().over[0], 2U) << "a member's last incarnation goes on";
  EXPECT_EQ(guest_sees().over[1], 5U) << "that of a cell that is out is over";
  EXPECT_EQ(guest_sees().over[2], 0U) << "there is no such cell";
}

TEST_F(News, TakeNothingBack) {
  agree::View view = agree::founding_view(agree::CellSet::of(kA) | agree::CellSet::of(kB));
  news_.note_up(kB, 9);
  news_.note_view(view);
  news_.begin(1);
  EXPECT_EQ(guest_sees().over[1], 8U) << "it has rebooted since, without a view";
  news_.note_out(kB);
  EXPECT_EQ(guest_sees().over[1], 9U);
}

TEST_F(News, KeepTheLastDiscards) {
  news_.begin(1);
  for (std::uint32_t page = 0; page < HIVE_NEWS_DISCARDS + 2; ++page) {
    news_.add({page, 1}, agree::CellSet::of(kB), 4);
  }
  EXPECT_EQ(guest_sees().discards, HIVE_NEWS_DISCARDS + 2);
  EXPECT_EQ(guest_sees().discard[1].number, HIVE_NEWS_DISCARDS + 2);
  EXPECT_EQ(guest_sees().discard[1].first, HIVE_NEWS_DISCARDS + 1);
  EXPECT_EQ(guest_sees().discard[2].number, 3U);
  EXPECT_EQ(guest_sees().discard[2].cells, 2U);
  EXPECT_EQ(guest_sees().discard[2].epoch, 4U);
}

}  // namespace
}  // namespace hive::control
