// A scripted stand-in for hive-vmm: a peer of the monitor that does as its kernel command line
// says, one step after the other, separated by ';'. It serves tests of the monitor alone.
//
//   report KIND [DETAIL]   raw TEXT      packets for the monitor
//   serial TEXT            virtio TEXT   a line on a console
//   echo                                 from now on, serial input comes back in capitals
//   agent                                a real agent on its port; it can power off and reboot
//   cells                                from now on, the agent's list of cells goes to serial
//   pong                                 an agent that only says that it is there, until hang
//   answered                             waits until that agent has answered
//   greet                                an agent that says that it is there, and no more
//   close                                its port is closed, and it is gone
//   hang FLAGS                           once the agent has answered, or if there is none: it falls
//                                        silent, and spins
//   spin FLAGS                           a thread spins that looks as FLAGS say (VcpuProgress)
//   stand                                from now on, looks are not answered
//   garbage                              bytes on the agent's port that are no frames
//   stderr TEXT            exit STATUS   kill SIGNAL      sleep MILLISECONDS
//   fds                                  a line on the serial console that lists open descriptors
//   counts                               from now on, it tells of counters of vsock, after nonsense
//   env                                  the same for the environment, but sanitizers' options
//   core [TEXT]                          from now on, a dump writes TEXT, or is not answered
//   deaf                                 from now on, commands are not obeyed
//   slow MILLISECONDS                    from now on, a pause takes that long
//   faults refused                       from now on, faults are; else their commands are the
//   answers
//   faults exit                          from now on, a fault ends it before it has answered
//   late AGENT VMM                       from now on, the agent takes AGENT milliseconds to find
//                                        memory, and a fault VMM milliseconds
//   miss COUNT                           so many commands for its balloon are lost; others are done
//                                        at once
//   hints PATH                           from now on, each line of the pipe PATH is a hint of
//   Wax's:
//                                        KIND CELL PEER AMOUNT, as numbers, of the present epoch
//                                        and incarnation
//   until PATH                           waits until there is a file at PATH
//   hush                                 no more packets come, though the socket stays open
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "guests/abi/agent_codec.h"
#include "guests/abi/agent_protocol.h"
#include "guests/agent/agent.h"
#include "tests/unit/control/fake_vmm/surroundings.h"
#include "vmm/base/descriptors.h"
#include "vmm/cell/config.h"
#include "vmm/cell/monitor_protocol.h"
#include "vmm/cell/policy_protocol.h"
#include "vmm/cell/progress.h"
#include "vmm/cell/vsock_protocol.h"

namespace {

using hive::cell::CellConfig;
using hive::cell::Command;
using hive::cell::Report;
using hive::cell::ReportKind;

class FakeVmm {
 public:
  explicit FakeVmm(int monitor) : monitor_(monitor) {
    config_ = hive::cell::parse_config(receive());
    progress_.emplace(config_.progress_fd);
  }

  [[noreturn]] void run() {
    std::istringstream script(config_.cmdline);
    for (std::string step; std::getline(script, step, ';');) perform(step);
    while (true) obey(receive());
  }

 private:
  std::string receive() {
    std::array<char, hive::cell::kMaxMessage> buffer;
    pollfd wanted{monitor_, POLLIN, 0};
    if (::poll(&wanted, 1, -1) < 0) ::_exit(9);
    hive::ReceivedPacket packet =
        hive::receive_with_files(monitor_, std::as_writable_bytes(std::span(buffer)));
    if (packet.size <= 0) ::_exit(0);
    files_ = std::move(packet.files);
    return {buffer.data(), static_cast<std::size_t>(packet.size)};
  }

  void send(const std::string& packet) { ::send(monitor_, packet.data(), packet.size(), 0); }

  [[noreturn]] void end(ReportKind kind) {
    send(to_json(Report{kind, ""}));
    ::_exit(0);
  }

  void obey(const std::string& packet) {
    const auto command = hive::cell::parse_command(packet);
    if (!command || deaf_) return;
    switch (*command) {
      case Command::kPause:
        std::this_thread::sleep_for(pause_time_);
        return send(to_json(Report{ReportKind::kPaused, ""}));
      case Command::kResume:
        return send(to_json(Report{ReportKind::kResumed, ""}));
      case Command::kLook:
        if (stands_) return;
        (*progress_)->vcpus[0].looks.fetch_add(1);
        return;
      case Command::kPowerButton:
        end(ReportKind::kOff);
      case Command::kQuit:
        ::_exit(0);
      case Command::kDump:
        return dump();
      case Command::kBalloon:
        return fill_balloon(hive::cell::parse_balloon(packet).value_or(0));
      case Command::kFault:
        if (faults_ == "exit") ::_exit(3);
        std::this_thread::sleep_for(fault_time_);
        return send(to_json(faults_ == "refused" ? Report{ReportKind::kFaultNotDone, "no such vCPU"}
                                                 : Report{ReportKind::kFaultDone, packet}));
      case Command::kSpare:  // As of a guest that does so at once.
        (*progress_)->devices.plug_target = hive::cell::parse_spare(packet).value_or(0);
        (*progress_)->devices.plugged_bytes = (*progress_)->devices.plug_target.load();
        return;
    }
  }

  void advise(const std::string& words) const {
    hive::cell::PolicyHint packet;
    std::istringstream(words) >> packet.hint.kind >> packet.hint.cell >> packet.hint.peer >>
        packet.hint.amount;
    packet.hint.epoch = config_.policy->epoch;
    packet.hint.incarnation = config_.incarnation;
    ::send(config_.policy->link, &packet, sizeof packet, MSG_NOSIGNAL);
  }

  void fill_balloon(std::uint32_t pages) {
    if (missed_ > 0) {
      --missed_;
      return;
    }
    (*progress_)->devices.balloon_target = pages;
    (*progress_)->devices.balloon_pages = pages;
  }

  void dump() {
    if (!core_ || files_.size() != 1)
      return send(to_json(Report{ReportKind::kNotDumped, "no disk"}));
    if (core_->empty()) return;
    if (::write(files_[0].get(), core_->data(), core_->size()) < 0) ::_exit(9);
    send(to_json(Report{ReportKind::kDumped, ""}));
  }

  void perform(const std::string& step) {
    std::istringstream words(step);
    std::string verb;
    std::string rest;
    words >> verb;
    std::getline(words >> std::ws, rest);
    if (verb == "report") {
      const std::size_t blank = rest.find(' ');
      const std::string detail = blank == std::string::npos ? "" : rest.substr(blank + 1);
      send("{\"report\": \"" + rest.substr(0, blank) + "\", \"detail\": \"" + detail + "\"}");
    } else if (verb == "raw") {
      send(rest);
    } else if (verb == "serial" || verb == "virtio") {
      print(verb == "serial" ? config_.serial_fd : config_.console_fd, rest);
    } else if (verb == "echo") {
      std::thread([this] { echo(); }).detach();
    } else if (verb == "agent") {
      (*progress_)->agent_open = 1;
      std::thread([this] { serve_agent(); }).detach();
    } else if (verb == "pong") {
      (*progress_)->agent_open = 1;
      awaits_ping_ = true;
      std::thread([this] { serve_pings(); }).detach();
    } else if (verb == "greet") {
      (*progress_)->agent_open = 1;
      write_all(config_.agent_fd, hive::abi::encode_frame(HIVE_AGENT_HELLO, 0, kHello));
    } else if (verb == "answered") {
      await_ping();
    } else if (verb == "close") {
      hangs_ = true;
      (*progress_)->agent_open = 0;
    } else if (verb == "hang") {
      await_ping();
      hangs_ = true;
      spin(static_cast<std::uint32_t>(std::stoul(rest)));
    } else if (verb == "spin") {
      spin(static_cast<std::uint32_t>(std::stoul(rest)));
    } else if (verb == "stand") {
      stands_ = true;
    } else if (verb == "counts") {
      std::thread([this] { tell_counts(); }).detach();
    } else if (verb == "garbage") {
      print(config_.agent_fd, "this is not a frame");
    } else if (verb == "fds") {
      print(config_.serial_fd, list_descriptors());
    } else if (verb == "env") {
      print(config_.serial_fd, list_environment());
    } else {
      perform_on_process(verb, rest);
    }
  }

  void perform_on_process(const std::string& verb, const std::string& rest) {
    if (verb == "stderr") std::fprintf(stderr, "%s\n", rest.c_str());
    if (verb == "exit") ::_exit(std::stoi(rest));
    if (verb == "kill") ::raise(std::stoi(rest));
    if (verb == "sleep") std::this_thread::sleep_for(std::chrono::milliseconds(std::stoi(rest)));
    if (verb == "slow") pause_time_ = std::chrono::milliseconds(std::stoi(rest));
    if (verb == "deaf") deaf_ = true;
    if (verb == "core") core_ = rest;
    if (verb == "faults") faults_ = rest;
    if (verb == "late") be_late(rest);
    if (verb == "hints") std::thread([this, rest] { follow_hints(rest); }).detach();
    if (verb == "until") await_file(rest);
    if (verb == "miss") missed_ = std::stoi(rest);
    if (verb == "cells") shows_cells_ = true;
    if (verb == "hush") ::shutdown(monitor_, SHUT_WR);
  }

  /// A hint is a line of the pipe at PATH.
  void follow_hints(const std::string& path) const {
    std::ifstream pipe(path);
    for (std::string line; std::getline(pipe, line);) advise(line);
  }

  static void await_file(const std::string& path) {
    while (::access(path.c_str(), F_OK) != 0) ::usleep(1000);
  }

  void be_late(const std::string& times) {
    std::istringstream words(times);
    int agent = 0;
    int vmm = 0;
    words >> agent >> vmm;
    locate_time_ = std::chrono::milliseconds(agent);
    fault_time_ = std::chrono::milliseconds(vmm);
  }

  void await_ping() const {
    while (awaits_ping_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  void serve_pings() {
    const int port = config_.agent_fd;
    write_all(port, hive::abi::encode_frame(HIVE_AGENT_HELLO, 0, kHello));
    hive::abi::FrameDecoder decoder;
    std::array<char, 4096> buffer;
    ssize_t count = 0;
    while ((count = ::read(port, buffer.data(), buffer.size())) > 0) {
      decoder.feed({buffer.data(), static_cast<std::size_t>(count)});
      while (const auto frame = decoder.next()) {
        if (frame->type != HIVE_AGENT_PING || hangs_) continue;
        write_all(port, hive::abi::encode_frame(HIVE_AGENT_PONG, 0, frame->payload));
        awaits_ping_ = false;
      }
    }
  }

  void spin(std::uint32_t flags) {
    std::thread([this, flags] {
      hive::cell::VcpuProgress& vcpu = (*progress_)->vcpus[0];
      vcpu.flags = flags;
      vcpu.rip = 0x1234;
      vcpu.thread = ::gettid();
      for (volatile bool for_ever = true; for_ever;) {
      }
    }).detach();
  }

  static void write_all(int fd, const std::string& bytes) {
    if (::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) ::_exit(9);
  }

  void tell_counts() const {
    const int link = config_.vsock->link;
    ::send(link, "?", 1, 0);
    hive::cell::VsockAskCounters ask;
    while (::recv(link, &ask, sizeof ask, 0) > 0) {
      const hive::cell::VsockGuestCount count{
          hive::cell::VsockMessage::kGuestCounters, ask.tag, {2, {3, 4, 5}}};
      ::send(link, &count, sizeof count, 0);
      for (const auto& peer : config_.vsock->peers) {
        const hive::cell::VsockCount none{hive::cell::VsockMessage::kCounters, ask.tag, peer.cell};
        ::send(link, &none, sizeof none, 0);
      }
    }
  }

  static void print(int fd, const std::string& text) {
    const std::string line = text + "\r\n";
    if (::write(fd, line.data(), line.size()) < 0) ::_exit(9);
  }

  void echo() const {
    std::array<char, 256> buffer;
    ssize_t count = 0;
    while ((count = ::read(config_.serial_fd, buffer.data(), buffer.size())) > 0) {
      for (char& byte : buffer) byte = static_cast<char>(std::toupper(byte));
      if (::write(config_.serial_fd, buffer.data(), static_cast<std::size_t>(count)) < 0) return;
    }
  }

  hive::agent::Located locate(const std::vector<std::string>& words) const {
    std::this_thread::sleep_for(locate_time_.load());
    if (words[0] == "process") return {{}, "there is no process " + words[1]};
    if (words.size() == 2 && words[1] != "vim") return {{}, "no " + words[0] + " of " + words[1]};
    if (words[0] == "address-map") return {{{0x3000, 8}}, {}};
    if (words[0] == "cow-tree") return {{{0x4000, 16}}, {}};
    return {{{0x100000, 4096}, {0x200000, 8192}}, {}};
  }

  std::string panic() {
    if (faults_ == "refused") return "no trigger";
    send(to_json(Report{ReportKind::kPanicked, "as asked"}));
    return {};
  }

  static std::optional<hive_agent_load> read_load() {
    hive_agent_load load{};
    load.total = 64 << 20;
    load.available = 16 << 20;
    load.some_stalled_us = 1'500'000;
    return load;
  }

  /// Of 13 stores one hangs.
  static hive::agent::WildResult write_wildly(const hive_agent_wild_writes& request) {
    while (request.count == 13) ::pause();
    if (request.target == HIVE_AGENT_OWN) return {{}, "none is there"};
    return {{request.count - 1, 1}, {}};
  }

  void serve_agent() {
    ::fcntl(config_.agent_fd, F_SETFL, O_NONBLOCK);
    hive::agent::Agent agent(
        config_.agent_fd, kHello,
        {[this] { end(ReportKind::kOff); }, [this] { end(ReportKind::kReset); }},
        [this](const std::string& text) {
          if (shows_cells_) print(config_.serial_fd, text);
        },
        [] { return read_load(); },
        {[this](const std::vector<std::string>& words) { return locate(words); },
         [this] { return panic(); }, write_wildly});
    agent.run();
  }

  int monitor_;
  static constexpr const char* kHello = R"({"version": 1, "kernel": "6.1.0-test", "uptime": 1})";

  CellConfig config_;
  std::optional<hive::cell::ProgressPage> progress_;
  std::atomic<bool> awaits_ping_{false};
  std::atomic<bool> hangs_{false};
  bool stands_ = false;
  std::chrono::milliseconds pause_time_{0};
  std::atomic<std::chrono::milliseconds> locate_time_{};
  std::chrono::milliseconds fault_time_{0};
  int missed_ = 0;
  std::optional<std::string> core_;
  std::vector<hive::UniqueFd> files_;  ///< Of the last packet.
  std::atomic<bool> deaf_{false};
  std::string faults_;
  std::atomic<bool> shows_cells_{false};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::string(argv[1]) != "--monitor") return 2;
  ::signal(SIGPIPE, SIG_IGN);
  FakeVmm(std::stoi(argv[2])).run();
}
