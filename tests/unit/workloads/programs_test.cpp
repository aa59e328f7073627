// The programs as a shell sees them.
#include "guests/workloads/programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/fake_global_device.h"

namespace {

using hive::testing::FakeGlobalDevice;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Program = int (*)(int, const char* const*, std::ostream&, std::ostream&,
                        const hive::sdk::DevicePaths&);

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome run(Program program, std::vector<const char*> words,
            const hive::sdk::DevicePaths& paths = {"/nonexistent", "/nonexistent"}) {
  words.insert(words.begin(), "program");
  std::ostringstream out;
  std::ostringstream err;
  const int status = program(static_cast<int>(words.size()), words.data(), out, err, paths);
  return {status, out.str(), err.str()};
}

const auto kOcean = hive::workloads::run_ocean;
const auto kRaytrace = hive::workloads::run_raytrace;

TEST(Programs, PrintTheSameForAnyNumberOfThreads) {
  for (const Program program : {kOcean, kRaytrace}) {
    const Outcome one = run(program, {"--alone"});
    EXPECT_EQ(one.status, 0) << one.err;
    EXPECT_THAT(one.out, HasSubstr(", digest "));
    EXPECT_EQ(run(program, {"--alone", "--workers", "4"}).out, one.out);
  }
}

TEST(Programs, RunAsTheOnlyWorkerOfACell) {
  FakeGlobalDevice device(3, 0, 1024);
  const Outcome ocean =
      run(kOcean, {"--workers", "1", "--size", "20", "--sweeps", "9"}, device.paths());
  EXPECT_EQ(ocean.status, 0) << ocean.err;
  EXPECT_EQ(ocean.out, run(kOcean, {"--alone", "--size", "20", "--sweeps", "9"}).out);
}

TEST(Programs, TellTheTimeWhenAsked) {
  const Outcome ocean = run(kOcean, {"--alone", "--size", "4", "--time"});
  EXPECT_THAT(ocean.out, HasSubstr("\ntime: "));
}

TEST(Programs, RaytraceWritesItsPicture) {
  const std::string path = ::testing::TempDir() + "raytrace_test.ppm";
  const Outcome outcome =
      run(kRaytrace, {"--alone", "--width", "33", "--height", "17", "--ppm", path.c_str()});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(std::filesystem::file_size(path), 13U + 33 * 17 * 3);
  std::filesystem::remove(path);
  const Outcome refused = run(kRaytrace, {"--alone", "--ppm", "/nonexistent/x"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("cannot write /nonexistent/x"));
}

TEST(Programs, UsageErrorsAreClear) {
  const std::vector<std::vector<const char*>> wrong{{"--alone", "--workers", "0"},
                                                    {"--alone", "--workers", "65"},
                                                    {"--sweeps", "0"},
                                                    {"--alone", "--size", "1"},
                                                    {"--alone", "--rank", "0"},
                                                    {"--tolerance", "x"},
                                                    {"--alone", "--gather", "-1"},
                                                    {"--nonsense"},
                                                    {"extra"},
                                                    {"--alone", "--size", "3", "--workers", "4"}};
  for (const auto& words : wrong) {
    const Outcome outcome = run(kOcean, words);
    EXPECT_EQ(outcome.status, 2) << words.back();
    EXPECT_THAT(outcome.err, StartsWith("hive-ocean: ")) << words.back();
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(Programs, TellOfARankThatThereIsNot) {
  FakeGlobalDevice device(3, 2, 1024);
  const Outcome outcome = run(kOcean, {"--workers", "2"}, device.paths());
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("rank 2 is not one of 2 workers'"));
}

TEST(Programs, OutsideOfACellTheySayHowToRunAlone) {
  const Outcome outcome = run(kOcean, {});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("say --alone"));
}

}  // namespace
