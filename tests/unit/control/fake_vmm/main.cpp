// A scripted stand-in for hive-vmm: a peer of the monitor that does as its kernel command line
// says, one step after the other, separated by ';'. It serves tests of the monitor alone.
//
//   report KIND [DETAIL]   raw TEXT      packets for the monitor
//   serial TEXT            virtio TEXT   a line on a console
//   echo                                 from now on, serial input comes back in capitals
//   agent                                a real agent on its port; it can power off and reboot
//   cells                                from now on, the agent's list of cells goes to serial
//   garbage                              bytes on the agent's port that are no frames
//   stderr TEXT            exit STATUS   kill SIGNAL      sleep MILLISECONDS
//   fds                                  a line on the serial console that lists open descriptors
//   counts                               from now on, it tells of counters of vsock, after nonsense
//   env                                  the same for the environment, but sanitizers' options
//   deaf                                 from now on, commands are not obeyed
//   hush                                 no more packets come, though the socket stays open
#include <dirent.h>
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
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "guests/agent/agent.h"
#include "vmm/cell/config.h"
#include "vmm/cell/monitor_protocol.h"
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
  }

  [[noreturn]] void run() {
    std::istringstream script(config_.cmdline);
    for (std::string step; std::getline(script, step, ';');) perform(step);
    while (true) obey(receive());
  }

 private:
  std::string receive() {
    std::array<char, hive::cell::kMaxMessage> buffer;
    const ssize_t count = ::recv(monitor_, buffer.data(), buffer.size(), 0);
    if (count <= 0) ::_exit(0);
    return {buffer.data(), static_cast<std::size_t>(count)};
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
        return send(to_json(Report{ReportKind::kPaused, ""}));
      case Command::kResume:
        return send(to_json(Report{ReportKind::kResumed, ""}));
      case Command::kPowerButton:
        end(ReportKind::kOff);
      case Command::kQuit:
        ::_exit(0);
    }
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
      std::thread([this] { serve_agent(); }).detach();
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
    if (verb == "deaf") deaf_ = true;
    if (verb == "cells") shows_cells_ = true;
    if (verb == "hush") ::shutdown(monitor_, SHUT_WR);
  }

  void tell_counts() const {
    const int link = config_.vsock->link;
    ::send(link, "?", 1, 0);
    hive::cell::VsockAskCounters ask;
    while (::recv(link, &ask, sizeof ask, 0) > 0) {
      const hive::cell::VsockGuestCount count{
          hive::cell::VsockMessage::kGuestCounters, ask.tag, {2, {3, 4, 5}}};
      ::send(link, &count, sizeof count, 0);
    }
  }

  static void print(int fd, const std::string& text) {
    const std::string line = text + "\r\n";
    if (::write(fd, line.data(), line.size()) < 0) ::_exit(9);
  }

  static std::string list_descriptors() {
    std::set<int> fds;
    DIR* folder = ::opendir("/proc/self/fd");
    while (const dirent* entry = ::readdir(folder)) {
      if (entry->d_name[0] != '.') fds.insert(std::atoi(entry->d_name));
    }
    fds.erase(::dirfd(folder));
    ::closedir(folder);
    std::string list = "descriptors";
    for (const int fd : fds) list += " " + std::to_string(fd);
    return list;
  }

  static std::string list_environment() {
    std::string list = "environment";
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string text(*entry);
      if (text.find("SAN_OPTIONS=") == std::string::npos) list += " " + text;
    }
    return list;
  }

  void echo() const {
    std::array<char, 256> buffer;
    ssize_t count = 0;
    while ((count = ::read(config_.serial_fd, buffer.data(), buffer.size())) > 0) {
      for (char& byte : buffer) byte = static_cast<char>(std::toupper(byte));
      if (::write(config_.serial_fd, buffer.data(), static_cast<std::size_t>(count)) < 0) return;
    }
  }

  void serve_agent() {
    ::fcntl(config_.agent_fd, F_SETFL, O_NONBLOCK);
    hive::agent::Agent agent(
        config_.agent_fd, R"({"version": 1, "kernel": "6.1.0-test", "uptime": 1})",
        {[this] { end(ReportKind::kOff); }, [this] { end(ReportKind::kReset); }},
        [this](const std::string& text) {
          if (shows_cells_) print(config_.serial_fd, text);
        });
    agent.run();
  }

  int monitor_;
  CellConfig config_;
  std::atomic<bool> deaf_{false};
  std::atomic<bool> shows_cells_{false};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::string(argv[1]) != "--monitor") return 2;
  ::signal(SIGPIPE, SIG_IGN);
  FakeVmm(std::stoi(argv[2])).run();
}
