// Frames of agent_protocol.h to and from bytes; used by both ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guests/abi/agent_protocol.h"

namespace hive::abi {

struct AgentFrame {
  std::uint16_t type = 0;  ///< enum hive_agent_frame_type, or a value that this side does not know.
  std::uint32_t session = 0;
  std::string payload;  ///< At most HIVE_AGENT_MAX_PAYLOAD bytes.
};

/// The frame's bytes. The payload is at most HIVE_AGENT_MAX_PAYLOAD bytes; more is cut off.
std::string encode_frame(std::uint16_t type, std::uint32_t session, std::string_view payload);

/// VALUE as a payload of four bytes, little-endian: a window, or a status or signal cast to it.
std::string encode_u32(std::uint32_t value);
/// The inverse; nothing unless PAYLOAD has four bytes.
std::optional<std::uint32_t> decode_u32(std::string_view payload);

/// RANGES as a payload, at most HIVE_AGENT_MAX_RANGES of them; more are cut off.
std::string encode_ranges(std::span<const hive_agent_range> ranges);
/// The inverse; nothing unless PAYLOAD has from 1 to HIVE_AGENT_MAX_RANGES of them, none empty and
/// none past the last address.
std::optional<std::vector<hive_agent_range>> decode_ranges(std::string_view payload);

/// REQUEST as a payload.
std::string encode_wild_writes(const hive_agent_wild_writes& request);
/// The inverse; nothing unless PAYLOAD is one, all of whose members are within their bounds.
std::optional<hive_agent_wild_writes> decode_wild_writes(std::string_view payload);

/// WROTE as a payload.
std::string encode_wrote(const hive_agent_wrote& wrote);
/// The inverse; nothing unless PAYLOAD is one within its bounds.
std::optional<hive_agent_wrote> decode_wrote(std::string_view payload);

/// LOAD as a payload.
std::string encode_load(const hive_agent_load& load);
/// The inverse; nothing unless PAYLOAD is one in which there is memory, and no part is larger than
/// the whole.
std::optional<hive_agent_load> decode_load(std::string_view payload);

/// Cuts a hostile byte stream into frames. Holds at most one frame and what was last fed.
class FrameDecoder {
 public:
  /// Where the bytes begin: at a frame's start, or (a reader that joined late) anywhere, so that
  /// what precedes the first well-formed header is skipped.
  enum class Begin { kAtFrame, kAnywhere };

  explicit FrameDecoder(Begin begin = Begin::kAtFrame) : hunting_(begin == Begin::kAnywhere) {}

  /// Adds bytes; take all frames with next() before feeding more.
  void feed(std::string_view bytes);

  /// The next whole frame, if there is one. Never one after the stream broke.
  std::optional<AgentFrame> next();

  /// Whether a header broke the rules. Nothing that follows it can be read.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  void skip_to_header();

  std::string buffer_;
  std::size_t used_ = 0;
  bool hunting_;
  bool broken_ = false;
};

}  // namespace hive::abi
