#include "vmm/device/virtio/pci_transport.h"

#include <fmt/format.h>
#include <linux/virtio_config.h>

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "vmm/device/virtio/features.h"
#include "vmm/device/virtio/pci_layout.h"
#include "vmm/device/virtio/ring_abi.h"

namespace hive::device {
namespace {

/// What the rings and this transport can do.
constexpr std::uint64_t kTransportFeatures =
    feature_bit(VIRTIO_F_VERSION_1) | feature_bit(VIRTIO_F_RING_RESET) |
    feature_bit(VIRTIO_RING_F_INDIRECT_DESC) | feature_bit(VIRTIO_RING_F_EVENT_IDX);

// ISR status (virtio 1.2, 4.1.4.5).
constexpr std::uint8_t kQueueInterrupt = 1;
constexpr std::uint8_t kConfigInterrupt = 2;

unsigned queue_count(const VirtioDevice& device) {
  return static_cast<unsigned>(device.queue_sizes().size());
}

}  // namespace

VirtioPciDevice::Transport::Transport(std::unique_ptr<VirtioDevice> device,
                                      const memory::GuestMemory& memory, MsiController& interrupts,
                                      DoorbellController& doorbells, boost::asio::io_context& loop,
                                      OnBroken on_broken)
    : loop_(loop),
      doorbells_(doorbells),
      on_broken_(std::move(on_broken)),
      msix_(interrupts, queue_count(*device) + 1),
      function_(device->type(), queue_count(*device), msix_.entries()),
      common_(device->features() | kTransportFeatures, device->queue_sizes(), msix_.entries()),
      device_(std::move(device)) {
  queues_.reserve(queue_count(*device_));
  for (unsigned index = 0; index < queue_count(*device_); ++index) {
    queues_.push_back({.ring = Virtqueue(memory, device_->queue_sizes()[index]),
                       .doorbell = EventSource(loop, [this, index] { kicked(index); })});
  }
  device_->attach(*this);
}

VirtioPciDevice::Transport::~Transport() {
  for (unsigned index = 0; index < queues_.size(); ++index) detach_doorbell(index);
}

void VirtioPciDevice::Transport::run(const std::function<void()>& work) {
  std::function<void()> then;
  {
    const std::lock_guard lock(mutex_);
    work();
    then = settle();
  }
  // Settled by a vCPU, perhaps: what follows belongs to the loop all the same.
  if (then) boost::asio::dispatch(loop_, std::move(then));
}

bool VirtioPciDevice::Transport::running() const {
  constexpr unsigned kMask = kStatusDriverOk | kStatusNeedsReset | kStatusFailed;
  return (common_.status() & kMask) == kStatusDriverOk && !resetting_ && queue_resets_ == 0 &&
         !quiesced_;
}

void VirtioPciDevice::Transport::kicked(unsigned index) {
  run([this, index] {
    if (running() && queues_[index].ring.enabled()) device_->process(index);
  });
}

void VirtioPciDevice::Transport::poke_all() {
  for (Queue& queue : queues_) {
    if (queue.ring.enabled()) queue.doorbell.signal();
  }
}

std::function<void()> VirtioPciDevice::Transport::settle() {
  for (unsigned index = 0; index < queues_.size(); ++index) {
    if (queues_[index].ring.broken()) {
      break_device(index);
    } else {
      give_back(index);
    }
  }
  if (!resetting_ && queue_resets_ == 0 && !on_quiet_) return nullptr;
  if (!device_->idle()) return nullptr;
  finish_resets();
  return std::exchange(on_quiet_, nullptr);
}

/// Shows the driver what was pushed, with an interrupt where it wants one and none is deferred.
void VirtioPciDevice::Transport::give_back(unsigned index) {
  Queue& queue = queues_[index];
  const bool hastened = std::exchange(queue.hastened, false);
  if (queue.defers && !hastened && queue.ring.unpublished() < queue.ring.size() / 8) {
    queue.ring.show();
    return;
  }
  const bool has_more = queue.ring.unpublished() != 0;
  // A driver that waits for the interrupt that was lost has not said that it wants another one.
  if (!queue.ring.publish() && !(queue.owes && has_more)) return;
  queue.owes = loss_.any() && loss_.hits(FaultClock::now());
  if (!queue.owes) interrupt(common_.queue_vector(index), kQueueInterrupt);
}

void VirtioPciDevice::Transport::lose_interrupts(const FaultShare& share) {
  const std::lock_guard lock(mutex_);
  loss_ = FaultDraw(share, FaultClock::now());
}

/// The device is idle: answers the driver's resets. Until now it read that they are under way.
void VirtioPciDevice::Transport::finish_resets() {
  if (resetting_) {
    device_->reset();
    for (Queue& queue : queues_) {
      queue.ring.disable();
      queue.resetting = queue.owes = false;
    }
    common_.reset();
    isr_ = 0;
    resetting_ = false;
    queue_resets_ = 0;
  }
  if (queue_resets_ == 0) return;
  for (unsigned index = 0; index < queues_.size(); ++index) {
    if (!std::exchange(queues_[index].resetting, false)) continue;
    device_->reset_queue(index);
    queues_[index].ring.disable();
    queues_[index].owes = false;
    common_.queue_was_reset(index);
  }
  queue_resets_ = 0;
  poke_all();
}

void VirtioPciDevice::Transport::break_device(unsigned index) {
  if ((common_.status() & kStatusNeedsReset) != 0) return;
  common_.set_needs_reset();
  // Virtio 1.2, 2.1.2: a driver that runs is told by a change of configuration.
  if ((common_.status() & kStatusDriverOk) != 0) config_changed();
  if (!on_broken_ || breaks_told_ == kMaxBreaksTold) return;
  ++breaks_told_;
  std::string detail =
      fmt::format("{}: queue {}: {}", device_->name(), index, queues_[index].ring.fault());
  boost::asio::post(loop_, [this, alive = std::weak_ptr(alive_), detail = std::move(detail)] {
    if (!alive.expired()) on_broken_(detail);
  });
}

void VirtioPciDevice::Transport::config_changed() {
  common_.next_generation();
  interrupt(common_.config_vector(), kConfigInterrupt);
}

void VirtioPciDevice::Transport::interrupt(std::uint16_t vector, std::uint8_t cause) {
  if (msix_.enabled()) {
    msix_.raise(vector);
  } else {
    isr_ |= cause;  // There is no wire behind it: a driver may poll.
  }
}

void VirtioPciDevice::Transport::write_common(std::uint64_t offset,
                                              std::span<const std::byte> data) {
  if (resetting_) return;
  const CommonConfigEffect effect = common_.write(offset, data);
  switch (effect.kind) {
    case CommonConfigEffect::kNone:
      break;
    case CommonConfigEffect::kReset:
      resetting_ = true;
      break;
    case CommonConfigEffect::kDriverReady:
      device_->activate(common_.features());
      poke_all();
      break;
    case CommonConfigEffect::kEnableQueue:
      enable_queue(effect.queue);
      break;
    case CommonConfigEffect::kResetQueue:
      queues_[effect.queue].resetting = true;
      ++queue_resets_;
      break;
  }
}

void VirtioPciDevice::Transport::enable_queue(unsigned index) {
  Queue& queue = queues_[index];
  const Virtqueue::Rules rules{
      .indirect = (common_.features() & feature_bit(VIRTIO_RING_F_INDIRECT_DESC)) != 0,
      .event_index = (common_.features() & feature_bit(VIRTIO_RING_F_EVENT_IDX)) != 0};
  if (!queue.ring.enable(common_.setup(index), rules)) return;  // Broken: settle() sees to it.
  common_.set_enabled(index);
  attach_doorbell(index);
  // After DRIVER_OK only a queue that was reset is enabled, and it may hold chains already.
  queue.doorbell.signal();
}

memory::GuestAddress VirtioPciDevice::Transport::doorbell_address(unsigned index) const {
  return *bar_ + (pci_layout::kNotify + index * pci_layout::kNotifyMultiplier);
}

void VirtioPciDevice::Transport::attach_doorbell(unsigned index) {
  Queue& queue = queues_[index];
  if (!bar_ || queue.doorbell_attached) return;
  // Stays through resets: a doorbell of an idle queue does no harm, and attaching is slow.
  queue.doorbell_attached = doorbells_.attach(doorbell_address(index), queue.doorbell.fd());
}

void VirtioPciDevice::Transport::detach_doorbell(unsigned index) {
  Queue& queue = queues_[index];
  if (!std::exchange(queue.doorbell_attached, false)) return;
  doorbells_.detach(doorbell_address(index), queue.doorbell.fd());
}

void VirtioPciDevice::Transport::bar_moved(std::optional<memory::GuestAddress> address) {
  const std::lock_guard lock(mutex_);
  for (unsigned index = 0; index < queues_.size(); ++index) detach_doorbell(index);
  bar_ = address;
  for (unsigned index = 0; index < queues_.size(); ++index) {
    if (queues_[index].ring.enabled()) attach_doorbell(index);
  }
}

void VirtioPciDevice::Transport::quiesce(const std::function<void()>& done) {
  run([this, &done] {
    quiesced_ = true;
    on_quiet_ = done;
  });
}

void VirtioPciDevice::Transport::resume() {
  const std::lock_guard lock(mutex_);
  quiesced_ = false;
  on_quiet_ = nullptr;
  poke_all();
}

}  // namespace hive::device
