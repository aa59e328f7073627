// A guest that sends what it likes through its vsock device, while siblings that keep to the rules
// and a program on the host talk to it.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>
#include <memory>

#include "tests/unit/device/vsock_machine.h"

namespace hive::device::fuzz {
namespace {

using test::Packet;
using test::VsockCells;
using test::VsockGuest;
using vsock::Header;
using vsock::Op;

void check(bool held) {
  if (!held) std::abort();
}

class Session {
 public:
  explicit Session(FuzzedDataProvider& input) : input_(input), cells_(3, 10'000) {}

  void step() {
    switch (input_.ConsumeIntegralInRange<unsigned>(0, 9)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return send_whole();
      case 4:
        return send_raw();
      case 5:
        return sibling();
      case 6:
        return host();
      case 7:
        return peer_state();
      case 8:
        return pause();
      default:
        return reset();
    }
  }

  /// The two siblings' own traffic goes on whatever the guest has done.
  void check_siblings() {
    VsockGuest& one = *cells_.guests[1];
    VsockGuest& two = *cells_.guests[2];
    cells_.settle();
    one.received.clear();
    two.received.clear();
    const std::uint32_t port = 60'000;
    one.send(test::packet(one.cid, port, two.cid, port, Op::kRequest));
    check(find(two, one.cid, Op::kRequest));
    two.send(test::packet(two.cid, port, one.cid, port, Op::kResponse));
    check(find(one, two.cid, Op::kResponse));
    one.send(test::packet(one.cid, port, two.cid, port, Op::kPayload, 4), "ping");
    check(find(two, one.cid, Op::kPayload));
    check(one.machine.broken.empty() && two.machine.broken.empty());
  }

 private:
  VsockGuest& guest() { return *cells_.guests[0]; }

  static bool find(VsockGuest& guest, std::uint64_t source, Op op) {
    while (const auto packet = guest.take()) {
      // Whatever a guest gets is addressed to it and as long as it says.
      check(packet->header.target_cid == guest.cid);
      check(packet->header.length == packet->payload.size());
      if (packet->header.source_cid == source && packet->header.op == op) return true;
    }
    return false;
  }

  Header header() {
    Header header;
    header.source_cid =
        input_.ConsumeBool() ? guest().cid : input_.ConsumeIntegral<std::uint64_t>();
    header.target_cid = input_.ConsumeIntegralInRange<std::uint64_t>(0, 6);
    header.source_port = input_.ConsumeIntegralInRange<std::uint32_t>(0, 3);
    header.target_port = input_.ConsumeIntegralInRange<std::uint32_t>(0, 3);
    header.type = input_.ConsumeIntegralInRange<std::uint16_t>(0, 3);
    header.op = Op{input_.ConsumeIntegralInRange<std::uint16_t>(0, 8)};
    header.flags = input_.ConsumeIntegralInRange<std::uint32_t>(0, 4);
    header.buffer = input_.ConsumeIntegral<std::uint32_t>();
    header.forwarded = input_.ConsumeIntegral<std::uint32_t>();
    return header;
  }

  void send_whole() {
    Header packet = header();
    const std::string payload =
        input_.ConsumeBool() ? std::string(input_.ConsumeIntegral<std::uint16_t>(), 'p') : "";
    packet.length = input_.ConsumeIntegralInRange<unsigned>(0, 15) == 0
                        ? input_.ConsumeIntegral<std::uint32_t>()
                        : static_cast<std::uint32_t>(payload.size());
    if (guest().machine.broken.empty()) guest().send(packet, payload);
  }

  void send_raw() {
    const auto bytes = input_.ConsumeBytes<std::byte>(input_.ConsumeIntegralInRange(1, 100));
    if (!bytes.empty() && guest().machine.broken.empty()) guest().send_raw(bytes);
  }

  void sibling() {
    VsockGuest& peer = *cells_.guests[input_.ConsumeIntegralInRange(1, 2)];
    Header packet = header();
    packet.source_cid = peer.cid;
    packet.target_cid = guest().cid;
    packet.length = packet.op == Op::kPayload ? 100 : 0;
    peer.send(packet, std::string(packet.length, 's'));
    peer.collect();
  }

  void host() {
    if (input_.ConsumeBool() || cells_.asked.empty()) {
      auto [ours, theirs] = test::socket_pair();
      program_ = std::move(ours);
      return guest().device->host_call(input_.ConsumeIntegralInRange<std::uint32_t>(0, 3),
                                       std::move(theirs));
    }
    const std::uint32_t request = cells_.asked.back().first;
    cells_.asked.pop_back();
    if (input_.ConsumeBool()) return guest().device->host_answer(request, UniqueFd());
    auto [ours, theirs] = test::socket_pair();
    program_ = std::move(ours);
    (void)!::send(program_.get(), "program", 7, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (input_.ConsumeBool()) program_.reset();
    guest().device->host_answer(request, std::move(theirs));
    guest().machine.settle();
  }

  void peer_state() {
    const auto cell = input_.ConsumeIntegralInRange<unsigned>(0, 4);
    const auto incarnation = input_.ConsumeIntegralInRange<Incarnation>(0, 3);
    if (input_.ConsumeBool()) {
      guest().device->peer_up(cell, incarnation);
    } else {
      guest().device->peer_down(cell, incarnation);
    }
    (void)guest().device->counters(cell);
  }

  void pause() {
    guest().machine.bridge.quiesce([] {});
    guest().machine.settle();
    guest().machine.bridge.resume();
    guest().collect();
  }

  void reset() {
    guest().driver->reset();
    guest().machine.broken.clear();
    guest().received.clear();
    guest().start();
  }

  FuzzedDataProvider& input_;
  VsockCells cells_;
  UniqueFd program_;
};

}  // namespace
}  // namespace hive::device::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  hive::device::fuzz::Session session(input);
  for (unsigned step = 0; step < 48 && input.remaining_bytes() > 0; ++step) session.step();
  session.check_siblings();
  return 0;
}
