#include "cellmon/cli/read_plan.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "tests/unit/cli/temporary_folder.h"
#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"
#include "vmm/plan/limits.h"

namespace hive::cli {
namespace {

using std::chrono::milliseconds;

/// A pipe as the shell's <(...) gives it.
struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  [[nodiscard]] std::string path() const { return "/dev/fd/" + std::to_string(read.get()); }
  void say(const std::string& text) const {
    EXPECT_EQ(::write(write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  UniqueFd read;
  UniqueFd write;
};

std::string refusal(const std::string& path) {
  try {
    read_plan(path, milliseconds(200));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kUsage);
    return error.what();
  }
  return "";
}

std::string late(const std::string& path) {
  return "cannot read " + path +
         ": its end has not come within 0.2 s; name the YAML file of a machine";
}

TEST(ReadPlan, DoesNotWaitForAWriterForEver) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(refusal(path), late(path));
}

TEST(ReadPlan, DoesNotWaitForTheEndForEver) {
  const Pipe pipe;
  EXPECT_EQ(refusal(pipe.path()), late(pipe.path()));
  pipe.say("machine: m\n");
  EXPECT_EQ(refusal(pipe.path()), late(pipe.path()));
}

TEST(ReadPlan, ReadsAPipeWhoseWriterIsGone) {
  Pipe pipe;
  pipe.say("machine: m\n");
  pipe.write.reset();
  EXPECT_EQ(read_plan(pipe.path()), "machine: m\n");
}

TEST(ReadPlan, ReadsAPipeAsItIsWritten) {
  Pipe pipe;
  std::thread writer([&pipe] {
    for (int i = 0; i < 5; ++i) {
      ::usleep(20'000);
      pipe.say("line\n");
    }
    pipe.write.reset();
  });
  EXPECT_EQ(read_plan(pipe.path()), "line\nline\nline\nline\nline\n");
  writer.join();
}

TEST(ReadPlan, WaitsForTheWriterOfANamedPipe) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&path] {
    ::usleep(50'000);
    const UniqueFd pipe(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_EQ(::write(pipe.get(), "late", 4), 4);
  });
  EXPECT_EQ(read_plan(path), "late");
  writer.join();
}

TEST(ReadPlan, TakesAnEmptyPipeForAnEmptyFile) {
  Pipe pipe;
  std::thread writer([&pipe] {
    ::usleep(50'000);
    pipe.write.reset();
  });
  EXPECT_EQ(read_plan(pipe.path()), "");
  writer.join();
}

TEST(ReadPlan, ReadsNoMoreThanAPlanCanHave) {
  EXPECT_EQ(read_plan("/dev/zero").size(), plan::kMaxFileSize + 1);
}

}  // namespace
}  // namespace hive::cli
