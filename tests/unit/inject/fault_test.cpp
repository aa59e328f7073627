#include "cellmon/inject/fault.h"

#include <gmock/gmock.h>

#include <set>

namespace hive::inject {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

const std::vector<std::string> kCells{"alpha", "beta", "gamma"};
constexpr CellId kAlpha{0};

std::string refusal(std::string_view name, const Values& values = {}) {
  const auto result = parse(name, values, kCells, kAlpha);
  const auto* why = std::get_if<std::string>(&result);
  return why == nullptr ? "" : *why;
}

Fault fault(std::string_view name, const Values& values = {}) {
  return std::get<Fault>(parse(name, values, kCells, kAlpha));
}

TEST(Faults, HaveNamesAndParametersOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Entry& entry : catalogue()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_EQ(find(entry.name), &entry);
    EXPECT_EQ(&entry_of(entry.kind), &entry);
    std::set<std::string_view> parameters;
    for (const Parameter& parameter : entry.parameters) {
      EXPECT_TRUE(parameters.insert(parameter.name).second) << entry.name;
    }
  }
}

TEST(Faults, AreMadeFromTheirWords) {
  const Fault kill = fault("vmm-kill");
  EXPECT_EQ(kill.kind, FaultKind::kVmmKill);
  EXPECT_EQ(kill.text, "vmm-kill");
  const Fault stop = fault("monitor-stop", {{"for", "1500ms"}});
  EXPECT_EQ(stop.duration, milliseconds(1500));
  EXPECT_EQ(stop.text, "monitor-stop for=1500ms");
  const Fault accusation = fault("false-accusation", {{"cell", "gamma"}});
  EXPECT_EQ(accusation.cell, CellId{2});
  EXPECT_EQ(fault("vmm-stop").duration, std::nullopt);
  const Fault cut = fault("mesh-cut", {{"cell", "beta"}, {"for", "3s"}});
  EXPECT_EQ(cut.cell, CellId{1});
  EXPECT_EQ(cut.duration, milliseconds(3000));
}

TEST(Faults, SlowAProcess) {
  const Fault slow = fault("monitor-slow", {{"share", "95"}, {"period", "60s"}, {"for", "5s"}});
  EXPECT_EQ(slow.share, 95U);
  EXPECT_EQ(slow.period, kMostPeriod);
  EXPECT_EQ(slow.duration, milliseconds(5000));
  EXPECT_EQ(fault("vmm-slow", {{"share", "1"}}).period, std::nullopt);
  EXPECT_EQ(fault("vmm-slow", {{"share", "1"}, {"period", "100ms"}}).period, kLeastPeriod);
  EXPECT_THAT(refusal("vmm-slow"), HasSubstr("needs share=VALUE: of each period"));
  for (const char* share : {"", "0", "96", "-1", "50%", "half"}) {
    EXPECT_THAT(refusal("vmm-slow", {{"share", share}}), HasSubstr("no percentage from 1 to 95"));
  }
  for (const char* period : {"", "99ms", "61s", "1", "-1s"}) {
    EXPECT_THAT(refusal("monitor-slow", {{"share", "5"}, {"period", period}}),
                HasSubstr("is no time from 100ms to 60s"));
  }
}

TEST(Faults, WriteWildly) {
  const Fault wild = fault("wild-writes", {{"target", "others"},
                                           {"count", "1000000"},
                                           {"rate", "100000"},
                                           {"for", "5s"},
                                           {"seed", "0xff"}});
  ASSERT_TRUE(wild.writes.has_value());
  EXPECT_EQ(wild.writes->target, Target::kOthers);
  EXPECT_EQ(wild.writes->count, kMostStores);
  EXPECT_EQ(wild.writes->rate, kMostStoreRate);
  EXPECT_EQ(wild.seed, 255U);
  EXPECT_EQ(wild.duration, milliseconds(5000));
  EXPECT_EQ(fault("wild-writes", {{"target", "own"}}).writes->target, Target::kOwn);
  EXPECT_EQ(fault("wild-writes", {{"target", "all"}}).seed, std::nullopt);
  EXPECT_THAT(refusal("wild-writes"), HasSubstr("needs target=VALUE"));
  EXPECT_THAT(refusal("wild-writes", {{"target", "mine"}}),
              HasSubstr("is no target; there are own, others, all"));
  EXPECT_THAT(refusal("wild-writes", {{"target", "all"}, {"count", "1000001"}}),
              HasSubstr("no number from 1 to 1000000"));
  EXPECT_THAT(refusal("wild-writes", {{"target", "all"}, {"rate", "0"}}),
              HasSubstr("no number from 1 to 100000"));
  EXPECT_THAT(refusal("wild-writes", {{"target", "all"}, {"seed", "x"}}),
              HasSubstr("no number of 64 bits"));
}

TEST(Faults, NameAVcpu) {
  EXPECT_EQ(fault("nmi", {{"vcpu", "63"}}).vcpu, 63U);
  EXPECT_EQ(fault("hang").vcpu, std::nullopt);
  for (const char* number : {"", "64", "-1", "1x", "0xg", "all"}) {
    EXPECT_THAT(refusal("hang", {{"vcpu", number}}), HasSubstr("no number of a vCPU")) << number;
  }
}

TEST(Faults, CorruptMemory) {
  const Fault corrupt = fault("memory-corrupt", {{"where", "virtual"},
                                                 {"address", "0xffffffff81000000"},
                                                 {"length", "4096"},
                                                 {"change", "dangling"},
                                                 {"count", "1000"},
                                                 {"seed", "0xff"},
                                                 {"vcpu", "1"}});
  ASSERT_TRUE(corrupt.memory.has_value());
  EXPECT_EQ(corrupt.memory->where, Where::kVirtual);
  EXPECT_EQ(corrupt.memory->address, 0xffffffff81000000U);
  EXPECT_EQ(corrupt.memory->length, 4096U);
  EXPECT_EQ(corrupt.memory->change, cell::Change::kDangling);
  EXPECT_EQ(corrupt.memory->count, 1000U);
  EXPECT_EQ(corrupt.seed, 255U);
  EXPECT_EQ(fault("memory-corrupt", {{"where", "process"}, {"process", "sshd"}}).memory->process,
            "sshd");
  const Fault map = fault("memory-corrupt", {{"where", "address-map"}, {"process", "17"}});
  EXPECT_EQ(map.memory->where, Where::kAddressMap);
  EXPECT_EQ(map.memory->process, "17");
  EXPECT_EQ(fault("memory-corrupt", {{"where", "cow-tree"}, {"process", "sh"}}).memory->where,
            Where::kCowTree);
  EXPECT_EQ(fault("memory-corrupt", {{"where", "stack"}}).seed, std::nullopt);
  EXPECT_FALSE(fault("hang").memory.has_value());
}

TEST(Faults, CorruptOnlyMemoryThatIsSomewhere) {
  const auto refused = [](Values values) { return refusal("memory-corrupt", values); };
  EXPECT_THAT(refused({}), HasSubstr("needs where=VALUE"));
  EXPECT_THAT(refused({{"where", "heap"}}), HasSubstr("is no place; the places are physical, v"));
  EXPECT_THAT(refused({{"where", "physical"}}), HasSubstr("where=physical needs address=VALUE"));
  EXPECT_THAT(refused({{"where", "text"}, {"address", "1"}}), HasSubstr("takes no address"));
  EXPECT_THAT(refused({{"where", "physical"}, {"address", "1"}, {"vcpu", "0"}}),
              HasSubstr("where=physical takes no vcpu"));
  for (const char* where : {"process", "address-map", "cow-tree"}) {
    EXPECT_THAT(refused({{"where", where}}),
                HasSubstr("where=" + std::string(where) + " needs process=VALUE"));
    EXPECT_THAT(refused({{"where", where}, {"process", "sh"}, {"vcpu", "0"}}),
                HasSubstr("takes no vcpu"));
  }
  EXPECT_THAT(refused({{"where", "stack"}, {"process", "1"}}), HasSubstr("takes no process"));
  EXPECT_THAT(refused({{"where", "process"}, {"process", "a-name-that-is-too-long"}}),
              HasSubstr("is no process; write its number, or its name of up to 15 bytes"));
  EXPECT_THAT(refused({{"where", "physical"}, {"address", "0xg"}}), HasSubstr("is no address"));
  EXPECT_THAT(refused({{"where", "physical"}, {"address", "0xfffffffffffffff9"}}),
              HasSubstr("past the last address"));
  EXPECT_THAT(refused({{"where", "virtual"}, {"address", "0"}, {"length", "7"}}),
              HasSubstr("no number of bytes from 8 to"));
  EXPECT_THAT(refused({{"where", "stack"}, {"change", "melt"}}), HasSubstr("there are flip, ran"));
  EXPECT_THAT(refused({{"where", "stack"}, {"count", "1001"}}), HasSubstr("from 1 to 1000"));
  EXPECT_THAT(refused({{"where", "stack"}, {"seed", "-1"}}), HasSubstr("no number of 64 bits"));
}

TEST(Faults, AreOfPackets) {
  const Fault late = fault("rpc-delay", {{"by", "20ms"}, {"cell", "beta"}, {"share", "100"}});
  EXPECT_TRUE(is_in_packets(late.kind));
  EXPECT_EQ(late.delay, std::chrono::milliseconds(20));
  EXPECT_EQ(late.share, 100U);
  EXPECT_EQ(late.cell, CellId{1});
  EXPECT_EQ(fault("rpc-drop").cell, std::nullopt) << "of all";
  for (const char* name : {"rpc-drop", "rpc-duplicate", "rpc-reorder", "rpc-corrupt"}) {
    EXPECT_TRUE(is_in_packets(fault(name).kind));
    EXPECT_THAT(refusal(name, {{"by", "20ms"}}), HasSubstr("has no parameter \"by\""));
  }
  EXPECT_FALSE(is_in_packets(fault("panic").kind));
  EXPECT_FALSE(is_in_packets(fault("interrupt-loss").kind));
  EXPECT_THAT(refusal("rpc-delay"), HasSubstr("rpc-delay needs by=VALUE"));
  EXPECT_THAT(refusal("rpc-delay", {{"by", "1001ms"}}), HasSubstr("is no time from 1ms to 1s"));
  EXPECT_THAT(refusal("rpc-drop", {{"share", "0"}}), HasSubstr("no percentage from 1 to 100"));
}

TEST(Faults, AreOfPages) {
  const Fault failed = fault("page-fail", {{"address", "0x5000"}, {"count", "8"}, {"vcpu", "1"}});
  ASSERT_TRUE(failed.memory.has_value());
  EXPECT_EQ(failed.memory->where, Where::kPhysical);
  EXPECT_EQ(failed.memory->address, 0x5000U);
  EXPECT_EQ(failed.memory->count, 8U);
  EXPECT_EQ(failed.vcpu, 1U);
  EXPECT_EQ(fault("page-fail", {{"where", "process"}, {"process", "sh"}}).memory->process, "sh");
  EXPECT_THAT(refusal("page-fail"), HasSubstr("where=physical needs address=VALUE"));
  EXPECT_THAT(refusal("page-fail", {{"where", "stack"}, {"address", "1"}}),
              HasSubstr("where=stack takes no address"));
  EXPECT_THAT(refusal("page-fail", {{"address", "1"}, {"count", "9"}}), HasSubstr("from 1 to 8"));
  EXPECT_THAT(refusal("page-fail", {{"address", "1"}, {"change", "flip"}}),
              HasSubstr("has no parameter \"change\""));
}

TEST(Faults, AreOfADisk) {
  const Fault late = fault("disk-delay", {{"disk", "disk2"},
                                          {"by", "300ms"},
                                          {"of", "write"},
                                          {"share", "25"},
                                          {"for", "2s"},
                                          {"seed", "9"}});
  EXPECT_TRUE(is_in_device(late.kind));
  EXPECT_EQ(late.device,
            (cell::DeviceFault{"disk2", 100, 0, device::DiskOperations::kWrite, {}, false}));
  EXPECT_EQ(late.share, 25U);
  EXPECT_EQ(late.delay, milliseconds(300));
  EXPECT_EQ(late.duration, milliseconds(2000));
  EXPECT_EQ(late.seed, 9U);
  EXPECT_EQ(fault("disk-error").device, cell::DeviceFault{"disk0"});
  EXPECT_TRUE(fault("disk-torn", {{"report", "ok"}}).device->reports_done);
  EXPECT_FALSE(fault("disk-torn", {{"report", "error"}}).device->reports_done);
  EXPECT_FALSE(fault("hang").device.has_value());
}

TEST(Faults, AreOfAVirtioDevice) {
  EXPECT_EQ(fault("interrupt-loss").device, cell::DeviceFault{"all"});
  for (const char* name :
       {"all", "disk0", "disk7", "console", "rng", "vsock", "balloon", "memory"}) {
    EXPECT_EQ(fault("interrupt-loss", {{"device", name}}).device->device, name);
  }
  for (const char* name : {"", "disk", "serial", "ALL"}) {
    EXPECT_THAT(
        refusal("interrupt-loss", {{"device", name}}),
        HasSubstr("is no virtio device; there are disk0 and so on, all, balloon, console, memory"));
  }
}

TEST(Faults, AreOfADiskOnlyAsItCanHaveThem) {
  for (const char* disk : {"", "disk", "disk-1", "disk0x1", "disk100", "vda", "0"}) {
    EXPECT_THAT(refusal("disk-error", {{"disk", disk}}), HasSubstr("is no disk; write disk0"));
  }
  for (const char* share : {"", "0", "101", "50%", "-1"}) {
    EXPECT_THAT(refusal("disk-error", {{"share", share}}),
                HasSubstr("no percentage from 1 to 100"));
  }
  EXPECT_THAT(refusal("disk-error", {{"of", "trims"}}),
              HasSubstr("there are all, read, write, fl"));
  EXPECT_THAT(refusal("disk-torn", {{"of", "read"}}), HasSubstr("has no parameter \"of\""));
  EXPECT_THAT(refusal("disk-torn", {{"report", "yes"}}), HasSubstr("there are ok and error"));
  EXPECT_THAT(refusal("disk-delay"), HasSubstr("disk-delay needs by=VALUE: how long they wait"));
  EXPECT_THAT(refusal("disk-delay", {{"by", "0ms"}}), HasSubstr("is no time from 1ms"));
}

TEST(Faults, HaveATime) {
  EXPECT_TRUE(fault("vmm-kill").timing.is_now());
  const Timing timing =
      fault("vmm-kill",
            {{"at", "2s"}, {"after", "agent-up"}, {"every", "30ms"}, {"times", "10000"}})
          .timing;
  EXPECT_EQ(timing.at, milliseconds(2000));
  EXPECT_EQ(timing.after, "agent-up");
  EXPECT_EQ(timing.every, milliseconds(30));
  EXPECT_EQ(timing.times, kMaxTimes);
  EXPECT_FALSE(fault("vmm-kill", {{"after", "booting"}}).timing.is_now());
  EXPECT_THAT(refusal("vmm-kill", {{"every", "1s"}}), HasSubstr("every=TIME and times=N go"));
  EXPECT_THAT(refusal("vmm-kill", {{"times", "2"}}), HasSubstr("every=TIME and times=N go"));
  for (const char* number : {"", "0", "10001", "-1", "two"}) {
    EXPECT_THAT(refusal("vmm-kill", {{"every", "1s"}, {"times", number}}),
                HasSubstr("no number from 1 to 10000"));
  }
  for (const char* kind : {"", "Booting", "a b", "boot\n"}) {
    EXPECT_THAT(refusal("vmm-kill", {{"after", kind}}), HasSubstr("is no kind of event"));
  }
}

TEST(Faults, AreRefusedWithTheReason) {
  EXPECT_THAT(refusal("explode\n"),
              HasSubstr("unknown fault \"explode \"; the faults are vmm-kill"));
  EXPECT_THAT(refusal("vmm-kill", {{"for", "1s"}}),
              HasSubstr("vmm-kill has no parameter \"for\"; it has none"));
  EXPECT_THAT(refusal("vmm-stop", {{"till", "1s"}}), HasSubstr("it has for"));
  EXPECT_THAT(refusal("false-accusation"), HasSubstr("needs cell=VALUE: the cell that"));
  EXPECT_THAT(refusal("mesh-cut", {{"for", "1s"}}), HasSubstr("needs cell=VALUE: the cell whose"));
  EXPECT_THAT(refusal("false-accusation", {{"cell", "delta"}}), HasSubstr("\"delta\" names no"));
  EXPECT_THAT(refusal("false-accusation", {{"cell", "alpha"}}), HasSubstr("no other cell"));
  EXPECT_THAT(refusal("vmm-stop", {{"for", "soon"}}), HasSubstr("for=\"soon\" is no time"));
}

TEST(Durations, HaveAUnitAndBounds) {
  EXPECT_EQ(parse_duration("1ms"), milliseconds(1));
  EXPECT_EQ(parse_duration("86400s"), kLongest);
  EXPECT_EQ(parse_duration("86400000ms"), kLongest);
  for (const char* text : {"", "5", "s", "ms", "0s", "-1s", "1.5s", "1 s", "1m", "1sec", "86401s",
                           "99999999999999999999s", "0x1s", "+1s", " 1s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace hive::inject
