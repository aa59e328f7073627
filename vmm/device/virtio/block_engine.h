// How a disk's requests get done.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/device/virtio/block.h"
#include "vmm/device/virtio/block_faults.h"
#include "vmm/device/virtio/block_request.h"
#include "vmm/device/virtio/disk_image.h"
#include "vmm/device/virtio/io_ring.h"
#include "vmm/device/virtio/virtio_device.h"

namespace hive::device {

/// Takes requests from the disk's queue, has the host's kernel do them through an io_uring, and
/// gives them back in the order in which they are done. Called as a VirtioDevice is.
class VirtioBlock::Engine {
 public:
  static constexpr std::uint16_t kQueueSize = 128;

  /// COUNTERS may be null.
  Engine(DiskImage image, std::string serial, BlockCounters* counters);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  /// Waits for requests in flight.
  ~Engine();

  void attach(VirtioTransport& transport);
  void activate(std::uint64_t features);
  void process();
  /// Forgets all requests. Only while idle().
  void reset();
  void set_fault(const DiskFault& fault);

  [[nodiscard]] const DiskImage& image() const { return image_; }
  [[nodiscard]] std::string_view name() const { return name_; }
  /// What a fault holds back is with nobody yet, like what is still in the queue.
  [[nodiscard]] bool idle() const { return in_flight_ == 0; }

 private:
  /// Ways to make a range read as zeroes, in the order in which they are tried.
  enum class Zeroing : std::uint8_t {
    kDeallocate,  ///< Only where the guest allows it.
    kZeroRange,
    kWrite,
  };

  /// A request in flight.
  struct Slot {
    BlockRequest request;
    std::uint16_t head = 0;
    Zeroing zeroing = Zeroing::kZeroRange;
    unsigned retries = 0;
    bool syncing = false;    ///< The range is changed; that is being made durable.
    bool fails = false;      ///< A fault has it end with an error.
    bool torn = false;       ///< The same, once what is left of it is stored.
    std::uint64_t done = 0;  ///< Bytes transferred or zeroed.
    std::array<iovec, kQueueSize> buffers;
    std::vector<std::byte> bounce;  ///< For what is read into global memory.
  };

  [[nodiscard]] Virtqueue& queue() { return transport_->queue(0); }
  /// Starts the next request. False when there is none, or none can be taken now.
  [[nodiscard]] bool take_next();
  [[nodiscard]] Slot* acquire();
  /// Starts a new request, as faults have it.
  void admit(Slot& slot);
  void start(Slot& slot);
  /// Starts what faults have held back for long enough.
  void start_held();
  void arm_timer();
  void identify(Slot& slot);
  /// Hands the request, or what is left of it, to the host.
  void issue(Slot& slot);
  void prepare_transfer(io_uring_sqe& entry, bool write, std::span<const iovec> buffers,
                        std::uint64_t offset);
  void prepare_guarded_read(io_uring_sqe& entry, Slot& slot);
  void prepare_fallocate(io_uring_sqe& entry, int mode, const Slot& slot);
  void prepare_zeroing(io_uring_sqe& entry, Slot& slot);
  /// Starts what was prepared, and takes what the host could finish at once.
  void flush();
  /// The host has finished requests.
  void completed();
  void reap();
  /// Takes the host's answer. Returns whether something is to be submitted for the rest.
  [[nodiscard]] bool advance(Slot& slot, std::int32_t result);
  /// The request is done, but for being made durable where the driver does not flush.
  [[nodiscard]] bool settle(Slot& slot);
  [[nodiscard]] bool recover(Slot& slot, int error);
  [[nodiscard]] bool end(Slot& slot, std::uint8_t status);
  void finish(Slot& slot, std::uint8_t status);
  void count(const Slot& slot, std::uint8_t status);

  DiskImage image_;
  std::string serial_;
  std::string name_;
  BlockCounters* counters_;
  VirtioTransport* transport_ = nullptr;
  bool write_through_ = true;  ///< The driver does not flush, so every change is made durable.
  bool starved_ = false;       ///< Chains wait for a free slot.
  std::size_t in_flight_ = 0;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_;
  BlockFaults faults_;
  std::multimap<FaultClock::time_point, Slot*> held_;  ///< By when they are due.
  std::optional<boost::asio::steady_timer> timer_;     ///< Of the first of them.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::optional<IoRing> ring_;
};

}  // namespace hive::device
