// The lines of the control socket, from both ends, and what names the sockets.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cellmon/wire/base64.h"
#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/cell_status.h"
#include "cellmon/wire/json_rpc.h"
#include "cellmon/wire/line_buffer.h"

namespace {

using namespace hive::wire;  // NOLINT

void check_request(const std::string& line) {
  const auto parsed = parse_request(line);
  if (const auto* error = std::get_if<RpcError>(&parsed)) {
    (void)format_error(error->id, static_cast<RpcCode>(error->code), error->message);
    return;
  }
  const auto& request = std::get<RpcRequest>(parsed);
  std::string again = format_notification(request.method, request.params);
  again.pop_back();
  const auto reread = parse_request(again);
  if (!std::holds_alternative<RpcRequest>(reread)) std::abort();
  if (std::get<RpcRequest>(reread).method != request.method) std::abort();
}

void check_reply(const std::string& line) {
  const auto reply = parse_reply(line);
  const auto* result = std::get_if<RpcResult>(&reply);
  if (result == nullptr) return;
  if (const auto status = parse_status(result->result)) {
    if (!parse_status(to_json(*status))) std::abort();
  }
  if (const auto event = parse_event(result->result)) {
    if (!parse_event(to_json(*event))) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  LineBuffer lines(4096);
  lines.feed(text);
  while (const auto line = lines.next()) {
    if (line->size() >= 4096) std::abort();
    check_request(*line);
    check_reply(*line);
    if (const auto bytes = decode_base64(*line)) {
      if (encode_base64(*bytes) != *line) std::abort();
    }
  }
  if (decode_base64(encode_base64(text)) != text) std::abort();
  for (const auto& address : find_listening(text, 0)) {
    if (parse_socket_name(socket_name(address)) != address) std::abort();
  }
  return 0;
}
