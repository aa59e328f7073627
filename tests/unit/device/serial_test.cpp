#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/support/run_until.h"
#include "tests/unit/device/doubles.h"
#include "vmm/device/legacy/serial_16550.h"
#include "vmm/device/legacy/serial_link.h"

namespace hive::device {
namespace {

using test::bus_read;
using test::bus_write;
using Byte = std::uint8_t;

class RecordingSink : public SerialSink {
 public:
  void transmit(std::byte byte) override { sent += static_cast<char>(byte); }
  void receiver_ready() override { ++ready; }
  std::string sent;
  unsigned ready = 0;
};

class SerialTest : public testing::Test {
 protected:
  Byte in(std::uint64_t reg) { return bus_read<Byte>(port_, reg); }
  void out(std::uint64_t reg, unsigned value) {
    bus_write<Byte>(port_, reg, static_cast<Byte>(value));
  }
  std::size_t receive(std::string_view text) {
    return port_.receive(std::as_bytes(std::span(text)));
  }

  test::FakeLine line_;
  RecordingSink sink_;
  Serial16550 port_{line_, sink_};
};

TEST_F(SerialTest, SendsEachByteAtOnce) {
  for (const char c : std::string("hello\n")) {
    EXPECT_EQ(in(5) & 0x60, 0x60);
    out(0, static_cast<Byte>(c));
  }
  EXPECT_EQ(sink_.sent, "hello\n");
}

// What Linux's 8250 driver does to find out what it has (autoconfig).
TEST_F(SerialTest, LooksLikeA16550A) {
  out(1, 0);
  EXPECT_EQ(in(1) & 0x0f, 0x00);
  out(1, 0x0f);
  EXPECT_EQ(in(1) & 0x0f, 0x0f);
  out(1, 0xff);
  EXPECT_EQ(in(1), 0x0f);  // No UUE bit: not an XScale.
  out(1, 0);
  out(4, 0x10 | 0x0a);
  EXPECT_EQ(in(6) & 0xf0, 0x90);  // Loopback test.
  out(4, 0);
  out(3, 0xbf);
  out(2, 0);
  out(3, 0);
  out(2, 1);
  EXPECT_EQ(in(2) >> 6, 3);  // A working FIFO: 16550A.
  out(3, 0x80);
  EXPECT_NE(in(2), 0);  // No EFR: not a 16650.
  out(3, 0);
  out(2, 0x21);
  EXPECT_EQ(in(2) >> 5, 6);  // No 64-byte FIFO: not a 16750.
  out(7, 0x5a);
  EXPECT_EQ(in(7), 0x5a);
}

// serial8250_do_startup's tests for known bugs.
TEST_F(SerialTest, TellsOfTheEmptyTransmitterEachTimeItsInterruptIsEnabled) {
  for (int i = 0; i < 2; ++i) {
    out(1, 2);
    EXPECT_EQ(in(2) & 0x0f, 0x02);
    EXPECT_EQ(in(2) & 0x0f, 0x01);  // Reading it acknowledged it.
    out(1, 0);
  }
  EXPECT_EQ(in(2) & 1, 1);
}

TEST_F(SerialTest, RaisesOneEdgeForABatchOfOutput) {
  out(2, 1);
  out(4, 0x0b);
  out(1, 2);
  EXPECT_EQ(line_.raised, 1U);
  EXPECT_EQ(in(2) & 0x0f, 0x02);
  for (int i = 0; i < 16; ++i) out(0, 'x');
  EXPECT_EQ(line_.raised, 2U);  // Not one for each byte.
}

TEST_F(SerialTest, KeepsTheLineQuietWithoutOut2AndInLoopback) {
  out(1, 3);
  EXPECT_EQ(line_.raised, 0U);
  out(4, 0x18);
  EXPECT_EQ(line_.raised, 0U);
  out(4, 0x08);
  EXPECT_EQ(line_.raised, 1U);
}

TEST_F(SerialTest, ReceivesAsMuchAsTheFifoHolds) {
  out(2, 1);
  out(4, 8);
  out(1, 1);
  EXPECT_EQ(receive("0123456789abcdefXY"), 16U);
  EXPECT_EQ(line_.raised, 1U);
  EXPECT_EQ(in(2) & 0x0f, 0x04);
  std::string got;
  while ((in(5) & 1) != 0) {
    EXPECT_EQ(sink_.ready, 0U);
    got += static_cast<char>(in(0));
  }
  EXPECT_EQ(got, "0123456789abcdef");
  EXPECT_EQ(sink_.ready, 1U);  // It may send the rest.
  EXPECT_EQ(in(2) & 0x0f, 0x01);
  EXPECT_EQ(receive("XY"), 2U);
  EXPECT_EQ(line_.raised, 2U);
}

TEST_F(SerialTest, TellsAPartFilledFifoByTheTimeout) {
  out(2, 0xc1);  // Trigger at 14.
  out(1, 1);
  EXPECT_EQ(receive("x"), 1U);
  EXPECT_EQ(in(2) & 0x0f, 0x0c);
  EXPECT_EQ(receive("0123456789abc"), 13U);
  EXPECT_EQ(in(2) & 0x0f, 0x04);
}

TEST_F(SerialTest, HoldsOneByteWithoutFifo) {
  EXPECT_EQ(receive("ab"), 1U);
  EXPECT_EQ(in(0), 'a');
  EXPECT_EQ(sink_.ready, 1U);
}

TEST_F(SerialTest, LoopsBackAndReportsOverrun) {
  out(4, 0x10);
  out(0, 'a');
  out(0, 'b');
  EXPECT_EQ(sink_.sent, "");
  EXPECT_EQ(in(5) & 3, 3);
  EXPECT_EQ(in(5) & 3, 1);
  EXPECT_EQ(in(0), 'a');
}

TEST_F(SerialTest, KeepsTheDivisorApart) {
  out(3, 0x80);
  out(0, 0x34);
  out(1, 0x12);
  EXPECT_EQ(in(0), 0x34);
  EXPECT_EQ(in(1), 0x12);
  out(3, 0);
  EXPECT_EQ(in(1), 0);
  EXPECT_EQ(sink_.sent, "");
}

TEST_F(SerialTest, ReportsModemChangesOnce) {
  out(4, 0x10);  // Loopback: DCD, DSR and CTS fall.
  EXPECT_EQ(in(6), 0x0b);
  EXPECT_EQ(in(6), 0x00);
}

class SerialLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
    link_ = std::make_unique<SerialLink>(loop_, ends_[0], ends_[0]);
    port_ = std::make_unique<Serial16550>(line_, *link_);
    link_->start(*port_);
    bus_write<Byte>(*port_, 2, 1);
  }
  void TearDown() override {
    link_.reset();
    ::close(ends_[0]);
    if (ends_[1] >= 0) ::close(ends_[1]);
  }
  void print(std::string_view text) {
    for (const char c : text) bus_write<Byte>(*port_, 0, static_cast<Byte>(c));
  }
  void run_for(std::chrono::milliseconds time) {
    loop_.restart();
    loop_.run_for(time);
  }
  /// Until the socket takes no more: a reader that has fallen behind.
  void fill_the_socket() {
    const std::string bytes(4096, '.');
    while (::send(ends_[0], bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
    }
  }
  std::string read_all() {
    std::string text(1 << 20, '\0');
    const ssize_t got = ::recv(ends_[1], text.data(), text.size(), MSG_DONTWAIT);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

  /// What comes up to the end of a line, or all of ten seconds.
  std::string await_line() {
    std::string text;
    for (int i = 0; i < 2000 && !text.ends_with('\n'); ++i) {
      run_for(std::chrono::milliseconds(5));
      text += read_all();
    }
    return text;
  }

  int ends_[2] = {-1, -1};
  boost::asio::io_context loop_;
  test::FakeLine line_;
  std::unique_ptr<SerialLink> link_;
  std::unique_ptr<Serial16550> port_;
};

TEST_F(SerialLinkTest, CarriesOutput) {
  print("hello, ");
  print("world\n");
  EXPECT_EQ(await_line(), "hello, world\n");
  print("again\n");
  EXPECT_EQ(await_line(), "again\n");
  EXPECT_EQ(link_->dropped(), 0U);
}

TEST_F(SerialLinkTest, FlushesAtTheEnd) {
  print("last words");
  EXPECT_TRUE(link_->flush(std::chrono::milliseconds(0)));
  EXPECT_EQ(read_all(), "last words");
}

TEST_F(SerialLinkTest, GivesASlowReaderTimeForTheTail) {
  fill_the_socket();
  print("last words");
  std::string got;
  std::thread reader([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    for (int i = 0; i < 2000 && !got.ends_with("last words"); ++i) {
      got += read_all();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  EXPECT_TRUE(link_->flush(std::chrono::minutes(1)));
  reader.join();
  EXPECT_TRUE(got.ends_with("last words"));
}

TEST_F(SerialLinkTest, GivesAReaderThatStallsOnlySoMuchTime) {
  fill_the_socket();
  print("last words");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(link_->flush(std::chrono::milliseconds(50)));
  const auto taken = std::chrono::steady_clock::now() - start;
  EXPECT_GE(taken, std::chrono::milliseconds(50));
  EXPECT_LT(taken, std::chrono::seconds(10));
}

TEST_F(SerialLinkTest, CarriesInputAsTheGuestTakesIt) {
  const std::string text = "forty-two bytes do not fit into one FIFO..";
  ASSERT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  std::string got;
  for (int i = 0; i < 2000 && got.size() < text.size(); ++i) {
    run_for(std::chrono::milliseconds(5));
    while ((bus_read<Byte>(*port_, 5) & 1) != 0)
      got += static_cast<char>(bus_read<Byte>(*port_, 0));
  }
  EXPECT_EQ(got, text);
}

TEST_F(SerialLinkTest, DropsTheOldestWhenTheReaderStalls) {
  const std::string line(64, 'x');
  std::size_t sent = 0;
  while (link_->dropped() == 0 && sent < 4'000'000) {
    print(line);
    sent += line.size();
    if (sent % 4096 == 0) run_for(std::chrono::milliseconds(0));
    if (sent % (1 << 16) == 0) run_for(std::chrono::milliseconds(3));
  }
  print("THE END");
  EXPECT_GT(link_->dropped(), 0U);
  std::string got;
  for (int i = 0; i < 2000 && !got.ends_with("THE END"); ++i) {
    got += read_all();
    run_for(std::chrono::milliseconds(3));
  }
  EXPECT_TRUE(got.ends_with("THE END"));
  EXPECT_EQ(got.size() + link_->dropped(), sent + 7);
}

TEST_F(SerialLinkTest, SurvivesAReaderThatGoes) {
  ::close(ends_[1]);
  ends_[1] = -1;
  print("nobody hears this\n");
  run_for(std::chrono::milliseconds(20));
  print("nor this\n");
  run_for(std::chrono::milliseconds(20));
  EXPECT_EQ(link_->dropped(), 0U);
}

TEST(SerialLink, WritesToFilesAndReadsFromFiles) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("hive-serial-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "in") << "typed";
  const int input = ::open((folder / "in").c_str(), O_RDONLY | O_CLOEXEC);
  const int output = ::open((folder / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(input, 0);
  ASSERT_GE(output, 0);
  {
    boost::asio::io_context loop;
    test::FakeLine line;
    SerialLink link(loop, input, output);
    Serial16550 port(line, link);
    bus_write<Byte>(port, 2, 1);
    link.start(port);
    std::string got;
    while ((bus_read<Byte>(port, 5) & 1) != 0) got += static_cast<char>(bus_read<Byte>(port, 0));
    EXPECT_EQ(got, "typed");
    for (const char c : std::string("printed")) bus_write<Byte>(port, 0, static_cast<Byte>(c));
    hive::test::run_until(loop, [&] { return std::filesystem::file_size(folder / "out") == 7; });
  }
  std::string text;
  std::ifstream(folder / "out") >> text;
  EXPECT_EQ(text, "printed");
  ::close(input);
  ::close(output);
  std::filesystem::remove_all(folder);
}

TEST(SerialLink, NeedsNoDescriptors) {
  boost::asio::io_context loop;
  test::FakeLine line;
  SerialLink link(loop, -1, -1);
  Serial16550 port(line, link);
  link.start(port);
  bus_write<Byte>(port, 0, 'x');
  loop.run_for(std::chrono::milliseconds(5));
  EXPECT_EQ(link.dropped(), 0U);
}

}  // namespace
}  // namespace hive::device
