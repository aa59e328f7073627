// What a monitor answers programs in its guest, without I/O.
#include "cellmon/control/vsock/monitor_service.h"

#include <gmock/gmock.h>

#include <cstring>

namespace hive::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Clock = MonitorService::Clock;

class MonitorServiceTest : public testing::Test {
 protected:
  static hive_monitor_request request_of(hive_monitor_operation operation, std::uint32_t cell) {
    hive_monitor_request request{};
    request.magic = HIVE_MONITOR_MAGIC;
    request.operation = operation;
    request.cell = cell;
    return request;
  }
  static hive_monitor_request hint_about(std::uint32_t cell, hive_monitor_hint hint) {
    hive_monitor_request request = request_of(HIVE_MONITOR_HINT, cell);
    request.hint = hint;
    return request;
  }
  MonitorService::Answer ask(const hive_monitor_request& request) {
    return service_.answer({reinterpret_cast<const char*>(&request), sizeof request}, now_);
  }
  std::uint32_t status(const hive_monitor_request& request) { return ask(request).reply.status; }

  std::vector<MonitorService::CellFacts> cells_{{"alpha", 3, true, 2}, {"beta", 900, true, 7}};
  std::vector<std::pair<unsigned, Incarnation>> hints_;
  MonitorService service_{
      0, [this] { return cells_; },
      [this](const CellHint& hint) { hints_.emplace_back(hint.cell, hint.incarnation); }};
  Clock::time_point now_{};
};

TEST_F(MonitorServiceTest, FindsACellByItsNumberOrItsCid) {
  EXPECT_STREQ(ask(request_of(HIVE_MONITOR_CELL, 1)).reply.name, "beta");
  hive_monitor_request request = request_of(HIVE_MONITOR_CELL, 0);
  request.cid = 900;
  const auto reply = ask(request).reply;
  EXPECT_EQ(reply.cell, 1U);
  EXPECT_EQ(reply.incarnation, 7U);
  EXPECT_EQ(status(request_of(HIVE_MONITOR_CELL, 2)), HIVE_MONITOR_NO_SUCH_CELL);
  request.cid = 901;
  EXPECT_EQ(status(request), HIVE_MONITOR_NO_SUCH_CELL);
  EXPECT_FALSE(ask(request).is_last) << "the stream goes on";
}

TEST_F(MonitorServiceTest, EndsAStreamThatBreaksTheRules) {
  const auto spoilt = [](const auto& spoil) {
    hive_monitor_request request = hint_about(1, HIVE_HINT_DEADLINE);
    spoil(request);
    return request;
  };
  for (const hive_monitor_request& request :
       {spoilt([](auto& r) { r.magic ^= 1; }), spoilt([](auto& r) { r.operation = 0; }),
        spoilt([](auto& r) { r.operation = 3; }), spoilt([](auto& r) { r.hint = 0; }),
        spoilt([](auto& r) { r.hint = 3; })}) {
    const auto answer = ask(request);
    EXPECT_EQ(answer.reply.magic, HIVE_MONITOR_MAGIC);
    EXPECT_EQ(answer.reply.status, HIVE_MONITOR_MALFORMED);
    EXPECT_TRUE(answer.is_last);
  }
  for (const std::size_t size : {0U, 31U, 33U}) {
    EXPECT_EQ(service_.answer(std::string(size, '\0'), now_).reply.status, HIVE_MONITOR_MALFORMED);
  }
  EXPECT_THAT(hints_, IsEmpty());
  EXPECT_EQ(service_.hints(), 0U);
}

TEST_F(MonitorServiceTest, TakesHintsAboutSiblingsOnly) {
  EXPECT_EQ(status(hint_about(0, HIVE_HINT_DEADLINE)), HIVE_MONITOR_NO_SUCH_CELL);
  hive_monitor_request request = hint_about(1, HIVE_HINT_DEADLINE);
  request.incarnation = 8;
  EXPECT_EQ(status(request), HIVE_MONITOR_NO_SUCH_CELL) << "it is not there yet";
  EXPECT_EQ(service_.hints(), 0U);
  request.incarnation = 6;
  EXPECT_EQ(status(request), HIVE_MONITOR_OK);
  EXPECT_EQ(status(hint_about(1, HIVE_HINT_BAD_REPLY)), HIVE_MONITOR_OK);
  EXPECT_THAT(hints_, ElementsAre(std::pair(1U, Incarnation{6}), std::pair(1U, Incarnation{7})));
}

TEST_F(MonitorServiceTest, TellsOfAKindOfHintOnceASecond) {
  EXPECT_EQ(status(hint_about(1, HIVE_HINT_DEADLINE)), HIVE_MONITOR_OK);
  now_ += std::chrono::milliseconds(999);
  EXPECT_EQ(status(hint_about(1, HIVE_HINT_DEADLINE)), HIVE_MONITOR_TOO_MANY);
  now_ += std::chrono::milliseconds(1);
  EXPECT_EQ(status(hint_about(1, HIVE_HINT_DEADLINE)), HIVE_MONITOR_OK);
  EXPECT_EQ(service_.hints(), 3U);
}

TEST_F(MonitorServiceTest, TellsOfSomeHintsOfEachIncarnation) {
  for (unsigned hint = 0; hint < MonitorService::kMaxTold; ++hint) {
    EXPECT_EQ(status(hint_about(1, HIVE_HINT_DEADLINE)), HIVE_MONITOR_OK);
    now_ += MonitorService::kHintPause;
  }
  EXPECT_EQ(status(hint_about(1, HIVE_HINT_DEADLINE)), HIVE_MONITOR_TOO_MANY);
  service_.clear();
  EXPECT_EQ(status(hint_about(1, HIVE_HINT_DEADLINE)), HIVE_MONITOR_OK);
  EXPECT_THAT(hints_, SizeIs(MonitorService::kMaxTold + 1));
}

TEST_F(MonitorServiceTest, LeavesRoomForTheEndOfALongName) {
  cells_[1].name = std::string(200, 'x');
  const auto reply = ask(request_of(HIVE_MONITOR_CELL, 1)).reply;
  EXPECT_EQ(std::string(reply.name), std::string(HIVE_MONITOR_NAME_SIZE - 1, 'x'));
}

TEST(CellHint, IsToldInWords) {
  EXPECT_EQ(describe_hint({1, HIVE_HINT_DEADLINE, 4, 20'000}, "beta"),
            "cell beta, incarnation 4, missed a call's deadline of 20000 us, says the guest");
  EXPECT_THAT(describe_hint({1, HIVE_HINT_BAD_REPLY, 4, 9}, "beta"),
              HasSubstr("gave a reply that failed a check (status 9)"));
}

}  // namespace
}  // namespace hive::control
