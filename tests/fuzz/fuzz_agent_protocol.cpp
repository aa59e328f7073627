// What either end of the agent's port may be sent.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "guests/abi/agent_codec.h"
#include "guests/abi/agent_protocol.h"
#include "guests/agent/cells_file.h"
#include "guests/agent/exec_request.h"

namespace {

/// Feeds BYTES in pieces of STEP; the frames' bytes, encoded anew.
std::string read_all(hive::abi::FrameDecoder::Begin begin, const std::string& bytes,
                     std::size_t step) {
  hive::abi::FrameDecoder decoder(begin);
  std::string again;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    decoder.feed(std::string_view(bytes).substr(at, step));
    while (const auto frame = decoder.next()) {
      if (frame->payload.size() > HIVE_AGENT_MAX_PAYLOAD) std::abort();
      if (frame->type == HIVE_AGENT_CELLS) (void)hive::agent::is_list_of_cells(frame->payload);
      if (frame->type == HIVE_AGENT_EXEC || frame->type == HIVE_AGENT_LOCATE) {
        (void)hive::agent::parse_argv(frame->payload);
      }
      if (frame->type == HIVE_AGENT_LOCATED) {
        const auto ranges = hive::abi::decode_ranges(frame->payload);
        if (ranges && hive::abi::encode_ranges(*ranges) != frame->payload) std::abort();
      }
      if (frame->type == HIVE_AGENT_WILD_WRITES) {
        const auto writes = hive::abi::decode_wild_writes(frame->payload);
        if (writes && hive::abi::encode_wild_writes(*writes) != frame->payload) std::abort();
      }
      if (frame->type == HIVE_AGENT_WROTE) {
        const auto wrote = hive::abi::decode_wrote(frame->payload);
        if (wrote && wrote->done + wrote->denied > HIVE_AGENT_MAX_STORES) std::abort();
      }
      if (frame->type == HIVE_AGENT_LOAD) {
        const auto load = hive::abi::decode_load(frame->payload);
        if (load && (load->total == 0 || load->free > load->total)) std::abort();
      }
      again += hive::abi::encode_frame(frame->type, frame->session, frame->payload);
    }
  }
  return again;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using Begin = hive::abi::FrameDecoder::Begin;
  if (size == 0) return 0;
  const std::size_t step = 1 + data[0];
  const std::string bytes(data + 1, data + size);
  const std::string whole = read_all(Begin::kAtFrame, bytes, bytes.size() + 1);
  if (bytes.compare(0, whole.size(), whole) != 0) std::abort();
  if (read_all(Begin::kAtFrame, bytes, step) != whole) std::abort();
  (void)read_all(Begin::kAnywhere, bytes, step);
  return 0;
}
