// Frames of intercell RPC (guests/abi/rpc.h): made, and checked as hostile input. No I/O.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guests/abi/rpc.h"

namespace hive::rpc {

using Bytes = std::vector<unsigned char>;
using ByteView = std::span<const unsigned char>;

/// A frame that was received: a private copy, checked.
struct Frame {
  hive_rpc_frame header{};
  Bytes payload;
};

/// What is wrong with HEADER by itself, so that it is known before the payload whether there is any
/// to wait for.
hive_rpc_fault check_header(const hive_rpc_frame& header);

/// What is wrong with PAYLOAD, of HEADER's length, or with HEADER's checksum. For headers that
/// passed check_header().
hive_rpc_fault check_payload(const hive_rpc_frame& header, ByteView payload);

/// The part of a frame's checksum that depends on its payload only: work that can be done before
/// the id is known.
std::uint32_t payload_checksum(ByteView payload);

/// Fills in magic, version, length and checksum of HEADER. PAYLOAD_CHECKSUM is that of PAYLOAD.
void seal(hive_rpc_frame& header, ByteView payload, std::uint32_t payload_checksum);
void seal(hive_rpc_frame& header, ByteView payload);

/// Whether NAME can name a service: 1 to 63 of [A-Za-z0-9._-].
bool is_service_name(std::string_view name);

/// NAME has to be one of a service.
hive_rpc_hello make_hello(std::string_view name);

/// The structs at the start of a payload that was checked.
hive_rpc_hello read_hello(ByteView payload);
hive_rpc_welcome read_welcome(ByteView payload);
hive_rpc_setup read_setup(ByteView payload);

/// What an ERROR frame says. The message is safe to print.
struct ErrorContent {
  hive_rpc_error_kind error{};
  std::uint32_t code = 0;
  std::string message;
};
/// Cuts the message where it is too long.
Bytes make_error(const ErrorContent& content);
ErrorContent read_error(ByteView payload);

/// STRUCT's bytes.
template <typename Struct>
ByteView bytes_of(const Struct& object) {
  static_assert(std::is_trivially_copyable_v<Struct>);
  return {reinterpret_cast<const unsigned char*>(&object), sizeof object};
}

}  // namespace hive::rpc
