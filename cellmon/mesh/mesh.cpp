#include "cellmon/mesh/mesh.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/local_socket.h"
#include "vmm/base/watch.h"

namespace hive::mesh {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr std::size_t kMaxPacket = sizeof(Agree);
static_assert(sizeof(Reply) <= kMaxPacket && sizeof(Request) <= kMaxPacket);

std::string name_of(const MeshSettings& settings, unsigned cell) {
  return wire::mesh_socket_name({::geteuid(), settings.machine, settings.cells.at(cell)});
}

}  // namespace

Mesh::Mesh(boost::asio::io_context& loop, MeshSettings settings, Handlers handlers,
           spdlog::logger& log)
    : loop_(loop),
      settings_(std::move(settings)),
      handlers_(std::move(handlers)),
      log_(log),
      listener_(
          watch(loop, wire::listen_abstract(name_of(settings_, settings_.own), SOCK_SEQPACKET))),
      retry_(loop),
      accept_pause_(loop),
      peers_(settings_.cells.size()),
      lives_(settings_.cells.size()),
      cut_until_(settings_.cells.size()) {}

Mesh::~Mesh() = default;

void Mesh::start(const Hello& hello, std::vector<int> files) {
  hello_ = hello;
  files_ = std::move(files);
  accept();
  connect();
}

bool Mesh::is_joined(CellId cell) const {
  const auto index = static_cast<std::size_t>(cell);
  return index < peers_.size() && peers_[index] != 0 && peers_[index] != kGone;
}

void Mesh::accept() {
  listener_.async_wait(stream_descriptor::wait_read, [this](const auto& error) {
    if (error) return;
    UniqueFd caller(
        ::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    const bool accepted = caller.valid();
    const auto strangers = std::count_if(connections_.begin(), connections_.end(),
                                         [](const auto& each) { return each.second.peer < 0; });
    if (caller && wire::is_trusted_peer(caller.get()) &&
        static_cast<std::size_t>(strangers) < kMaxStrangers) {
      try {
        add_link(std::move(caller), -1);
      } catch (const std::exception& failure) {
        log_.warn("mesh: a caller cannot be served: {}", failure.what());
      }
    }
    if (accepted) return accept();
    // Out of descriptors, perhaps: the caller stays in the queue.
    accept_pause_.expires_after(kLongestRetry);
    accept_pause_.async_wait([this](const auto& cancelled) {
      if (!cancelled) accept();
    });
  });
}

void Mesh::connect() {
  bool all = true;
  for (unsigned peer = 0; peer < settings_.own; ++peer) all = connect_to(peer) && all;
  if (all) return;
  retry(next_retry_);
  next_retry_ = std::min(2 * next_retry_, kLongestRetry);
}

void Mesh::retry(std::chrono::milliseconds wait) {
  retry_.expires_after(wait);
  retry_.async_wait([this](const auto& error) {
    if (!error) connect();
  });
}

bool Mesh::is_missing(unsigned peer) const { return peers_[peer] == 0 || peers_[peer] == kGone; }

bool Mesh::cuts_any() const {
  const Clock::time_point now = Clock::now();
  return std::any_of(cut_until_.begin(), cut_until_.end(),
                     [now](Clock::time_point until) { return now < until; });
}

void Mesh::cut(CellId cell, std::optional<std::chrono::milliseconds> duration) {
  const auto peer = static_cast<unsigned>(cell);
  cut_until_.at(peer) = duration ? Clock::now() + *duration : Clock::time_point::max();
  boost::asio::post(loop_, [this, cell, peer] {
    if (is_joined(cell)) drop(peers_[peer], "a fault cuts it");
  });
}

bool Mesh::connect_to(unsigned peer) {
  if (is_missing(peer) && is_cut(static_cast<CellId>(peer))) return false;
  const auto is_called = [peer](const auto& each) {
    return each.second.expected == static_cast<int>(peer);
  };
  if (!is_missing(peer) || std::any_of(connections_.begin(), connections_.end(), is_called)) {
    return true;
  }
  try {
    // Not to wait for a monitor that is stopped, and whose queue others have filled.
    UniqueFd socket =
        wire::connect_abstract(name_of(settings_, peer), SOCK_SEQPACKET | SOCK_NONBLOCK);
    if (!socket) return false;
    add_link(std::move(socket), static_cast<int>(peer));
  } catch (const std::exception& error) {
    log_.warn("mesh: {}", error.what());
    return false;
  }
  return true;
}

void Mesh::add_link(UniqueFd socket, int expected) {
  const Number number = ++last_number_;
  wire::PacketSocket::Handlers handlers;
  handlers.on_packet = [this, number](std::string_view bytes, std::vector<UniqueFd> files) {
    take(number, bytes, std::move(files));
  };
  handlers.on_overlong = [this, number] { drop(number, "it sent a packet that is too long"); };
  handlers.on_closed = [this, number] { drop(number, "it closed the link"); };
  auto link = std::make_unique<wire::PacketSocket>(loop_, std::move(socket), kMaxPacket,
                                                   std::move(handlers));
  Connection& connection = connections_[number];
  connection = {std::move(link), expected, -1};
  // Who is cut off may call, and is to take no greeting for a link.
  if (expected < 0 && cuts_any()) return;
  if (!connection.greet(hello_, files_)) {
    boost::asio::post(loop_, [this, number] { drop(number, "it cannot be greeted"); });
  }
}

void Mesh::take(Number number, std::string_view bytes, std::vector<UniqueFd> files) {
  const auto packet = parse_packet(bytes);
  if (!packet) return drop(number, "it sent what is no packet");
  const int peer = connections_.at(number).peer;
  if (peer < 0) {
    if (!greet(number, *packet, std::move(files))) drop(number, "its greeting does not fit");
    return;
  }
  if (std::holds_alternative<Hello>(*packet)) return drop(number, "it greeted twice");
  handlers_.on_packet(static_cast<CellId>(peer), *packet, std::move(files));
}

bool Mesh::greet(Number number, const Packet& packet, std::vector<UniqueFd> files) {
  const auto* hello = std::get_if<Hello>(&packet);
  if (hello == nullptr || hello->version != kVersion || hello->cell >= peers_.size() ||
      hello->cells != peers_.size() || !is_missing(hello->cell) || hello->life == 0 ||
      hello->life < lives_[hello->cell] || is_cut(static_cast<CellId>(hello->cell))) {
    return false;
  }
  Connection& connection = connections_.at(number);
  const bool called = connection.expected >= 0;
  if (called ? connection.expected != static_cast<int>(hello->cell)
             : hello->cell <= settings_.own) {
    return false;
  }
  if (!connection.greet(hello_, files_)) return false;
  const auto cell = static_cast<CellId>(hello->cell);
  const Number before = peers_[hello->cell];
  connection.peer = static_cast<int>(hello->cell);
  peers_[hello->cell] = number;
  if (handlers_.on_joined(cell, *hello, std::move(files))) {
    lives_[hello->cell] = hello->life;
    return true;
  }
  connection.peer = -1;
  peers_[hello->cell] = before;
  return false;
}

void Mesh::drop(Number number, const char* why) {
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  const int peer = found->second.peer;
  const int named = peer >= 0 ? peer : found->second.expected;
  log_.warn("mesh: the link to {} is closed: {}",
            named >= 0 ? "cell " + settings_.cells[static_cast<unsigned>(named)]
                       : std::string("a stranger"),
            why);
  connections_.erase(found);
  if (peer >= 0) {
    peers_[static_cast<unsigned>(peer)] = kGone;
    if (static_cast<unsigned>(peer) < settings_.own) retry(kLongestRetry);
    handlers_.on_lost(static_cast<CellId>(peer));
  } else if (named >= 0) {
    retry(kLongestRetry);
  }
}

UniqueFd Mesh::open_process(CellId cell) const {
  if (!is_joined(cell)) return {};
  return connections_.at(peers_[static_cast<std::size_t>(cell)]).socket->open_peer_process();
}

void Mesh::drain(CellId cell) {
  if (is_joined(cell)) connections_.at(peers_[static_cast<std::size_t>(cell)]).socket->drain();
}

bool Mesh::send_bytes(CellId cell, std::string_view bytes, std::span<const int> files) {
  if (!is_joined(cell)) return false;
  const Number number = peers_[static_cast<std::size_t>(cell)];
  if (connections_.at(number).socket->send(bytes, files)) return true;
  boost::asio::post(loop_, [this, number] { drop(number, "it does not take what it is sent"); });
  return false;
}

bool Mesh::try_send_bytes(CellId cell, std::string_view bytes) {
  if (!is_joined(cell)) return false;
  wire::PacketSocket& socket = *connections_.at(peers_[static_cast<std::size_t>(cell)]).socket;
  return !socket.is_half_full() && socket.send(bytes);
}

}  // namespace hive::mesh
