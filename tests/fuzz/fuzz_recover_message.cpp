// What another monitor may say: nothing may bring a Recovery down or have it go past a barrier that
// its own steps have not come to, and what is taken as a message is exactly the bytes that came.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>

#include "cellmon/recover/recovery.h"

namespace {

using namespace hive::recover;
using hive::CellId;

void check(bool holds) {
  if (!holds) std::abort();
}

class Sink final : public Port {
 public:
  void send(CellId to, const Message& message) override {
    check(hive::agree::is_cell(to));
    check(decode(encode(message)) == message);
  }
  void perform(const Order& asked) override {
    check(asked.step >= kFirstStep && asked.step <= kLastStep);
    check(!order || asked.epoch > order->epoch);
    order = asked;
  }
  void leave() override { leaves = true; }
  void rejoin() override {}
  void boot(hive::Incarnation incarnation) override { check(incarnation != 0); }
  void recovered(std::uint64_t epoch) override { check(epoch != 0); }
  void late(CellSet late) override { check(!late.empty()); }
  void replace(CellId cell) override { check(hive::agree::is_cell(cell)); }
  void stop_machine(CellId /*cell*/) override { check(false); }

  std::optional<Order> order;
  bool leaves = false;
};

/// Views that follow on each other: somebody leaves, or comes back.
void change(View& view, std::uint8_t how) {
  const CellId cell{static_cast<std::uint8_t>(how % 5)};
  ++view.epoch;
  if (view.members.contains(cell) && view.members.size() > 1) {
    view.members.erase(cell);
    return;
  }
  ++view.incarnations[index_of(cell)];
  if (view.members.contains(cell)) return;
  ++view.lives[index_of(cell)];
  view.members.insert(cell);
}

}  // namespace

// Input: the own cell; then pieces, each a byte that says what happens and what it is about: the
// order is carried out, a view, a message (of the link's cell, then kMessageSize bytes), time.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> left(data, size);
  if (left.empty()) return 0;
  Settings settings;
  settings.self = CellId{static_cast<std::uint8_t>(left[0] % 5)};
  left = left.subspan(1);
  Sink sink;
  View view = hive::agree::founding_view(CellSet(0x1f));
  Time now = 1;
  Recovery recovery(settings, view, now, sink);
  while (left.size() >= 2) {
    const std::uint8_t what = left[0] % 4;
    const std::uint8_t about = left[1];
    left = left.subspan(2);
    if (what == 0 && sink.order) {
      const Order order = *sink.order;
      sink.order.reset();
      recovery.done(order.epoch, order.step, now);
    } else if (what == 1) {
      change(view, about);
      recovery.view(view, view.lives[index_of(settings.self)], now);
    } else if (what == 2) {
      const auto piece = left.first(left.size() < kMessageSize ? left.size() : kMessageSize);
      left = left.subspan(piece.size());
      if (const std::optional<Message> message = decode(piece)) {
        const Wire wire = encode(*message);
        check(std::equal(wire.begin(), wire.end(), piece.begin(), piece.end()));
        recovery.receive(CellId{about}, *message, now);
      }
    } else {
      now += Time{about} * 10'000'000;
      recovery.tick(now);
    }
    if (sink.leaves) {
      sink.leaves = false;
      sink.order.reset();
      recovery.left(now);
    }
    check(recovery.deadline() > 0);
  }
  return 0;
}
