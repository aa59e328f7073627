#include "vmm/cell/global_link.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "vmm/base/error.h"
#include "vmm/cell/global_protocol.h"

namespace hive::cell {
namespace {

class GlobalLinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    monitor_.reset(ends[0]);
    link_.emplace(loop_, UniqueFd(ends[1]),
                  [this](const hive_global_reply& reply) { replies_.push_back(reply); });
  }

  void settle() {
    loop_.restart();
    loop_.poll();
  }

  void forward(std::uint64_t tag) {
    hive_global_request request{};
    request.tag = tag;
    request.home = 3;
    link_->forward(request);
  }

  /// The monitor sends SIZE bytes that begin with a reply with TAG.
  void reply(std::uint64_t tag, std::size_t size = sizeof(hive_global_reply)) {
    std::vector<std::byte> packet(size);
    std::memcpy(packet.data(), &tag, std::min(size, sizeof tag));
    ASSERT_EQ(::send(monitor_.get(), packet.data(), size, 0), static_cast<ssize_t>(size));
    settle();
  }

  boost::asio::io_context loop_;
  UniqueFd monitor_;
  std::vector<hive_global_reply> replies_;
  std::optional<GlobalLink> link_;
};

TEST_F(GlobalLinkTest, CarriesRequestsAndReplies) {
  forward(11);
  GuestRequest got;
  ASSERT_EQ(::recv(monitor_.get(), &got, sizeof got, MSG_TRUNC), static_cast<ssize_t>(sizeof got));
  EXPECT_EQ(got.message, GlobalMessage::kRequest);
  EXPECT_EQ(got.request.tag, 11U);
  EXPECT_EQ(got.request.home, 3U);
  reply(11);
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_EQ(replies_[0].tag, 11U);
  EXPECT_EQ(replies_[0].status, HIVE_GLOBAL_OK);
}

TEST_F(GlobalLinkTest, IgnoresWhatIsNoReply) {
  forward(1);
  reply(1, sizeof(hive_global_reply) - 1);
  reply(1, sizeof(hive_global_reply) + 1);
  reply(1, 4096);
  EXPECT_TRUE(replies_.empty());
  reply(1);
  EXPECT_EQ(replies_.size(), 1U);
  reply(1);
  EXPECT_EQ(replies_.size(), 1U) << "nobody asked a second time";
}

TEST_F(GlobalLinkTest, AnswersForAMonitorThatIsGone) {
  forward(1);
  monitor_.reset();
  settle();
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_EQ(replies_[0].tag, 1U);
  EXPECT_EQ(replies_[0].home, 3U);
  EXPECT_EQ(replies_[0].status, HIVE_GLOBAL_HOME_GONE);
  EXPECT_NE(std::string(replies_[0].message), "");
  EXPECT_FALSE(link_->connected());
  forward(2);
  ASSERT_EQ(replies_.size(), 2U);
  EXPECT_EQ(replies_[1].tag, 2U);
  EXPECT_EQ(replies_[1].status, HIVE_GLOBAL_HOME_GONE);
}

TEST_F(GlobalLinkTest, AnswersForAMonitorThatTakesNothing) {
  for (std::uint64_t tag = 0; tag < 100'000 && replies_.empty(); ++tag) forward(tag);
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_EQ(replies_[0].status, HIVE_GLOBAL_HOME_GONE);
  EXPECT_TRUE(link_->connected());
}

TEST_F(GlobalLinkTest, AnswersWhereThereIsNoMonitor) {
  link_.emplace(loop_, UniqueFd(),
                [this](const hive_global_reply& reply) { replies_.push_back(reply); });
  EXPECT_FALSE(link_->connected());
  forward(5);
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_EQ(replies_[0].status, HIVE_GLOBAL_HOME_GONE);
}

TEST_F(GlobalLinkTest, TakesOrdersToCloseHomesAndTellsWhatCameOfThem) {
  ClosedHomes order;
  order.homes = 0x8000'0000'0000'0001;
  const auto send = [&](std::size_t size) {
    ASSERT_EQ(::send(monitor_.get(), &order, size, 0), static_cast<ssize_t>(size));
    settle();
  };
  std::vector<std::uint64_t> orders;
  send(sizeof order);  // Nobody takes it.
  link_->on_close([&](std::uint64_t homes) { orders.push_back(homes); });
  send(sizeof order - 1);
  send(sizeof order);
  order.message = GlobalMessage::kRequest;
  send(sizeof order);
  EXPECT_EQ(orders, std::vector<std::uint64_t>{0x8000'0000'0000'0001});

  link_->tell_closed(6);
  ClosedHomes done;
  ASSERT_EQ(::recv(monitor_.get(), &done, sizeof done, MSG_TRUNC),
            static_cast<ssize_t>(sizeof done));
  EXPECT_EQ(done.message, GlobalMessage::kClosedHomes);
  EXPECT_EQ(done.homes, 6U);
  link_->tell_failures(9);
  MemoryFailures failures;
  ASSERT_EQ(::recv(monitor_.get(), &failures, sizeof failures, MSG_TRUNC),
            static_cast<ssize_t>(sizeof failures));
  EXPECT_EQ(failures.message, GlobalMessage::kMemoryFailures);
  EXPECT_EQ(failures.count, 9U);
}

TEST_F(GlobalLinkTest, GivesGuardsAway) {
  UniqueFd guard(::eventfd(7, EFD_CLOEXEC));
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd denials(ends[0]);
  link_->offer({2, std::move(guard), 0x7f00'0020'0000, 0x40'0000}, UniqueFd(ends[1]));

  GuardOffer offer;
  std::array<char, 256> control{};
  iovec body{&offer, sizeof offer};
  msghdr message{};
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ASSERT_EQ(::recvmsg(monitor_.get(), &message, MSG_CMSG_CLOEXEC),
            static_cast<ssize_t>(sizeof offer));
  EXPECT_EQ(offer.message, GlobalMessage::kGuard);
  EXPECT_EQ(offer.home, 2U);
  EXPECT_EQ(offer.base, 0x7f00'0020'0000U);
  EXPECT_EQ(offer.size, 0x40'0000U);
  const cmsghdr* rights = CMSG_FIRSTHDR(&message);
  ASSERT_NE(rights, nullptr);
  ASSERT_EQ(rights->cmsg_len, CMSG_LEN(2 * sizeof(int)));
  std::array<int, 2> got{};
  std::memcpy(got.data(), CMSG_DATA(rights), sizeof got);
  const UniqueFd first(got[0]);
  const UniqueFd second(got[1]);
  std::uint64_t count = 0;
  EXPECT_EQ(::read(first.get(), &count, sizeof count), 8);
  EXPECT_EQ(count, 7U);
  EXPECT_EQ(::send(second.get(), "x", 1, 0), 1);
  EXPECT_EQ(::recv(denials.get(), &count, sizeof count, MSG_DONTWAIT), 1);
}

TEST_F(GlobalLinkTest, SaysWhenAGuardCannotBeGiven) {
  monitor_.reset();
  EXPECT_THROW(link_->offer({1, UniqueFd(::eventfd(0, 0)), 0, 0}, UniqueFd(::eventfd(0, 0))),
               Error);
}

}  // namespace
}  // namespace hive::cell
