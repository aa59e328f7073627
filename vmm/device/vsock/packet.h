// Packets of virtio-vsock, as both their ends and the rings between cells have them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace hive::device::vsock {

/// What a packet is for (virtio 1.2, 5.10.6). Others are known() to nobody.
enum class Op : std::uint16_t {
  kRequest = 1,
  kResponse = 2,
  kReset = 3,
  kShutdown = 4,
  kPayload = 5,
  kCreditUpdate = 6,
  kCreditRequest = 7,
};

inline constexpr std::uint16_t kStream = 1;
inline constexpr std::uint16_t kSeqpacket = 2;

// Flags of kShutdown: the sender of the packet will receive, or send, no more.
inline constexpr std::uint32_t kNoMoreReceived = 1;
inline constexpr std::uint32_t kNoMoreSent = 2;
// Flags of kPayload over kSeqpacket: the last bytes of a message, of a record.
inline constexpr std::uint32_t kEndOfMessage = 1;
inline constexpr std::uint32_t kEndOfRecord = 2;

inline constexpr std::uint64_t kHostCid = 2;

/// The longest payload of a packet. Linux sends no longer ones.
inline constexpr std::uint32_t kMaxPayload = 64 * 1024;

/// struct virtio_vsock_hdr (virtio 1.2, 5.10.6): little-endian, as this host is.
struct [[gnu::packed]] Header {
  std::uint64_t source_cid = 0;
  std::uint64_t target_cid = 0;
  std::uint32_t source_port = 0;
  std::uint32_t target_port = 0;
  std::uint32_t length = 0;  ///< Of the payload.
  std::uint16_t type = 0;
  Op op{};
  std::uint32_t flags = 0;
  std::uint32_t buffer = 0;     ///< Bytes that the sender can hold for the connection.
  std::uint32_t forwarded = 0;  ///< Bytes that its program has taken so far, modulo 2^32.
};
static_assert(sizeof(Header) == 44);
static_assert(offsetof(Header, length) == 24 && offsetof(Header, forwarded) == 40);

constexpr bool is_known(Op op) { return op >= Op::kRequest && op <= Op::kCreditRequest; }
constexpr bool is_known_type(std::uint16_t type) { return type == kStream || type == kSeqpacket; }

/// Whether HEADER may stand before LENGTH bytes of payload: it says so itself, they are not too
/// many, and only kPayload has any.
bool is_length_right(const Header& header, std::uint64_t length);

/// A packet of OP without payload, from the target of PACKET to its source.
Header reply_to(const Header& packet, Op op);

/// What resets the connection that PACKET is about, for the sender of PACKET; nothing where PACKET
/// is a reset itself (virtio 1.2, 5.10.6.4.2).
std::optional<Header> reset_for(const Header& packet);

}  // namespace hive::device::vsock
