#include "cellmon/wire/json_rpc.h"

#include <utility>

namespace hive::wire {
namespace {

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Member KEY of OBJECT; null (discarded) when it has none.
const Json* member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

const std::string* text(const Json* value) {
  return value == nullptr ? nullptr : value->get_ptr<const std::string*>();
}

bool speaks_version_2(const Json& object) {
  const std::string* version = text(member(object, "jsonrpc"));
  return version != nullptr && *version == "2.0";
}

RpcError refuse(RpcCode code, std::string message, Json id = nullptr) {
  return {std::move(id), static_cast<int>(code), std::move(message)};
}

std::variant<std::monostate, RpcResult, RpcError, RpcNotification> read_error(const Json& id,
                                                                              const Json& error) {
  if (!error.is_object()) return {};
  const Json* code = member(error, "code");
  const std::string* message = text(member(error, "message"));
  if (code == nullptr || !code->is_number_integer() || message == nullptr) return {};
  return RpcError{id, code->get<int>(), *message};
}

}  // namespace

std::variant<RpcRequest, RpcError> parse_request(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return refuse(RpcCode::kParseError, "the line is not JSON");
  if (json.is_array()) return refuse(RpcCode::kInvalidRequest, "batches are not supported");
  if (!json.is_object()) return refuse(RpcCode::kInvalidRequest, "the line is not an object");
  RpcRequest request;
  const Json* id = member(json, "id");
  request.notification = id == nullptr;
  if (id != nullptr) {
    if (!id->is_string() && !id->is_number() && !id->is_null()) {
      return refuse(RpcCode::kInvalidRequest, "\"id\" is not a string, a number or null");
    }
    request.id = *id;
  }
  if (!speaks_version_2(json)) {
    return refuse(RpcCode::kInvalidRequest, "\"jsonrpc\" is not \"2.0\"", request.id);
  }
  const std::string* method = text(member(json, "method"));
  if (method == nullptr) {
    return refuse(RpcCode::kInvalidRequest, "\"method\" is not a string", request.id);
  }
  request.method = *method;
  if (const Json* params = member(json, "params")) {
    if (!params->is_object()) {
      return refuse(RpcCode::kInvalidParams, "\"params\" is not an object", request.id);
    }
    request.params = *params;
  }
  return request;
}

std::variant<std::monostate, RpcResult, RpcError, RpcNotification> parse_reply(
    std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !speaks_version_2(json)) return {};
  if (const std::string* method = text(member(json, "method"))) {
    const Json* params = member(json, "params");
    return RpcNotification{*method, params == nullptr ? Json::object() : *params};
  }
  const Json* id = member(json, "id");
  if (id == nullptr) return {};
  if (const Json* error = member(json, "error")) return read_error(*id, *error);
  const Json* result = member(json, "result");
  if (result == nullptr) return {};
  return RpcResult{*id, *result};
}

std::string text_member(const Json& object, const char* key) {
  const std::string* value = object.is_object() ? text(member(object, key)) : nullptr;
  return value == nullptr ? std::string() : *value;
}

std::optional<std::int64_t> number_member(const Json& object, const char* key) {
  const Json* value = object.is_object() ? member(object, key) : nullptr;
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  return value->get<std::int64_t>();
}

std::string format_request(std::uint64_t id, std::string_view method, const Json& params) {
  return line_of({{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}});
}

std::string format_notification(std::string_view method, const Json& params) {
  return line_of({{"jsonrpc", "2.0"}, {"method", method}, {"params", params}});
}

std::string format_result(const Json& id, const Json& result) {
  return line_of({{"jsonrpc", "2.0"}, {"id", id}, {"result", result}});
}

std::string format_error(const Json& id, RpcCode code, std::string_view message) {
  return line_of({{"jsonrpc", "2.0"},
                  {"id", id},
                  {"error", {{"code", static_cast<int>(code)}, {"message", message}}}});
}

}  // namespace hive::wire
