// A sibling's VMM that writes what it likes into both pages and the records of its rings, and
// signals as it likes, while another sibling keeps to the rules.
#include <fuzzer/FuzzedDataProvider.h>
#include <sys/eventfd.h>

#include <cstdlib>
#include <cstring>

#include "tests/unit/device/vsock_machine.h"
#include "vmm/device/vsock/ring.h"
#include "vmm/device/vsock/ring_mapping.h"

namespace hive::device::fuzz {
namespace {

using test::SharedRing;
using test::VsockCells;
using test::VsockGuest;
using vsock::Op;

void check(bool held) {
  if (!held) std::abort();
}

/// Cell 1 is hostile: its own device lies idle, and its rings are written from here.
class Session {
 public:
  explicit Session(FuzzedDataProvider& input)
      : input_(input),
        cells_(3),
        in_(cells_.ring(1, 0).copy().file, "in"),
        out_(cells_.ring(0, 1).copy().file, "out") {}

  void step() {
    std::byte* base = input_.ConsumeBool() ? in_.base() : out_.base();
    switch (input_.ConsumeIntegralInRange<unsigned>(0, 6)) {
      case 0:
        return word(base + 8 * input_.ConsumeIntegralInRange<unsigned>(0, 3));
      case 1:
        return word(base + memory::kRingPageBytes + 8 * input_.ConsumeIntegralInRange(0, 1));
      case 2:
      case 3:
        return record();
      case 4:
        return signal();
      case 5:
        return guest_sends();
      default:
        return restart();
    }
  }

  void check_sibling() {
    VsockGuest& guest = *cells_.guests[0];
    VsockGuest& sibling = *cells_.guests[2];
    guest.collect();
    guest.received.clear();
    sibling.send(test::packet(5, 9, 3, 9, Op::kRequest));
    bool found = false;
    while (const auto packet = guest.take()) {
      check(packet->header.target_cid == 3 && packet->header.length == packet->payload.size());
      found = found || (packet->header.source_cid == 5 && packet->header.op == Op::kRequest);
    }
    check(found && guest.machine.broken.empty());
  }

 private:
  void word(std::byte* at) {
    const std::uint64_t value = input_.ConsumeBool()
                                    ? input_.ConsumeIntegralInRange<std::uint64_t>(0, 64) * 64
                                    : input_.ConsumeIntegral<std::uint64_t>();
    std::memcpy(at, &value, sizeof value);
  }

  /// A record after those that are there, nearly right, and shown.
  void record() {
    auto* page = reinterpret_cast<vsock::ProducerPage*>(in_.base());
    vsock::RecordHead head;
    head.length = input_.ConsumeIntegralInRange<unsigned>(0, 7) == 0
                      ? input_.ConsumeIntegral<std::uint32_t>()
                      : input_.ConsumeIntegralInRange<std::uint32_t>(0, 5000);
    head.from = input_.ConsumeIntegralInRange<Incarnation>(0, 3);
    head.to = input_.ConsumeIntegralInRange<Incarnation>(0, 2);
    head.header = test::packet(input_.ConsumeIntegralInRange<std::uint64_t>(2, 5),
                               input_.ConsumeIntegralInRange<std::uint32_t>(0, 2),
                               input_.ConsumeIntegralInRange<std::uint64_t>(2, 5),
                               input_.ConsumeIntegralInRange<std::uint32_t>(0, 2),
                               Op{input_.ConsumeIntegralInRange<std::uint16_t>(0, 8)});
    head.header.type = input_.ConsumeIntegralInRange<std::uint16_t>(0, 3);
    head.header.length =
        input_.ConsumeBool() ? head.length : input_.ConsumeIntegral<std::uint32_t>();
    const std::uint64_t place = page->produced / 64 * 64 % memory::kRingDataBytes;
    std::memcpy(in_.base() + 2 * memory::kRingPageBytes + place, &head, sizeof head);
    page->produced += vsock::record_size(head.length);
  }

  void signal() {
    const SharedRing& ring = input_.ConsumeBool() ? cells_.ring(1, 0) : cells_.ring(0, 1);
    ::eventfd_write(input_.ConsumeBool() ? ring.data.get() : ring.space.get(), 1);
    cells_.guests[0]->collect();
  }

  void guest_sends() {
    vsock::Header packet = test::packet(3, input_.ConsumeIntegralInRange<std::uint32_t>(0, 2), 4,
                                        input_.ConsumeIntegralInRange<std::uint32_t>(0, 2),
                                        Op{input_.ConsumeIntegralInRange<std::uint16_t>(1, 7)});
    if (packet.op == Op::kPayload) packet.length = input_.ConsumeIntegral<std::uint16_t>();
    cells_.guests[0]->send(packet, std::string(packet.length, 'g'));
  }

  void restart() {
    const auto incarnation = input_.ConsumeIntegralInRange<Incarnation>(0, 4);
    if (input_.ConsumeBool()) {
      cells_.guests[0]->device->peer_up(1, incarnation);
    } else {
      cells_.guests[0]->device->peer_down(1, incarnation);
    }
  }

  FuzzedDataProvider& input_;
  VsockCells cells_;
  vsock::RingMapping in_;   ///< From the hostile sibling to the guest.
  vsock::RingMapping out_;  ///< The other way.
};

}  // namespace
}  // namespace hive::device::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  hive::device::fuzz::Session session(input);
  for (unsigned step = 0; step < 64 && input.remaining_bytes() > 0; ++step) session.step();
  session.check_sibling();
  return 0;
}
