#include "guests/abi/agent_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "guests/abi/agent_protocol.h"

namespace hive::abi {
namespace {

static_assert(std::endian::native == std::endian::little, "headers are copied as they are");

constexpr std::size_t kHeaderSize = sizeof(hive_agent_frame);

/// The header at the start of BYTES, which has at least kHeaderSize of them.
hive_agent_frame header_of(std::string_view bytes) {
  hive_agent_frame header;
  std::memcpy(&header, bytes.data(), kHeaderSize);
  return header;
}

bool is_sound(const hive_agent_frame& header) {
  return header.magic == HIVE_AGENT_MAGIC && header.flags == 0 &&
         header.length <= HIVE_AGENT_MAX_PAYLOAD;
}

}  // namespace

std::string encode_frame(std::uint16_t type, std::uint32_t session, std::string_view payload) {
  payload = payload.substr(0, HIVE_AGENT_MAX_PAYLOAD);
  const hive_agent_frame header{HIVE_AGENT_MAGIC, type, 0, session,
                                static_cast<std::uint32_t>(payload.size())};
  std::string bytes(kHeaderSize + payload.size(), '\0');
  std::memcpy(bytes.data(), &header, kHeaderSize);
  std::copy(payload.begin(), payload.end(), bytes.begin() + kHeaderSize);
  return bytes;
}

std::string encode_u32(std::uint32_t value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

std::optional<std::uint32_t> decode_u32(std::string_view payload) {
  std::uint32_t value = 0;
  if (payload.size() != sizeof(value)) return std::nullopt;
  std::memcpy(&value, payload.data(), sizeof(value));
  return value;
}

std::string encode_ranges(std::span<const hive_agent_range> ranges) {
  const std::size_t count = std::min<std::size_t>(ranges.size(), HIVE_AGENT_MAX_RANGES);
  std::string bytes(count * sizeof(hive_agent_range), '\0');
  if (count != 0) std::memcpy(bytes.data(), ranges.data(), bytes.size());
  return bytes;
}

std::optional<std::vector<hive_agent_range>> decode_ranges(std::string_view payload) {
  const std::size_t count = payload.size() / sizeof(hive_agent_range);
  if (payload.size() % sizeof(hive_agent_range) != 0 || count == 0 ||
      count > HIVE_AGENT_MAX_RANGES) {
    return std::nullopt;
  }
  std::vector<hive_agent_range> ranges(count);
  std::memcpy(ranges.data(), payload.data(), payload.size());
  const bool sound = std::all_of(ranges.begin(), ranges.end(), [](const hive_agent_range& range) {
    return range.size != 0 && range.start <= ~std::uint64_t{0} - range.size;
  });
  return sound ? std::optional(ranges) : std::nullopt;
}

std::string encode_wild_writes(const hive_agent_wild_writes& request) {
  return {reinterpret_cast<const char*>(&request), sizeof request};
}

std::optional<hive_agent_wild_writes> decode_wild_writes(std::string_view payload) {
  hive_agent_wild_writes request;
  if (payload.size() != sizeof request) return std::nullopt;
  std::memcpy(&request, payload.data(), sizeof request);
  const auto within = [](std::uint32_t value, std::uint32_t most) {
    return value >= 1 && value <= most;
  };
  const bool sound = within(request.target, HIVE_AGENT_ALL) &&
                     within(request.count, HIVE_AGENT_MAX_STORES) &&
                     within(request.rate, HIVE_AGENT_MAX_STORE_RATE) &&
                     within(request.limit_ms, HIVE_AGENT_LONGEST_STORES);
  return sound ? std::optional(request) : std::nullopt;
}

std::string encode_wrote(const hive_agent_wrote& wrote) {
  return {reinterpret_cast<const char*>(&wrote), sizeof wrote};
}

std::optional<hive_agent_wrote> decode_wrote(std::string_view payload) {
  hive_agent_wrote wrote;
  if (payload.size() != sizeof wrote) return std::nullopt;
  std::memcpy(&wrote, payload.data(), sizeof wrote);
  const bool sound =
      wrote.done <= HIVE_AGENT_MAX_STORES && wrote.denied <= HIVE_AGENT_MAX_STORES - wrote.done;
  return sound ? std::optional(wrote) : std::nullopt;
}

std::string encode_load(const hive_agent_load& load) {
  return {reinterpret_cast<const char*>(&load), sizeof load};
}

std::optional<hive_agent_load> decode_load(std::string_view payload) {
  hive_agent_load load;
  if (payload.size() != sizeof load) return std::nullopt;
  std::memcpy(&load, payload.data(), sizeof load);
  const bool sound = load.total != 0 && load.free <= load.total && load.available <= load.total &&
                     load.cached <= load.total && load.swap_free <= load.swap_total;
  return sound ? std::optional(load) : std::nullopt;
}

void FrameDecoder::feed(std::string_view bytes) {
  if (broken_) return;
  buffer_.erase(0, used_);
  used_ = 0;
  buffer_.append(bytes);
  if (hunting_) skip_to_header();
}

void FrameDecoder::skip_to_header() {
  while (buffer_.size() - used_ >= kHeaderSize) {
    if (is_sound(header_of(std::string_view(buffer_).substr(used_)))) {
      hunting_ = false;
      return;
    }
    ++used_;
  }
}

std::optional<AgentFrame> FrameDecoder::next() {
  const std::string_view rest = std::string_view(buffer_).substr(used_);
  if (broken_ || hunting_ || rest.size() < kHeaderSize) return std::nullopt;
  const hive_agent_frame header = header_of(rest);
  if (!is_sound(header)) {
    broken_ = true;
    buffer_.clear();
    used_ = 0;
    return std::nullopt;
  }
  if (rest.size() - kHeaderSize < header.length) return std::nullopt;
  used_ += kHeaderSize + header.length;
  return AgentFrame{header.type, header.session,
                    std::string(rest.substr(kHeaderSize, header.length))};
}

}  // namespace hive::abi
