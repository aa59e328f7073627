#include "vmm/device/legacy/serial_16550.h"

#include <algorithm>

namespace hive::device {
namespace {

enum SerialRegister : std::uint64_t {
  kData = 0,               // RBR, THR; DLL when the divisor is latched.
  kInterruptEnable = 1,    // IER; DLM when the divisor is latched.
  kInterruptIdentity = 2,  // IIR; FCR when written.
  kLineControl = 3,
  kModemControl = 4,
  kLineStatus = 5,
  kModemStatus = 6,
  kScratch = 7,
};

// IER and what it enables.
constexpr std::uint8_t kEnableReceive = 0x01;
constexpr std::uint8_t kEnableTransmit = 0x02;
constexpr std::uint8_t kEnableLineStatus = 0x04;
constexpr std::uint8_t kEnableModemStatus = 0x08;
constexpr std::uint8_t kInterruptEnableBits = 0x0f;

// IIR, causes in falling priority.
constexpr std::uint8_t kCauseLineStatus = 0x06;
constexpr std::uint8_t kCauseReceive = 0x04;
constexpr std::uint8_t kCauseReceiveTimeout = 0x0c;
constexpr std::uint8_t kCauseTransmit = 0x02;
constexpr std::uint8_t kCauseModemStatus = 0x00;
constexpr std::uint8_t kCauseNone = 0x01;
constexpr std::uint8_t kFifosEnabled = 0xc0;

// FCR.
constexpr std::uint8_t kFifoEnable = 0x01;
constexpr std::uint8_t kClearReceiver = 0x02;
constexpr std::uint8_t kTriggerBits = 0xc0;

constexpr std::uint8_t kDivisorLatch = 0x80;  // LCR.

// MCR.
constexpr std::uint8_t kOut2 = 0x08;  // On a PC, connects the interrupt output.
constexpr std::uint8_t kLoopback = 0x10;
constexpr std::uint8_t kModemControlBits = 0x1f;

// LSR.
constexpr std::uint8_t kDataReady = 0x01;
constexpr std::uint8_t kOverrun = 0x02;
constexpr std::uint8_t kTransmitterEmpty = 0x60;  // THRE and TEMT.

// MSR.
constexpr std::uint8_t kClearToSend = 0x10;
constexpr std::uint8_t kDataSetReady = 0x20;
constexpr std::uint8_t kRing = 0x40;
constexpr std::uint8_t kCarrier = 0x80;

}  // namespace

void Serial16550::read(std::uint64_t offset, std::span<std::byte> data) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = std::byte{load(offset + i)};
  update_outputs();
}

void Serial16550::write(std::uint64_t offset, std::span<const std::byte> data) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < data.size(); ++i) {
    store(offset + i, std::to_integer<std::uint8_t>(data[i]));
  }
  update_outputs();
}

std::size_t Serial16550::receive(std::span<const std::byte> data) {
  const std::lock_guard lock(mutex_);
  const bool connected = (modem_control_ & kLoopback) == 0;
  const std::size_t count = connected ? std::min(data.size(), free_space()) : 0;
  for (const std::byte byte : data.first(count)) put_received(byte);
  sender_waits_ = count < data.size();
  update_outputs();
  return count;
}

std::uint8_t Serial16550::load(std::uint64_t reg) {
  const bool latched = (line_control_ & kDivisorLatch) != 0;
  switch (reg) {
    case kData:
      return latched ? static_cast<std::uint8_t>(divisor_) : take_received();
    case kInterruptEnable:
      return latched ? static_cast<std::uint8_t>(divisor_ >> 8) : interrupt_enable_;
    case kInterruptIdentity:
      return take_interrupt_identity();
    case kLineControl:
      return line_control_;
    case kModemControl:
      return modem_control_;
    case kLineStatus:
      return take_line_status();
    case kModemStatus:
      return take_modem_status();
    case kScratch:
      return scratch_;
    default:
      return 0xff;
  }
}

void Serial16550::store(std::uint64_t reg, std::uint8_t value) {
  const bool latched = (line_control_ & kDivisorLatch) != 0;
  switch (reg) {
    case kData:
      if (latched) {
        divisor_ = static_cast<std::uint16_t>((divisor_ & 0xff00) | value);
      } else {
        transmit(std::byte{value});
      }
      break;
    case kInterruptEnable:
      if (latched) {
        divisor_ = static_cast<std::uint16_t>((divisor_ & 0x00ff) | value << 8);
        break;
      }
      // The transmitter is always empty, and enabling its interrupt tells so.
      if ((value & ~interrupt_enable_ & kEnableTransmit) != 0) transmit_event_ = true;
      interrupt_enable_ = value & kInterruptEnableBits;
      break;
    case kInterruptIdentity:
      set_fifo_control(value);
      break;
    case kLineControl:
      line_control_ = value;
      break;
    case kModemControl:
      set_modem_control(value);
      break;
    case kScratch:
      scratch_ = value;
      break;
    default:
      break;
  }
}

std::size_t Serial16550::free_space() const {
  const std::size_t capacity = (fifo_control_ & kFifoEnable) != 0 ? kFifoSize : 1;
  return capacity - std::min(capacity, fifo_count_);
}

std::uint8_t Serial16550::take_received() {
  if (fifo_count_ == 0) return 0;
  const std::byte byte = fifo_[fifo_head_];
  fifo_head_ = (fifo_head_ + 1) % kFifoSize;
  --fifo_count_;
  return std::to_integer<std::uint8_t>(byte);
}

void Serial16550::put_received(std::byte byte) {
  if (free_space() == 0) {
    overrun_ = true;
    return;
  }
  fifo_[(fifo_head_ + fifo_count_) % kFifoSize] = byte;
  ++fifo_count_;
}

void Serial16550::transmit(std::byte byte) {
  if ((modem_control_ & kLoopback) != 0) {
    put_received(byte);
  } else {
    sink_.transmit(byte);
  }
  transmit_event_ = true;
}

void Serial16550::set_fifo_control(std::uint8_t value) {
  const bool toggled = ((value ^ fifo_control_) & kFifoEnable) != 0;
  if (toggled || (value & kClearReceiver) != 0) fifo_count_ = 0;
  fifo_control_ = value & (kFifoEnable | kTriggerBits);
}

std::uint8_t Serial16550::modem_inputs() const {
  if ((modem_control_ & kLoopback) == 0) return kCarrier | kDataSetReady | kClearToSend;
  // Looped back: RTS, DTR, OUT1 and OUT2 come in as CTS, DSR, RI and DCD.
  unsigned inputs = 0;
  if ((modem_control_ & 0x02) != 0) inputs |= kClearToSend;
  if ((modem_control_ & 0x01) != 0) inputs |= kDataSetReady;
  if ((modem_control_ & 0x04) != 0) inputs |= kRing;
  if ((modem_control_ & kOut2) != 0) inputs |= kCarrier;
  return static_cast<std::uint8_t>(inputs);
}

void Serial16550::set_modem_control(std::uint8_t value) {
  const unsigned before = modem_inputs();
  modem_control_ = value & kModemControlBits;
  const unsigned after = modem_inputs();
  // The ring indicator tells only of its end.
  const unsigned changes = ((before ^ after) & ~unsigned{kRing}) | (before & ~after & kRing);
  modem_changes_ = static_cast<std::uint8_t>(modem_changes_ | changes >> 4);
}

std::uint8_t Serial16550::take_line_status() {
  unsigned status = kTransmitterEmpty;
  if (fifo_count_ != 0) status |= kDataReady;
  if (overrun_) status |= kOverrun;
  overrun_ = false;
  return static_cast<std::uint8_t>(status);
}

std::uint8_t Serial16550::take_modem_status() {
  const unsigned status = modem_inputs() | modem_changes_;
  modem_changes_ = 0;
  return static_cast<std::uint8_t>(status);
}

std::uint8_t Serial16550::pending_cause() const {
  static constexpr std::array<std::uint8_t, 4> kTriggers{1, 4, 8, 14};
  if (overrun_ && (interrupt_enable_ & kEnableLineStatus) != 0) return kCauseLineStatus;
  if (fifo_count_ != 0 && (interrupt_enable_ & kEnableReceive) != 0) {
    const bool fifo = (fifo_control_ & kFifoEnable) != 0;
    // A sender that has nothing more is told of by the timeout; here, without a delay.
    return fifo && fifo_count_ < kTriggers[fifo_control_ >> 6] ? kCauseReceiveTimeout
                                                               : kCauseReceive;
  }
  if (transmit_event_ && (interrupt_enable_ & kEnableTransmit) != 0) return kCauseTransmit;
  if (modem_changes_ != 0 && (interrupt_enable_ & kEnableModemStatus) != 0) {
    return kCauseModemStatus;
  }
  return kCauseNone;
}

std::uint8_t Serial16550::take_interrupt_identity() {
  const std::uint8_t cause = pending_cause();
  if (cause == kCauseTransmit) transmit_event_ = false;
  const unsigned fifos = (fifo_control_ & kFifoEnable) != 0 ? kFifosEnabled : 0U;
  return static_cast<std::uint8_t>(cause | fifos);
}

void Serial16550::update_outputs() {
  const bool connected = (modem_control_ & (kOut2 | kLoopback)) == kOut2;
  const bool assert_now = connected && pending_cause() != kCauseNone;
  if (assert_now && !asserted_) line_.raise();
  asserted_ = assert_now;

  // Not before the FIFO is empty, so that a full one is refilled in one piece.
  if (sender_waits_ && fifo_count_ == 0 && (modem_control_ & kLoopback) == 0) {
    sender_waits_ = false;
    sink_.receiver_ready();
  }
}

}  // namespace hive::device
