#include "vmm/plan/json.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::plan {
namespace {

using Json = nlohmann::json;

Machine sample() {
  Machine machine{"trio", {}, OnViolation::kStop};
  machine.cells.push_back(
      {CellId{0},
       "alpha",
       2,
       {5, 0},
       96 * kMiB,
       HugePages::kReserved,
       8 * kMiB,
       3,
       "/k",
       "/i",
       "quiet",
       {{"/d", false}, {"/caf\xc3\xa9", true}},
       true,
       {{5000, VsockPort::Caller::kGuest, "/s"}, {22, VsockPort::Caller::kHost, "/l"}}});
  machine.cells.push_back({CellId{1},
                           "beta",
                           64,
                           {},
                           16 * kMiB,
                           HugePages::kNone,
                           0,
                           0xffff'fffe,
                           "/k",
                           "",
                           "",
                           {},
                           false});
  machine.rpc.calls = {{CellId{0}, {CellId{1}}}};
  machine.rpc.packets_per_second = 1000;
  machine.faults = true;
  machine.witness = true;
  machine.discard = Discard::kWritable;
  machine.cells[0].crash_dump = "/var/crash";
  machine.cells[0].on_failure = OnFailure::kReboot;
  machine.cells[1].on_failure = OnFailure::kStopMachine;
  machine.cells[1].watchdog = 30;
  machine.cells[1].reserve = 16 * kMiB;
  machine.cells[1].spare = 6 * kMiB;
  machine.cells[1].hosted = machine.cells[1].shared / 2;
  machine.cells[1].cpu_weight = 400;
  return machine;
}

std::string refusal(const std::string& json) {
  try {
    parse_machine(json);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kUsage);
    return error.what();
  }
  return "accepted";
}

TEST(PlanJson, ComesBackEqual) {
  EXPECT_EQ(parse_machine(to_json(sample())), sample());
  EXPECT_EQ(to_json(sample()).find('\n'), std::string::npos);
}

TEST(PlanJson, KeepsEveryAnswerToViolations) {
  for (const auto& [word, answer] : {std::pair("fault", OnViolation::kFault),
                                     {"stop", OnViolation::kStop},
                                     {"ignore", OnViolation::kIgnore}}) {
    Machine machine = sample();
    machine.on_violation = answer;
    const std::string json = to_json(machine);
    EXPECT_EQ(Json::parse(json)["on_violation"], word);
    EXPECT_EQ(parse_machine(json).on_violation, answer);
  }
}

TEST(PlanJson, KeepsThatEveryCellMayCallEveryOther) {
  Machine machine = sample();
  machine.rpc.calls.reset();
  EXPECT_EQ(parse_machine(to_json(machine)), machine);
  machine.rpc.calls.emplace();
  EXPECT_EQ(parse_machine(to_json(machine)), machine);
}

TEST(PlanJson, BoundsWhatAllCellsContribute) {
  Json machine = Json::parse(to_json(sample()));
  constexpr std::uint64_t kMost = 16 * 1024 * kGiB;
  machine["cells"][0]["shared"] = kMost - 2 * kMiB;
  machine["cells"][1]["shared"] = 2 * kMiB;
  EXPECT_EQ(parse_machine(machine.dump()).cells[0].shared, kMost - 2 * kMiB);
  machine["cells"][1]["shared"] = 4 * kMiB;
  EXPECT_EQ(refusal(machine.dump()),
            "plan: the cells contribute too much global memory; start the machine anew with 'hive "
            "up'");
}

TEST(PlanJson, RefusesTextThatIsNoMachine) {
  EXPECT_EQ(refusal("{"), "plan: not JSON; start the machine anew with 'hive up'");
  EXPECT_EQ(refusal("[]"),
            "plan: the machine is not an object; start the machine anew with 'hive up'");
  EXPECT_EQ(refusal(std::string(100'000, '[')),
            "plan: not JSON; start the machine anew with 'hive up'");
}

TEST(PlanJson, RequiresEveryKeyAndNoOther) {
  const Json good = Json::parse(to_json(sample()));
  const Json::json_pointer objects[] = {Json::json_pointer(""),
                                        Json::json_pointer("/cells/0"),
                                        Json::json_pointer("/cells/0/disks/1"),
                                        Json::json_pointer("/cells/0/vsock/0"),
                                        Json::json_pointer("/rpc"),
                                        Json::json_pointer("/rpc/calls/0")};
  for (const auto& place : objects) {
    for (const auto& [key, value] : good[place].items()) {
      Json less = good;
      less[place].erase(key);
      EXPECT_NE(refusal(less.dump()).find("lacks '" + key + "'"), std::string::npos) << key;
    }
    Json more = good;
    more[place]["surplus"] = 1;
    EXPECT_NE(refusal(more.dump()).find("has an unknown key 'surplus'"), std::string::npos);
  }
}

TEST(PlanJson, RefusesValuesOutOfBounds) {
  const std::pair<const char*, Json> cases[] = {
      {"/name", "Trio"},
      {"/name", 3},
      {"/cells", Json::array()},
      {"/cells", 1},
      {"/cells/0", 1},
      {"/cells/0/name", ""},
      {"/cells/0/vcpus", 0},
      {"/cells/0/vcpus", 65},
      {"/cells/0/vcpus", -1},
      {"/cells/0/vcpus", 1.5},
      {"/cells/0/vcpus", 3},  // Not as many as host_cpus.
      {"/cells/0/host_cpus", Json::array({1, 8192})},
      {"/cells/0/host_cpus", Json::array({1, "2"})},
      {"/cells/0/host_cpus", "1,2"},
      {"/cells/1/spare", kMiB},
      {"/cells/1/spare", 5 * 1024 * kGiB},
      {"/cells/0/spare", 2 * kMiB},  // Its huge pages are reserved.
      {"/cells/0/memory", 0},
      {"/cells/0/memory", 16 * kMiB + 1},
      {"/cells/0/memory", "96MiB"},
      {"/cells/0/huge_pages", "always"},
      {"/cells/0/huge_pages", 1},
      {"/cells/0/shared", 1},
      {"/cells/0/shared", 3 * kMiB},
      {"/cells/0/shared", -2},
      {"/cells/0/shared", 16 * 1024 * kGiB + 2 * kMiB},
      {"/cells/0/shared", "8MiB"},
      {"/on_violation", "panic"},
      {"/on_violation", ""},
      {"/on_violation", 0},
      {"/discard", "all"},
      {"/discard", 1},
      {"/cells/0/crash_dump", "crash"},
      {"/cells/0/crash_dump", 1},
      {"/cells/0/on_failure", "stop"},
      {"/cells/0/on_failure", 1},
      {"/cells/0/reserve", 1},
      {"/cells/0/hosted", 1},
      {"/cells/0/hosted", 1ULL << 40U},
      {"/cells/0/reserve", 1ULL << 40U},
      {"/cells/0/policy", "fairness"},
      {"/cells/0/policy", 3},
      {"/cells/0/cpu_weight", 0},
      {"/cells/0/cpu_weight", 10001},
      {"/cells/0/cpu_weight", "100"},
      {"/cells/0/watchdog", 1},
      {"/cells/0/watchdog", 3601},
      {"/cells/0/watchdog", "10s"},
      {"/cells/0/cid", 2},
      {"/cells/0/cid", 0xffff'ffffU},
      {"/cells/0/kernel", ""},
      {"/cells/0/kernel", "vmlinuz"},
      {"/cells/0/kernel", std::string("/a\0b", 4)},
      {"/cells/0/initrd", "i"},
      {"/cells/0/cmdline", "a\nb"},
      {"/cells/0/cmdline", std::string(2048, 'x')},
      {"/cells/0/disks", Json::object()},
      {"/cells/0/disks/0", "/d"},
      {"/cells/0/disks/0/path", "/" + std::string(4095, 'x')},
      {"/cells/0/disks/0/read_only", 1},
      {"/cells/0/agent", "true"},
      {"/cells/0/vsock", Json::object()},
      {"/cells/0/vsock/0", 5000},
      {"/cells/0/vsock/0/port", 0},
      {"/cells/0/vsock/0/port", 0xffff'ffffU},
      {"/cells/0/vsock/0/caller", "both"},
      {"/cells/0/vsock/0/path", "s"},
      {"/cells/0/vsock/0/path", "/" + std::string(107, 'x')},
      {"/rpc", Json::array()},
      {"/rpc/calls", 1},
      {"/rpc/calls/0/from", 2},
      {"/rpc/calls/0/to", 1},
      {"/rpc/calls/0/to/0", 2},
      {"/rpc/calls/0/to/0", -1},
      {"/rpc/packets_per_second", 99},
      {"/rpc/packets_per_second", 10'000'001},
      {"/faults", "enabled"},
      {"/witness", "auto"},
  };
  const Json good = Json::parse(to_json(sample()));
  for (const auto& [place, value] : cases) {
    Json bad = good;
    bad[Json::json_pointer(place)] = value;
    const std::string refused = refusal(bad.dump());
    EXPECT_EQ(refused.rfind("plan: ", 0), 0U) << place << " " << value << ": " << refused;
  }
}

TEST(PlanJson, RefusesTooManyCells) {
  Json machine = Json::parse(to_json(sample()));
  machine["witness"] = false;
  while (machine["cells"].size() < 64) machine["cells"].push_back(machine["cells"][0]);
  EXPECT_EQ(parse_machine(machine.dump()).cells.size(), 64U);
  machine["cells"].push_back(machine["cells"][0]);
  EXPECT_EQ(refusal(machine.dump()),
            "plan: the machine has an unusable 'cells'; start the machine anew with 'hive up'");
}

}  // namespace
}  // namespace hive::plan
