#include "cellmon/wire/json_rpc.h"

#include <gtest/gtest.h>

namespace hive::wire {
namespace {

int code_of(std::string_view line) {
  const auto parsed = parse_request(line);
  const auto* error = std::get_if<RpcError>(&parsed);
  return error == nullptr ? 0 : error->code;
}

std::string without_newline(std::string line) {
  EXPECT_EQ(line.back(), '\n');
  line.pop_back();
  EXPECT_EQ(line.find('\n'), std::string::npos);
  return line;
}

TEST(ParseRequest, ReadsARequest) {
  const auto parsed =
      parse_request(R"({"jsonrpc": "2.0", "id": 7, "method": "down", "params": {"force": true}})");
  const auto* request = std::get_if<RpcRequest>(&parsed);
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->id, 7);
  EXPECT_FALSE(request->notification);
  EXPECT_EQ(request->method, "down");
  EXPECT_EQ(request->params, Json({{"force", true}}));
}

TEST(ParseRequest, TellsANotificationFromARequestWithoutName) {
  const auto notification = parse_request(R"({"jsonrpc": "2.0", "method": "x"})");
  ASSERT_TRUE(std::holds_alternative<RpcRequest>(notification));
  EXPECT_TRUE(std::get<RpcRequest>(notification).notification);
  EXPECT_TRUE(std::get<RpcRequest>(notification).params.is_object());
  const auto request = parse_request(R"({"jsonrpc": "2.0", "method": "x", "id": null})");
  ASSERT_TRUE(std::holds_alternative<RpcRequest>(request));
  EXPECT_FALSE(std::get<RpcRequest>(request).notification);
}

TEST(ParseRequest, AnswersFaultsAsTheSpecificationSays) {
  EXPECT_EQ(code_of("{"), -32700);
  EXPECT_EQ(code_of(""), -32700);
  EXPECT_EQ(code_of("\"\xff\""), -32700);
  EXPECT_EQ(code_of("[]"), -32600);
  EXPECT_EQ(code_of("7"), -32600);
  EXPECT_EQ(code_of("{}"), -32600);
  EXPECT_EQ(code_of(R"({"jsonrpc": "1.0", "id": 1, "method": "x"})"), -32600);
  EXPECT_EQ(code_of(R"({"jsonrpc": "2.0", "id": 1, "method": 1})"), -32600);
  EXPECT_EQ(code_of(R"({"jsonrpc": "2.0", "id": {}, "method": "x"})"), -32600);
  EXPECT_EQ(code_of(R"({"jsonrpc": "2.0", "id": 1, "method": "x", "params": [1]})"), -32602);
}

TEST(ParseRequest, KeepsTheIdOfAFaultyRequest) {
  const auto parsed = parse_request(R"({"jsonrpc": "2.0", "id": "mine", "method": 1})");
  EXPECT_EQ(std::get<RpcError>(parsed).id, "mine");
}

TEST(ParseReply, ReadsWhatAServerSends) {
  auto reply = parse_reply(without_newline(format_result(3, {{"a", 1}})));
  EXPECT_EQ(std::get<RpcResult>(reply).id, 3);
  EXPECT_EQ(std::get<RpcResult>(reply).result, Json({{"a", 1}}));
  reply = parse_reply(without_newline(format_error(3, RpcCode::kFailed, "no \xff")));
  EXPECT_EQ(std::get<RpcError>(reply).code, -32000);
  EXPECT_EQ(std::get<RpcError>(reply).message, "no \xef\xbf\xbd");
  reply = parse_reply(without_newline(format_notification("event", {{"kind", "off"}})));
  EXPECT_EQ(std::get<RpcNotification>(reply).method, "event");
}

TEST(ParseReply, RefusesTheRest) {
  for (const char* line :
       {"", "[]", "{}", R"({"jsonrpc": "2.0"})", R"({"jsonrpc": "2.0", "id": 1})",
        R"({"jsonrpc": "2.0", "id": 1, "error": 5})", R"({"id": 1, "result": 1})",
        R"({"jsonrpc": "2.0", "id": 1, "error": {"code": "x", "message": ""}})"}) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(parse_reply(line))) << line;
  }
}

TEST(FormatRequest, IsWhatTheServerReads) {
  const auto parsed = parse_request(without_newline(format_request(9, "exec", {{"argv", {"ls"}}})));
  EXPECT_EQ(std::get<RpcRequest>(parsed).id, 9);
  EXPECT_EQ(std::get<RpcRequest>(parsed).params["argv"][0], "ls");
}

}  // namespace
}  // namespace hive::wire
