// What a virtio device is to its transport, and the transport to it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "vmm/device/virtio/virtqueue.h"

namespace hive::device {

/// Device types (virtio 1.2, chapter 5).
enum class VirtioType : std::uint16_t {
  kNet = 1,
  kBlock = 2,
  kConsole = 3,
  kRng = 4,
  kBalloon = 5,
  kVsock = 19,
  kMem = 24,
};

/// What a device may ask of its transport. Everything but run(), loop(), poke() and
/// defer_interrupts() is called with the device's lock held, that is from within a call of the
/// transport to the device, or from run(). After each such call the transport shows the driver what
/// was pushed to any queue, with at most one interrupt for each, and turns a broken queue into
/// DEVICE_NEEDS_RESET.
class VirtioTransport {
 public:
  virtual ~VirtioTransport() = default;

  [[nodiscard]] virtual boost::asio::io_context& loop() = 0;

  /// Calls WORK with the device's lock held. For what the device's own events (a finished read, a
  /// readable socket) lead to, on the loop's thread.
  virtual void run(const std::function<void()>& work) = 0;

  /// Whether queues may be looked at: the driver is ready, and the device is not broken, being
  /// reset or quiesced.
  [[nodiscard]] virtual bool running() const = 0;

  [[nodiscard]] virtual Virtqueue& queue(unsigned index) = 0;

  /// Has process(INDEX) called again soon: the device stopped before the queue was empty, to be
  /// fair to others.
  virtual void poke(unsigned index) = 0;

  /// The driver is in no hurry to learn of queue INDEX: from now on chains are given back without
  /// an interrupt until they are an eighth of the queue, or the device hastens them. From attach().
  virtual void defer_interrupts(unsigned index) = 0;
  /// What was deferred is due.
  virtual void hasten(unsigned index) = 0;

  /// Tells the driver that the device's configuration has changed.
  virtual void config_changed() = 0;
};

/// One virtio device. Its transport calls it with the device's lock held, unless said otherwise.
/// Nothing may throw or block once the guest runs.
class VirtioDevice {
 public:
  virtual ~VirtioDevice() = default;

  [[nodiscard]] virtual VirtioType type() const = 0;
  /// For messages: "disk /var/alpha.img". Constant.
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Feature bits of the device's own (0 to 23); the transport adds its bits. Constant.
  [[nodiscard]] virtual std::uint64_t features() const = 0;
  /// The largest size of each queue. Constant.
  [[nodiscard]] virtual std::span<const std::uint16_t> queue_sizes() const = 0;

  /// The device's configuration structure. Accesses may reach beyond it: those bytes read as 0.
  virtual void read_config(std::uint64_t offset, std::span<std::byte> data) const = 0;
  virtual void write_config(std::uint64_t offset, std::span<const std::byte> data) {
    (void)offset;
    (void)data;
  }

  /// Called once, before anything else and without the lock; TRANSPORT outlives the device. May
  /// throw Error.
  virtual void attach(VirtioTransport& transport) = 0;
  /// The driver is ready and agreed on FEATURES. process() follows for each queue.
  virtual void activate(std::uint64_t features) = 0;
  /// Queue INDEX, which is enabled, may have new chains. On the loop's thread, only while the
  /// transport is running().
  virtual void process(unsigned index) = 0;
  /// Whether no request is in flight: nothing touches guest memory without a further process().
  [[nodiscard]] virtual bool idle() const { return true; }
  /// The driver has reset queue INDEX: forgets chains taken from it. Only while idle().
  virtual void reset_queue(unsigned index) { (void)index; }
  /// The driver has reset the device: forgets all that it set up. Only while idle().
  virtual void reset() = 0;
};

/// Reads at OFFSET of a device's configuration structure CONFIG; what lies beyond it is 0.
template <typename T>
void read_config_struct(const T& config, std::uint64_t offset, std::span<std::byte> data) {
  const auto bytes = std::as_bytes(std::span(&config, 1));
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = offset < bytes.size() && i < bytes.size() - offset ? bytes[offset + i] : std::byte{0};
  }
}

}  // namespace hive::device
