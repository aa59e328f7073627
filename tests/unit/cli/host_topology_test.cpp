#include "cellmon/cli/host_topology.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>

#include "cellmon/cli/host_libvirt.h"
#include "cellmon/cli/host_sysfs.h"
#include "tests/unit/cli/temporary_folder.h"
#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"
#include "vmm/base/units.h"

namespace hive::cli {
namespace {

using plan::HostTopology;
using std::chrono::milliseconds;

TEST(SysfsTopology, ReadsNodes) {
  const TemporaryFolder root;
  const std::string nodes = "sys/devices/system/node/";
  root.write(nodes + "node0/cpulist", "0-1,4\n");
  root.write(nodes + "node0/meminfo", "Node 0 MemTotal:       1024 kB\nNode 0 MemFree: 7 kB\n");
  root.write(nodes + "node10/cpulist", "\n");
  root.write(nodes + "node10/meminfo", "Node 10 MemFree: 7 kB\nNode 10 MemTotal:  4096 kB\n");
  root.write(nodes + "node2/cpulist", "2-3\n");
  root.write(nodes + "node2/meminfo", "Node 2 MemTotal:  2048 kB\n");
  root.write(nodes + "online", "0,2,10\n");
  EXPECT_EQ(sysfs_topology(root.path()),
            (HostTopology{{{0, {0, 1, 4}, kMiB}, {2, {2, 3}, 2 * kMiB}, {10, {}, 4 * kMiB}}}));
}

TEST(SysfsTopology, IsOneNodeWithoutNuma) {
  const TemporaryFolder root;
  root.write("sys/devices/system/cpu/online", "0-3\n");
  root.write("proc/meminfo", "MemTotal:        2048 kB\n");
  EXPECT_EQ(sysfs_topology(root.path()), (HostTopology{{{0, {0, 1, 2, 3}, 2 * kMiB}}}));
}

TEST(SysfsTopology, IsNothingWithoutCpusOrMemory) {
  const TemporaryFolder root;
  EXPECT_EQ(sysfs_topology(root.path()), std::nullopt);
  root.write("proc/meminfo", "MemTotal:        2048 kB\n");
  EXPECT_EQ(sysfs_topology(root.path()), std::nullopt);
  root.write("sys/devices/system/cpu/online", "0-x\n");
  EXPECT_EQ(sysfs_topology(root.path()), std::nullopt);
  root.write("sys/devices/system/cpu/online", "0\n");
  EXPECT_NE(sysfs_topology(root.path()), std::nullopt);
}

TEST(SysfsTopology, KnowsThisHost) {
  const auto host = sysfs_topology();
  ASSERT_TRUE(host.has_value());
  EXPECT_EQ(host->cpus().size(), static_cast<std::size_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
  EXPECT_GT(host->memory(), 64 * kMiB);
}

std::string capabilities(const std::string& cells) {
  return "<capabilities><host><topology><cells num='1'>" + cells +
         "</cells></topology></host></capabilities>";
}

TEST(LibvirtCapabilities, AreRead) {
  EXPECT_EQ(
      parse_capabilities(capabilities(
          "\n<cell id='0'><memory unit='KiB'>1024</memory><pages unit='KiB' size='4'>9</pages>"
          "<cpus num='2'><cpu id='0' core_id='0'/><!-- x --><cpu id='2'/></cpus></cell>"
          "<cell id='3'><memory unit='KiB'>2048</memory><cpus num='0'/></cell>")),
      (HostTopology{{{0, {0, 2}, kMiB}, {3, {}, 2 * kMiB}}}));
}

TEST(LibvirtCapabilities, AreRefusedWhenTheyTellNothing) {
  const std::string memory = "<memory unit='KiB'>1024</memory>";
  const std::string cpus = "<cpus num='1'><cpu id='0'/></cpus>";
  for (const std::string& xml : {
           std::string(""),
           std::string("<capabilities/>"),
           std::string("<capabilities><host></capabilities>"),
           capabilities(""),
           capabilities("<cell>" + memory + cpus + "</cell>"),
           capabilities("<cell id='0'>" + cpus + "</cell>"),
           capabilities("<cell id='0'>" + memory + "</cell>"),
           capabilities("<cell id='0'>" + memory + "<cpus><cpu id='x'/></cpus></cell>"),
           capabilities("<cell id='0'><memory unit='MiB'>1</memory>" + cpus + "</cell>"),
           capabilities("<cell id='0'><memory unit='KiB'>lots</memory>" + cpus + "</cell>"),
           capabilities("<cell id='0'><memory unit='KiB'>0</memory>" + cpus + "</cell>"),
       }) {
    EXPECT_EQ(parse_capabilities(xml), std::nullopt) << xml;
  }
}

TEST(Libvirt, AnswersForItsTestHost) {
  const LibvirtAnswer answer = ask_libvirt("test:///default", milliseconds(60'000));
  ASSERT_EQ(answer.problem, "");
  const auto host = parse_capabilities(answer.capabilities);
  ASSERT_TRUE(host.has_value());
  EXPECT_FALSE(host->cpus().empty());
  EXPECT_GE(host->memory(), kGiB);
}

TEST(Libvirt, SaysWhyThereIsNoAnswer) {
  ::testing::internal::CaptureStderr();
  const LibvirtAnswer answer =
      ask_libvirt("qemu:///system?socket=/nonexistent/hive", milliseconds(60'000));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(answer.capabilities, "");
  EXPECT_NE(answer.problem.find("/nonexistent/hive"), std::string::npos) << answer.problem;
  EXPECT_NE(ask_libvirt("nonsense:///", milliseconds(60'000)).problem, "");
}

TEST(Libvirt, IsGivenUpWhenItsDaemonHangs) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "socket";
  const UniqueFd daemon(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{AF_UNIX, {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(daemon.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(daemon.get(), 64), 0);

  // Short times show whether the last part of a millisecond is waited for too.
  for (const int count : {300, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5}) {
    const milliseconds patience(count);
    const auto start = std::chrono::steady_clock::now();
    const LibvirtAnswer answer = ask_libvirt("qemu:///system?socket=" + path, patience);
    const auto taken = std::chrono::steady_clock::now() - start;
    EXPECT_EQ(answer.problem, "libvirt does not answer");
    EXPECT_GE(taken, patience);
  }
}

/// Sets HIVE_LIBVIRT_URI for its lifetime.
class ChosenUri {
 public:
  explicit ChosenUri(const char* uri) { ::setenv("HIVE_LIBVIRT_URI", uri, 1); }
  ChosenUri(const ChosenUri&) = delete;
  ChosenUri& operator=(const ChosenUri&) = delete;
  ~ChosenUri() { ::unsetenv("HIVE_LIBVIRT_URI"); }
};

TEST(KnownTopology, IsThatOfTheChosenLibvirt) {
  const ChosenUri uri("test:///default");
  const std::string source = "libvirt (test:///default)";
  KnownTopology known = host_topology();
  // It is given up where the machine is too busy.
  for (int tries = 1; known.source != source && tries < 10; ++tries) known = host_topology();
  EXPECT_EQ(known.source, source);
  EXPECT_EQ(known.topology,
            parse_capabilities(ask_libvirt("test:///default", milliseconds(60'000)).capabilities));
}

TEST(KnownTopology, FailsWhenTheChosenLibvirtDoes) {
  const ChosenUri uri("nonsense:///");
  try {
    host_topology();
    FAIL() << "no error";
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_EQ(what.rfind("libvirt at nonsense:///: ", 0), 0U) << what;
    EXPECT_NE(what.find("; unset HIVE_LIBVIRT_URI or correct it"), std::string::npos) << what;
  }
}

TEST(KnownTopology, IsFoundWithoutAnyChoice) {
  const KnownTopology known = host_topology();
  EXPECT_FALSE(known.topology.cpus().empty());
  EXPECT_EQ(known.source.find("test:"), std::string::npos) << known.source;
}

}  // namespace
}  // namespace hive::cli
