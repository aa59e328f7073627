// A guest's side of bench "rpc": serves or calls, and prints what a call measured as one line of
// JSON.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/bench/rpc/calls.h"
#include "tests/bench/rpc/slots.h"
#include "tests/bench/rpc/sockets.h"

namespace hive::bench {
namespace {

constexpr const char* kUsage =
    "usage: rpc_peer tcp|vsock serve PORT\n"
    "       rpc_peer tcp|vsock call HOST PORT SIZE COUNT|stream\n"
    "       rpc_peer rpc serve\n"
    "       rpc_peer rpc call CELL memory|socket SIZE COUNT|stream\n"
    "       rpc_peer slots serve POLICY\n"
    "       rpc_peer slots call POLICY SIZE COUNT|stream\n"
    "HOST: an IPv4 address, or a CID. POLICY: always|sleeping vfio|uio\n";

Sleep parse_sleep(const std::string& word) {
  if (word == "vfio") return Sleep::kVfio;
  if (word == "uio") return Sleep::kUio;
  throw std::runtime_error("no such way to sleep");
}

bool run_sockets(const std::vector<std::string>& words) {
  const Family family = words[0] == "vsock" ? Family::kVsock : Family::kTcp;
  if (words.size() == 3 && words[1] == "serve") {
    serve_socket(family, static_cast<unsigned>(std::stoul(words[2])));
  }
  if (words.size() != 6 || words[1] != "call") return false;
  call_socket(family, words[2], static_cast<unsigned>(std::stoul(words[3])),
              parse_task(words[4], words[5]));
  return true;
}

rpc::Path parse_path(const std::string& word) {
  if (word == "memory") return rpc::Path::kMemory;
  if (word == "socket") return rpc::Path::kSocket;
  throw std::runtime_error("no such path");
}

bool run_calls(const std::vector<std::string>& words) {
  if (words[1] == "serve" && words.size() == 2) serve_calls();
  if (words[1] != "call" || words.size() != 6) return false;
  call_service(words[2], parse_path(words[3]), parse_task(words[4], words[5]));
  return true;
}

bool run_slots(const std::vector<std::string>& words) {
  if (words.size() < 4) return false;
  const Ring ring = words[2] == "always" ? Ring::kAlways : Ring::kSleeping;
  Ivshmem device(parse_sleep(words[3]));
  if (words[1] == "serve" && words.size() == 4) serve_slots(device, ring);
  if (words[1] != "call" || words.size() != 6) return false;
  call_slots(device, ring, parse_task(words[4], words[5]));
  return true;
}

bool run(const std::vector<std::string>& words) {
  if (words.size() < 2) return false;
  if (words[0] == "tcp" || words[0] == "vsock") return run_sockets(words);
  if (words[0] == "rpc") return run_calls(words);
  return words[0] == "slots" && run_slots(words);
}

}  // namespace
}  // namespace hive::bench

int main(int argc, char** argv) try {
  if (hive::bench::run(std::vector<std::string>(argv + 1, argv + argc))) return 0;
  std::fputs(hive::bench::kUsage, stderr);
  return 2;
} catch (const std::exception& error) {
  std::printf("{\"error\": \"%s\"}\n", error.what());
  return 1;
}
