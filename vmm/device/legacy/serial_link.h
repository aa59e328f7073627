// A serial port's wire to file descriptors.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "vmm/base/unique_fd.h"
#include "vmm/device/legacy/serial_16550.h"

namespace hive::device {

/// Carries a serial port's bytes to and from descriptors, on the device loop.
///
/// Output is gathered for a millisecond and then written in one piece, so that a guest that prints
/// a line costs one write(2) and not one per byte. What the reader does not take is kept, up to
/// kBufferSize; beyond that the oldest bytes are dropped, so that a reader that stalls never slows
/// the guest. Input is read only as the guest makes room in the port's FIFO.
class SerialLink : public SerialSink {
 public:
  static constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

  /// Duplicates the descriptors: INPUT and OUTPUT may be the same socket, and -1 stands for none.
  /// Sockets, pipes, terminals and files will do; with pipes, the program ignores SIGPIPE. Throws
  /// Error.
  SerialLink(boost::asio::io_context& loop, int input, int output);
  SerialLink(const SerialLink&) = delete;
  SerialLink& operator=(const SerialLink&) = delete;
  ~SerialLink() override;

  /// Begins to read input for PORT, which outlives this link's use of the loop. On the loop's
  /// thread or before it runs.
  void start(Serial16550& port);

  /// Output bytes that were dropped because the reader stalled. Thread-safe.
  [[nodiscard]] std::uint64_t dropped() const;

  /// Writes what is still buffered. Gives a reader that is slow up to LIMIT for it; false when it
  /// has not taken all by then. Call at the end of a cell's life, on the loop's thread.
  bool flush(std::chrono::milliseconds limit);

  void transmit(std::byte byte) override;
  void receiver_ready() override;

 private:
  class Input;
  class Output;
  std::shared_ptr<Input> input_;
  std::shared_ptr<Output> output_;
};

}  // namespace hive::device
