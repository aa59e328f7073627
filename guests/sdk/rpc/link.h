// What RPC needs of a connection, whatever carries it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "guests/sdk/result.h"
#include "guests/sdk/rpc/frame.h"

namespace hive::rpc {

using Clock = std::chrono::steady_clock;

/// What frames between two cells go through.
enum class Path : std::uint8_t {
  kAuto,    ///< Memory where both ends have it, else the socket.
  kMemory,  ///< Memory, or there is no connection.
  kSocket
};

/// An end that has passed: receive() looks and does not wait.
inline constexpr Clock::time_point kNow = Clock::time_point::min();

enum class Sent : std::uint8_t {
  kSent,  ///< The link has taken all of the frame.
  kFull,  ///< It has taken nothing: receive() until it says kRoom, then try again.
  kEnded  ///< The connection has ended; the peer has not seen the frame.
};

enum class Received : std::uint8_t {
  kFrame,    ///< A frame that passed check_header() and check_payload().
  kRoom,     ///< No frame, but send() may have room again.
  kTimeout,  ///< The end has passed.
  kWoken,    ///< wake() was called.
  kEnded,    ///< The peer has closed the connection, or it was reset, or close() was called.
  kBroken    ///< The peer broke the rules, as fault() says. Nothing more will come.
};

/// One connection, which carries whole frames in order, each at most once.
///
/// One thread at a time may send, one at a time may receive, and the two may do so at once; wake()
/// and close() may be called at any time. Nothing waits but receive(), and that not past its end:
/// so whoever waits for a reply drives the connection, and no thread of the library's is needed.
/// Nothing throws: where memory runs out, the connection ends.
class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  virtual ~Link() = default;

  /// Takes a sealed frame and passes on what it can without waiting; receive() passes on the rest.
  virtual Sent send(const hive_rpc_frame& header, ByteView payload) = 0;

  /// Waits until END for a frame, and passes on what was sent meanwhile. The frame's payload is put
  /// into FRAME.payload, whose storage is reused: the caller may swap another buffer in at any
  /// time.
  virtual Received receive(Frame& frame, Clock::time_point end) = 0;

  /// Ends a receive() that waits, or else the next one that would.
  virtual void wake() = 0;

  /// Ends the connection at once. What was not passed on is dropped.
  virtual void close() = 0;

  /// Whether send() would take a frame.
  [[nodiscard]] virtual bool has_room() const = 0;

  /// After kBroken: what the peer did.
  [[nodiscard]] virtual hive_rpc_fault fault() const = 0;

  /// The peer's CID as the transport vouches for it, or 0.
  [[nodiscard]] virtual std::uint32_t peer_cid() const { return 0; }

  /// Whether frames go through memory that the two ends share.
  [[nodiscard]] virtual bool is_in_memory() const { return false; }

  /// Whether the peer is the same incarnation as at the start, as far as the transport can tell at
  /// once. A stream dies with its peer; shared memory does not.
  [[nodiscard]] virtual bool is_same_peer() const { return true; }

  // For one thread that waits for many links.

  /// Raised when receive() has something to do, for what poll_events() says.
  [[nodiscard]] virtual int fd() const = 0;
  /// Whether something that was sent is not passed on yet.
  [[nodiscard]] virtual bool wants_write() const = 0;
  /// Of poll(2), for fd(); READS: whether frames are wanted.
  [[nodiscard]] virtual short poll_events(bool reads) const = 0;
  /// Whether a frame may be there that fd() does not show: look before going to sleep.
  [[nodiscard]] virtual bool pending() const = 0;
  /// Whether receive() could pass something on, and fd() does not show that.
  [[nodiscard]] virtual bool can_flush() { return false; }
  /// Whether the peer may be quick enough for pending() to be worth looking at for a while.
  [[nodiscard]] virtual bool is_quick() const { return false; }
  /// Whether pending() may come to say something else without anything being raised: look every
  /// millisecond.
  [[nodiscard]] virtual bool is_settling_soon() const { return false; }
  /// Before sleeping on fd() and Listener::rest(): the peer has to raise one of them from now on,
  /// until disarm(). False where something came just before: do not sleep.
  virtual bool arm(bool reads) { return !(reads && pending()); }
  virtual void disarm() {}
};

/// Makes connections to one service. Thread-safe.
class Connector {
 public:
  Connector() = default;
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;
  virtual ~Connector() = default;

  /// A new connection, or why there is none by END: HIVE_DEADLINE, HIVE_REFUSED, HIVE_SYSTEM. May
  /// throw std::bad_alloc.
  virtual sdk::Result<std::unique_ptr<Link>> connect(Clock::time_point end) = 0;

  /// The CID of the cell that it connects to, where it is known; else 0.
  [[nodiscard]] virtual std::uint32_t cid() const { return 0; }
};

/// What a thread that waits for many links sleeps on besides their descriptors.
struct Rest {
  int fd = -1;                           ///< Some of them raise it; -1: look again and again.
  std::chrono::milliseconds longest{2};  ///< That it may sleep without a look.
};

/// Where connections of callers come in.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  /// Readable when accept() has something to do.
  [[nodiscard]] virtual int fd() const = 0;
  /// Without waiting; null when there is none. May throw std::bad_alloc.
  virtual std::unique_ptr<Link> accept() = 0;
  /// Before links are armed.
  virtual Rest rest() { return {}; }
};

}  // namespace hive::rpc
