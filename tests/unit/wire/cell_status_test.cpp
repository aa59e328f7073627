#include "cellmon/wire/cell_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace hive::wire {
namespace {

CellStatus sample() {
  CellStatus status;
  status.machine = "trio";
  status.cell = "alpha";
  status.state = CellState::kFailed;
  status.cause = "triple fault";
  status.incarnation = 3;
  status.state_ms = 1500;
  status.boot_ms = 700;
  status.monitor_pid = 10;
  status.vmm_pid = 11;
  status.vcpus = 2;
  status.memory = 256ULL << 20;
  status.kernel = "6.1.0";
  status.agent = true;
  status.console_line = "login:";
  status.log_file = "/run/hive/trio/alpha.log";
  status.console_file = "/run/hive/trio/alpha.console";
  status.ignored_reports = 4;
  status.pending_faults = 2;
  status.cells = {"alpha", "beta"};
  status.cpu = {400, 200, 100, 381, "nice", ""};
  status.view.epoch = 4;
  status.view.member = true;
  status.view.members = {{"alpha", 3}, {"beta", 1}};
  status.view.suspects = {"beta"};
  status.view.watched = {{"beta", 1.5}};
  return status;
}

TEST(CellStatus, SurvivesItsWireForm) {
  const auto back = parse_status(to_json(sample()));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(to_json(*back), to_json(sample()));
  EXPECT_EQ(back->state, CellState::kFailed);
  EXPECT_EQ(back->cells, sample().cells);
}

TEST(CpuStatus, SurvivesItsWireFormAndRefusesWhatIsMalformed) {
  const Json sound = to_json(sample().cpu);
  ASSERT_TRUE(parse_cpu(sound));
  EXPECT_EQ(parse_cpu(sound)->applied, 381U);
  EXPECT_EQ(parse_cpu(sound)->way, "nice");
  for (const auto& [key, value] : sound.items()) {
    Json json = sound;
    json.erase(key);
    EXPECT_FALSE(parse_cpu(json)) << "without " << key;
    json[key] = -1;
    EXPECT_FALSE(parse_cpu(json)) << key << " of the wrong type";
  }
  EXPECT_FALSE(parse_cpu(Json::array()));
}

TEST(CpuStatus, TellsTheWeightsThatDiffer) {
  CpuStatus status{100, 100, 100, 100, "nice", ""};
  EXPECT_EQ(describe_weights(status), "CPU weight 100");
  status.weight = 250;
  EXPECT_EQ(describe_weights(status), "CPU weight 250, usually 100");
  status.weight = 500;
  status.usual = 400;
  EXPECT_EQ(describe_weights(status), "CPU weight 500, usually 400, in the plan 100");
  status.weight = 400;
  EXPECT_EQ(describe_weights(status), "CPU weight 400, in the plan 100");
}

TEST(ViewStatus, SurvivesItsWireFormAndRefusesWhatIsMalformed) {
  const Json sound = to_json(sample().view);
  ASSERT_TRUE(parse_view(sound));
  EXPECT_EQ(parse_view(sound)->members[0].incarnation, 3U);
  EXPECT_EQ(parse_view(sound)->watched[0].suspicion, 1.5);
  for (const auto& [key, value] : sound.items()) {
    Json json = sound;
    json.erase(key);
    EXPECT_FALSE(parse_view(json)) << "without " << key;
    json[key] = Json::object();
    EXPECT_FALSE(parse_view(json)) << key << " of the wrong type";
    json[key] = Json::array({nullptr});
    EXPECT_FALSE(parse_view(json)) << key << " of the wrong elements";
  }
  Json json = sound;
  json["members"][0]["incarnation"] = std::uint64_t{1} << 32U;
  EXPECT_FALSE(parse_view(json));
}

TEST(CellStatus, RefusesWhatIsMalformed) {
  const Json sound = to_json(sample());
  for (const auto& [key, value] : sound.items()) {
    Json json = sound;
    json.erase(key);
    EXPECT_FALSE(parse_status(json).has_value()) << "without " << key;
    json[key] = Json::object();
    EXPECT_FALSE(parse_status(json).has_value()) << key << " of the wrong type";
  }
  EXPECT_FALSE(parse_status(Json::array()).has_value());
  EXPECT_FALSE(parse_status(nullptr).has_value());
}

TEST(CellStatus, RefusesCellsThatNoMachineHas) {
  Json json = to_json(sample());
  json["cells"] = {"alpha", "beta", "alpha"};
  EXPECT_FALSE(parse_status(json)) << "twice";
  for (const char* name : {"", "a\nb", "-a", "A", "a/b"}) {
    json["cells"] = {"alpha", name};
    EXPECT_FALSE(parse_status(json)) << name;
  }
  json["cells"] = Json::array();
  for (unsigned index = 0; index < kMaxCells; ++index) {
    json["cells"].push_back("cell-" + std::to_string(index));
  }
  EXPECT_TRUE(parse_status(json));
  json["cells"].push_back("one-more");
  EXPECT_FALSE(parse_status(json)) << "too many";
}

TEST(Event, SurvivesItsWireForm) {
  const Event event{7, 1'700'000'000'123'456'789, 42, "alpha", "off", "detail"};
  const auto back = parse_event(to_json(event));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(to_json(*back), to_json(event));
  EXPECT_EQ(to_json(event)["time"], "2023-11-14T22:13:20.123Z");
  EXPECT_FALSE(parse_event({{"sequence", 1}}).has_value());
}

TEST(CellState, HasANameForEach) {
  for (int value = 0; value <= static_cast<int>(CellState::kStopped); ++value) {
    const auto state = static_cast<CellState>(value);
    EXPECT_EQ(parse_state(to_string(state)), state);
  }
  EXPECT_EQ(parse_state("melted"), std::nullopt);
}

}  // namespace
}  // namespace hive::wire
