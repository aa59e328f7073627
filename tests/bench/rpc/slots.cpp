#include "tests/bench/rpc/slots.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "guests/sdk/events/spinning_wait.h"

namespace hive::bench {
namespace {

constexpr unsigned kSlots = 8;

/// One side's half.
struct Half {
  std::uint32_t sequence;  ///< Of its last message.
  std::uint32_t sleeping;  ///< Whether it waits for a doorbell.
  std::uint32_t reserved[14];
  struct {
    std::uint32_t length;
    std::uint32_t replies;  ///< Of a request: whether the reply is as long, or has nothing.
  } head[kSlots];
};
static_assert(sizeof(Half) == 128);

constexpr std::size_t kContent = 4096;  ///< Where slot 0's content starts.
static_assert(kContent + kSlots * kLongest <= Ivshmem::kArea);

std::uint32_t load(const std::uint32_t& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }
void store(std::uint32_t& word, std::uint32_t value) {
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}
/// Between a store and a load that the other side has the other way round.
void fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }

class Side {
 public:
  Side(Ivshmem& device, Ring ring)
      : device_(device),
        ring_(ring),
        own_(*reinterpret_cast<Half*>(device.own())),
        other_(*reinterpret_cast<Half*>(device.other())) {
    store(own_.sleeping, 0);
  }

  [[nodiscard]] std::uint32_t sent() const { return load(own_.sequence); }
  [[nodiscard]] std::uint32_t received() const { return load(other_.sequence); }

  void write(std::uint32_t sequence, const void* content, std::size_t length, bool replies) {
    auto& head = own_.head[sequence % kSlots];
    head.length = static_cast<std::uint32_t>(length);
    head.replies = replies ? 1 : 0;
    std::memcpy(device_.own() + place(sequence), content, length);
  }

  /// Copies message SEQUENCE's content; gives its length and whether it wants a reply.
  std::size_t read(std::uint32_t sequence, void* content, bool* replies) const {
    const auto& head = other_.head[sequence % kSlots];
    const std::size_t length = std::min<std::size_t>(load(head.length), kLongest);
    *replies = load(head.replies) != 0;
    std::memcpy(content, device_.other() + place(sequence), length);
    return length;
  }

  void publish(std::uint32_t sequence) {
    store(own_.sequence, sequence);
    fence();
    if (ring_ == Ring::kAlways || load(other_.sleeping) != 0) device_.ring();
  }

  /// Until the other side has published SEQUENCE or one after.
  void await(std::uint32_t sequence) {
    const auto there = [&] { return static_cast<std::int32_t>(received() - sequence) >= 0; };
    sdk::SpinningWait wait(bound_);
    if (wait.spin(there, sdk::Clock::time_point::max())) return;
    while (!there()) {
      store(own_.sleeping, 1);
      fence();
      if (!there()) device_.sleep();
      store(own_.sleeping, 0);
    }
    wait.woke();
  }

 private:
  static std::size_t place(std::uint32_t sequence) {
    return kContent + sequence % kSlots * kLongest;
  }

  Ivshmem& device_;
  Ring ring_;
  sdk::SpinBound bound_;
  Half& own_;
  Half& other_;
};

void stream(Side& side, const Task& task, const std::vector<char>& content) {
  std::uint32_t sequence = side.sent();
  for (std::size_t sent = 0; sent < kStreamed; sent += task.size) {
    ++sequence;
    side.await(sequence - kSlots);  // Its slot is free again.
    side.write(sequence, content.data(), task.size, false);
    side.publish(sequence);
  }
  side.await(sequence);
}

}  // namespace

void serve_slots(Ivshmem& device, Ring ring) {
  Side side(device, ring);
  std::vector<char> content(kLongest);
  std::uint32_t done = side.received();
  tell_that_it_serves();
  for (;;) {
    side.await(done + 1);
    ++done;
    bool replies = false;
    const std::size_t length = side.read(done, content.data(), &replies);
    side.write(done, content.data(), replies ? length : 0, false);
    side.publish(done);
  }
}

void call_slots(Ivshmem& device, Ring ring, const Task& task) {
  Side side(device, ring);
  const std::vector<char> request(task.size, 'q');
  if (task.stream) {
    measure_stream([&] { stream(side, task, request); });
    return;
  }
  std::vector<char> reply(kLongest);
  std::size_t length = 0;
  measure_trips(task.count, [&] {
    const std::uint32_t sequence = side.sent() + 1;
    side.write(sequence, request.data(), task.size, true);
    side.publish(sequence);
    side.await(sequence);
    bool replies = false;
    length = side.read(sequence, reply.data(), &replies);
  });
  reply.resize(length);
  if (reply != request) throw std::runtime_error("the reply is not the request");
}

}  // namespace hive::bench
