#include "cellmon/control/heritage.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "cellmon/control/file_kinds.h"
#include "guests/abi/global_memory.h"
#include "vmm/base/descriptors.h"
#include "vmm/base/error.h"
#include "vmm/memory/shared_file.h"

namespace hive::control {
namespace {

static_assert(HIVE_GLOBAL_VECTORS + 1 <= kMaxSentFiles);

GlobalFiles sort_out(std::vector<UniqueFd> files, std::uint64_t contribution) {
  GlobalFiles sorted;
  const std::size_t wanted = HIVE_GLOBAL_VECTORS + (contribution > 0 ? 1 : 0);
  if (files.size() != wanted) throw Error("what was left to this monitor has missing files");
  auto next = files.begin();
  if (contribution > 0) {
    sorted.contribution = std::move(*next++);
    if (!memory::is_shared_file(sorted.contribution.get(), contribution)) {
      throw Error("what was left to this monitor is no contribution of its cell's size");
    }
  }
  sorted.doorbells.assign(std::make_move_iterator(next), std::make_move_iterator(files.end()));
  if (!std::all_of(sorted.doorbells.begin(), sorted.doorbells.end(), is_event)) {
    throw Error("what was left to this monitor has files that are no doorbells");
  }
  return sorted;
}

}  // namespace

UniqueFd leave_heritage(std::span<const GlobalFileNumbers> files) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw_errno("cannot make a socket pair");
  }
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  for (const GlobalFileNumbers& each : files) {
    const auto bytes = std::as_bytes(std::span(&each.cell, 1));
    const int error = send_with_files(ours.get(), bytes, each.files);
    if (error != 0) throw_errno("cannot leave its files to a monitor", error);
  }
  return theirs;  // The end of OURS is the end of what is to be read.
}

Heritage take_heritage(const UniqueFd& descriptor, const plan::Machine& machine) {
  Heritage heritage;
  while (true) {
    std::array<std::byte, sizeof(CellId)> buffer{};
    ReceivedPacket packet = receive_with_files(descriptor.get(), buffer);
    if (packet.size == 0) return heritage;
    if (packet.size < 0) throw_errno("cannot read what was left to this monitor");
    CellId cell{};
    std::memcpy(&cell, buffer.data(), sizeof cell);
    const auto index = static_cast<std::size_t>(cell);
    if (!packet.whole || packet.size != sizeof cell || index >= machine.cells.size()) {
      throw Error("what was left to this monitor does not fit its plan");
    }
    heritage[cell] = sort_out(std::move(packet.files), machine.cells[index].shared);
  }
}

}  // namespace hive::control
