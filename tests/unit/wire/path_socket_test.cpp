#include "cellmon/wire/path_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "vmm/base/error.h"

namespace hive::wire {
namespace {

using testing::HasSubstr;

class PathSocket : public testing::Test {
 protected:
  PathSocket() {
    std::string pattern = testing::TempDir() + "/hiveXXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/socket";
  }
  ~PathSocket() override { std::filesystem::remove_all(folder_); }

  static std::string refusal(const std::string& path) {
    try {
      const PathListener listener(path, 1);
    } catch (const Error& error) {
      return error.what();
    }
    return "made";
  }
  int connect() {
    UniqueFd socket;
    const int error = connect_path(path_, socket);
    EXPECT_EQ(socket.valid(), error == 0);
    return error;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(PathSocket, TakesCallersAndGoesWithItsOwner) {
  EXPECT_EQ(connect(), ENOENT);
  {
    const PathListener listener(path_, 1);
    struct stat info {};
    ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode, static_cast<mode_t>(S_IFSOCK | 0600));
    EXPECT_EQ(connect(), 0);
    EXPECT_TRUE(UniqueFd(::accept(listener.fd(), nullptr, nullptr)));
    EXPECT_EQ(::accept(listener.fd(), nullptr, nullptr), -1);
    EXPECT_EQ(errno, EAGAIN);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(PathSocket, TakesThePlaceOfOneThatWasLeftBehind) {
  const std::string aside = folder_ + "/aside";
  auto earlier = std::make_unique<PathListener>(path_, 1);
  std::filesystem::rename(path_, aside);
  earlier.reset();
  std::filesystem::rename(aside, path_);
  EXPECT_EQ(connect(), ECONNREFUSED);
  const PathListener listener(path_, 1);
  EXPECT_EQ(connect(), 0);
}

TEST_F(PathSocket, LeavesWhatIsNotItsOwn) {
  const PathListener first(path_, 1);
  EXPECT_THAT(refusal(path_), HasSubstr("somebody listens there"));
  EXPECT_EQ(connect(), 0);
  const std::string file = folder_ + "/file";
  std::ofstream(file) << "x";
  EXPECT_THAT(refusal(file), HasSubstr("another file"));
  EXPECT_TRUE(std::filesystem::is_regular_file(file));
  const std::string link = folder_ + "/link";
  std::filesystem::create_symlink(folder_ + "/nowhere", link);
  EXPECT_THAT(refusal(link), HasSubstr("another file"));
  EXPECT_THAT(refusal(folder_ + "/no/folder"), HasSubstr("make its folder"));
  EXPECT_THAT(refusal("/" + std::string(108, 'x')), HasSubstr("too long"));
  UniqueFd socket;
  EXPECT_EQ(connect_path("/" + std::string(108, 'x'), socket), ENAMETOOLONG);
}

TEST_F(PathSocket, DoesNotRemoveWhatCameInItsPlace) {
  {
    const PathListener listener(path_, 1);
    std::filesystem::remove(path_);
    std::ofstream(path_) << "x";
  }
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(PathSocket, SaysWhenTheListenerIsBusy) {
  const PathListener listener(path_, 0);
  UniqueFd first;
  ASSERT_EQ(connect_path(path_, first), 0);
  EXPECT_EQ(connect(), EAGAIN);
}

}  // namespace
}  // namespace hive::wire
