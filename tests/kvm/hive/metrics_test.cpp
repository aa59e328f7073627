// What `hive metrics` and `hive top` tell of a machine of micro guests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/kvm/run/contribution.h"
#include "tests/kvm/run/hive_run.h"
#include "vmm/base/units.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Labels = std::map<std::string, std::string>;

constexpr std::uint16_t kLineStatus = 0x3fd;  // Of the serial port.
constexpr unsigned kWrites = 5;

/// Where a guest of 64 MiB has PAGE of alpha, the only home.
std::uint64_t window(std::uint64_t page) {
  return memory::layout::upper_ranges(64 * kMiB, Memory::kSize).bars.start + page * kPageSize;
}

/// Home alpha at rest; beta, which writes where it may not; and gamma, which reads a port for ever.
class Metrics : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<micro::Action> writer{micro::map(window(0))};
    for (std::uint64_t page = 0; page < kWrites; ++page) {
      writer.push_back(micro::store(4, window(700 + page), 1));
    }
    writer.push_back(micro::halt());
    machine_.add_cell("alpha", std::vector{micro::halt()}, false, "shared: 4MiB");
    machine_.add_cell("beta", writer);
    machine_.add_cell("gamma", std::vector{micro::loop(~0ULL >> 1, 1), micro::in(1, kLineStatus)});
    const Output up = machine_.up();
    ASSERT_EQ(up.status, 0) << up.err;
  }

  /// What `hive metrics --json` tells of CELL.
  [[nodiscard]] json metrics(const std::string& cell) const {
    const Output output = machine_.hive({"metrics", machine_.name() + "/" + cell, "--json"});
    EXPECT_EQ(output.status, 0) << output.err;
    return json::parse(output.out).at("machines").at(0).at("cells").at(0);
  }
  /// The sample NAME with LABELS of CELL; null where there is none.
  [[nodiscard]] json sample(const std::string& cell, const std::string& name,
                            const Labels& labels = {}) const {
    const json told = metrics(cell);
    for (const json& each : told.at("metrics")) {
      if (each.at("name") == name && each.at("labels") == json(labels)) return each;
    }
    return {};
  }
  [[nodiscard]] double value(const std::string& cell, const std::string& name,
                             const Labels& labels = {}) const {
    const json found = sample(cell, name, labels);
    return found.is_null() ? -1 : found.at("value").get<double>();
  }

  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  TestMachine machine_;
};

TEST_F(Metrics, CountExitsAndTheirTime) {
  const Labels reads{{"reason", "port-read"}};
  const char* const kTime = "hive_vcpu_exit_handling_seconds_total";
  const double before = value("gamma", "hive_vcpu_exits_total", reads);
  // The monitor measures the TSC for a second first.
  EXPECT_TRUE(comes([&] { return value("gamma", kTime, reads) >= 0; }));
  const double time = value("gamma", kTime, reads);
  EXPECT_TRUE(
      comes([&] { return value("gamma", "hive_vcpu_exits_total", reads) > before + 1000; }));
  EXPECT_TRUE(comes([&] { return value("gamma", kTime, reads) > time; }));
  // Less than there is, however busy the host was: wrong units would be far from it.
  const std::chrono::duration<double> lived = std::chrono::steady_clock::now() - start_;
  EXPECT_LT(value("gamma", kTime, reads), lived.count() + 1);
  EXPECT_EQ(value("alpha", "hive_vcpu_exits_total", reads), 0);
  EXPECT_TRUE(comes([&] {
    return value("gamma", "hive_cpu_seconds_total", {{"part", "guest"}}) +
               value("gamma", "hive_cpu_seconds_total", {{"part", "vmm"}}) >
           0;
  }));
}

TEST_F(Metrics, CountViolationsWithTheirTimes) {
  const Labels beta{{"writer", "beta"}};
  EXPECT_TRUE(
      comes([&] { return value("alpha", "hive_firewall_violations_total", beta) == kWrites; }));
  EXPECT_EQ(value("alpha", "hive_firewall_violations_total", {{"writer", "gamma"}}), 0);
  const json times = sample("alpha", "hive_firewall_violation_seconds");
  EXPECT_EQ(times.at("count"), kWrites);
  EXPECT_GT(times.at("sum"), 0.0);
  EXPECT_LT(times.at("sum"), 60.0);
  // An exit counts once it is served; a write that was not stopped at once takes several.
  EXPECT_TRUE(comes([&] {
    return value("beta", "hive_vcpu_exits_total", {{"reason", "firewall"}}) >= kWrites;
  }));
  EXPECT_EQ(value("alpha", "hive_global_memory_bytes"), Memory::kSize);
}

TEST_F(Metrics, CountGrantsAndRevokes) {
  const std::string home = machine_.name() + "/alpha";
  ASSERT_EQ(machine_.hive({"firewall", "grant", home, "gamma", "16-23"}).status, 0);
  EXPECT_EQ(value("alpha", "hive_firewall_writable_pages", {{"writer", "gamma"}}), 8);
  ASSERT_EQ(machine_.hive({"firewall", "revoke", home, "gamma", "20-27"}).status, 0);
  EXPECT_EQ(value("alpha", "hive_firewall_writable_pages", {{"writer", "gamma"}}), 4);
  EXPECT_EQ(value("alpha", "hive_firewall_granted_pages_total"), 8);
  EXPECT_EQ(value("alpha", "hive_firewall_revoked_pages_total"), 4);
  EXPECT_EQ(sample("alpha", "hive_firewall_grant_seconds").at("count"), 1);
  EXPECT_EQ(sample("alpha", "hive_firewall_revoke_seconds").at("count"), 1);
}

TEST_F(Metrics, CountAnAlertAndARecovery) {
  EXPECT_EQ(value("alpha", "hive_alerts_total"), 0);
  ::kill(machine_.status("beta")["vmm_pid"].get<pid_t>(), SIGKILL);
  for (const char* cell : {"alpha", "gamma"}) {
    EXPECT_TRUE(comes([&] { return sample(cell, "hive_recovery_seconds").at("count") == 1; }));
    EXPECT_EQ(value(cell, "hive_alerts_total"), 1);
    EXPECT_EQ(value(cell, "hive_alerts_dismissed_total"), 0);
    EXPECT_EQ(value(cell, "hive_view_epoch"), 2);
    EXPECT_EQ(value(cell, "hive_view_members"), 2);
    EXPECT_EQ(sample(cell, "hive_agreement_seconds").at("count"), 1);
  }
  EXPECT_TRUE(comes([&] { return sample("gamma", "hive_pause_seconds").at("count") == 1; }));
  EXPECT_EQ(value("beta", "hive_cell_member"), 0);
}

TEST_F(Metrics, HaveKvmsOwnWhereTheHostHasThem) {
  const Labels exits{{"object", "vcpu"}, {"stat", "exits"}};
  const double before = value("gamma", "hive_kvm_events_total", exits);
  if (before < 0) GTEST_SKIP() << "this host's KVM has no binary statistics";
  EXPECT_TRUE(comes([&] { return value("gamma", "hive_kvm_events_total", exits) > before; }));
}

TEST_F(Metrics, TakeLittleMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take memory of their own";
#endif
  for (const char* process : {"vmm", "monitor"}) {
    const double anonymous =
        value("alpha", "hive_overhead_bytes", {{"process", process}, {"kind", "anonymous"}});
    EXPECT_GT(anonymous, 0) << process;
    EXPECT_LT(anonymous, 3 * kMiB) << process;
  }
}

TEST_F(Metrics, PassPromtoolsCheck) {
  const Output output = machine_.hive({"metrics", machine_.name(), "--prometheus"});
  EXPECT_EQ(output.status, 0) << output.err;
  EXPECT_THAT(output.out,
              HasSubstr("hive_monitor_up{machine=\"" + machine_.name() + "\",cell=\"gamma\"} 1\n"));
  if (std::system("command -v promtool >/dev/null") != 0) {
    GTEST_SKIP() << "promtool is missing; scripts/deps gets it";
  }
  std::FILE* const promtool = ::popen("promtool check metrics", "w");
  ASSERT_NE(promtool, nullptr);
  EXPECT_EQ(std::fwrite(output.out.data(), 1, output.out.size(), promtool), output.out.size());
  const int status = ::pclose(promtool);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << output.out;
}

TEST_F(Metrics, AreATableForPeople) {
  Output output;
  const auto has = [&](const std::string& what) {
    output = machine_.hive({"metrics", machine_.name()});
    return output.out.find(what) != std::string::npos;
  };
  EXPECT_TRUE(comes([&] { return has("hive_vcpu_exits_total reason=port-read"); })) << output.out;
  EXPECT_EQ(output.status, 0) << output.err;
  EXPECT_THAT(output.out, HasSubstr("machine " + machine_.name() + "\n"));
}

TEST_F(Metrics, TellOfACellWhoseMonitorIsLost) {
  ::kill(machine_.status("beta")["monitor_pid"].get<pid_t>(), SIGKILL);
  EXPECT_TRUE(comes([&] { return metrics("beta").value("problem", "") == "monitor lost"; }));
  const Output output = machine_.hive({"metrics", machine_.name(), "--prometheus"});
  EXPECT_THAT(output.out, HasSubstr("cell=\"beta\"} 0\n"));
}

TEST_F(Metrics, OfWhatDoesNotRunAreRefused) {
  EXPECT_NE(machine_.hive({"metrics", "no-such-machine"}).status, 0);
  const Output output = machine_.hive({"metrics", machine_.name() + "/delta"});
  EXPECT_NE(output.status, 0);
  EXPECT_THAT(output.err, HasSubstr("these do:"));
  EXPECT_EQ(machine_.hive({"metrics", "--listen", "0.0.0.0:9100"}).status, 2);
}

TEST_F(Metrics, MakeTheTopOfCells) {
  const Output output =
      machine_.hive({"top", machine_.name(), "--count", "2", "--interval", "0.3"});
  EXPECT_EQ(output.status, 0) << output.err;
  EXPECT_THAT(output.out, HasSubstr("machine " + machine_.name() + ", 3 cells\n"));
  EXPECT_THAT(output.out, HasSubstr("\ngamma  running "));
  EXPECT_EQ(output.out.find('\x1b'), std::string::npos);
  EXPECT_NE(machine_.hive({"top", "no-such-machine", "--once"}).status, 0);
}

}  // namespace
}  // namespace hive::test
