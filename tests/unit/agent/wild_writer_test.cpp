// Wild writes that the monitor asks for.
#include <string>
#include <utility>

#include "tests/unit/agent/agent_fixture.h"

namespace hive::agent {
namespace {

TEST_F(AgentTest, WritesWildlyInAProcessOfItsOwn) {
  receive();
  send(HIVE_AGENT_WILD_WRITES, 5, wild_writes(7));
  const AgentFrame wrote = receive();
  EXPECT_EQ(wrote.type, HIVE_AGENT_WROTE);
  EXPECT_EQ(wrote.session, 5U);
  const auto counts = abi::decode_wrote(wrote.payload);
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->done, 3U);
  EXPECT_EQ(counts->denied, 4U);
}

TEST_F(AgentTest, TellsWhyItDoesNotWriteWildly) {
  receive();
  const std::pair<std::string, const char*> refused[] = {
      {wild_writes(0), "no device"},
      {wild_writes(1), "the process that writes ended by signal 9"},
      {"too short", "no such wild writes"},
  };
  for (const auto& [payload, why] : refused) {
    send(HIVE_AGENT_WILD_WRITES, 6, payload);
    const AgentFrame answer = receive();
    EXPECT_EQ(answer.type, HIVE_AGENT_REFUSED);
    EXPECT_EQ(answer.payload, why);
  }
  send(HIVE_AGENT_WILD_WRITES, 7, wild_writes(2));
  send(HIVE_AGENT_WILD_WRITES, 8, wild_writes(7));
  const AgentFrame second = receive();
  EXPECT_EQ(second.session, 8U);
  EXPECT_EQ(second.payload, "the wild writes before are not over");
  send(HIVE_AGENT_PING, 0, "still there");
  EXPECT_EQ(receive().payload, "still there") << "and the one before goes with the agent";
}

}  // namespace
}  // namespace hive::agent
