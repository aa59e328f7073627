// A monitor's links to those of the other cells of its machine.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cellmon/mesh/packet.h"
#include "cellmon/wire/packet_socket.h"
#include "vmm/base/ids.h"
#include "vmm/base/unique_fd.h"

namespace hive::mesh {

struct MeshSettings {
  std::string machine;
  std::vector<std::string> cells;  ///< Names of the machine's cells, by their numbers.
  unsigned own = 0;                ///< This monitor's cell.
};

/// Joins the monitors of one user's machine, each with each. When the link to a peer is lost, it
/// can be taken back: by the same process (Hello::life), whose link was cut, or by a later one, but
/// by none earlier than it. Single-threaded: all handlers are called from the loop.
class Mesh {
 public:
  struct Handlers {
    /// CELL's monitor is there, and can be sent packets: what it said of itself, and what came
    /// with that. False when that is not acceptable: its link is then closed, and it is as if it
    /// had not come.
    std::function<bool(CellId cell, const Hello& hello, std::vector<UniqueFd> files)> on_joined;
    std::function<void(CellId cell, const Packet& packet, std::vector<UniqueFd> files)> on_packet;
    /// The link to a peer that had joined is lost.
    std::function<void(CellId cell)> on_lost;
  };

  /// Binds this monitor's name. Throws Error when it is taken.
  Mesh(boost::asio::io_context& loop, MeshSettings settings, Handlers handlers,
       spdlog::logger& log);
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;
  Mesh(Mesh&&) = delete;
  Mesh& operator=(Mesh&&) = delete;
  ~Mesh();

  /// Begins to connect and to take connections; HELLO and copies of FILES are what each peer gets.
  void start(const Hello& hello, std::vector<int> files);

  [[nodiscard]] bool is_joined(CellId cell) const;
  /// Sends PACKET, one of packet.h's, with copies of FILES. A peer that does not take it is lost,
  /// by way of the loop. False when it is lost already.
  template <typename Struct>
  bool send(CellId cell, const Struct& packet, std::span<const int> files = {}) {
    return send_bytes(cell, as_bytes(packet), files);
  }
  /// Sends PACKET, which may be lost: it is where CELL has left so much unread that half of what
  /// its link holds is taken. The rest is for send(). The link stays. False when it is lost.
  template <typename Struct>
  bool try_send(CellId cell, const Struct& packet) {
    return try_send_bytes(cell, as_bytes(packet));
  }

  /// A descriptor that becomes readable when the process at the other end of CELL's link has ended
  /// (pidfd_open(2)), surely that one. Invalid where there is no link, or the host cannot.
  [[nodiscard]] UniqueFd open_process(CellId cell) const;
  /// A fault: the link to CELL is lost, at both ends, and does not come back for DURATION, or for
  /// good. By way of the loop. The last word on a cell counts.
  void cut(CellId cell, std::optional<std::chrono::milliseconds> duration);
  /// Whether the link to CELL may not come back yet.
  [[nodiscard]] bool is_cut(CellId cell) const {
    return Clock::now() < cut_until_[static_cast<std::size_t>(cell)];
  }
  /// Handles what CELL has sent and was not read yet, as when its process has ended; the link may
  /// be lost by that, and this object's handlers are called from within.
  void drain(CellId cell);

  static constexpr std::chrono::milliseconds kRetry{20};
  static constexpr std::chrono::milliseconds kLongestRetry{500};

 private:
  using Number = std::uint64_t;
  using Clock = std::chrono::steady_clock;

  void accept();
  void connect();
  [[nodiscard]] bool connect_to(unsigned peer);
  /// Connects to those that are missing, later.
  void retry(std::chrono::milliseconds wait);
  [[nodiscard]] bool is_missing(unsigned peer) const;
  [[nodiscard]] bool cuts_any() const;
  void add_link(UniqueFd socket, int expected);
  void take(Number number, std::string_view bytes, std::vector<UniqueFd> files);
  /// Takes the first packet of a connection. False where it is to be closed.
  [[nodiscard]] bool greet(Number number, const Packet& packet, std::vector<UniqueFd> files);
  /// Closes a connection. WHY is for the log.
  void drop(Number number, const char* why);
  bool send_bytes(CellId cell, std::string_view bytes, std::span<const int> files);
  bool try_send_bytes(CellId cell, std::string_view bytes);

  /// One end of a connection.
  struct Connection {
    [[nodiscard]] bool greet(const Hello& hello, std::span<const int> files) {
      return std::exchange(greeted, true) || socket->send(as_bytes(hello), files);
    }

    std::unique_ptr<wire::PacketSocket> socket;
    int expected = -1;  ///< The peer that was called, or -1: it called.
    int peer = -1;      ///< Who it is, once it has said so.
    bool greeted = false;
  };
  /// A caller that does not say who it is keeps no more than its place.
  static constexpr std::size_t kMaxStrangers = 64;

  boost::asio::io_context& loop_;
  MeshSettings settings_;
  Handlers handlers_;
  spdlog::logger& log_;
  boost::asio::posix::stream_descriptor listener_;
  boost::asio::steady_timer retry_;
  boost::asio::steady_timer accept_pause_;
  std::chrono::milliseconds next_retry_{kRetry};
  Hello hello_;
  std::vector<int> files_;
  std::map<Number, Connection> connections_;
  Number last_number_ = 0;
  /// For each cell its connection's number; 0: not joined yet; kGone: lost.
  std::vector<Number> peers_;
  std::vector<std::uint64_t> lives_;  ///< For each cell the latest that has joined; 0: none.
  static constexpr Number kGone = ~Number{0};
  std::vector<Clock::time_point> cut_until_;  ///< For each cell.
};

}  // namespace hive::mesh
