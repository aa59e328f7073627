// In-process doubles of the devices' platform.
#pragma once

#include <sys/eventfd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "vmm/base/error.h"
#include "vmm/device/bus_device.h"
#include "vmm/device/platform.h"

namespace hive::device::test {

/// Counts the pulses on a wire.
class FakeLine : public InterruptLine {
 public:
  void raise() override { ++raised; }
  std::atomic<unsigned> raised = 0;
};

/// A wire that eventfds assert.
class FakeLevelLine : public LevelLine {
 public:
  void connect(int event_fd) override { sources.push_back(event_fd); }
  void enable(bool wanted) override {
    if (wanted && refuse) throw Error("no more wires");
    enabled = wanted;
    ++changes;
  }
  std::vector<int> sources;
  bool enabled = false;
  bool refuse = false;
  unsigned changes = 0;
};

/// What became of one message-signalled interrupt.
struct MsiRecord {
  std::atomic<std::uint64_t> address = 0;
  std::atomic<std::uint32_t> data = 0;
  std::atomic<unsigned> raised = 0;
  std::atomic<unsigned> programmed = 0;
  std::atomic<int> listens_to = -1;
};

/// Hands out up to `limit` vectors and remembers what each was told.
class FakeMsi : public MsiController {
 public:
  std::unique_ptr<MsiVector> allocate() override {
    if (records.size() >= limit) throw Error("no more vectors");
    records.push_back(std::make_shared<MsiRecord>());
    return std::make_unique<Vector>(records.back());
  }

  /// Interrupts that carried DATA.
  [[nodiscard]] unsigned raised_with(std::uint32_t data) const {
    unsigned count = 0;
    for (const auto& record : records) {
      if (record->data == data) count += record->raised;
    }
    return count;
  }

  std::size_t limit = 64;
  std::vector<std::shared_ptr<MsiRecord>> records;

 private:
  class Vector : public MsiVector {
   public:
    explicit Vector(std::shared_ptr<MsiRecord> record) : record_(std::move(record)) {}
    void set_message(std::uint64_t address, std::uint32_t data) override {
      record_->address = address;
      record_->data = data;
      ++record_->programmed;
    }
    void raise() override { ++record_->raised; }
    void listen(int event_fd) override { record_->listens_to = event_fd; }

   private:
    std::shared_ptr<MsiRecord> record_;
  };
};

/// Doorbells that a test rings by address.
class FakeDoorbells : public DoorbellController {
 public:
  bool attach(memory::GuestAddress address, int event_fd) override {
    if (refuse || attached.contains(address.value)) return false;
    attached[address.value] = event_fd;
    return true;
  }
  void detach(memory::GuestAddress address, int event_fd) override {
    const auto found = attached.find(address.value);
    if (found == attached.end() || found->second != event_fd) ++bad_detaches;
    attached.erase(address.value);
  }
  /// What a store to ADDRESS does. False when it goes to the bus.
  bool ring(std::uint64_t address) {
    const auto found = attached.find(address);
    if (found == attached.end()) return false;
    ::eventfd_write(found->second, 1);
    return true;
  }

  bool attach_value(memory::GuestAddress address, std::uint32_t value, int event_fd) override {
    if (refuse || values.contains({address.value, value})) return false;
    values[{address.value, value}] = event_fd;
    return true;
  }
  void detach_value(memory::GuestAddress address, std::uint32_t value, int event_fd) override {
    const auto found = values.find({address.value, value});
    if (found == values.end() || found->second != event_fd) ++bad_detaches;
    values.erase({address.value, value});
  }

  bool refuse = false;
  unsigned bad_detaches = 0;
  std::map<std::uint64_t, int> attached;
  std::map<std::pair<std::uint64_t, std::uint32_t>, int> values;  ///< By address and value.
};

/// Remembers where an alias is.
class FakeAlias : public MemoryAlias {
 public:
  void map(memory::GuestAddress address) override { place = address; }
  void unmap() override { place.reset(); }
  std::optional<memory::GuestAddress> place;
};

template <typename T>
T bus_read(BusDevice& device, std::uint64_t offset) {
  T value{};
  device.read(offset, std::as_writable_bytes(std::span(&value, 1)));
  return value;
}
template <typename T>
void bus_write(BusDevice& device, std::uint64_t offset, T value) {
  device.write(offset, std::as_bytes(std::span(&value, 1)));
}

}  // namespace hive::device::test
