// JSON-RPC 2.0 (jsonrpc.org/specification), one object per line, without batches.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace hive::wire {

using Json = nlohmann::json;

/// Error codes: the specification's, kFailed for an operation that could not be done, and kUnknown
/// for one of which nobody knows whether it is done, or will be.
enum class RpcCode : int {
  kParseError = -32700,
  kInvalidRequest = -32600,
  kMethodNotFound = -32601,
  kInvalidParams = -32602,
  kFailed = -32000,
  kUnknown = -32001,
};

struct RpcRequest {
  Json id;                    ///< A string, a number or null.
  bool notification = false;  ///< Nobody waits for an answer.
  std::string method;
  Json params = Json::object();
};

struct RpcError {
  Json id;
  int code = 0;
  std::string message;
};

struct RpcResult {
  Json id;
  Json result;
};

struct RpcNotification {
  std::string method;
  Json params;
};

/// A line from a client. What is not a request comes back as the error to answer it with.
std::variant<RpcRequest, RpcError> parse_request(std::string_view line);

/// A line from a server; monostate when it is none that this specification allows.
std::variant<std::monostate, RpcResult, RpcError, RpcNotification> parse_reply(
    std::string_view line);

/// Member KEY of OBJECT if that is an object and the member a string, else empty.
std::string text_member(const Json& object, const char* key);
/// Member KEY of OBJECT if that is an object and the member a whole number, else nothing.
std::optional<std::int64_t> number_member(const Json& object, const char* key);

/// The lines below end with a newline. Bytes that are not UTF-8 are replaced.
std::string format_request(std::uint64_t id, std::string_view method, const Json& params);
std::string format_notification(std::string_view method, const Json& params);
std::string format_result(const Json& id, const Json& result);
std::string format_error(const Json& id, RpcCode code, std::string_view message);

}  // namespace hive::wire
