#include "cellmon/control/agent_peer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "guests/abi/agent_protocol.h"

namespace hive::control {
namespace {

using abi::encode_frame;
using abi::encode_u32;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kHello = R"({"version": 1, "kernel": "6.1.0", "uptime": 1.5})";

/// A peer, and what came of what it was fed.
class Conversation {
 public:
  Conversation() : peer(handlers()) {}

  void feed(std::uint16_t type, std::uint32_t session, std::string_view payload) {
    peer.feed(encode_frame(type, session, payload));
  }
  std::uint32_t start() {
    feed(HIVE_AGENT_HELLO, 0, kHello);
    const auto session = peer.exec({"cat"});
    sent();
    return session.value();
  }
  /// The frames sent since the last call.
  std::vector<abi::AgentFrame> sent() { return std::exchange(sent_, {}); }
  std::size_t sent_bytes() {
    std::size_t bytes = 0;
    for (const auto& frame : sent()) bytes += frame.payload.size();
    return bytes;
  }

  std::vector<std::string> log;
  std::size_t output = 0;
  AgentPeer peer;

 private:
  AgentPeer::Handlers handlers() {
    AgentPeer::Handlers handlers;
    handlers.send = [this](std::string_view bytes) {
      decoder_.feed(bytes);
      while (auto frame = decoder_.next()) sent_.push_back(*frame);
    };
    handlers.on_hello = [this](const std::string& kernel) { log.push_back("hello " + kernel); };
    handlers.on_output = [this](std::uint32_t, AgentPeer::Output, std::string_view bytes) {
      output += bytes.size();
    };
    handlers.on_exit = [this](std::uint32_t, int status) {
      log.push_back("exit " + std::to_string(status));
    };
    handlers.on_input_taken = [this](std::uint32_t) { log.emplace_back("taken"); };
    handlers.on_located = [this](std::uint32_t request, const auto& ranges) {
      log.push_back("located " + std::to_string(request) + ": " + std::to_string(ranges.size()));
    };
    handlers.on_wrote = [this](std::uint32_t request, const hive_agent_wrote& wrote) {
      log.push_back("wrote " + std::to_string(request) + ": " + std::to_string(wrote.done) + " " +
                    std::to_string(wrote.denied));
    };
    handlers.on_load = [this](const hive_agent_load& load) {
      log.push_back("load " + std::to_string(load.total) + " " + std::to_string(load.available));
    };
    handlers.on_refused = [this](std::uint32_t request, const std::string& why) {
      log.push_back("refused " + std::to_string(request) + ": " + why);
    };
    handlers.on_lost = [this](const std::string& why) { log.push_back("lost: " + why); };
    return handlers;
  }
  abi::FrameDecoder decoder_;
  std::vector<abi::AgentFrame> sent_;
};

TEST(AgentPeer, AsksWhereThingsAreAndForAPanic) {
  Conversation talk;
  EXPECT_FALSE(talk.peer.locate({"text"}).has_value());
  EXPECT_FALSE(talk.peer.panic().has_value());
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  const auto first = talk.peer.locate({"process", "init"});
  const auto second = talk.peer.panic();
  ASSERT_TRUE(first && second);
  const auto frames = talk.sent();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].type, HIVE_AGENT_LOCATE);
  EXPECT_EQ(frames[0].session, *first);
  EXPECT_EQ(frames[0].payload, R"(["process","init"])");
  EXPECT_EQ(frames[1].type, HIVE_AGENT_PANIC);
  const std::vector<hive_agent_range> range{{0x1000, 16}};
  talk.log.clear();
  talk.feed(HIVE_AGENT_LOCATED, *first, abi::encode_ranges(range));
  talk.feed(HIVE_AGENT_LOCATED, *first, abi::encode_ranges(range));
  talk.feed(HIVE_AGENT_REFUSED, *second, "no\n");
  EXPECT_THAT(talk.log, ElementsAre("located " + std::to_string(*first) + ": 1",
                                    "refused " + std::to_string(*second) + ": no "));
  EXPECT_EQ(talk.peer.ignored_frames(), 1U) << "the second answer";
}

TEST(AgentPeer, HasRoomAgainForWhatNobodyWaitsForAnyMore) {
  Conversation talk;
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  std::uint32_t last = 0;
  for (unsigned count = 0; count < HIVE_AGENT_MAX_SESSIONS; ++count) {
    last = talk.peer.locate({"text"}).value();
  }
  EXPECT_FALSE(talk.peer.locate({"text"}).has_value());
  talk.peer.forget(last);
  EXPECT_TRUE(talk.peer.locate({"text"}).has_value());
  talk.log.clear();
  talk.feed(HIVE_AGENT_REFUSED, last, "late");
  EXPECT_THAT(talk.log, IsEmpty());
  EXPECT_TRUE(talk.peer.up());
}

TEST(AgentPeer, LosesAnAgentThatLocatesNonsense) {
  Conversation talk;
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  const auto request = talk.peer.locate({"text"});
  talk.feed(HIVE_AGENT_LOCATED, request.value(), "somewhere");
  EXPECT_FALSE(talk.peer.up());
}

TEST(AgentPeer, AsksForWildWrites) {
  Conversation talk;
  const hive_agent_wild_writes writes{HIVE_AGENT_OTHERS, 10, 20, 30, 40};
  EXPECT_FALSE(talk.peer.write_wildly(writes).has_value());
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  const auto request = talk.peer.write_wildly(writes);
  ASSERT_TRUE(request);
  const auto frames = talk.sent();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].type, HIVE_AGENT_WILD_WRITES);
  EXPECT_EQ(frames[0].payload, abi::encode_wild_writes(writes));
  talk.log.clear();
  talk.feed(HIVE_AGENT_WROTE, *request, abi::encode_wrote({8, 2}));
  EXPECT_THAT(talk.log, ElementsAre("wrote " + std::to_string(*request) + ": 8 2"));
  const auto second = talk.peer.write_wildly(writes);
  talk.feed(HIVE_AGENT_WROTE, second.value(), "many");
  EXPECT_FALSE(talk.peer.up());
}

TEST(AgentPeer, AsksForTheLoadOnceAtATime) {
  Conversation talk;
  hive_agent_load load{};
  load.total = 30;
  load.available = 20;
  talk.peer.ask_load();
  EXPECT_TRUE(talk.sent().empty()) << "nobody is up";
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  talk.log.clear();
  talk.feed(HIVE_AGENT_LOAD, 0, abi::encode_load(load));
  EXPECT_EQ(talk.peer.ignored_frames(), 1U) << "unasked";
  talk.peer.ask_load();
  talk.peer.ask_load();
  const auto frames = talk.sent();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].type, HIVE_AGENT_ASK_LOAD);
  talk.feed(HIVE_AGENT_LOAD, 0, abi::encode_load(load));
  EXPECT_THAT(talk.log, ElementsAre("load 30 20"));
  talk.log.clear();
  load.available = 31;
  for (const std::string& wrong : {std::string(), std::string("short"), abi::encode_load(load)}) {
    talk.peer.ask_load();
    EXPECT_EQ(talk.sent().size(), 1U) << "it may know another time";
    talk.feed(HIVE_AGENT_LOAD, 0, wrong);
  }
  EXPECT_THAT(talk.log, ElementsAre("load 0 0", "load 0 0", "load 0 0")) << "nothing stays stale";
  EXPECT_TRUE(talk.peer.up());
  EXPECT_EQ(talk.peer.ignored_frames(), 3U) << "unasked, short, more than all";
}

TEST(AgentPeer, BoundsRequests) {
  Conversation talk;
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  for (unsigned i = 0; i < HIVE_AGENT_MAX_SESSIONS; ++i) EXPECT_TRUE(talk.peer.panic());
  EXPECT_FALSE(talk.peer.panic());
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  EXPECT_TRUE(talk.peer.panic()) << "those of an agent before it are gone";
}

TEST(AgentPeer, GreetsAndRunsACommand) {
  Conversation talk;
  EXPECT_FALSE(talk.peer.exec({"ls"}).has_value());
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  EXPECT_TRUE(talk.peer.up());
  const auto session = talk.peer.exec({"ls", "-l"});
  ASSERT_TRUE(session.has_value());
  const auto frames = talk.sent();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].type, HIVE_AGENT_EXEC);
  EXPECT_EQ(frames[0].payload, R"(["ls","-l"])");
  talk.feed(HIVE_AGENT_STDOUT, *session, "total 0\n");
  talk.feed(HIVE_AGENT_EXIT, *session, encode_u32(3));
  EXPECT_EQ(talk.output, 8U);
  EXPECT_THAT(talk.log, ElementsAre("hello 6.1.0", "exit 3"));
  talk.feed(HIVE_AGENT_STDOUT, *session, "late");
  EXPECT_EQ(talk.peer.ignored_frames(), 1U);
}

TEST(AgentPeer, AsksWhetherTheAgentIsThereOneTimeAfterTheOther) {
  Conversation talk;
  talk.peer.ping();
  EXPECT_THAT(talk.sent(), IsEmpty()) << "nobody is there";
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  talk.peer.ping();
  talk.peer.ping();
  const auto frames = talk.sent();
  ASSERT_EQ(frames.size(), 1U) << "a guest that hangs is sent no more than one";
  EXPECT_EQ(frames[0].type, HIVE_AGENT_PING);
  EXPECT_FALSE(talk.peer.has_answered());
  talk.feed(HIVE_AGENT_PONG, 0, "nonsense");
  EXPECT_EQ(talk.peer.answers(), 0U);
  talk.feed(HIVE_AGENT_PONG, 0, frames[0].payload);
  talk.feed(HIVE_AGENT_PONG, 0, frames[0].payload);
  EXPECT_EQ(talk.peer.answers(), 1U);
  EXPECT_TRUE(talk.peer.has_answered());
  EXPECT_EQ(talk.peer.ignored_frames(), 2U);
}

TEST(AgentPeer, ExpectsNoAnswersOfAnAgentBefore) {
  Conversation talk;
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  talk.peer.ping();
  const auto before = talk.sent();
  ASSERT_EQ(before.size(), 1U);
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  talk.peer.ping();
  const auto after = talk.sent();
  ASSERT_EQ(after.size(), 1U);
  talk.feed(HIVE_AGENT_PONG, 0, before[0].payload);
  EXPECT_FALSE(talk.peer.has_answered());
  talk.feed(HIVE_AGENT_PONG, 0, after[0].payload);
  EXPECT_TRUE(talk.peer.has_answered());
  talk.peer.lose("gone");
  EXPECT_FALSE(talk.peer.has_answered());
}

TEST(AgentPeer, RefusesGreetingsOfOtherVersions) {
  for (const char* hello : {"", "{}", R"({"version": 2, "kernel": "x"})",
                            R"({"version": 1, "kernel": 6})", R"({"version": "1"})"}) {
    Conversation talk;
    talk.feed(HIVE_AGENT_HELLO, 0, hello);
    EXPECT_FALSE(talk.peer.up()) << hello;
    talk.feed(HIVE_AGENT_HELLO, 0, kHello);
    EXPECT_FALSE(talk.peer.up()) << "after " << hello;
  }
}

TEST(AgentPeer, DisarmsTheKernelsName) {
  Conversation talk;
  talk.feed(HIVE_AGENT_HELLO, 0,
            R"({"version": 1, "kernel": "\u001b[31m)" + std::string(200, 'x') + "\"}");
  ASSERT_EQ(talk.log.size(), 1U);
  EXPECT_EQ(talk.log[0].find('\x1b'), std::string::npos);
  EXPECT_LE(talk.log[0].size(), 80U);
}

TEST(AgentPeer, ForgetsSessionsWhenTheAgentRestarts) {
  Conversation talk;
  const std::uint32_t session = talk.start();
  talk.feed(HIVE_AGENT_HELLO, 0, kHello);
  EXPECT_THAT(talk.log,
              ElementsAre("hello 6.1.0", HasSubstr("lost: the agent was"), "hello 6.1.0"));
  EXPECT_FALSE(talk.peer.signal(session, 9));
  EXPECT_NE(talk.peer.exec({"ls"}), session);
}

TEST(AgentPeer, SendsInputAsTheWindowAllows) {
  Conversation talk;
  const std::uint32_t session = talk.start();
  EXPECT_TRUE(talk.peer.write_input(session, std::string(HIVE_AGENT_WINDOW_BYTES + 10, 'x'), true));
  EXPECT_EQ(talk.sent_bytes(), HIVE_AGENT_WINDOW_BYTES);
  EXPECT_THAT(talk.log, ElementsAre("hello 6.1.0"));
  EXPECT_FALSE(talk.peer.write_input(session, "more", false)) << "the first is under way";
  talk.feed(HIVE_AGENT_WINDOW, session, encode_u32(100));
  const auto frames = talk.sent();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].payload.size(), 10U);
  EXPECT_EQ(frames[1].type, HIVE_AGENT_STDIN);
  EXPECT_EQ(frames[1].payload, "") << "the end of input";
  EXPECT_THAT(talk.log, ElementsAre("hello 6.1.0", "taken"));
  EXPECT_FALSE(talk.peer.write_input(session, "more", false)) << "after the end";
}

TEST(AgentPeer, OpensTheOutputWindowAsItIsUsed) {
  Conversation talk;
  const std::uint32_t session = talk.start();
  for (int i = 0; i < 4; ++i) talk.feed(HIVE_AGENT_STDOUT, session, std::string(16384, 'x'));
  EXPECT_THAT(talk.sent(), IsEmpty());
  talk.peer.consume_output(session, 65536);
  const auto frames = talk.sent();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].type, HIVE_AGENT_WINDOW);
  EXPECT_EQ(frames[0].payload, encode_u32(65536));
  talk.feed(HIVE_AGENT_STDOUT, session, "more");
  EXPECT_EQ(talk.output, 65540U);
}

TEST(AgentPeer, EndsAConversationThatBreaksTheRules) {
  const auto overrun = [](Conversation& talk, std::uint32_t session) {
    for (int i = 0; i < 5; ++i) talk.feed(HIVE_AGENT_STDERR, session, std::string(16384, 'x'));
  };
  const auto window = [](Conversation& talk, std::uint32_t session) {
    talk.feed(HIVE_AGENT_WINDOW, session, encode_u32(1));
  };
  const auto exit = [](Conversation& talk, std::uint32_t session) {
    talk.feed(HIVE_AGENT_EXIT, session, "status?");
  };
  const auto header = [](Conversation& talk, std::uint32_t) {
    talk.peer.feed("this is no header");
  };
  const std::function<void(Conversation&, std::uint32_t)> breaches[] = {overrun, window, exit,
                                                                        header};
  for (const auto& breach : breaches) {
    Conversation talk;
    const std::uint32_t session = talk.start();
    breach(talk, session);
    EXPECT_FALSE(talk.peer.up());
    EXPECT_THAT(talk.log, ElementsAre("hello 6.1.0", HasSubstr("lost: ")));
    talk.feed(HIVE_AGENT_HELLO, 0, kHello);
    EXPECT_FALSE(talk.peer.up());
    EXPECT_FALSE(talk.peer.exec({"ls"}).has_value());
  }
}

TEST(AgentPeer, DrainsAnAbandonedCommand) {
  Conversation talk;
  const std::uint32_t session = talk.start();
  talk.peer.abandon(session);
  const auto frames = talk.sent();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].type, HIVE_AGENT_SIGNAL);
  for (int i = 0; i < 20; ++i) talk.feed(HIVE_AGENT_STDOUT, session, std::string(16384, 'x'));
  EXPECT_TRUE(talk.peer.up()) << "its window opens all the same";
  EXPECT_EQ(talk.output, 0U);
  talk.feed(HIVE_AGENT_EXIT, session, encode_u32(137));
  EXPECT_THAT(talk.log, ElementsAre("hello 6.1.0"));
}

TEST(AgentPeer, OpensTheWindowForOutputThatDiesWithItsClient) {
  Conversation talk;
  const std::uint32_t session = talk.start();
  for (int i = 0; i < 4; ++i) talk.feed(HIVE_AGENT_STDOUT, session, std::string(16384, 'x'));
  talk.peer.abandon(session);
  const auto frames = talk.sent();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[1].type, HIVE_AGENT_WINDOW);
  for (int i = 0; i < 4; ++i) talk.feed(HIVE_AGENT_STDOUT, session, std::string(16384, 'x'));
  EXPECT_TRUE(talk.peer.up());
}

TEST(AgentPeer, LimitsItsSessions) {
  Conversation talk;
  talk.start();
  for (unsigned i = 1; i < HIVE_AGENT_MAX_SESSIONS; ++i) {
    EXPECT_TRUE(talk.peer.exec({"cat"}).has_value());
  }
  EXPECT_FALSE(talk.peer.exec({"cat"}).has_value());
  EXPECT_FALSE(Conversation().peer.exec({std::string(HIVE_AGENT_MAX_PAYLOAD, 'x')}).has_value());
}

}  // namespace
}  // namespace hive::control
