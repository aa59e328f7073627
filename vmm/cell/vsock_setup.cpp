#include "vmm/cell/vsock_setup.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vmm/base/descriptors.h"
#include "vmm/base/error.h"

namespace hive::cell {
namespace {

constexpr std::size_t kEventsOfPeer = 4;

/// Takes EVENT, which must not block: it is signalled and read by a loop that must not wait.
UniqueFd take_event(int event, int least, const std::string& what) {
  const UniqueFd given(event);
  const int flags = ::fcntl(given.get(), F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK) == 0) {
    throw Error(what + ": its event is no descriptor, or one that blocks");
  }
  return copy_fd(given.get(), least);
}

device::vsock::RingFiles take_ring(const RingConfig& ring, int least, const std::string& what) {
  return {UniqueFd(ring.file), take_event(ring.data, least, what),
          take_event(ring.space, least, what)};
}

}  // namespace

VsockParts open_vsock(const VsockConfig& config, Incarnation incarnation,
                      std::optional<int> kept_below) {
  VsockParts parts;
  parts.setup.cid = config.cid;
  parts.setup.incarnation = incarnation;
  parts.setup.packets_per_second = config.packets_per_second;
  const int least = highest_numbers(kEventsOfPeer * config.peers.size(), kept_below);
  for (const VsockPeerConfig& each : config.peers) {
    device::VirtioVsock::Peer peer;
    peer.rights = {each.cell, each.cid, each.may_call, each.may_be_called};
    peer.name = each.name;
    peer.out = take_ring(each.out, least, "vsock: the ring to " + each.name);
    peer.in = take_ring(each.in, least, "vsock: the ring from " + each.name);
    for (const device::vsock::RingFiles* files : {&peer.out, &peer.in}) {
      for (const int event : {files->data.get(), files->space.get()}) {
        parts.first_kept = std::min(parts.first_kept.value_or(event), event);
      }
    }
    parts.setup.peers.push_back(std::move(peer));
  }
  return parts;
}

}  // namespace hive::cell
