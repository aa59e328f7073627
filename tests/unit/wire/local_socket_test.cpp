#include "cellmon/wire/local_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <utility>
#include <vector>

#include "vmm/base/error.h"

namespace hive::wire {
namespace {

std::string fresh_name(const char* what) {
  return "hive-test/" + std::to_string(::getpid()) + "/" + what;
}

TEST(LocalSocket, ConnectsProcessesOfOneUser) {
  const std::string name = fresh_name("connect");
  const UniqueFd listener = listen_abstract(name);
  const UniqueFd client = connect_abstract(name);
  ASSERT_TRUE(client.valid());
  const UniqueFd server(::accept(listener.get(), nullptr, nullptr));
  ASSERT_TRUE(server.valid());
  EXPECT_TRUE(is_trusted_peer(server.get()));
  EXPECT_EQ(::write(client.get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(server.get(), &byte, 1), 1);
  EXPECT_NE(::fcntl(client.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(listener.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(LocalSocket, GivesUpOnAListenerThatTakesNobody) {
  const std::string name = fresh_name("full");
  const UniqueFd listener = listen_abstract(name);
  std::vector<UniqueFd> callers;
  while (UniqueFd caller = connect_abstract(name, SOCK_STREAM | SOCK_NONBLOCK)) {
    callers.push_back(std::move(caller));
  }
  constexpr std::chrono::milliseconds kShort{20};
  EXPECT_THROW((void)connect_abstract(name, SOCK_STREAM, kShort), Error);
  const UniqueFd server(::accept(listener.get(), nullptr, nullptr));
  EXPECT_TRUE(connect_abstract(name, SOCK_STREAM, kShort).valid());
}

TEST(LocalSocket, LeavesNothingBehind) {
  const std::string name = fresh_name("stale");
  EXPECT_FALSE(connect_abstract(name).valid());
  { const UniqueFd listener = listen_abstract(name); }
  EXPECT_FALSE(connect_abstract(name).valid());
  const UniqueFd again = listen_abstract(name);
  EXPECT_TRUE(again.valid());
}

TEST(LocalSocket, GivesANameToOneOnly) {
  const std::string name = fresh_name("taken");
  const UniqueFd listener = listen_abstract(name);
  EXPECT_THROW(listen_abstract(name), Error);
  EXPECT_FALSE(try_hold_abstract(name).valid());
  EXPECT_TRUE(try_hold_abstract(fresh_name("free")).valid());
}

TEST(LocalSocket, RefusesANameThatDoesNotFit) {
  EXPECT_THROW(listen_abstract(std::string(200, 'x')), Error);
}

/// Listens on NAME as user UID until the returned pipe is closed.
UniqueFd listen_as(uid_t uid, const std::string& name, pid_t& child) {
  int stop[2];
  int ready[2];
  EXPECT_EQ(::pipe(stop) + ::pipe(ready), 0);
  child = ::fork();
  if (child == 0) {
    ::close(stop[1]);
    if (::setresuid(uid, uid, uid) != 0) ::_exit(1);
    const UniqueFd listener = listen_abstract(name);
    if (::write(ready[1], "r", 1) != 1) ::_exit(1);
    char byte;
    (void)!::read(stop[0], &byte, 1);
    ::_exit(0);
  }
  ::close(stop[0]);
  ::close(ready[1]);
  char byte = 0;
  EXPECT_EQ(::read(ready[0], &byte, 1), 1);
  ::close(ready[0]);
  return UniqueFd(stop[1]);
}

TEST(LocalSocket, RefusesAnotherUsersListener) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to act as another user";
  const std::string name = fresh_name("other");
  pid_t child = -1;
  UniqueFd stop = listen_as(65534, name, child);
  EXPECT_THROW(connect_abstract(name), Error);
  stop.reset();
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace hive::wire
