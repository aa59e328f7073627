#include "vmm/device/virtio/console.h"

#include <linux/virtio_console.h>
#include <sys/socket.h>

#include <array>
#include <utility>

#include "vmm/base/error.h"
#include "vmm/device/virtio/console_control.h"
#include "vmm/device/virtio/console_port.h"

namespace hive::device {
namespace {

// Queues (virtio 1.2, 5.3.2): port 0's two, the two of control, then two for each further port.
constexpr unsigned kControlReceive = 2;
constexpr unsigned kControlTransmit = 3;
constexpr std::uint16_t kControlSize = 16;

constexpr unsigned receive_queue(unsigned port) { return port == 0 ? 0 : 2 * port + 2; }
constexpr unsigned port_of(unsigned queue) { return queue < 2 ? 0 : queue / 2 - 1; }
constexpr bool is_receive(unsigned queue) { return queue % 2 == 0; }

std::vector<std::string> names_of(const std::vector<ConsolePortSetup>& ports) {
  std::vector<std::string> names;
  names.reserve(ports.size());
  for (const ConsolePortSetup& port : ports) names.push_back(port.name);
  return names;
}

void check_socket(const ConsolePortSetup& port) {
  int type = 0;
  socklen_t length = sizeof type;
  const int result = ::getsockopt(port.socket.get(), SOL_SOCKET, SO_TYPE, &type, &length);
  if (result == 0 && type == SOCK_STREAM) return;
  throw Error("console port " + (port.name.empty() ? std::string("hvc0") : port.name) +
              ": its descriptor is not a stream socket");
}

}  // namespace

class VirtioConsole::Engine {
 public:
  explicit Engine(std::vector<ConsolePortSetup> ports)
      : setups_(std::move(ports)), control_(names_of(setups_)) {
    if (setups_.empty() || setups_.size() > kMaxPorts) throw Error("console: 1 to 8 ports");
    for (const ConsolePortSetup& port : setups_) check_socket(port);
    for (unsigned port = 0; port < setups_.size(); ++port) {
      queue_sizes_.insert(queue_sizes_.end(),
                          {ConsolePort::kReceiveSize, ConsolePort::kTransmitSize});
      if (port == 0) queue_sizes_.insert(queue_sizes_.end(), {kControlSize, kControlSize});
    }
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine() {
    for (const auto& port : ports_) port->close();
  }

  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const { return queue_sizes_; }
  [[nodiscard]] std::size_t ports() const { return setups_.size(); }

  void attach(VirtioTransport& transport) {
    transport_ = &transport;
    for (unsigned id = 0; id < setups_.size(); ++id) {
      const ConsolePort::Queues queues{receive_queue(id), receive_queue(id) + 1};
      ports_.push_back(std::make_shared<ConsolePort>(
          transport, queues, std::move(setups_[id].socket), setups_[id].name.empty(), [this, id] {
            control_.set_host_open(id, false);
            send_control();
          }));
    }
  }

  void activate(std::uint64_t features) {
    multiport_ = (features & (std::uint64_t{1} << VIRTIO_CONSOLE_F_MULTIPORT)) != 0;
    if (!multiport_) control_.set_guest_open(0);  // It cannot say so.
  }

  void process(unsigned index) {
    if (!multiport_ && index >= kControlReceive) return;
    if (index == kControlReceive) return send_control();
    if (index == kControlTransmit) return receive_control(index);
    const unsigned id = port_of(index);
    if (is_receive(index)) {
      ports_[id]->pump_to_guest(control_.guest_open(id));
    } else {
      ports_[id]->pump_to_host();
    }
  }

  void reset_queue(unsigned index) {
    for (const auto& port : ports_) port->reset_queue(index);
  }

  void reset() {
    control_.reset();
    for (unsigned id = 0; id < setups_.size(); ++id) tell(id);
    for (const auto& port : ports_) port->reset();
  }

 private:
  void tell(unsigned id) const {
    if (setups_[id].on_guest_open) setups_[id].on_guest_open(control_.guest_open(id));
  }

  /// The guest has opened port ID, or closed it.
  void follow(unsigned id) {
    tell(id);
    ports_[id]->pump_to_guest(control_.guest_open(id));
  }

  using ControlStorage = std::array<iovec, kControlSize>;

  /// Sends what is due, as far as the driver has given buffers for it.
  void send_control() {
    if (!multiport_) return;
    Virtqueue& queue = transport_->queue(kControlReceive);
    ControlStorage storage;
    Chain chain{.storage = storage};
    while (control_.any_due()) {
      if (!queue.pop(chain)) {
        if (queue.want_kicks()) continue;
        return;
      }
      const auto message = control_.next();
      const auto header = std::as_bytes(std::span(&message->header, 1));
      const auto name = std::as_bytes(std::span(message->name));
      if (chain.writable_bytes < header.size() + name.size()) {
        return queue.fail("buffer too small for a control message");
      }
      if (!store(chain.to_write(), 0, header, chain.writer) ||
          !store(chain.to_write(), header.size(), name, chain.writer)) {
        return queue.fail("buffer for a control message where the cell may not write");
      }
      queue.push(chain.head, static_cast<std::uint32_t>(header.size() + name.size()));
    }
  }

  void receive_control(unsigned index) {
    Virtqueue& queue = transport_->queue(index);
    ControlStorage storage;
    Chain chain{.storage = storage};
    for (unsigned turn = 0; turn < kControlSize; ++turn) {
      if (!queue.pop(chain)) {
        if (queue.want_kicks()) continue;
        return send_control();
      }
      virtio_console_control header{};
      const auto bytes = std::as_writable_bytes(std::span(&header, 1));
      const bool whole = copy_from(chain.to_read(), 0, bytes) == bytes.size();
      queue.push(chain.head, 0);
      const auto changed = whole ? control_.receive(header) : std::nullopt;
      if (changed) follow(*changed);
    }
    send_control();
    transport_->poke(index);
  }

  std::vector<ConsolePortSetup> setups_;  ///< Without their sockets, once attached.
  ConsoleControl control_;
  std::vector<std::uint16_t> queue_sizes_;
  std::vector<std::shared_ptr<ConsolePort>> ports_;
  VirtioTransport* transport_ = nullptr;
  bool multiport_ = false;
};

VirtioConsole::VirtioConsole(std::vector<ConsolePortSetup> ports)
    : engine_(std::make_unique<Engine>(std::move(ports))) {}
VirtioConsole::~VirtioConsole() = default;

std::uint64_t VirtioConsole::features() const {
  return std::uint64_t{1} << VIRTIO_CONSOLE_F_MULTIPORT;
}
std::span<const std::uint16_t> VirtioConsole::queue_sizes() const { return engine_->queue_sizes(); }

void VirtioConsole::read_config(std::uint64_t offset, std::span<std::byte> data) const {
  virtio_console_config config{};
  config.max_nr_ports = static_cast<std::uint32_t>(engine_->ports());
  read_config_struct(config, offset, data);
}

void VirtioConsole::attach(VirtioTransport& transport) { engine_->attach(transport); }
void VirtioConsole::activate(std::uint64_t features) { engine_->activate(features); }
void VirtioConsole::process(unsigned index) { engine_->process(index); }
void VirtioConsole::reset_queue(unsigned index) { engine_->reset_queue(index); }
void VirtioConsole::reset() { engine_->reset(); }

}  // namespace hive::device
