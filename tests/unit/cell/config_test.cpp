#include "vmm/cell/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vmm/base/error.h"
#include "vmm/cell/monitor_protocol.h"

namespace hive::cell {
namespace {

using testing::HasSubstr;

constexpr const char* kSmallest =
    R"({"name": "alpha", "vcpus": 1, "memory": 2097152, "kernel": "/k"})";

std::string fault_of(const std::string& json) {
  try {
    parse_config(json);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kUsage);
    return error.what();
  }
  return "no fault";
}

TEST(CellConfig, SurvivesItsWireForm) {
  CellConfig config;
  config.name = "alpha";
  config.incarnation = 7;
  config.vcpus = 2;
  config.host_cpus = {1, 3};
  config.memory = 256ULL << 20;
  config.spare = 384ULL << 20;
  config.backing = memory::Backing::kHugePages;
  config.kernel = "/boot/vmlinuz";
  config.initrd = "/boot/initrd";
  config.cmdline = "console=ttyS0 quiet \"quoted\"";
  config.disks = {{"/a.img", false}, {"/b.img", true}};
  config.serial_fd = 4;
  config.console_fd = -1;
  config.agent_fd = 6;
  config.crash_dump = true;

  const CellConfig back = parse_config(to_json(config));
  EXPECT_EQ(back.name, config.name);
  EXPECT_EQ(back.incarnation, 7U);
  EXPECT_EQ(back.vcpus, 2U);
  EXPECT_EQ(back.host_cpus, config.host_cpus);
  EXPECT_EQ(back.memory, config.memory);
  EXPECT_EQ(back.spare, config.spare);
  EXPECT_EQ(back.backing, memory::Backing::kHugePages);
  EXPECT_EQ(back.kernel, config.kernel);
  EXPECT_EQ(back.initrd, config.initrd);
  EXPECT_EQ(back.cmdline, config.cmdline);
  ASSERT_EQ(back.disks.size(), 2U);
  EXPECT_EQ(back.disks[1].path, "/b.img");
  EXPECT_FALSE(back.disks[0].read_only);
  EXPECT_TRUE(back.disks[1].read_only);
  EXPECT_EQ(back.serial_fd, 4);
  EXPECT_EQ(back.console_fd, -1);
  EXPECT_EQ(back.agent_fd, 6);
  EXPECT_TRUE(back.crash_dump);
}

TEST(CellConfig, FillsInDefaults) {
  const CellConfig config = parse_config(kSmallest);
  EXPECT_EQ(config.incarnation, 1U);
  EXPECT_EQ(config.backing, memory::Backing::kAutomatic);
  EXPECT_TRUE(config.disks.empty());
  EXPECT_EQ(config.serial_fd, -1);
}

TEST(CellConfig, NamesTheFault) {
  EXPECT_THAT(fault_of("{"), HasSubstr("not JSON"));
  EXPECT_THAT(fault_of("[]"), HasSubstr("not an object"));
  EXPECT_THAT(fault_of("{}"), HasSubstr("\"name\" is missing"));
  std::string json = kSmallest;
  json.insert(1, R"("colour": 1, )");
  EXPECT_THAT(fault_of(json), HasSubstr("unknown key \"colour\""));
  json = kSmallest;
  json.insert(1, R"("disks": [{"path": "/a", "readonly": true}], )");
  EXPECT_THAT(fault_of(json), HasSubstr("unknown key \"disks.readonly\""));
  json = kSmallest;
  json.insert(1, R"("backing": "gold", )");
  EXPECT_THAT(fault_of(json), HasSubstr("\"gold\""));
}

TEST(CellConfig, RefusesNumbersOutOfRange) {
  for (const char* member : {R"("vcpus": -1)", R"("vcpus": 4294967296)", R"("vcpus": 1.5)",
                             R"("vcpus": "1")", R"("vcpus": null)"}) {
    const std::string json =
        R"({"name": "a", "memory": 1, "kernel": "/k", )" + std::string(member) + "}";
    EXPECT_THAT(fault_of(json), HasSubstr("\"vcpus\" is not a whole number")) << member;
  }
  std::string json = kSmallest;
  json.insert(1, R"("agent_fd": -2, )");
  EXPECT_THAT(fault_of(json), HasSubstr("agent_fd"));
}

TEST(CellConfig, ComesBackWithItsGlobalMemory) {
  CellConfig config =
      parse_config(R"({"name": "a", "vcpus": 1, "memory": 2097152, "kernel": "k"})");
  config.global = GlobalConfig{
      1, {{-1, 0, {30, 31, 32, 33}}, {20, 2 << 20, {34, 35, 36, 37}}}, OnViolation::kIgnore, 5, 40};
  const CellConfig back = parse_config(to_json(config));
  ASSERT_TRUE(back.global.has_value());
  EXPECT_EQ(back.global->own, 1U);
  EXPECT_EQ(back.global->link, 40);
  EXPECT_EQ(back.global->closed, 5U);
  EXPECT_EQ(back.global->on_violation, OnViolation::kIgnore);
  ASSERT_EQ(back.global->contributions.size(), 2U);
  EXPECT_EQ(back.global->contributions[1].file, 20);
  EXPECT_EQ(back.global->contributions[1].size, 2U << 20);
  EXPECT_EQ(back.global->contributions[1].doorbells, (std::vector<int>{34, 35, 36, 37}));
}

TEST(CellConfig, RefusesAnAnswerToViolationsThatItDoesNotKnow) {
  EXPECT_THAT(fault_of(R"({"name": "a", "vcpus": 1, "memory": 2097152, "kernel": "k",
                           "global": {"own": 0, "on_violation": "shrug"}})"),
              HasSubstr("\"global.on_violation\" is \"shrug\", not fault, stop or ignore"));
}

VsockConfig vsock_of(unsigned cells) {
  VsockConfig vsock{.own = 0, .cid = 3, .packets_per_second = 1000, .peers = {}, .link = 9};
  for (unsigned cell = 1; cell < cells; ++cell) {
    const int first = static_cast<int>(100 + 6 * cell);
    vsock.peers.push_back({.cell = cell,
                           .name = std::string(63, 'n'),
                           .cid = cell + 3,
                           .may_call = true,
                           .may_be_called = false,
                           .out = {first, first + 1, first + 2},
                           .in = {first + 3, first + 4, first + 5}});
  }
  return vsock;
}

CellConfig with_vsock(VsockConfig vsock) {
  CellConfig config =
      parse_config(R"({"name": "a", "vcpus": 1, "memory": 2097152, "kernel": "k"})");
  config.vsock = std::move(vsock);
  return config;
}

TEST(CellConfig, ComesBackWithItsVsock) {
  const CellConfig back = parse_config(to_json(with_vsock(vsock_of(3))));
  ASSERT_TRUE(back.vsock.has_value());
  EXPECT_EQ(back.vsock->cid, 3U);
  EXPECT_EQ(back.vsock->packets_per_second, 1000U);
  EXPECT_EQ(back.vsock->link, 9);
  ASSERT_EQ(back.vsock->peers.size(), 2U);
  const VsockPeerConfig& peer = back.vsock->peers[1];
  EXPECT_EQ(peer.cell, 2U);
  EXPECT_EQ(peer.name, std::string(63, 'n'));
  EXPECT_EQ(peer.cid, 5U);
  EXPECT_TRUE(peer.may_call);
  EXPECT_FALSE(peer.may_be_called);
  EXPECT_EQ(peer.out.file, 112);
  EXPECT_EQ(peer.out.data, 113);
  EXPECT_EQ(peer.out.space, 114);
  EXPECT_EQ(peer.in.space, 117);
}

TEST(CellConfig, FitsAMessageWithTheRingsOfAllCells) {
  EXPECT_LT(to_json(with_vsock(vsock_of(kMaxCells))).size(), kMaxMessage / 2);
}

TEST(CellConfig, RefusesAVsockThatMakesNoSense) {
  VsockConfig twice = vsock_of(3);
  twice.peers[1].cell = 1;
  EXPECT_THAT(fault_of(to_json(with_vsock(twice))), HasSubstr("\"vsock.peers.cell\""));
  VsockConfig same = vsock_of(3);
  same.peers[1].cid = 3;
  EXPECT_THAT(fault_of(to_json(with_vsock(same))), HasSubstr("\"vsock.peers.cid\""));
  VsockConfig host = vsock_of(2);
  host.cid = 2;
  EXPECT_THAT(fault_of(to_json(with_vsock(host))), HasSubstr("\"vsock.cid\""));
  VsockConfig half = vsock_of(2);
  half.peers[0].in.space = -1;
  EXPECT_THAT(fault_of(to_json(with_vsock(half))), HasSubstr("descriptor missing"));
}

CellConfig with_policy(PolicyConfig policy) {
  CellConfig config = parse_config(kSmallest);
  config.policy = std::move(policy);
  return config;
}

TEST(CellConfig, KeepsWhatMakesItWaxs) {
  EXPECT_FALSE(parse_config(kSmallest).policy);
  const CellConfig back = parse_config(to_json(
      with_policy({.pages = {5, -1, 7}, .epoch = 9, .cpus = 8, .round_ms = 20, .link = 6})));
  ASSERT_TRUE(back.policy);
  EXPECT_EQ(back.policy->pages, (std::vector<int>{5, -1, 7}));
  EXPECT_EQ(back.policy->epoch, 9U);
  EXPECT_EQ(back.policy->cpus, 8U);
  EXPECT_EQ(back.policy->round_ms, 20U);
  EXPECT_EQ(back.policy->link, 6);
}

TEST(CellConfig, RefusesAPolicyThatNoDeviceHas) {
  const auto fault = [](PolicyConfig policy) {
    return fault_of(to_json(with_policy(std::move(policy))));
  };
  EXPECT_THAT(fault({}), HasSubstr("\"policy.pages\" are not 1 to 64"));
  EXPECT_THAT(fault({.pages = std::vector<int>(65, -1)}), HasSubstr("\"policy.pages\""));
  EXPECT_THAT(fault({.pages = {-2}}), HasSubstr("\"policy.pages\""));
  EXPECT_THAT(fault({.pages = {-1}, .round_ms = 9}), HasSubstr("is not 10 to 4000"));
  EXPECT_THAT(fault({.pages = {-1}, .round_ms = 4001}), HasSubstr("is not 10 to 4000"));
  EXPECT_EQ(fault({.pages = {-1}, .round_ms = 4000}), "no fault");
}

}  // namespace
}  // namespace hive::cell
