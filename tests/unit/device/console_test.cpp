#include "vmm/device/virtio/console.h"

#include <gtest/gtest.h>
#include <linux/virtio_console.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "guests/abi/agent_protocol.h"
#include "tests/unit/device/guest_driver.h"
#include "vmm/device/virtio/console_control.h"
#include "vmm/device/virtio/console_port.h"

namespace hive::device {
namespace {

constexpr std::uint64_t kMultiport = 1ULL << VIRTIO_CONSOLE_F_MULTIPORT;
constexpr std::uint64_t kEventIndex = 1ULL << VIRTIO_RING_F_EVENT_IDX;
constexpr std::uint64_t kRings = 0x1'0000;
constexpr std::uint64_t kBuffers = 0x10'0000;

TEST(ConsoleControl, TellsOfEachPortInOrder) {
  ConsoleControl control({"", "agent"});
  EXPECT_FALSE(control.any_due());
  control.receive({0, VIRTIO_CONSOLE_DEVICE_READY, 1});
  std::vector<std::pair<unsigned, unsigned>> sent;
  const auto drain = [&] {
    while (const auto message = control.next()) {
      sent.emplace_back(message->header.id, message->header.event);
    }
  };
  drain();
  EXPECT_EQ(sent, (std::vector<std::pair<unsigned, unsigned>>{{0, VIRTIO_CONSOLE_PORT_ADD},
                                                              {1, VIRTIO_CONSOLE_PORT_ADD}}));
  sent.clear();
  control.receive({1, VIRTIO_CONSOLE_PORT_READY, 1});
  control.receive({0, VIRTIO_CONSOLE_PORT_READY, 1});
  drain();
  EXPECT_EQ(sent, (std::vector<std::pair<unsigned, unsigned>>{{0, VIRTIO_CONSOLE_CONSOLE_PORT},
                                                              {0, VIRTIO_CONSOLE_PORT_OPEN},
                                                              {1, VIRTIO_CONSOLE_PORT_NAME},
                                                              {1, VIRTIO_CONSOLE_PORT_OPEN}}));
}

TEST(ConsoleControl, FollowsOpenAndCloseOfBothEnds) {
  ConsoleControl control({"agent"});
  EXPECT_EQ(control.receive({0, VIRTIO_CONSOLE_PORT_OPEN, 1}), 0U);
  EXPECT_TRUE(control.guest_open(0));
  EXPECT_EQ(control.receive({0, VIRTIO_CONSOLE_PORT_OPEN, 1}), std::nullopt);
  EXPECT_EQ(control.receive({0, VIRTIO_CONSOLE_PORT_OPEN, 0}), 0U);
  control.set_host_open(0, false);  // The driver does not know the port yet.
  EXPECT_FALSE(control.any_due());
  control.receive({0, VIRTIO_CONSOLE_PORT_READY, 1});
  (void)control.next();
  EXPECT_EQ(control.next()->header.value, 0);
  control.set_host_open(0, true);
  EXPECT_EQ(control.next()->header.value, 1);
}

TEST(ConsoleControl, IgnoresWhatMeansNothing) {
  ConsoleControl control({"agent"});
  for (unsigned event = 0; event < 12; ++event) {
    EXPECT_EQ(control.receive({7, static_cast<std::uint16_t>(event), 1}), std::nullopt);
  }
  control.reset();
  control.receive({0, VIRTIO_CONSOLE_PORT_READY, 0});
  control.receive({0, VIRTIO_CONSOLE_RESIZE, 1});
  EXPECT_FALSE(control.any_due());
}

/// A driver as Linux's: buffers in both receive queues, replies to control messages.
class ConsoleTest : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<ConsolePortSetup> ports;
    for (const char* name : {"", HIVE_AGENT_PORT}) {
      int ends[2];
      ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
      ports.push_back({name, UniqueFd(ends[0]), [this](bool open) { open_ = open; }});
      host_.emplace_back(ends[1]);
    }
    auto console = std::make_unique<VirtioConsole>(std::move(ports));
    driver_.emplace(machine_, machine_.attach(std::move(console)));
    start(kMultiport | kEventIndex);
  }

  void start(std::uint64_t features) {
    queues_.clear();
    ASSERT_TRUE(driver_->negotiate(features));
    for (unsigned index = 0; index < 6; ++index) {
      const auto size = static_cast<std::uint16_t>(index == 1 || index == 5 ? 32 : 16);
      queues_.emplace_back(machine_.ram, kRings + index * 0x1000, size);
      driver_->enable(index, queues_[index]);
    }
    driver_->ready();
    for (unsigned index : {0U, 2U, 4U}) {
      for (std::uint16_t head = 0; head < 16; ++head) offer(index, head);
    }
  }

  static std::uint64_t buffer(unsigned queue, std::uint32_t head) {
    return kBuffers + queue * 0x2'0000 + head * 0x1000;
  }
  void offer(unsigned queue, std::uint16_t head) {
    queues_[queue].add(head, {{buffer(queue, head), 0x1000, true}});
    driver_->kick(queue);
  }
  /// Puts TEXT into a transmit queue.
  void send(unsigned queue, std::string_view text, std::uint16_t head = 0) {
    ASSERT_TRUE(machine_.ram.write({buffer(queue, head)}, std::as_bytes(std::span(text))));
    queues_[queue].add(head, {{buffer(queue, head), static_cast<std::uint32_t>(text.size())}});
    driver_->kick(queue);
  }
  void send_control(std::uint32_t id, std::uint16_t event, std::uint16_t value) {
    const virtio_console_control message{id, event, value};
    send(3, {reinterpret_cast<const char*>(&message), sizeof message});
    ASSERT_TRUE(machine_.run_until([&] { return queues_[3].take_used().has_value(); }));
  }
  /// The next chain of a receive queue, as text; its buffer is offered again.
  std::string receive(unsigned queue) {
    std::optional<test::GuestQueue::Used> used;
    if (!machine_.run_until([&] { return (used = queues_[queue].take_used()).has_value(); })) {
      return "nothing";
    }
    std::string text(used->length, '\0');
    EXPECT_TRUE(
        machine_.ram.read({buffer(queue, used->head)}, std::as_writable_bytes(std::span(text))));
    offer(queue, static_cast<std::uint16_t>(used->head));
    return text;
  }
  virtio_console_control receive_control(std::string* name = nullptr) {
    const std::string text = receive(2);
    virtio_console_control message{};
    if (text.size() < sizeof message) return {~0U, 0, 0};
    std::memcpy(&message, text.data(), sizeof message);
    if (name != nullptr) *name = text.substr(sizeof message);
    return message;
  }
  /// Brings both ports up and opens them in the guest.
  void open_ports() {
    send_control(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    for (unsigned id : {0U, 1U}) {
      EXPECT_EQ(receive_control().event, VIRTIO_CONSOLE_PORT_ADD);
      (void)id;
    }
    for (unsigned id : {0U, 1U}) {
      send_control(id, VIRTIO_CONSOLE_PORT_READY, 1);
      (void)receive_control();
      EXPECT_EQ(receive_control().event, VIRTIO_CONSOLE_PORT_OPEN);
      send_control(id, VIRTIO_CONSOLE_PORT_OPEN, 1);
    }
  }
  std::string host_reads(unsigned port, std::size_t size) {
    std::string text;
    EXPECT_TRUE(machine_.run_until([&] {
      std::string piece(size, '\0');
      const ssize_t got = ::recv(host_[port].get(), piece.data(), size, MSG_DONTWAIT);
      if (got > 0) text += piece.substr(0, static_cast<std::size_t>(got));
      return text.size() >= size;
    })) << "got "
        << text.size() << " of " << size;
    return text;
  }
  void host_writes(unsigned port, std::string_view text) {
    ASSERT_EQ(::send(host_[port].get(), text.data(), text.size(), MSG_DONTWAIT),
              static_cast<ssize_t>(text.size()));
  }
  /// Sends chains of 1 KiB from the guest until the device takes no more.
  std::size_t flood(unsigned queue) {
    const std::string text(1024, 'f');
    std::size_t sent = 0;
    std::uint16_t free = 32;
    while (free > 0) {
      send(queue, text, static_cast<std::uint16_t>(sent % 32));
      ++sent;
      --free;
      machine_.settle();
      while (queues_[queue].take_used()) ++free;
    }
    return sent;
  }

  test::TestMachine machine_;
  std::optional<test::GuestDriver> driver_;
  std::vector<test::GuestQueue> queues_;
  std::vector<UniqueFd> host_;
  bool open_ = false;  ///< As the device has told last.
};

TEST_F(ConsoleTest, NamesItsPorts) {
  EXPECT_EQ(driver_->device<std::uint32_t>(4), 2U);
  send_control(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
  EXPECT_EQ(receive_control().event, VIRTIO_CONSOLE_PORT_ADD);
  EXPECT_EQ(receive_control().id, 1U);
  send_control(0, VIRTIO_CONSOLE_PORT_READY, 1);
  EXPECT_EQ(receive_control().event, VIRTIO_CONSOLE_CONSOLE_PORT);
  EXPECT_EQ(receive_control().event, VIRTIO_CONSOLE_PORT_OPEN);
  send_control(1, VIRTIO_CONSOLE_PORT_READY, 1);
  std::string name;
  EXPECT_EQ(receive_control(&name).event, VIRTIO_CONSOLE_PORT_NAME);
  EXPECT_EQ(name, HIVE_AGENT_PORT);
  EXPECT_EQ(receive_control().value, 1);
}

TEST_F(ConsoleTest, CarriesBytesBothWays) {
  open_ports();
  send(1, "from hvc0");
  EXPECT_EQ(host_reads(0, 9), "from hvc0");
  send(5, "from the agent");
  EXPECT_EQ(host_reads(1, 14), "from the agent");
  host_writes(0, "to hvc0");
  EXPECT_EQ(receive(0), "to hvc0");
  host_writes(1, "to the agent");
  EXPECT_EQ(receive(4), "to the agent");
}

TEST_F(ConsoleTest, HoldsBytesUntilTheGuestOpensThePort) {
  host_writes(1, "early");
  machine_.settle();
  EXPECT_EQ(queues_[4].used_index(), 0);
  open_ports();
  EXPECT_EQ(receive(4), "early");
  send_control(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
  host_writes(1, "while closed");
  machine_.settle();
  EXPECT_FALSE(queues_[4].take_used());
  send_control(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
  EXPECT_EQ(receive(4), "while closed");
}

TEST_F(ConsoleTest, LeavesBytesInTheQueueWhileTheReaderStalls) {
  open_ports();
  const std::size_t sent = flood(5);
  EXPECT_GE(sent, 32U);
  EXPECT_LT(sent, 4096U);
  machine_.loop.restart();
  machine_.loop.run_for(2 * ConsolePort::kPatience);
  EXPECT_FALSE(queues_[5].take_used());  // However long it takes.
  EXPECT_EQ(host_reads(1, sent * 1024), std::string(sent * 1024, 'f'));
  send(1, "the other port is not held up");
  EXPECT_EQ(host_reads(0, 29), "the other port is not held up");
}

TEST_F(ConsoleTest, DropsAConsolesOutputWhenItsReaderStalls) {
  open_ports();
  const std::size_t sent = flood(1);
  ASSERT_TRUE(machine_.run_until([&] { return queues_[1].used_index() == sent % 65536; }));
  // The reader comes back: first what the socket held, then what comes after.
  std::string text(4 << 20, '\0');
  while (::recv(host_[0].get(), text.data(), text.size(), MSG_DONTWAIT) > 0) {
    machine_.settle();
  }
  while (queues_[1].take_used()) {
  }
  send(1, "back again");
  EXPECT_EQ(host_reads(0, 10), "back again");
}

TEST_F(ConsoleTest, LeavesBytesInTheSocketWhileTheGuestStalls) {
  open_ports();
  std::string text;
  for (int i = 0; i < 100000; ++i) text += static_cast<char>('a' + i % 26);
  host_writes(1, text);
  machine_.settle();
  EXPECT_EQ(queues_[4].used_index(), 16);  // All the guest's buffers, no more.
  std::string got;
  while (got.size() < text.size()) got += receive(4);
  EXPECT_EQ(got, text);
}

TEST_F(ConsoleTest, TellsTheGuestWhenTheHostIsGone) {
  open_ports();
  host_[1].reset();
  const auto message = receive_control();
  EXPECT_EQ(message.id, 1U);
  EXPECT_EQ(message.event, VIRTIO_CONSOLE_PORT_OPEN);
  EXPECT_EQ(message.value, 0);
  send(5, "nobody listens");
  EXPECT_TRUE(machine_.run_until([&] { return queues_[5].take_used().has_value(); }));
  send(1, "the console does");
  EXPECT_EQ(host_reads(0, 16), "the console does");
}

TEST_F(ConsoleTest, BreaksOnABufferTooSmallForControl) {
  driver_->reset();
  start(kMultiport);
  queues_[2] = test::GuestQueue(machine_.ram, kRings + 2 * 0x1000, 16);
  queues_[2].add(0, {{kBuffers, 4, true}});
  const virtio_console_control ready{0, VIRTIO_CONSOLE_DEVICE_READY, 1};
  send(3, {reinterpret_cast<const char*>(&ready), sizeof ready});
  ASSERT_TRUE(machine_.run_until([&] { return !machine_.broken.empty(); }));
  EXPECT_EQ(machine_.broken[0], "console: queue 2: buffer too small for a control message");
}

TEST_F(ConsoleTest, ServesADriverWithOnePort) {
  driver_->reset();
  start(0);
  send(1, "plain");
  EXPECT_EQ(host_reads(0, 5), "plain");
  host_writes(0, "simple");
  EXPECT_EQ(receive(0), "simple");
}

TEST_F(ConsoleTest, StartsAfreshAfterAReset) {
  open_ports();
  flood(5);
  driver_->reset();
  std::string text(4 << 20, '\0');
  while (::recv(host_[1].get(), text.data(), text.size(), MSG_DONTWAIT) > 0) machine_.settle();
  start(kMultiport | kEventIndex);
  open_ports();
  send(5, "hello again");
  EXPECT_EQ(host_reads(1, 11), "hello again");
}

TEST_F(ConsoleTest, TellsWhetherTheGuestHasAPortOpen) {
  EXPECT_FALSE(open_);
  send_control(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
  EXPECT_TRUE(open_);
  send_control(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
  EXPECT_FALSE(open_);
  send_control(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
  driver_->reset();
  EXPECT_FALSE(open_);
}

TEST_F(ConsoleTest, MovesNothingWhilePaused) {
  open_ports();
  bool quiet = false;
  machine_.bridge.quiesce([&] { quiet = true; });
  machine_.settle();
  EXPECT_TRUE(quiet);
  host_writes(1, "later");
  send(5, "later too");
  machine_.settle();
  EXPECT_FALSE(queues_[4].take_used());
  machine_.bridge.resume();
  EXPECT_EQ(receive(4), "later");
  EXPECT_EQ(host_reads(1, 9), "later too");
}

TEST(VirtioConsole, RefusesWhatIsNotAStreamSocket) {
  std::vector<ConsolePortSetup> ports;
  ports.push_back({"", UniqueFd(::dup(0))});
  EXPECT_THROW(VirtioConsole{std::move(ports)}, Error);
}

}  // namespace
}  // namespace hive::device
