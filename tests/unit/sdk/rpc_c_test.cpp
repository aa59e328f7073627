// hive_rpc.h as a C program uses it.
#include <gmock/gmock.h>

#include "guests/sdk/hive_rpc.h"
#include "tests/unit/sdk/rpc_fixture.h"

namespace {

using namespace hive::testing;
using ::testing::HasSubstr;

/// Method 1 echoes twice, 2 fails, 3 waits until nobody else does.
void answer(void* context, const hive_request* request, hive_rpc_answer* answer) {
  ++*static_cast<std::atomic<int>*>(context);
  switch (request->method) {
    case 1:
      EXPECT_EQ(hive_rpc_answer_with(answer, request->data, request->size), HIVE_OK);
      EXPECT_EQ(hive_rpc_answer_with(answer, request->data, request->size), HIVE_OK);
      break;
    case 2:
      EXPECT_EQ(hive_rpc_fail(answer, 7, "seven"), HIVE_OK);
      break;
    case 3:
      EXPECT_TRUE(eventually([&] { return hive_rpc_is_cancelled(request) != 0; }));
      break;
    default:
      EXPECT_EQ(hive_rpc_fail_no_method(answer), HIVE_OK);
  }
}

class RpcInC : public ::testing::Test {
 protected:
  RpcInC() {
    hive_server_options options{};
    options.path = path_.c_str();
    options.workers = 2;
    EXPECT_EQ(hive_rpc_serve("test", &options, answer, &requests_, &server_), HIVE_OK);
    EXPECT_EQ(hive_rpc_open_socket(path_.c_str(), "test", &client_), HIVE_OK);
  }
  RpcInC(const RpcInC&) = delete;
  RpcInC& operator=(const RpcInC&) = delete;
  ~RpcInC() override {
    hive_rpc_close(client_);
    hive_rpc_stop(server_);
  }
  static hive_call call(std::uint32_t method, std::uint64_t timeout_us = 0) {
    return {method, 0, timeout_us, "abc", 3};
  }

  SocketPath folder_;
  std::string path_ = folder_.address().path;
  std::atomic<int> requests_{0};
  hive_rpc_server* server_ = nullptr;
  hive_rpc_client* client_ = nullptr;
  char room_[16] = "";
  hive_reply reply_{room_, sizeof room_, 0, 0, 0};
};

TEST_F(RpcInC, Calls) {
  hive_call echo = call(1);
  EXPECT_EQ(hive_rpc_call(client_, &echo, &reply_), HIVE_OK);
  EXPECT_EQ(reply_.size, 6U);
  EXPECT_EQ(std::string(room_, 6), "abcabc");
  reply_.capacity = 5;
  EXPECT_EQ(hive_rpc_call(client_, &echo, &reply_), HIVE_NO_ROOM);
  EXPECT_EQ(reply_.size, 6U);
  // Not executed: that is another status.
  const std::string large((1U << 20) + 1, 'a');
  hive_call too_long = echo;
  too_long.request = large.data();
  too_long.request_size = large.size();
  EXPECT_EQ(hive_rpc_call(client_, &too_long, nullptr), HIVE_TOO_LONG);
  EXPECT_EQ(hive_rpc_call(client_, &echo, nullptr), HIVE_OK);
  EXPECT_EQ(hive_rpc_ping(client_, 0), HIVE_OK);
  EXPECT_EQ(requests_, 3);
}

TEST_F(RpcInC, TellsErrors) {
  hive_call fails = call(2);
  EXPECT_EQ(hive_rpc_call(client_, &fails, &reply_), HIVE_REMOTE_ERROR);
  EXPECT_EQ(reply_.code, 7U);
  EXPECT_STREQ(hive_last_message(), "seven");
  fails = call(9);
  EXPECT_EQ(hive_rpc_call(client_, &fails, nullptr), HIVE_NO_METHOD);
  fails = call(3, 20000);
  EXPECT_EQ(hive_rpc_call(client_, &fails, nullptr), HIVE_DEADLINE);
  fails = call(0xffff0000);
  EXPECT_EQ(hive_rpc_call(client_, &fails, nullptr), HIVE_INVALID);
  fails = call(1);
  fails.request = nullptr;
  EXPECT_EQ(hive_rpc_call(client_, &fails, nullptr), HIVE_INVALID);
  EXPECT_EQ(hive_rpc_call(client_, nullptr, nullptr), HIVE_INVALID);
  hive_rpc_client* none = nullptr;
  EXPECT_EQ(hive_rpc_open_socket(path_.c_str(), "a b", &none), HIVE_BAD_NAME);
  EXPECT_EQ(none, nullptr);
  hive_server_options options{};
  options.path = path_.c_str();
  hive_rpc_server* second = nullptr;
  EXPECT_EQ(hive_rpc_serve("test", &options, answer, nullptr, &second), HIVE_NAME_TAKEN);
  EXPECT_THAT(hive_last_message(), HasSubstr("another"));
}

TEST_F(RpcInC, StartsCalls) {
  hive_call echo = call(1);
  hive_rpc_pending* pending = nullptr;
  ASSERT_EQ(hive_rpc_start(client_, &echo, &pending), HIVE_OK);
  EXPECT_TRUE(eventually([&] { return hive_rpc_poll(pending) == HIVE_OK; }));
  EXPECT_EQ(hive_rpc_wait(pending, &reply_), HIVE_OK);
  EXPECT_EQ(reply_.size, 6U);
  hive_rpc_end(pending);
  hive_call waits = call(3);
  ASSERT_EQ(hive_rpc_start(client_, &waits, &pending), HIVE_OK);
  EXPECT_EQ(hive_rpc_poll(pending), HIVE_NOT_DONE);
  hive_rpc_cancel(pending);
  EXPECT_EQ(hive_rpc_wait(pending, &reply_), HIVE_CANCELLED);
  hive_rpc_end(pending);
  hive_rpc_end(nullptr);
}

TEST_F(RpcInC, CallsBack) {
  struct Told {
    std::atomic<int> count{0};
    std::atomic<std::size_t> bytes{0};
  } told;
  hive_call echo = call(1);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(hive_rpc_start_callback(
                  client_, &echo,
                  [](void* context, hive_status status, std::uint32_t, const char*, const void*,
                     std::size_t size) {
                    auto* counts = static_cast<Told*>(context);
                    if (status == HIVE_OK) counts->bytes += size;
                    ++counts->count;
                  },
                  &told),
              HIVE_OK);
  }
  EXPECT_TRUE(eventually([&] { return told.count == 10; }));
  EXPECT_EQ(told.bytes, 60U);
}

}  // namespace
