#include "vmm/device/legacy/cmos_rtc.h"

#include <ctime>

namespace hive::device {
namespace {

// Registers of the MC146818.
enum RtcRegister : std::uint8_t {
  kSeconds = 0,
  kMinutes = 2,
  kHours = 4,
  kDayOfWeek = 6,
  kDayOfMonth = 7,
  kMonth = 8,
  kYear = 9,
  kStatusA = 10,
  kStatusB = 11,
  kStatusC = 12,
  kStatusD = 13,
};
constexpr std::uint8_t kDivider32KHz = 0x26;      // Status A: time base on, UIP clear.
constexpr std::uint8_t kHours24 = 0x02;           // Status B.
constexpr std::uint8_t kInterruptEnables = 0x70;  // Status B: periodic, alarm, update.
constexpr std::uint8_t kValidTime = 0x80;         // Status D.
constexpr std::uint8_t kIndexMask = 0x7f;         // Bit 7 of the index port masks NMIs.

std::uint8_t bcd(int value) { return static_cast<std::uint8_t>((value / 10) << 4 | value % 10); }

}  // namespace

std::uint8_t CmosRtc::load() const {
  switch (index_) {
    case kStatusA:
      return kDivider32KHz;
    case kStatusB:
      return static_cast<std::uint8_t>(memory_[kStatusB] | kHours24);
    case kStatusC:
      return 0;
    case kStatusD:
      return kValidTime;
    default:
      break;
  }
  const bool of_time = index_ <= kYear && (index_ % 2 == 0 || index_ >= kDayOfMonth);
  if (!of_time && index_ != kCenturyRegister) return memory_[index_];
  const std::time_t now = clock_();
  std::tm time{};
  ::gmtime_r(&now, &time);
  switch (index_) {
    case kSeconds:
      return bcd(time.tm_sec % 60);
    case kMinutes:
      return bcd(time.tm_min);
    case kHours:
      return bcd(time.tm_hour);
    case kDayOfWeek:
      return bcd(time.tm_wday + 1);
    case kDayOfMonth:
      return bcd(time.tm_mday);
    case kMonth:
      return bcd(time.tm_mon + 1);
    case kYear:
      return bcd(time.tm_year % 100);
    default:
      return bcd((time.tm_year + 1900) / 100);
  }
}

void CmosRtc::read(std::uint64_t offset, std::span<std::byte> data) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = std::byte{offset + i == 1 ? load() : std::uint8_t{0xff}};
  }
}

void CmosRtc::write(std::uint64_t offset, std::span<const std::byte> data) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < data.size(); ++i) {
    const auto value = std::to_integer<std::uint8_t>(data[i]);
    if (offset + i == 0) {
      index_ = value & kIndexMask;
    } else {
      memory_[index_] = index_ == kStatusB ? value & kInterruptEnables : value;
    }
  }
}

}  // namespace hive::device
