#include "guests/sdk/rpc/frame.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "guests/sdk/crc32c.h"

namespace hive::rpc {
namespace {

static_assert(std::endian::native == std::endian::little, "frames are sent as they lie in memory");

/// The lengths that a payload of KIND may have.
struct Lengths {
  std::size_t least;
  std::size_t most;
};

Lengths lengths_of(std::uint8_t kind) {
  switch (kind) {
    case HIVE_RPC_HELLO:
      return {sizeof(hive_rpc_hello), sizeof(hive_rpc_hello)};
    case HIVE_RPC_WELCOME:
      return {sizeof(hive_rpc_welcome), sizeof(hive_rpc_welcome)};
    case HIVE_RPC_ERROR:
      return {sizeof(hive_rpc_error), sizeof(hive_rpc_error) + HIVE_RPC_MAX_MESSAGE};
    case HIVE_RPC_SETUP:
      return {sizeof(hive_rpc_setup), sizeof(hive_rpc_setup)};
    case HIVE_RPC_CANCEL:
      return {0, 0};
    default:
      return {0, HIVE_RPC_MAX_PAYLOAD};
  }
}

bool fields_fit_kind(const hive_rpc_frame& header) {
  const bool is_request = header.kind == HIVE_RPC_REQUEST;
  if (header.flags != 0 || (header.time_left != 0) != is_request) return false;
  switch (header.kind) {
    case HIVE_RPC_HELLO:
      return header.id == 0 && header.method == 0 && header.callee_incarnation == 0;
    case HIVE_RPC_WELCOME:
    case HIVE_RPC_SETUP:
      return header.id == 0 && header.method == 0;
    case HIVE_RPC_ERROR:
      return header.id != 0 || header.method == 0;
    default:
      return header.id != 0;
  }
}

std::uint32_t checksum_of(hive_rpc_frame header, std::uint32_t payload_checksum) {
  header.checksum = 0;
  return sdk::crc32c(payload_checksum, &header, sizeof header);
}

template <typename Struct>
Struct read(ByteView payload) {
  Struct object{};
  std::memcpy(&object, payload.data(), std::min(sizeof object, payload.size()));
  return object;
}

bool is_good_hello(const hive_rpc_hello& hello) {
  const char* end = hello.service + sizeof hello.service;
  const char* nul = std::find(hello.service, end, '\0');
  const bool padded = std::all_of(nul, end, [](char c) { return c == '\0'; });
  const std::string_view name(hello.service, static_cast<std::size_t>(nul - hello.service));
  return nul != end && padded && is_service_name(name) && hello.reserved == 0;
}

bool is_good_error(const hive_rpc_error& error) {
  return error.error >= HIVE_RPC_FAILED && error.error <= HIVE_RPC_PROTOCOL &&
         (error.code == 0 || error.error == HIVE_RPC_FAILED);
}

}  // namespace

hive_rpc_fault check_header(const hive_rpc_frame& header) {
  if (header.magic != HIVE_RPC_MAGIC) return HIVE_RPC_FAULT_MAGIC;
  if (header.version != HIVE_RPC_VERSION) return HIVE_RPC_FAULT_VERSION;
  if (header.kind < HIVE_RPC_HELLO || header.kind > HIVE_RPC_SETUP) return HIVE_RPC_FAULT_KIND;
  const Lengths lengths = lengths_of(header.kind);
  if (header.length < lengths.least || header.length > lengths.most) return HIVE_RPC_FAULT_LENGTH;
  return fields_fit_kind(header) ? HIVE_RPC_FAULT_NONE : HIVE_RPC_FAULT_FIELD;
}

hive_rpc_fault check_payload(const hive_rpc_frame& header, ByteView payload) {
  if (payload.size() != header.length) return HIVE_RPC_FAULT_LENGTH;
  if (checksum_of(header, payload_checksum(payload)) != header.checksum) {
    return HIVE_RPC_FAULT_CHECKSUM;
  }
  const bool good = header.kind == HIVE_RPC_HELLO   ? is_good_hello(read_hello(payload))
                    : header.kind == HIVE_RPC_ERROR ? is_good_error(read<hive_rpc_error>(payload))
                                                    : true;
  return good ? HIVE_RPC_FAULT_NONE : HIVE_RPC_FAULT_PAYLOAD;
}

std::uint32_t payload_checksum(ByteView payload) {
  return sdk::crc32c(0, payload.data(), payload.size());
}

void seal(hive_rpc_frame& header, ByteView payload, std::uint32_t payload_checksum) {
  header.magic = HIVE_RPC_MAGIC;
  header.version = HIVE_RPC_VERSION;
  header.length = static_cast<std::uint32_t>(payload.size());
  header.checksum = checksum_of(header, payload_checksum);
}

void seal(hive_rpc_frame& header, ByteView payload) {
  seal(header, payload, payload_checksum(payload));
}

bool is_service_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() < HIVE_RPC_NAME_SIZE &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

hive_rpc_hello make_hello(std::string_view name) {
  hive_rpc_hello hello{};
  std::memcpy(hello.service, name.data(), std::min(name.size(), sizeof hello.service - 1));
  return hello;
}

hive_rpc_hello read_hello(ByteView payload) { return read<hive_rpc_hello>(payload); }

hive_rpc_welcome read_welcome(ByteView payload) { return read<hive_rpc_welcome>(payload); }

hive_rpc_setup read_setup(ByteView payload) { return read<hive_rpc_setup>(payload); }

Bytes make_error(const ErrorContent& content) {
  const hive_rpc_error error{content.error, content.code};
  const std::size_t length = std::min<std::size_t>(content.message.size(), HIVE_RPC_MAX_MESSAGE);
  Bytes payload(sizeof error + length);
  std::memcpy(payload.data(), &error, sizeof error);
  std::memcpy(payload.data() + sizeof error, content.message.data(), length);
  return payload;
}

ErrorContent read_error(ByteView payload) {
  const auto error = read<hive_rpc_error>(payload);
  ErrorContent content{static_cast<hive_rpc_error_kind>(error.error), error.code, {}};
  if (payload.size() <= sizeof error) return content;
  content.message.assign(payload.begin() + sizeof error, payload.end());
  // Bytes from 0x80 on may be UTF-8; control characters could trick a terminal.
  for (char& c : content.message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return content;
}

}  // namespace hive::rpc
