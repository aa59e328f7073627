#include "vmm/device/vsock/host_stream.h"

namespace hive::device::vsock {

HostStream::Action HostStream::take(const Header& header) {
  to_guest_.advertise(header.buffer, header.forwarded);
  switch (header.op) {
    case Op::kReset:
      return Action::kGone;
    case Op::kResponse:
      if (state_ != State::kCalling) return Action::kReset;
      state_ = State::kOpen;
      return Action::kNone;
    case Op::kPayload:
      if (state_ != State::kOpen || ends_sending()) return Action::kReset;
      if (header.length > kBuffer - (received_ - forwarded_)) return Action::kReset;
      received_ += header.length;
      return Action::kPayload;
    case Op::kShutdown:
      shut_ |= header.flags & (kNoMoreReceived | kNoMoreSent);
      return ends_sending() && ends_receiving() ? Action::kEnd : Action::kShut;
    case Op::kCreditRequest:
      return Action::kAnswer;
    default:
      return Action::kNone;
  }
}

Header HostStream::packet(Op op) {
  Header header;
  header.source_cid = kHostCid;
  header.target_cid = guest_;
  header.source_port = host_port_;
  header.target_port = guest_port_;
  header.type = kStream;
  header.op = op;
  header.buffer = kBuffer;
  header.forwarded = advertised_ = forwarded_;
  return header;
}

bool HostStream::took(std::uint32_t count) {
  forwarded_ += count;
  // Not for each byte. A guest that waits has used up all room, so that this comes in the end.
  return forwarded_ - advertised_ >= kBuffer / 4;
}

}  // namespace hive::device::vsock
