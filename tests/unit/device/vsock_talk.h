// What guests say to each other in tests.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/device/vsock_machine.h"

namespace hive::device::test {

inline std::string text(const Packet& packet) {
  return {reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size()};
}

/// Opens a connection from port 1000 of cell FROM to port 80 of cell TO.
inline void connect(VsockCells& cells, unsigned from, unsigned to) {
  VsockGuest& caller = *cells.guests[from];
  VsockGuest& callee = *cells.guests[to];
  caller.send(packet(caller.cid, 1000, callee.cid, 80, vsock::Op::kRequest));
  const auto request = callee.take();
  ASSERT_TRUE(request);
  ASSERT_EQ(request->header.op, vsock::Op::kRequest);
  callee.send(packet(callee.cid, 80, caller.cid, 1000, vsock::Op::kResponse));
  const auto response = caller.take();
  ASSERT_TRUE(response);
  ASSERT_EQ(response->header.op, vsock::Op::kResponse);
}

}  // namespace hive::device::test
