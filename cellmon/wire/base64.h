// Bytes within JSON: base64 (RFC 4648, section 4), with padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hive::wire {

std::string encode_base64(std::string_view bytes);

/// Nothing unless TEXT is whole groups of four with correct padding and zero spare bits.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace hive::wire
