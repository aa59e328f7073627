#include "vmm/base/watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <vector>

namespace hive {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

/// Epoll instances, each of which watches the next: the kernel lets no further one watch the first.
std::vector<UniqueFd> make_deep_nest() {
  std::vector<UniqueFd> nest;
  for (int depth = 0; depth < 5; ++depth) {
    UniqueFd outer(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{};
    event.events = EPOLLIN;
    if (!nest.empty()) {
      EXPECT_EQ(::epoll_ctl(outer.get(), EPOLL_CTL_ADD, nest.back().get(), &event), 0);
    }
    nest.push_back(std::move(outer));
  }
  return nest;
}

TEST(Watch, OwnsWhatItWatches) {
  boost::asio::io_context loop;
  UniqueFd event(::eventfd(0, EFD_CLOEXEC));
  const int number = event.get();
  {
    boost::system::error_code error;
    const auto watched = try_watch(loop, std::move(event), error);
    ASSERT_TRUE(watched) << error.message();
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Watch, ClosesWhatItCannotWatch) {
  boost::asio::io_context loop;
  std::vector<UniqueFd> nest = make_deep_nest();
  const int number = nest.back().get();
  boost::system::error_code error;
  EXPECT_FALSE(try_watch(loop, std::move(nest.back()), error));
  EXPECT_TRUE(error);
  EXPECT_FALSE(is_open(number));

  nest = make_deep_nest();
  const int other = nest.back().get();
  EXPECT_THROW((void)watch(loop, std::move(nest.back())), boost::system::system_error);
  EXPECT_FALSE(is_open(other));
}

}  // namespace
}  // namespace hive
