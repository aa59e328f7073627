// A stream of RPC frames from a hostile peer, in pieces, through a link.
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "guests/sdk/rpc/frame.h"
#include "guests/sdk/rpc/socket_link.h"

namespace {

using namespace hive::rpc;

constexpr std::uint8_t kRepairChecksums = 1;

/// Makes lengths, magics and checksums right where DATA has whole frames, so that what lies behind
/// these checks is reached.
void repair(Bytes& data) {
  for (std::size_t at = 0; at + sizeof(hive_rpc_frame) <= data.size();) {
    hive_rpc_frame header{};
    std::memcpy(&header, data.data() + at, sizeof header);
    const std::size_t left = data.size() - at - sizeof header;
    const std::size_t length = std::min<std::size_t>(header.length % 600, left);
    seal(header, ByteView(data).subspan(at + sizeof header, length));
    std::memcpy(data.data() + at, &header, sizeof header);
    at += sizeof header + length;
  }
}

void use(const Frame& frame) {
  if (check_header(frame.header) != HIVE_RPC_FAULT_NONE ||
      check_payload(frame.header, frame.payload) != HIVE_RPC_FAULT_NONE) {
    std::abort();  // It came out of a link.
  }
  if (frame.header.kind == HIVE_RPC_HELLO) {
    const hive_rpc_hello hello = read_hello(frame.payload);
    if (!is_service_name(hello.service)) std::abort();
    if (hive_rpc_port(hello.service) < HIVE_RPC_FIRST_PORT) std::abort();
  } else if (frame.header.kind == HIVE_RPC_ERROR) {
    const ErrorContent content = read_error(frame.payload);
    const Bytes again = make_error(content);
    if (again.size() != frame.payload.size()) std::abort();
    for (const char c : content.message) {
      if (static_cast<unsigned char>(c) < 0x20) std::abort();
    }
  } else if (frame.header.kind == HIVE_RPC_WELCOME) {
    (void)read_welcome(frame.payload);
  } else if (frame.header.kind == HIVE_RPC_SETUP) {
    (void)read_setup(frame.payload);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 8192) return 0;
  const std::uint8_t controls = data[0];
  const std::size_t piece = 1 + std::size_t{data[1]} * 8;
  Bytes stream(data + 2, data + size);
  if ((controls & kRepairChecksums) != 0) repair(stream);

  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  SocketLink link{hive::UniqueFd(ends[0])};
  hive::UniqueFd other(ends[1]);
  Frame frame;
  std::size_t sent = 0;
  for (;;) {
    const Received event = link.receive(frame, kNow);
    if (event == Received::kFrame) {
      use(frame);
    } else if (event != Received::kTimeout) {
      break;
    } else if (sent == stream.size()) {
      other.reset();
    } else {
      const std::size_t part = std::min(piece, stream.size() - sent);
      (void)!::send(other.get(), stream.data() + sent, part, MSG_NOSIGNAL);
      sent += part;
    }
  }
  return 0;
}
