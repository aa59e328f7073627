#include "vmm/device/pci/msix_table.h"

#include <poll.h>

#include <algorithm>
#include <cstring>

#include "vmm/base/error.h"
#include "vmm/base/range.h"

namespace hive::device {
namespace {

enum Word : unsigned { kAddressLow, kAddressHigh, kMessageData, kControl };
constexpr std::uint32_t kEntryMasked = 1;  // The only writable bit of kControl.

bool signalled(int event_fd) {
  pollfd state{event_fd, POLLIN, 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & POLLIN) != 0;
}

}  // namespace

MsixTable::MsixTable(MsiController& controller, unsigned entries)
    : controller_(controller), entries_(entries) {}

void MsixTable::read_table(std::uint64_t offset, std::span<std::byte> data) const {
  std::fill(data.begin(), data.end(), std::byte{0});
  for (std::size_t i = 0; i < data.size() && offset + i < table_size(); ++i) {
    const Entry& entry = entries_[(offset + i) / kEntrySize];
    const std::size_t at = (offset + i) % kEntrySize;
    data[i] = static_cast<std::byte>(entry.words[at / 4] >> (8 * (at % 4)));
  }
}

void MsixTable::write_table(std::uint64_t offset, std::span<const std::byte> data) {
  if (data.empty() || offset >= table_size()) return;
  const std::size_t count = std::min<std::size_t>(data.size(), table_size() - offset);
  for (std::size_t i = 0; i < count; ++i) {
    Entry& entry = entries_[(offset + i) / kEntrySize];
    const std::size_t at = (offset + i) % kEntrySize;
    std::uint32_t& word = entry.words[at / 4];
    const unsigned shift = 8 * (at % 4);
    word = (word & ~(0xffU << shift)) | std::to_integer<std::uint32_t>(data[i]) << shift;
    entry.words[kControl] &= kEntryMasked;
  }
  const auto first = static_cast<unsigned>(offset / kEntrySize);
  const auto last = static_cast<unsigned>((offset + count - 1) / kEntrySize);
  for (unsigned index = first; index <= last; ++index) refresh(index);
}

void MsixTable::read_pending(std::uint64_t offset, std::span<std::byte> data) const {
  std::uint64_t pending = pending_;
  for (unsigned index = 0; index < entries(); ++index) {
    const Entry& entry = entries_[index];
    const bool waits = entry.source >= 0 && !entry.listening && signalled(entry.source);
    if (waits) pending |= std::uint64_t{1} << index;
  }
  for (std::size_t i = 0; i < data.size(); ++i) {
    const bool inside = offset + i < sizeof pending;
    data[i] = inside ? static_cast<std::byte>(pending >> (8 * (offset + i))) : std::byte{0};
  }
}

void MsixTable::set_control(bool enabled, bool masked) {
  if (enabled == enabled_ && masked == masked_) return;
  enabled_ = enabled;
  masked_ = masked;
  for (unsigned index = 0; index < entries(); ++index) refresh(index);
}

bool MsixTable::deliverable(const Entry& entry) const {
  return enabled_ && !masked_ && (entry.words[kControl] & kEntryMasked) == 0;
}

/// Brings the machine's side of an entry up to date, and sends what was pending.
void MsixTable::refresh(unsigned index) {
  Entry& entry = entries_[index];
  const bool ready = deliverable(entry) && program(entry);
  listen(entry, ready);
  if (!ready) return;
  const std::uint64_t bit = std::uint64_t{1} << index;
  if ((pending_ & bit) == 0) return;
  pending_ &= ~bit;
  entry.vector->raise();
}

/// While nothing can be sent, signals are to stay in the eventfd.
void MsixTable::listen(Entry& entry, bool wanted) {
  if (entry.source < 0 || wanted == entry.listening) return;
  try {
    entry.vector->listen(wanted ? entry.source : -1);
    entry.listening = wanted;
  } catch (const Error&) {
    // The machine cannot: signals stay pending, until the entry is next unmasked.
  }
}

/// False when the machine has no vector for the entry: its interrupts stay pending.
bool MsixTable::program(Entry& entry) {
  const std::uint64_t address =
      std::uint64_t{entry.words[kAddressHigh]} << 32 | entry.words[kAddressLow];
  const std::uint32_t data = entry.words[kMessageData];
  if (entry.programmed && entry.sent_address == address && entry.sent_data == data) return true;
  try {
    if (!entry.vector) entry.vector = controller_.allocate();
    entry.vector->set_message(address, data);
  } catch (const Error&) {
    entry.programmed = false;
    return false;
  }
  entry.sent_address = address;
  entry.sent_data = data;
  entry.programmed = true;
  return true;
}

void MsixTable::connect(unsigned vector, int event_fd) { entries_[vector].source = event_fd; }

void MsixTable::raise(unsigned vector) {
  if (!enabled_ || vector >= entries_.size()) return;
  Entry& entry = entries_[vector];
  if (deliverable(entry) && entry.programmed) {
    entry.vector->raise();
  } else {
    pending_ |= std::uint64_t{1} << vector;
  }
}

}  // namespace hive::device
