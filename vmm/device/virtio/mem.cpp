#include "vmm/device/virtio/mem.h"

#include <algorithm>
#include <utility>

namespace hive::device {
namespace {

static_assert(sizeof(virtio_mem_req) == 24 && sizeof(virtio_mem_resp) == 10 &&
              sizeof(virtio_mem_config) == 56);

constexpr std::uint16_t kNoRequest = 0xffff;

std::uint16_t response_of(MemBlocks::Answer answer) {
  switch (answer) {
    case MemBlocks::Answer::kDone:
      return VIRTIO_MEM_RESP_ACK;
    case MemBlocks::Answer::kDenied:
      return VIRTIO_MEM_RESP_NACK;
    case MemBlocks::Answer::kWrong:
      break;
  }
  return VIRTIO_MEM_RESP_ERROR;
}

std::uint16_t number_of(MemBlocks::State state) {
  if (state == MemBlocks::State::kPlugged) return VIRTIO_MEM_STATE_PLUGGED;
  return state == MemBlocks::State::kMixed ? VIRTIO_MEM_STATE_MIXED : VIRTIO_MEM_STATE_UNPLUGGED;
}

}  // namespace

VirtioMem::VirtioMem(const Range& region, Handlers handlers, std::atomic<std::uint64_t>& plugged)
    : handlers_(std::move(handlers)), plugged_(plugged), blocks_(region, kBlock) {}

void VirtioMem::want(std::uint64_t bytes) {
  transport_->run([this, bytes] {
    offer_kept(kMostAtOnce);
    if (blocks_.wanted() == bytes) return;
    blocks_.want(bytes);
    transport_->config_changed();
  });
}

void VirtioMem::read_config(std::uint64_t offset, std::span<std::byte> data) const {
  virtio_mem_config config{};
  config.block_size = blocks_.block();
  config.addr = blocks_.region().start;
  config.region_size = blocks_.region().size;
  config.usable_region_size = blocks_.usable();
  config.plugged_size = blocks_.plugged();
  config.requested_size = blocks_.wanted();
  read_config_struct(config, offset, data);
}

void VirtioMem::give_back(const Range& blocks) {
  if (handlers_.unplugged(blocks)) return;
  for (std::uint64_t block = blocks.start; block < blocks.end(); block += kBlock) {
    kept_.push_back(block);
  }
}

void VirtioMem::offer_kept(std::size_t most) {
  if (kept_.empty()) return;
  // What is refused again goes to the end: it keeps no other from its turn.
  for (std::size_t left = std::min(most, kept_.size()); left > 0; --left) {
    const std::uint64_t block = kept_.front();
    kept_.pop_front();
    give_back({block, kBlock});
  }
  note_plugged();
}

void VirtioMem::clear_kept(const Range& blocks) {
  std::erase_if(kept_, [&](std::uint64_t block) {
    if (!blocks.contains(block)) return false;
    (void)handlers_.unplugged({block, kBlock});  // Else the guest finds there what it has left.
    return true;
  });
}

bool VirtioMem::must_wait(const Range& blocks) const {
  const auto others = std::count_if(kept_.begin(), kept_.end(),
                                    [&](std::uint64_t block) { return !blocks.contains(block); });
  const std::uint64_t plugged = blocks_.plugged() + blocks.size;
  return plugged <= blocks_.wanted() &&
         plugged + static_cast<std::uint64_t>(others) * kBlock > blocks_.wanted();
}

std::uint16_t VirtioMem::plug(const virtio_mem_req_plug& request) {
  const Range range = blocks_.range_of(request.addr, request.nb_blocks);
  const bool free = blocks_.look(request.addr, request.nb_blocks) == MemBlocks::State::kUnplugged;
  if (free && must_wait(range)) return VIRTIO_MEM_RESP_BUSY;
  const auto answer = blocks_.plug(request.addr, request.nb_blocks);
  if (answer == MemBlocks::Answer::kDone) {
    clear_kept(range);
    handlers_.plugged(range);
    note_plugged();
  }
  return response_of(answer);
}

std::uint16_t VirtioMem::begin_unplug(const virtio_mem_req_unplug& request) {
  const auto state = blocks_.look(request.addr, request.nb_blocks);
  if (state != MemBlocks::State::kPlugged) return VIRTIO_MEM_RESP_ERROR;
  unplugging_ = {.left = blocks_.range_of(request.addr, request.nb_blocks)};
  return VIRTIO_MEM_RESP_ACK;
}

std::uint16_t VirtioMem::state(const virtio_mem_req_state& request, std::uint16_t& state) const {
  const auto found = blocks_.look(request.addr, request.nb_blocks);
  if (!found) return VIRTIO_MEM_RESP_ERROR;
  state = number_of(*found);
  return VIRTIO_MEM_RESP_ACK;
}

virtio_mem_resp VirtioMem::answer(const virtio_mem_req& request) {
  virtio_mem_resp response{};
  switch (request.type) {
    case VIRTIO_MEM_REQ_PLUG:
      response.type = plug(request.u.plug);
      break;
    case VIRTIO_MEM_REQ_UNPLUG:
      response.type = begin_unplug(request.u.unplug);
      break;
    case VIRTIO_MEM_REQ_UNPLUG_ALL:
      unplugging_ = {.left = blocks_.region(), .all = true};
      response.type = VIRTIO_MEM_RESP_ACK;
      break;
    case VIRTIO_MEM_REQ_STATE: {
      std::uint16_t found = 0;
      response.type = state(request.u.state, found);
      response.u.state.state = found;
      break;
    }
    default:
      response.type = VIRTIO_MEM_RESP_ERROR;
  }
  return response;
}

void VirtioMem::take(Virtqueue& queue, const Chain& chain) {
  virtio_mem_resp response{};
  if (chain.writable_bytes < sizeof response) {
    return queue.fail("memory request without room for its answer");
  }
  virtio_mem_req request{};
  const auto bytes = std::as_writable_bytes(std::span(&request, 1));
  // A request that is cut off has nothing done.
  if (copy_from(chain.to_read(), 0, bytes) != bytes.size()) request.type = kNoRequest;
  offer_kept(kMostAtOnce);
  response = answer(request);
  const auto answered = std::as_bytes(std::span(&response, 1));
  if (!store(chain.to_write(), 0, answered, chain.writer)) {
    unplugging_.reset();
    return queue.fail("answer to a memory request where the cell may not write");
  }
  if (unplugging_) {
    unplugging_->head = chain.head;
  } else {
    queue.push(chain.head, sizeof response);
  }
}

void VirtioMem::go_on(Virtqueue& queue) {
  Range& left = unplugging_->left;
  if (const auto blocks = blocks_.first_plugged(left, kMostAtOnce)) {
    blocks_.unplug(blocks->start, static_cast<std::uint16_t>(blocks->size / kBlock));
    give_back(*blocks);
    note_plugged();
    left = {blocks->end(), left.end() - blocks->end()};
    return;
  }
  if (unplugging_->all) blocks_.shrink();
  queue.push(unplugging_->head, sizeof(virtio_mem_resp));
  unplugging_.reset();
}

void VirtioMem::process(unsigned index) {
  constexpr unsigned kTurns = 8;  // Then others have theirs.
  Virtqueue& queue = transport_->queue(index);
  std::array<iovec, kQueues[0]> storage;
  Chain chain{.storage = storage};
  for (unsigned turn = 0; turn < kTurns; ++turn) {
    if (unplugging_) {
      go_on(queue);
      break;
    }
    if (queue.pop(chain)) {
      take(queue, chain);
    } else if (!queue.want_kicks()) {
      return;
    }
  }
  transport_->poke(index);
}

}  // namespace hive::device
